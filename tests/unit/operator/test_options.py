"""What an operator says on the command line, checked."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import OPERATOR
from unwalled.operator.options import (
    EVERY_ROLE,
    CertificateFiles,
    ListenAddress,
    PublicUrl,
    Role,
    check_drain,
    check_proxies,
    check_roles,
    check_sources,
    check_stun,
    check_stun_listen,
    check_workers,
)
from unwalled.settings import SIGNALLING


@pytest.mark.parametrize(
    ("text", "host", "port", "is_loopback", "is_every"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True, False),
        ("localhost:0", "localhost", 0, True, False),
        ("[::1]:80", "::1", 80, True, False),
        ("0.0.0.0:80", "0.0.0.0", 80, False, True),
        ("[::]:80", "::", 80, False, True),
        ("news.example:443", "news.example", 443, False, False),
    ],
)
def test_listen_addresses(text: str, host: str, port: int, is_loopback: bool, is_every: bool) -> None:
    listen = ListenAddress.parse(text)
    assert (listen.host, listen.port, listen.is_loopback, listen.is_every_address) == (
        host,
        port,
        is_loopback,
        is_every,
    )
    assert str(listen) == text


@pytest.mark.parametrize("text", ["", "8080", ":80", "x:", "x:y", "x:65536", "::1:80", "[::1]", "[x:80", "x:80:90"])
def test_what_is_no_listen_address(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not an address to listen on"):
        ListenAddress.parse(text)


def test_a_public_url_leads_to_sockets_and_sources() -> None:
    url = PublicUrl.parse(" https://news.example:8443/bridge/ ")
    assert (url.text, url.is_encrypted) == ("https://news.example:8443/bridge", True)
    assert (url.socket_base, url.origin) == ("wss://news.example:8443/bridge", "wss://news.example:8443")
    assert url.warnings() == []
    plain = PublicUrl.of(ListenAddress("::1", 80))
    assert (plain.text, plain.socket_base) == ("http://[::1]:80", "ws://[::1]:80")
    assert plain.warnings() == []
    assert len(PublicUrl.parse("http://news.example").warnings()) == 1


@pytest.mark.parametrize("text", ["", "news.example", "ftp://news.example", "https://", "https://u@x", "https://x/?a"])
def test_what_is_no_public_url(text: str) -> None:
    with pytest.raises(ConfigurationError, match="The public URL"):
        PublicUrl.parse(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_addresses_need_a_public_url(host: str) -> None:
    with pytest.raises(ConfigurationError, match="--listen on all addresses"):
        PublicUrl.of(ListenAddress(host, 80))


def test_stun_urls() -> None:
    assert check_stun(["stun:a.example:3478", "stun:a.example:3478"]) == ("stun:a.example:3478",)
    with pytest.raises(ConfigurationError, match="not a STUN URL"):
        check_stun(["turn:a.example"])
    with pytest.raises(ConfigurationError, match="too many STUN"):
        check_stun([f"stun:{number}.example" for number in range(SIGNALLING.max_stun_urls + 1)])


def test_trusted_proxies() -> None:
    assert check_proxies(["10.0.0.0/8", "::1"]) == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1"))
    with pytest.raises(ConfigurationError, match="neither an address nor a network"):
        check_proxies(["10.0.0.1/8"])
    with pytest.raises(ConfigurationError, match="too many trusted"):
        check_proxies(["::1"] * (OPERATOR.max_trusted_proxies + 1))


def test_addresses_to_dial_from() -> None:
    assert check_sources(["192.0.2.1", "2001:db8::1"]) == (
        ipaddress.ip_address("192.0.2.1"),
        ipaddress.ip_address("2001:db8::1"),
    )
    with pytest.raises(ConfigurationError, match="two IPv4 addresses"):
        check_sources(["192.0.2.1", "192.0.2.2"])
    with pytest.raises(ConfigurationError, match="not an IP address"):
        check_sources(["host"])


@pytest.mark.parametrize(
    ("texts", "url", "stun", "wanted"),
    [
        ([], "https://news.example", [], ["port 3478", "port 3479"]),
        ([], "https://news.example", ["stun:other.example:3478"], []),
        ([], "http://127.0.0.1:8080", [], []),
        ([], None, [], []),
        (["off"], "https://news.example", [], []),
        (["5000"], None, ["stun:other.example:3478"], ["port 5000"]),
        ([" 192.0.2.1:3478", "[2001:db8::1]:3479"], None, [], ["192.0.2.1:3478", "[2001:db8::1]:3479"]),
        (["127.0.0.1:0", "127.0.0.1:0"], None, [], ["127.0.0.1:0", "127.0.0.1:0"]),
    ],
)
def test_where_stun_is_answered(texts: list[str], url: str | None, stun: list[str], wanted: list[str]) -> None:
    places = check_stun_listen(texts, None if url is None else PublicUrl.parse(url), stun)
    assert [str(place) for place in places] == wanted
    assert all(place.is_every_address is str(place).startswith("port") for place in places)


@pytest.mark.parametrize(
    ("texts", "part"),
    [
        (["on"], "no place for STUN"),
        (["70000"], "no place for STUN"),
        (["off", "3478"], "no place for STUN"),
        (["3478", "3479", "3480"], "too many ports for STUN"),
        (["3478", "127.0.0.1:3478"], "the same port"),
    ],
)
def test_what_is_no_place_for_stun(texts: list[str], part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        check_stun_listen(texts, None, [])


def test_how_long_to_wait_for_what_is_under_way() -> None:
    assert [check_drain(text) for text in ("0", "90", "90s", " 3M ", "24h")] == [0.0, 90.0, 90.0, 180.0, 86_400.0]
    for text in ("", "soon", "-1", "25h", "1.5m", "3 days"):
        with pytest.raises(ConfigurationError):
            check_drain(text)


def test_gateway_workers_need_room_and_connections_that_can_be_handed_over() -> None:
    assert [check_workers(count, None) for count in (1, 2, 64)] == [1, 2, 64]
    own = CertificateFiles(Path("cert.pem"), Path("cert.pem"))
    assert check_workers(1, own) == 1
    for count, certificate in ((0, None), (65, None), (2, own)):
        with pytest.raises(ConfigurationError):
            check_workers(count, certificate)


def test_roles() -> None:
    assert check_roles(["broker, Site"]) == check_roles(["site", "broker"]) == {Role.BROKER, Role.SITE}
    assert check_roles(["broker,gateway,site"]) == EVERY_ROLE
    for texts in ([], [""], ["bridge"], ["broker,,site"]):
        with pytest.raises(ConfigurationError) as raised:
            check_roles(texts)
        assert str(raised.value).startswith(("A role is missing.", "bridge is not"))
