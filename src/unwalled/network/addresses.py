"""Which addresses a gateway never connects to: everything that is not the public Internet. Pure.

The registries are IANA's special-purpose address registries (RFC 6890 and its updates), plus the addresses at which
cloud providers serve machine credentials. IPv6 can carry an IPv4 address inside, and a host or a translator on its way
then reaches that IPv4 address. So such an address is either judged by the one inside (mapped, NAT64), or refused
altogether where no site lives there anyway (compatible, translated, 6to4, Teredo, ISATAP).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED = (
    # IPv4
    "0.0.0.0/8",  # this network; 0.0.0.0 reaches the host itself
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata at 100.100.100.200
    "127.0.0.0/8",  # loopback
    "168.63.129.16/32",  # Azure's host service: a public address that every virtual machine there can reach
    "169.254.0.0/16",  # link-local; metadata at 169.254.169.254 and 169.254.170.2
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments; Oracle's metadata at 192.0.0.192
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",  # private
    "198.18.0.0/15",  # benchmarking
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
    # IPv6 outside of 2000::/3: unspecified, loopback, mapped, compatible, translated, NAT64, discard-only, segment
    # routing, unique local (metadata at fd00:ec2::254 and fd20:ce::254), link-local, site-local, multicast
    "::/3",
    "4000::/2",
    "8000::/1",
    # IPv6 inside 2000::/3
    "2001::/23",  # Teredo, benchmarking, ORCHID and other protocol assignments
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "3fff::/20",  # documentation
)

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


class NetworkSet:
    """Networks, and a membership test that takes at most one look-up for each prefix length in use."""

    __slots__ = ("_by_prefix",)

    def __init__(self, networks: Iterable[IPNetwork] = ()) -> None:
        self._by_prefix: dict[tuple[int, int], set[int]] = {}
        for network in networks:
            shift = network.max_prefixlen - network.prefixlen
            self._by_prefix.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)

    def __contains__(self, address: IPAddress) -> bool:
        value = int(address)
        version = address.version
        return any(version == v and value >> shift in members for (v, shift), members in self._by_prefix.items())

    def __bool__(self) -> bool:
        return bool(self._by_prefix)


_REFUSED_SET = NetworkSet(ipaddress.ip_network(net) for net in _REFUSED)


def plain(address: IPAddress) -> IPAddress:
    """The address that a packet to ``address`` reaches: an IPv4-mapped or NAT64 address becomes its IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address) and (address in _MAPPED or address in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def unmapped(address: IPAddress) -> IPAddress:
    """The address to dial: an IPv4-mapped address becomes its IPv4 address, so that nothing depends on how sockets
    treat it. A NAT64 address stays, since only the network's translator leads to it."""
    if isinstance(address, ipaddress.IPv6Address) and address in _MAPPED:
        return plain(address)
    return address


def is_public(address: IPAddress) -> bool:
    """True for an address on the public Internet at which a site may live; False for all that DESIGN.md §6 refuses.

    Judges the address alone: whether it is the gateway's own is for ``own_addresses``. An address with a zone
    (``fe80::1%eth0``) is never public, whatever stands before the zone.
    """
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    inner = plain(address)
    if inner in _REFUSED_SET:
        return False
    if isinstance(inner, ipaddress.IPv6Address) and (int(inner) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    # The standard library's registry is newer than ours when Python was updated and we were not.
    return inner.is_global
