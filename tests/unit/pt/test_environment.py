"""What tor says in environment variables: the specification's examples, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.pt.environment import (
    BadEnvironment,
    BadProxy,
    ClientSide,
    NotForUs,
    ServerSide,
    WrongVersion,
    read_side,
    read_version,
)

COMMON = {"TOR_PT_MANAGED_TRANSPORT_VER": "1", "TOR_PT_STATE_LOCATION": "/var/lib/tor/pt_state/"}
CLIENT = {**COMMON, "TOR_PT_CLIENT_TRANSPORTS": "obfs4,unwalled", "TOR_PT_EXIT_ON_STDIN_CLOSE": "1"}
SERVER = {
    **COMMON,
    "TOR_PT_SERVER_TRANSPORTS": "obfs4,unwalled",
    "TOR_PT_SERVER_BINDADDR": "obfs4-198.51.100.1:1984,unwalled-127.0.0.1:8080",
    "TOR_PT_ORPORT": "127.0.0.1:9001",
    "TOR_PT_EXTENDED_SERVER_PORT": "127.0.0.1:4200",
    "TOR_PT_AUTH_COOKIE_FILE": "/var/lib/tor/extended_orport_auth_cookie",
    "TOR_PT_SERVER_TRANSPORT_OPTIONS": "obfs4:iat-mode=1;unwalled:public-url=https\\://bridge.example",
}


def without(environment: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


def error_of(environment: dict[str, str]) -> NotForUs:
    with pytest.raises(NotForUs) as raised:
        read_side(environment)
    return raised.value


@pytest.mark.parametrize("offered", ["1", "1,1a,2b,this_is_a_valid_ver", "2,1"])
def test_a_version_that_both_know_is_spoken(offered: str) -> None:
    assert read_version({"TOR_PT_MANAGED_TRANSPORT_VER": offered}) == "1"


@pytest.mark.parametrize("offered", ["", "2", "11", "1a"])
def test_without_a_common_version_tor_hears_the_specifications_word(offered: str) -> None:
    with pytest.raises(WrongVersion) as raised:
        read_version({"TOR_PT_MANAGED_TRANSPORT_VER": offered})
    assert raised.value.line == "VERSION-ERROR no-version"


def test_a_person_who_starts_it_hears_what_it_is_for() -> None:
    with pytest.raises(BadEnvironment) as raised:
        read_version({})
    assert raised.value.line == "ENV-ERROR TOR_PT_MANAGED_TRANSPORT_VER is not set."
    assert "Let tor start this program" in raised.value.remedy


def test_a_clients_side() -> None:
    assert read_side(CLIENT) == ClientSide(is_wanted=True, ends_with_stdin=True)
    others = {**without(CLIENT, "TOR_PT_EXIT_ON_STDIN_CLOSE"), "TOR_PT_CLIENT_TRANSPORTS": "obfs4"}
    assert read_side(others) == ClientSide(is_wanted=False, ends_with_stdin=False)


def test_a_servers_side() -> None:
    side = read_side(SERVER)
    assert isinstance(side, ServerSide)
    assert (side.is_wanted, side.ends_with_stdin, side.state) == (True, False, Path("/var/lib/tor/pt_state"))
    assert (str(side.listen), str(side.relay), str(side.extended)) == (
        "127.0.0.1:8080",
        "127.0.0.1:9001",
        "127.0.0.1:4200",
    )
    assert side.cookie_file == Path("/var/lib/tor/extended_orport_auth_cookie")
    assert side.options == (("public-url", "https://bridge.example"),)


@pytest.mark.parametrize("extended", [{}, {"TOR_PT_EXTENDED_SERVER_PORT": ""}])
def test_a_server_needs_no_extended_port_options_or_address(extended: dict[str, str]) -> None:
    least = without(
        SERVER,
        "TOR_PT_EXTENDED_SERVER_PORT",
        "TOR_PT_AUTH_COOKIE_FILE",
        "TOR_PT_SERVER_BINDADDR",
        "TOR_PT_SERVER_TRANSPORT_OPTIONS",
    )
    side = read_side({**least, **extended})
    assert isinstance(side, ServerSide)
    assert (side.listen, side.extended, side.cookie_file, side.options) == (None, None, None, ())


def test_only_another_transport_has_an_address() -> None:
    side = read_side({**SERVER, "TOR_PT_SERVER_BINDADDR": "obfs4-198.51.100.1:1984"})
    assert isinstance(side, ServerSide)
    assert side.listen is None


def test_an_ipv6_address_stands_in_brackets() -> None:
    side = read_side({**SERVER, "TOR_PT_SERVER_BINDADDR": "unwalled-[::1]:8080", "TOR_PT_ORPORT": "[::1]:9001"})
    assert isinstance(side, ServerSide)
    assert side.listen is not None
    assert (side.listen.host, str(side.listen), str(side.relay)) == ("::1", "[::1]:8080", "[::1]:9001")


def test_no_repr_shows_where_the_relay_is_or_what_the_options_say() -> None:
    shown = repr(read_side(SERVER))
    assert "9001" not in shown
    assert "4200" not in shown
    assert "bridge.example" not in shown


@pytest.mark.parametrize("proxy", ["socks5://tor:test1234@198.51.100.1:8000", "http://198.51.100.3:443", "nonsense"])
def test_a_proxy_that_webrtc_cannot_pass_is_refused_instead_of_passed_by(proxy: str) -> None:
    error = error_of({**CLIENT, "TOR_PT_PROXY": proxy})
    assert isinstance(error, BadProxy)
    assert error.line.startswith("PROXY-ERROR unwalled reaches its bridges by WebRTC")
    assert proxy not in error.line


def test_an_empty_proxy_is_none() -> None:
    assert isinstance(read_side({**CLIENT, "TOR_PT_PROXY": ""}), ClientSide)


@pytest.mark.parametrize(
    "wrong",
    [
        COMMON,
        {**CLIENT, "TOR_PT_SERVER_TRANSPORTS": "unwalled"},
        without(CLIENT, "TOR_PT_STATE_LOCATION"),
        {**CLIENT, "TOR_PT_STATE_LOCATION": "pt_state"},
        {**CLIENT, "TOR_PT_CLIENT_TRANSPORTS": ""},
        {**CLIENT, "TOR_PT_CLIENT_TRANSPORTS": "unwalled,not-a-name"},
        without(SERVER, "TOR_PT_ORPORT"),
        without(SERVER, "TOR_PT_AUTH_COOKIE_FILE"),
        {**SERVER, "TOR_PT_ORPORT": "localhost:9001"},
        {**SERVER, "TOR_PT_ORPORT": "127.0.0.1"},
        {**SERVER, "TOR_PT_ORPORT": "127.0.0.300:9001"},
        {**SERVER, "TOR_PT_ORPORT": "127.0.0.1:65536"},
        {**SERVER, "TOR_PT_EXTENDED_SERVER_PORT": "[127.0.0.1]:x"},
        {**SERVER, "TOR_PT_SERVER_BINDADDR": "unwalled"},
        {**SERVER, "TOR_PT_SERVER_TRANSPORT_OPTIONS": "unwalled:public-url"},
    ],
)
def test_what_is_missing_or_cannot_be_read_is_told_to_tor(wrong: dict[str, str]) -> None:
    error = error_of(wrong)
    assert isinstance(error, BadEnvironment)
    assert error.line.startswith("ENV-ERROR ")
    assert "\n" not in error.line
