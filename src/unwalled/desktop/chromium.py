"""How a Chromium, Chrome, Brave or Edge is told to go through the proxy only, and to keep still otherwise. Pure.

What decides about leaks are switches of the command line, since the browser obeys them whatever a profile says:

========================  ==========================================================================================
proxy-server              everything goes to the proxy; with one fixed proxy there is no way past it when it fails
proxy-bypass-list         even what is for this computer: a page shall not reach its local services
host-resolver-rules       nothing is ever looked up here, whatever part of the browser would like to
webrtc-ip-handling-policy WebRTC sends no packet that the proxy does not carry, and so no address in it
disable-quic              no UDP to sites
========================  ==========================================================================================

The rest is about what a browser does by itself: it would go through bridges, but tell its maker that somebody is there,
and cost volunteers' bandwidth.
"""

from __future__ import annotations

import json
from typing import Any

from unwalled.desktop.browsers import Browser

_FEATURES = (
    # Asks the local network for devices to show pictures on: multicast, past any proxy.
    "MediaRouter",
    "DialMediaRouteProvider",
    # Looks names up by itself.
    "AsyncDns",
    "DnsOverHttpsUpgrade",
    "UseDnsHttpsSvcb",
    # Tells its maker, or loads something from there.
    "AutofillServerCommunication",
    "CertificateTransparencyComponentUpdater",
    "InterestFeedContentSuggestions",
    "LensOverlay",
    "NetworkTimeServiceQuerying",
    "OptimizationGuideModelDownloading",
    "OptimizationHints",
    "OptimizationHintsFetching",
    "OptimizationTargetPrediction",
    "PrivacySandboxSettings4",
    "SegmentationPlatform",
    "Translate",
    # Joins a group of the local network, for names of addresses that WebRTC may not tell here anyway.
    "WebRtcHideLocalIpsWithMdns",
    # Opens connections on suspicion.
    "LoadingPredictorUseOptimizationGuide",
    "PreconnectToSearch",
    "SearchPrefetch",
)
_SWITCHES = (
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    # The first name is what older ones know.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--media-router=0",
    f"--disable-features={','.join(_FEATURES)}",
    "--allow-browser-signin=false",
    # Neither is asked then, for updates and for accounts; the switches that are for that forget some of it.
    "--gaia-url=https://127.0.0.1:9",
    "--component-updater=url-source=https://127.0.0.1:9/",
    "--disable-background-mode",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-default-apps",
    "--disable-domain-reliability",
    # One that the system brings along could go past the proxy.
    "--disable-extensions",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--no-service-autorun",
    "--password-store=basic",
    "--use-mock-keychain",
)
_PREFERENCES: dict[str, Any] = {
    "alternate_error_pages": {"enabled": False},
    "autofill": {"credit_card_enabled": False, "profile_enabled": False},
    "background_mode": {"enabled": False},
    "browser": {"enable_spellchecking": False, "has_seen_welcome_page": True},
    "credentials_enable_service": False,
    "dns_prefetching": {"enabled": False},
    "enable_a_ping": False,
    # 2 = never.
    "net": {"network_prediction_options": 2},
    "privacy_sandbox": {"m1": {"ad_measurement_enabled": False, "fledge_enabled": False, "topics_enabled": False}},
    "safebrowsing": {"enabled": False, "enhanced": False, "scout_reporting_enabled": False},
    "search": {"suggest_enabled": False},
    "signin": {"allowed": False},
    "spellcheck": {"use_spelling_service": False},
    "translate": {"enabled": False},
    "url_keyed_anonymized_data_collection": {"enabled": False},
    "webrtc": {
        "ip_handling_policy": "disable_non_proxied_udp",
        "multiple_routes_enabled": False,
        "nonproxied_udp_enabled": False,
    },
}
_LOCAL_STATE: dict[str, Any] = {
    "background_mode": {"enabled": False},
    "browser": {"enabled_labs_experiments": []},
    "dns_over_https": {"mode": "off"},
    "user_experience_metrics": {"reporting_enabled": False},
}


def chromium_command(browser: Browser, profile: str, proxy: str, url: str, *, is_kept: bool) -> list[str]:
    """The command that starts it. ``proxy``: HOST:PORT. ``is_kept``: with a memory; else nothing is written down.

    ``url`` is checked by the caller: it begins with a scheme, and so is no switch.
    """
    private = [] if is_kept else ["--inprivate" if browser.name == "edge" else "--incognito"]
    where = [f"--user-data-dir={profile}", f"--proxy-server=http://{proxy}"]
    return [browser.path, *_SWITCHES, *where, *private, url]


def chromium_files(read: dict[str, bytes]) -> dict[str, bytes]:
    """What its profile must hold before it starts, by names below the profile's folder.

    ``read``: the same files as they are now, for a profile that is kept; everything else in them stays.
    """
    return {
        "Local State": _merged(read.get("Local State"), _LOCAL_STATE),
        "Default/Preferences": _merged(read.get("Default/Preferences"), _PREFERENCES),
    }


CHROMIUM_FILES = ("Local State", "Default/Preferences")
"""What `chromium_files` would like to read."""


def _merged(old: bytes | None, ours: dict[str, Any]) -> bytes:
    try:
        tree = json.loads(old) if old else {}
    except ValueError:
        tree = {}
    # A file of another form is no file of a browser's: it would throw it away itself.
    whole = _laid_over(tree if isinstance(tree, dict) else {}, ours)
    return json.dumps(whole, ensure_ascii=False).encode()


def _laid_over(tree: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    laid = dict(tree)
    for key, value in ours.items():
        below = laid.get(key)
        if isinstance(value, dict):
            laid[key] = _laid_over(below if isinstance(below, dict) else {}, value)
        else:
            laid[key] = value
    return laid
