"""Whatever hides a refused address, it stays refused."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from unwalled.gateway.policy import EgressPolicy, site_list
from unwalled.network.addresses import _REFUSED, IPAddress, is_public
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

NETWORKS = [ipaddress.ip_network(net) for net in _REFUSED]
IPV4_NETWORKS = [net for net in NETWORKS if net.version == 4]

ANY_IPV4 = st.integers(0, 0xFFFFFFFF).map(ipaddress.IPv4Address)
ANY_IPV6 = st.integers(0, (1 << 128) - 1).map(ipaddress.IPv6Address)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join((*labels, "example")))


@st.composite
def refused(draw: st.DrawFn) -> IPAddress:
    network = draw(st.sampled_from(NETWORKS))
    return network.network_address + draw(st.integers(0, network.num_addresses - 1))


@st.composite
def refused_ipv4(draw: st.DrawFn) -> ipaddress.IPv4Address:
    network = draw(st.sampled_from(IPV4_NETWORKS))
    address = network.network_address + draw(st.integers(0, network.num_addresses - 1))
    assert isinstance(address, ipaddress.IPv4Address)
    return address


def embeddings(address: ipaddress.IPv4Address, rest: int) -> list[ipaddress.IPv6Address]:
    """All ways in which IPv6 carries an IPv4 address; ``rest`` fills what is free."""
    v4 = int(address)
    low64, site = rest & ((1 << 64) - 1), rest & ((1 << 60) - 1)
    return [
        ipaddress.IPv6Address(value)
        for value in (
            v4,  # compatible
            0xFFFF << 32 | v4,  # mapped
            0xFFFF << 48 | v4,  # translated
            0x64FF9B << 96 | v4,  # NAT64
            0x64FF9B0001 << 80 | (rest & 0xFFFFFFFFFFFF) << 32 | v4,  # NAT64 of the local network
            0x2002 << 112 | v4 << 80 | (rest & 0xFFFF) << 64 | low64,  # 6to4
            0x20010000 << 96 | (rest & 0xFFFFFFFF) << 64 | (v4 ^ 0xFFFFFFFF),  # Teredo, as client
            0x20010000 << 96 | v4 << 64 | low64,  # Teredo, as server
            (0x2 << 60 | site) << 64 | 0x5EFE << 32 | v4,  # ISATAP
            (0x2 << 60 | site) << 64 | 0x02005EFE << 32 | v4,
        )
    ]


@given(refused())
def test_an_address_of_a_refused_network_is_refused(address: IPAddress) -> None:
    assert not is_public(address)
    assert EgressPolicy().check_address(address) is Code.NOT_ALLOWED


@given(refused_ipv4(), st.integers(0, (1 << 128) - 1))
def test_a_refused_address_is_refused_in_every_embedding(address: ipaddress.IPv4Address, rest: int) -> None:
    assert [each for each in embeddings(address, rest) if is_public(each)] == []


@given(ANY_IPV4, st.integers(0, (1 << 128) - 1))
def test_own_and_denied_addresses_are_refused_in_every_embedding(address: ipaddress.IPv4Address, rest: int) -> None:
    denying = EgressPolicy(deny=site_list([str(address)]))
    hidden: list[IPAddress] = [address, *embeddings(address, rest)]
    for each in hidden:
        assert EgressPolicy().check_address(each, {address}) is Code.NOT_ALLOWED
        assert denying.check_address(each) is Code.NOT_ALLOWED


@given(st.one_of(ANY_IPV4, ANY_IPV6))
def test_what_the_standard_library_calls_local_is_never_public(address: IPAddress) -> None:
    local = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if (local or address.is_unspecified) and inner is None:
        assert not is_public(address)


@given(NAME, NAME)
def test_a_listed_domain_covers_exactly_itself_and_what_is_below(domain: str, other: str) -> None:
    policy = EgressPolicy(publisher=True, allow=site_list([domain]))
    inside = other == domain or other.endswith("." + domain)
    verdict = policy.check_target(Target.parse(other, 443))
    assert (verdict is None) == inside
    assert policy.check_target(Target.parse(f"{other}.{domain}".upper() + ".", 443)) is None
