from __future__ import annotations

from collections.abc import Sequence

import pytest

from unwalled.desktop.kde import KdeProxy
from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxyWish, put_back


class Kde:
    """KDE's programs over a dictionary in place of ``kioslaverc``; ``version``: the one that is installed."""

    def __init__(self, version: str, **values: str) -> None:
        self.version = version
        self.values = values
        self.calls: list[Sequence[str]] = []
        self.has_bus = True

    def __call__(self, command: Sequence[str]) -> str:
        self.calls.append(command)
        program, *words = command
        if program == "dbus-send" and self.has_bus:
            return ""
        if not program.endswith(self.version) or program == "dbus-send":
            raise ProxySettingFailed("missing")
        assert words[:2] == ["--file", "kioslaverc"]
        key = words[words.index("--key") + 1]
        if program.startswith("kread"):
            default = words[words.index("--default") + 1] if "--default" in words else ""
            return self.values.get(key, default) + "\n"
        if "--delete" in words:
            self.values.pop(key, None)
        else:
            self.values[key] = words[-1]
        return ""


@pytest.mark.parametrize("version", ["5", "6"])
def test_it_is_set_and_put_back(version: str) -> None:
    before = {"ProxyType": "4", "httpProxy": "http_proxy"}
    kde = Kde(version, **before)
    settings = KdeProxy(kde)
    assert settings.is_here()
    was = settings.read()
    ours = settings.wanted(ProxyWish("127.0.0.1", 1080))
    settings.write(ours)
    assert kde.values == {
        "httpProxy": "http://127.0.0.1 1080",
        "httpsProxy": "http://127.0.0.1 1080",
        "ftpProxy": "http://127.0.0.1 1080",
        "socksProxy": "socks://127.0.0.1 1080",
        "NoProxyFor": "localhost,127.0.0.0/8,::1",
        "ReversedException": "false",
        "ProxyType": "1",
    }
    # Running programs hear of it, after all has been written.
    assert kde.calls[-1][:2] == ["dbus-send", "--type=signal"]
    writes, is_theirs = put_back(settings, settings.read(), was, [ours])
    settings.write(writes)
    assert (kde.values, is_theirs) == (before, False)


def test_without_a_bus_programs_hear_of_it_later() -> None:
    kde = Kde("6")
    kde.has_bus = False
    settings = KdeProxy(kde)
    assert settings.is_here()
    settings.write({"ProxyType": "1"})
    assert kde.values == {"ProxyType": "1"}
    assert not KdeProxy(Kde("4")).is_here()
