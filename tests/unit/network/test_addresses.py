"""Which addresses are public: each refused range with its edges, each way to hide one in another."""

from __future__ import annotations

import ipaddress

import pytest

from unwalled.network.addresses import NetworkSet, is_public, plain, unmapped

REFUSED_RANGES = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
]


@pytest.mark.parametrize(("low", "high"), REFUSED_RANGES)
def test_a_refused_range_begins_and_ends_where_it_should(low: str, high: str) -> None:
    first, last = ipaddress.IPv4Address(low), ipaddress.IPv4Address(high)
    assert not is_public(first)
    assert not is_public(last)
    if int(first):
        assert is_public(first - 1) or any(str(first - 1) == h for _, h in REFUSED_RANGES)
    if int(last) != 0xFFFFFFFF:
        assert is_public(last + 1)


@pytest.mark.parametrize(
    "host",
    [
        "::",
        "::1",
        "::8.8.8.8",  # compatible
        "::ffff:0:8.8.8.8",  # translated
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.1.2.3",
        "64:ff9b::168.63.129.16",
        "64:ff9b:1::8.8.8.8",  # NAT64 of the local network
        "100::1",
        "2001::1",  # Teredo
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::1",  # 6to4
        "2002:808:808::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2607:f8b0::5efe:10.0.0.1",  # ISATAP
        "2607:f8b0::200:5efe:10.0.0.1",
        "fe80::1%eth0",
        "2606:4700::1111%1",
    ],
)
def test_an_ipv6_address_that_is_no_site_is_refused(host: str) -> None:
    assert not is_public(ipaddress.ip_address(host))


@pytest.mark.parametrize(
    "host",
    ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "2001:4860::8888", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)
def test_a_public_address_is_public(host: str) -> None:
    assert is_public(ipaddress.ip_address(host))


def test_only_a_mapped_address_is_dialled_as_ipv4() -> None:
    mapped, translated = ipaddress.ip_address("::ffff:8.8.8.8"), ipaddress.ip_address("64:ff9b::8.8.8.8")
    inner = ipaddress.ip_address("8.8.8.8")
    assert (plain(mapped), plain(translated), plain(inner)) == (inner, inner, inner)
    assert (unmapped(mapped), unmapped(translated), unmapped(inner)) == (inner, translated, inner)


def test_a_set_of_networks_keeps_families_apart() -> None:
    networks = NetworkSet([ipaddress.ip_network("0.0.0.0/0")])
    assert ipaddress.ip_address("9.9.9.9") in networks
    assert ipaddress.ip_address("::1") not in networks
    assert networks
    assert not NetworkSet()
