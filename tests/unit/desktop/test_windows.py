from __future__ import annotations

import pytest

from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxyWish, Value, put_back
from unwalled.desktop.windows import WindowsProxy


class FakeRegistry:
    """A key of the registry; notes the order of what is done."""

    def __init__(self, **values: Value) -> None:
        self.values = values
        self.done: list[str] = []

    def get(self, name: str) -> Value:
        return self.values.get(name)

    def put(self, name: str, value: Value) -> None:
        self.done.append(name)
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    def announce(self) -> None:
        self.done.append("announced")


class Refusing(FakeRegistry):
    def get(self, name: str) -> Value:
        raise PermissionError(5, "Access is denied")

    def put(self, name: str, value: Value) -> None:
        raise PermissionError(5, "Access is denied")


def test_it_is_set_and_put_back() -> None:
    registry = FakeRegistry(ProxyEnable=0, ProxyServer="firm:3128")
    place = WindowsProxy(registry)
    before = place.read()
    ours = place.wanted(ProxyWish("127.0.0.1", 1080))
    place.write(ours)
    assert registry.values == {
        "ProxyServer": "127.0.0.1:1080",
        "ProxyOverride": "localhost;127.*;[::1]",
        "ProxyEnable": 1,
    }
    assert registry.done[-2:] == ["ProxyEnable", "announced"]
    writes, is_theirs = put_back(place, place.read(), before, [ours])
    place.write(writes)
    assert (registry.values, is_theirs) == ({"ProxyEnable": 0, "ProxyServer": "firm:3128"}, False)


def test_rules_of_a_person_do_not_keep_our_proxy_on() -> None:
    registry = FakeRegistry()
    place = WindowsProxy(registry)
    before = place.read()
    ours = place.wanted(ProxyWish("127.0.0.1", 1080))
    place.write(ours)
    registry.values["AutoConfigURL"] = "http://firm.example/x.pac"
    writes, is_theirs = put_back(place, place.read(), before, [ours])
    place.write(writes)
    assert (registry.values, is_theirs) == ({"AutoConfigURL": "http://firm.example/x.pac"}, True)


def test_what_windows_refuses_is_told() -> None:
    place = WindowsProxy(Refusing())
    with pytest.raises(ProxySettingFailed, match="Access is denied"):
        place.read()
    with pytest.raises(ProxySettingFailed, match="Access is denied"):
        place.write({"ProxyEnable": 1})
