"""How a Firefox is told to go through the proxy only, and to keep still otherwise. Pure.

A file ``user.js`` in its profile, read at each start, sets it again whatever was changed in between. What decides about
leaks stands first in the list; the rest would go through bridges, but tell its maker that somebody is there, and cost
volunteers' bandwidth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from unwalled.desktop.browsers import Browser

_Value = bool | int | str

_LEAKS: Mapping[str, _Value] = {
    # One fixed proxy for everything, also for what is for this computer: a page shall not reach its local services.
    "network.proxy.type": 1,
    "network.proxy.share_proxy_settings": True,
    "network.proxy.no_proxies_on": "",
    "network.proxy.allow_hijacking_localhost": True,
    # Firefox itself would go around a proxy that fails.
    "network.proxy.failover_direct": False,
    "network.proxy.allow_bypass": False,
    "network.proxy.socks_remote_dns": True,
    "network.proxy.socks5_remote_dns": True,
    # Nothing is ever looked up here.
    "network.dns.disabled": True,
    "network.dns.disablePrefetch": True,
    "network.dns.disablePrefetchFromHTTPS": True,
    "network.dns.echconfig.enabled": False,
    "network.dns.use_https_rr_as_altsvc": False,
    "network.trr.mode": 5,
    # WebRTC, QUIC and WebTransport are UDP.
    "media.peerconnection.enabled": False,
    "network.http.http3.enable": False,
    "network.http.altsvc.enabled": False,
    "network.webtransport.enabled": False,
    # File systems of the network, which the system would open by itself.
    "network.gio.supported-protocols": "",
    "network.file.disable_unc_paths": True,
    # The system's own log-ins.
    "network.automatic-ntlm-auth.allow-proxies": False,
    "network.http.windows-sso.enabled": False,
    "network.http.microsoft-entra-sso.enabled": False,
    # Looking for screens to show pictures on.
    "browser.casting.enabled": False,
    # Programs that a page would like to start have networks of their own: a person is asked.
    "network.protocol-handler.warn-external-default": True,
}
_GUESSES: Mapping[str, _Value] = {
    # Connections on suspicion.
    "browser.places.speculativeConnect.enabled": False,
    "browser.urlbar.speculativeConnect.enabled": False,
    "network.http.speculative-parallel-limit": 0,
    "network.predictor.enabled": False,
    "network.predictor.enable-prefetch": False,
    "network.prefetch-next": False,
    "network.early-hints.preconnect.max_connections": 0,
}
_BY_ITSELF: Mapping[str, _Value] = {
    "app.normandy.enabled": False,
    "app.shield.optoutstudies.enabled": False,
    "app.update.auto": False,
    "app.update.background.scheduling.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.contentblocking.report.lockwise.enabled": False,
    "browser.discovery.enabled": False,
    "browser.ml.enable": False,
    "browser.newtabpage.activity-stream.asrouter.userprefs.cfr.addons": False,
    "browser.newtabpage.activity-stream.asrouter.userprefs.cfr.features": False,
    "browser.newtabpage.activity-stream.feeds.section.topstories": False,
    "browser.newtabpage.activity-stream.feeds.topsites": False,
    "browser.newtabpage.activity-stream.showSponsored": False,
    "browser.newtabpage.activity-stream.showSponsoredTopSites": False,
    "browser.newtabpage.activity-stream.telemetry": False,
    "browser.newtabpage.enabled": False,
    "browser.ping-centre.telemetry": False,
    "browser.region.network.url": "",
    "browser.region.update.enabled": False,
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.provider.google.updateURL": "",
    "browser.safebrowsing.provider.google4.updateURL": "",
    "browser.safebrowsing.provider.google5.updateURL": "",
    "browser.safebrowsing.provider.mozilla.updateURL": "",
    "browser.search.suggest.enabled": False,
    "browser.search.update": False,
    "browser.sessionstore.resume_from_crash": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "browser.tabs.crashReporting.sendReport": False,
    "browser.topsites.contile.enabled": False,
    "browser.translations.enable": False,
    "browser.uitour.enabled": False,
    "browser.urlbar.quicksuggest.enabled": False,
    "browser.urlbar.suggest.searches": False,
    "breakpad.reportURL": "",
    "captivedetect.canonicalURL": "",
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.usage.uploadEnabled": False,
    "dom.private-attribution.submission.enabled": False,
    "dom.push.connection.enabled": False,
    "dom.push.enabled": False,
    "extensions.blocklist.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.getAddons.showPane": False,
    "extensions.htmlaboutaddons.recommendations.enabled": False,
    "extensions.pocket.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.systemAddon.update.url": "",
    "extensions.update.enabled": False,
    "extensions.webcompat-reporter.enabled": False,
    "geo.enabled": False,
    "geo.provider.network.url": "",
    "identity.fxaccounts.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-manager.url": "data:text/plain,",
    "media.gmp-provider.enabled": False,
    "messaging-system.rsexperimentloader.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "nimbus.rollouts.enabled": False,
    "security.OCSP.enabled": 0,
    "security.remote_settings.crlite_filters.enabled": False,
    "security.remote_settings.intermediates.enabled": False,
    "security.ssl.errorReporting.automatic": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "signon.management.page.breach-alerts.enabled": False,
    "toolkit.coverage.opt-out": True,
    "toolkit.telemetry.archive.enabled": False,
    "toolkit.telemetry.bhrPing.enabled": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.firstShutdownPing.enabled": False,
    "toolkit.telemetry.newProfilePing.enabled": False,
    "toolkit.telemetry.server": "data:,",
    "toolkit.telemetry.shutdownPingSender.enabled": False,
    "toolkit.telemetry.unified": False,
    "toolkit.telemetry.updatePing.enabled": False,
    "trailhead.firstrun.didSeeAboutWelcome": True,
    "datareporting.policy.firstRunURL": "",
    "termsofuse.bypassNotification": True,
}
_CONNECTIONS = 128
"""To the proxy, which is on this computer: the usual 32 would let a page of many sites wait."""


def firefox_command(browser: Browser, profile: str, url: str, *, is_windows: bool) -> list[str]:
    """The command that starts it. ``url`` is checked by the caller: it begins with a scheme, and so is no option."""
    # On Windows the first process starts another one and ends, unless it is told to wait.
    waiting = ["-wait-for-browser"] if is_windows else []
    return [browser.path, "--new-instance", "--no-remote", *waiting, "--profile", profile, url]


def firefox_files(host: str, port: int, *, is_kept: bool) -> dict[str, bytes]:
    """What its profile must hold before it starts, by names below the profile's folder.

    ``is_kept``: with a memory; without it, all windows are private ones, which write nothing down.
    """
    proxy: dict[str, _Value] = {}
    for kind in ("http", "ssl"):
        proxy |= {f"network.proxy.{kind}": host, f"network.proxy.{kind}_port": port}
    private: dict[str, _Value] = {
        "browser.privatebrowsing.autostart": not is_kept,
        "network.http.max-persistent-connections-per-proxy": _CONNECTIONS,
    }
    settings = {**_LEAKS, **proxy, **_GUESSES, **_BY_ITSELF, **private}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items()]
    return {"user.js": "".join(lines).encode()}
