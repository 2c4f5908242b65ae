from __future__ import annotations

import json
import re

from unwalled.desktop.browsers import Browser, Engine
from unwalled.desktop.firefox import firefox_command, firefox_files

FIREFOX = Browser("firefox", "Firefox", Engine.FIREFOX, "/usr/bin/firefox")


def preferences(is_kept: bool = False) -> dict[str, object]:
    text = firefox_files("127.0.0.1", 1080, is_kept=is_kept)["user.js"].decode()
    lines = [re.fullmatch(r"user_pref\((\"[^\"]+\"), (.*)\);", line) for line in text.splitlines()]
    return {json.loads(line[1]): json.loads(line[2]) for line in lines if line is not None}


def test_everything_goes_to_the_proxy() -> None:
    found = preferences()
    assert (found["network.proxy.type"], found["network.proxy.no_proxies_on"]) == (1, "")
    assert [found[f"network.proxy.{kind}"] for kind in ("http", "ssl")] == ["127.0.0.1"] * 2
    assert [found[f"network.proxy.{kind}_port"] for kind in ("http", "ssl")] == [1080] * 2
    assert found["network.proxy.allow_hijacking_localhost"] is True
    assert found["network.proxy.failover_direct"] is False
    assert found["network.proxy.allow_bypass"] is False
    assert found["network.dns.disabled"] is True
    assert found["media.peerconnection.enabled"] is False


def test_only_a_kept_profile_has_a_memory() -> None:
    assert preferences()["browser.privatebrowsing.autostart"] is True
    assert preferences(is_kept=True)["browser.privatebrowsing.autostart"] is False


def test_on_windows_the_first_process_waits_for_the_one_that_it_starts() -> None:
    assert firefox_command(FIREFOX, "/p", "about:blank", is_windows=False) == [
        *("/usr/bin/firefox", "--new-instance", "--no-remote", "--profile", "/p", "about:blank")
    ]
    assert "-wait-for-browser" in firefox_command(FIREFOX, "/p", "about:blank", is_windows=True)
