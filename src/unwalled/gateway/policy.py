"""Where readers may go through this gateway. Pure: a policy file in, verdicts out.

A target is judged twice. ``check_target`` looks at what the reader asked for, before any name is looked up;
``check_address`` looks at each address that the look-up gave, and only addresses that passed are ever connected to.
docs/reference/policy-file.md describes the file.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from unwalled.errors import FrameError
from unwalled.network.addresses import IPAddress, IPNetwork, NetworkSet, is_public, plain
from unwalled.network.names import canonical_name
from unwalled.settings import GATEWAY
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

DEFAULT_DENIED_PORTS = ((25, 25), (135, 139), (445, 445), (593, 593))
"""Mail between servers (spam), and Windows RPC, NetBIOS and file sharing (worms). Sites do not live there.
Mail submission with a password (465, 587) stays open: spam needs an account there first."""

PortRange = tuple[int, int]
_ALL_PORTS: tuple[PortRange, ...] = ((1, 65535),)
_NOBODY: frozenset[IPAddress] = frozenset()


@dataclass(frozen=True, slots=True)
class EgressLimits:
    """Limits of one session. 0 means no limit."""

    streams: int = GATEWAY.streams_per_session
    """Streams and datagram flows open at the same time."""
    bytes_per_second: int = 0
    """In each direction."""
    total_bytes: int = 0
    """Both directions together, over the session's life."""
    idle_seconds: float = GATEWAY.idle_stream_s
    """A stream that moves no byte for so long is cut."""
    connects_per_minute: int = GATEWAY.connects_per_minute
    """New streams and new datagram destinations; a minute's worth may come at once."""


@dataclass(frozen=True, slots=True, repr=False)
class SiteList:
    """Names and networks. Names are lower case, without the last dot."""

    exact: frozenset[str] = frozenset()
    """Only this name."""
    below: frozenset[str] = frozenset()
    """All names below this one, but not itself."""
    networks: NetworkSet = field(default_factory=NetworkSet)

    def has_name(self, name: str) -> bool:
        """Whether the list has ``name``, by itself or by a domain above it. Takes one look-up for each label."""
        name = canonical_name(name)
        if name in self.exact:
            return True
        while "." in name:
            name = name.partition(".")[2]
            if name in self.below:
                return True
        return False

    def has_address(self, address: IPAddress) -> bool:
        """Whether a network of the list has ``address``, or the IPv4 address inside it."""
        return address in self.networks or plain(address) in self.networks

    def __repr__(self) -> str:
        return f"SiteList({len(self.exact)} names, …)"


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What the operator allows. The default is every public site on every port but the abused ones."""

    publisher: bool = False
    """True: only sites in ``allow``. False: every site that is not in ``deny``."""
    allow: SiteList = field(default_factory=SiteList)
    deny: SiteList = field(default_factory=SiteList)
    allowed_ports: tuple[PortRange, ...] = _ALL_PORTS
    denied_ports: tuple[PortRange, ...] = DEFAULT_DENIED_PORTS
    datagrams: bool = True
    """Whether readers may use UDP."""
    exceptions: SiteList = field(default_factory=SiteList)
    """Networks that are allowed though private or the gateway's own: a publisher's site beside its gateway."""
    own: SiteList = field(default_factory=SiteList)
    """Addresses of this machine that its interfaces do not show, as behind a cloud's NAT."""
    allow_private: bool = False
    """For tests only: private, loopback and own addresses are allowed too."""
    limits: EgressLimits = field(default_factory=EgressLimits)

    def check_target(self, target: Target) -> Code | None:
        """None when ``target`` may be looked up and dialled, else the code for the reader. No look-up happens here."""
        if not in_ranges(target.port, self.allowed_ports) or in_ranges(target.port, self.denied_ports):
            return Code.NOT_ALLOWED
        literal = target.literal
        if literal is None:
            if self.deny.has_name(target.host):
                return Code.NOT_ALLOWED
            return None if not self.publisher or self.allow.has_name(target.host) else Code.NOT_ALLOWED
        return None if not self.publisher or self.allow.has_address(literal) else Code.NOT_ALLOWED

    def check_address(self, address: IPAddress, own_addresses: Container[IPAddress] = _NOBODY) -> Code | None:
        """None when ``address`` may be connected to, else NOT_ALLOWED. For literals too.

        ``own_addresses`` are those of this machine. The deny list beats everything, exceptions beat the rest.
        """
        if self.deny.has_address(address):
            return Code.NOT_ALLOWED
        if self.allow_private or self.exceptions.has_address(address):
            return None
        if not is_public(address) or self.own.has_address(address) or plain(address) in own_addresses:
            return Code.NOT_ALLOWED
        return None

    def warnings(self) -> list[str]:
        """What the operator should be told at start, each a whole sentence."""
        found = []
        if self.allow_private:
            found.append(
                "Private, loopback and own addresses are allowed (--allow-private): readers can reach this machine and "
                "its network. Use this only for tests."
            )
        if any(self.exceptions.has_address(ipaddress.ip_address(host)) for host in ("127.0.0.1", "::1")):
            found.append("The policy allows loopback: readers can reach services of this machine that trust it.")
        if any(
            self.exceptions.has_address(ipaddress.ip_address(host)) for host in ("169.254.169.254", "fd00:ec2::254")
        ):
            found.append("The policy allows the cloud's metadata service: readers may get this machine's credentials.")
        if self.publisher and not (self.allow.exact or self.allow.below or self.allow.networks):
            found.append("The policy is publisher with an empty list of sites: readers can open nothing.")
        return found


def in_ranges(port: int, ranges: Iterable[PortRange]) -> bool:
    """Whether a range (both ends included) has ``port``."""
    return any(low <= port <= high for low, high in ranges)


def site_list(patterns: Iterable[str]) -> SiteList:
    """A list from patterns: ``example.org`` (it and all below), ``*.example.org`` (only below), ``=example.org`` (only
    itself), an address, or a network. Raises ValueError with a whole sentence for a person."""
    exact: set[str] = set()
    below: set[str] = set()
    networks: list[IPNetwork] = []
    for pattern in patterns:
        network = parse_network(pattern)
        if network is not None:
            networks.append(network)
            continue
        only_itself, only_below = pattern.startswith("="), pattern.startswith("*.")
        name = _parse_name(pattern[1:] if only_itself else pattern[2:] if only_below else pattern)
        if not only_below:
            exact.add(name)
        if not only_itself:
            below.add(name)
    return SiteList(frozenset(exact), frozenset(below), NetworkSet(networks))


def parse_network(text: str) -> IPNetwork | None:
    """The network or single address, None when it is neither. Raises ValueError for host bits behind the prefix."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        wide = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    raise ValueError(f"The network {text!r} has bits set behind its prefix; write {str(wide)!r}.")


def _parse_name(name: str) -> str:
    try:
        target = Target.parse(canonical_name(name), 1)
    except FrameError:
        raise ValueError(
            f"{name!r} is neither a domain, a pattern (*.domain, =domain), an address nor a network."
        ) from None
    if target.literal is not None:
        raise ValueError(f"{name!r} is an address: write it without a pattern.")
    # A last label of digits is an address written in another way (127.1), never a domain.
    if target.host.rpartition(".")[2].isdigit():
        raise ValueError(f"{name!r} ends in a number, as no domain does; write addresses in full.")
    return canonical_name(target.host)
