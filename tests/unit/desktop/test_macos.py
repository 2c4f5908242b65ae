from __future__ import annotations

from collections.abc import Sequence

import pytest

from unwalled.desktop.macos import MacProxy
from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxyWish, put_back

WEB = "Enabled: Yes\nServer: proxy.firm.example\nPort: 3128\nAuthenticated Proxy Enabled: 0\n"
NONE = "Enabled: No\nServer: \nPort: 0\nAuthenticated Proxy Enabled: 0\n"
SERVICES = "An asterisk (*) denotes that a network service is disabled.\nWi-Fi\n*Thunderbolt Bridge\nUSB 10/100 LAN\n"


class Networksetup:
    """The program as its manual page and recorded answers have it."""

    def __init__(self, **answers: str) -> None:
        self.answers = {
            "-listallnetworkservices": SERVICES,
            "-getwebproxy": WEB,
            "-getsecurewebproxy": NONE,
            "-getsocksfirewallproxy": NONE,
            "-getautoproxyurl": "URL: (null)\nEnabled: No\n",
            "-getproxybypassdomains": "There aren't any bypass domains set on Wi-Fi.\n",
        } | answers
        self.calls: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> str:
        program, *words = command
        assert program == "networksetup"
        if words[0].startswith("-set"):
            self.calls.append(words)
            return ""
        return self.answers[words[0]]


def test_each_service_that_is_on_has_settings_of_its_own() -> None:
    assert [place.name for place in MacProxy.all_services(Networksetup())] == ["macos Wi-Fi", "macos USB 10/100 LAN"]


def test_what_is_there_is_read() -> None:
    assert MacProxy(Networksetup(), "Wi-Fi").read() == {
        "web": "on|proxy.firm.example|3128",
        "secure": "off||0",
        "socks": "off||0",
        "pac": "off|",
        "bypass": "",
    }
    many = Networksetup(**{"-getproxybypassdomains": "*.local\n169.254/16\n"})
    many.answers["-getautoproxyurl"] = "URL: http://firm.example/x.pac\nEnabled: Yes\n"
    read = MacProxy(many, "Wi-Fi").read()
    assert (read["bypass"], read["pac"]) == ("*.local\n169.254/16", "on|http://firm.example/x.pac")


def test_it_is_set() -> None:
    program = Networksetup()
    place = MacProxy(program, "Wi-Fi")
    place.write(place.wanted(ProxyWish("127.0.0.1", 1080)))
    assert program.calls == [
        ["-setwebproxy", "Wi-Fi", "127.0.0.1", "1080"],
        ["-setwebproxystate", "Wi-Fi", "on"],
        ["-setsecurewebproxy", "Wi-Fi", "127.0.0.1", "1080"],
        ["-setsecurewebproxystate", "Wi-Fi", "on"],
        ["-setsocksfirewallproxy", "Wi-Fi", "127.0.0.1", "1080"],
        ["-setsocksfirewallproxystate", "Wi-Fi", "on"],
        ["-setautoproxystate", "Wi-Fi", "off"],
        ["-setproxybypassdomains", "Wi-Fi", "localhost", "127.0.0.0/8", "::1"],
    ]


def test_it_is_put_back() -> None:
    program = Networksetup()
    place = MacProxy(program, "Wi-Fi")
    before = place.read()
    ours = place.wanted(ProxyWish("127.0.0.1", 1080))
    assert (ours["web"], ours["pac"]) == ("on|127.0.0.1|1080", "off|")
    writes, _ = put_back(place, ours, before, [ours])
    place.write(writes)
    assert program.calls == [
        ["-setwebproxy", "Wi-Fi", "proxy.firm.example", "3128"],
        ["-setwebproxystate", "Wi-Fi", "on"],
        ["-setsecurewebproxy", "Wi-Fi", "", "0"],
        ["-setsecurewebproxystate", "Wi-Fi", "off"],
        ["-setsocksfirewallproxy", "Wi-Fi", "", "0"],
        ["-setsocksfirewallproxystate", "Wi-Fi", "off"],
        ["-setproxybypassdomains", "Wi-Fi", "Empty"],
    ]
    place.write({"pac": "on|http://firm.example/x.pac"})
    assert program.calls[-2:] == [
        ["-setautoproxyurl", "Wi-Fi", "http://firm.example/x.pac"],
        ["-setautoproxystate", "Wi-Fi", "on"],
    ]


def test_a_user_who_may_not_is_told() -> None:
    answer = "** Error: Command requires admin privileges.\n"
    with pytest.raises(ProxySettingFailed, match="does not let the proxy of Wi-Fi"):
        MacProxy(Networksetup(**{"-getwebproxy": answer}), "Wi-Fi").read()
