from __future__ import annotations

import json

from unwalled.desktop.browsers import Browser, Engine
from unwalled.desktop.chromium import chromium_command, chromium_files

CHROMIUM = Browser("chromium", "Chromium", Engine.CHROMIUM, "/usr/bin/chromium")
EDGE = Browser("edge", "Edge", Engine.CHROMIUM, "/usr/bin/microsoft-edge")


def test_everything_goes_to_the_proxy() -> None:
    command = chromium_command(CHROMIUM, "/p", "127.0.0.1:1080", "https://site.test/", is_kept=False)
    assert command[0] == "/usr/bin/chromium"
    assert command[-1] == "https://site.test/"
    assert "--proxy-server=http://127.0.0.1:1080" in command
    assert "--proxy-bypass-list=<-loopback>" in command
    assert "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1" in command
    # Of a switch that stands twice only the last counts.
    names = [word.partition("=")[0] for word in command[1:-1]]
    assert len(names) == len(set(names))


def test_only_a_kept_profile_has_a_memory() -> None:
    def command(browser: Browser, is_kept: bool) -> list[str]:
        return chromium_command(browser, "/p", "127.0.0.1:1", "about:blank", is_kept=is_kept)

    assert "--incognito" in command(CHROMIUM, False)
    assert "--inprivate" in command(EDGE, False)
    assert not {"--incognito", "--inprivate"} & {*command(CHROMIUM, True), *command(EDGE, True)}


def test_what_a_kept_profile_holds_stays() -> None:
    own = {"webrtc": {"ip_handling_policy": "default", "other": 1}, "bookmark_bar": {"show": True}, "net": 7}
    files = chromium_files({"Default/Preferences": json.dumps(own).encode()})
    preferences = json.loads(files["Default/Preferences"])
    assert preferences["bookmark_bar"] == {"show": True}
    assert preferences["webrtc"]["other"] == 1
    assert preferences["webrtc"]["ip_handling_policy"] == "disable_non_proxied_udp"
    assert preferences["net"] == {"network_prediction_options": 2}


def test_damaged_preferences_begin_anew() -> None:
    fresh = chromium_files({})
    assert json.loads(fresh["Local State"])["dns_over_https"] == {"mode": "off"}
    assert chromium_files({"Local State": b"{", "Default/Preferences": b"[]"}) == fresh
