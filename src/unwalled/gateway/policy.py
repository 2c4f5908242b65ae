"""Where readers may go through this gateway. Pure: a policy file in, verdicts out.

A target is judged twice. ``check_target`` looks at what the reader asked for, before any name is looked up;
``check_address`` looks at each address that the look-up gave, and only addresses that passed are ever connected to.
docs/reference/policy-file.md describes the file.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from unwalled.errors import FrameError
from unwalled.network.addresses import IPAddress, IPNetwork, NetworkSet, is_public, plain
from unwalled.network.names import canonical_name
from unwalled.settings import GATEWAY
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

DEFAULT_DENIED_PORTS = ((25, 25), (135, 139), (445, 445), (465, 465), (587, 587), (593, 593), (2525, 2525))
"""Sending mail (25, 465, 587, 2525: spam, also by stolen accounts, is what brings most complaints), and Windows RPC,
NetBIOS and file sharing (worms). Sites do not live there. Reading mail (143, 993, 995) stays open."""

ONLY_MY_SITES_PORTS = ((80, 80), (443, 443))
"""What the pages of a publisher need."""

PortRange = tuple[int, int]
_ALL_PORTS: tuple[PortRange, ...] = ((1, 65535),)
_BLOCK = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
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


class Reason(StrEnum):
    """Why a target is allowed or not."""

    ALLOWED = "allowed"
    PORT = "port"
    """The policy does not open this port."""
    BLOCKED = "blocked"
    """The operator blocked just this target, as after a complaint."""
    DENIED = "denied"
    """The policy's list of denied sites has it."""
    CATEGORY = "category"
    """A list of a category, such as malware, has it."""
    NOT_LISTED = "not listed"
    """Only listed sites are allowed, and this is none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a target before any name is looked up."""

    reason: Reason
    category: str = ""
    """Its name, with Reason.CATEGORY."""

    @property
    def is_allowed(self) -> bool:
        """Whether it may be looked up and dialled."""
        return self.reason is Reason.ALLOWED


class Hosts(Protocol):
    """Very many hosts, as `unwalled.gateway.hosttable.HostTable` has them."""

    def has_name(self, name: str) -> bool:
        """Whether a comparable name is meant."""

    def has_address(self, address: IPAddress) -> bool:
        """Whether an address is meant."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Targets that are blocked by hand, one by one."""

    everywhere: SiteList = field(default_factory=SiteList)
    by_port: Mapping[int, SiteList] = field(default_factory=dict)
    count: int = 0

    def __len__(self) -> int:
        return self.count

    def have(self, target: Target) -> bool:
        """Whether the target is blocked, by its name or as an address."""
        literal = target.literal
        if literal is not None:
            return self.have_address(literal, target.port)
        return any(sites.has_name(target.host) for sites in self._lists(target.port))

    def have_address(self, address: IPAddress, port: int) -> bool:
        """Whether an address is blocked for a port."""
        return any(sites.has_address(address) for sites in self._lists(port))

    def _lists(self, port: int) -> tuple[SiteList, ...]:
        at_port = self.by_port.get(port)
        return (self.everywhere,) if at_port is None else (self.everywhere, at_port)


@dataclass(frozen=True, slots=True)
class GatewayCeiling:
    """What all sessions of a gateway may use together. 0 means no limit."""

    bytes_per_second: int = 0
    """In each direction; sessions take turns."""
    bytes_per_day: int = 0
    """Both directions together, days by UTC."""
    bytes_per_month: int = 0
    month_begins: int = 1
    """The day, 1 to 28, on which the month of the operator's bill begins, by UTC."""
    connections: int = 0
    """Streams and datagram flows open at once; the gateway's own bound holds in any case."""


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
    categories: Mapping[str, Hosts] = field(default_factory=dict)
    """Hosts that are refused, by the name of their category."""
    blocks: Blocks = field(default_factory=Blocks)
    ceiling: GatewayCeiling = field(default_factory=GatewayCeiling)

    def check_target(self, target: Target) -> Code | None:
        """None when ``target`` may be looked up and dialled, else the code for the reader. No look-up happens here."""
        return None if self.decide(target).is_allowed else Code.NOT_ALLOWED

    def decide(self, target: Target) -> Decision:
        """What becomes of ``target``, and why. What a name leads to is judged later, by ``check_address``."""
        if self.blocks.have(target):
            return Decision(Reason.BLOCKED)
        if not in_ranges(target.port, self.allowed_ports) or in_ranges(target.port, self.denied_ports):
            return Decision(Reason.PORT)
        literal = target.literal
        name = "" if literal is not None else canonical_name(target.host)
        if self.deny.has_name(name) if literal is None else self.deny.has_address(literal):
            return Decision(Reason.DENIED)
        for category, hosts in self.categories.items():
            if hosts.has_name(name) if literal is None else hosts.has_address(literal):
                return Decision(Reason.CATEGORY, category)
        if self.publisher and not (self.allow.has_name(name) if literal is None else self.allow.has_address(literal)):
            return Decision(Reason.NOT_LISTED)
        return Decision(Reason.ALLOWED)

    def check_address(
        self, address: IPAddress, own_addresses: Container[IPAddress] = _NOBODY, port: int = 0
    ) -> Code | None:
        """None when ``address`` may be connected to, else NOT_ALLOWED. For literals too.

        ``own_addresses`` are those of this machine. Blocks, the deny list and categories beat everything, exceptions
        beat the rest.
        """
        if self.deny.has_address(address) or self.blocks.have_address(address, port):
            return Code.NOT_ALLOWED
        if any(hosts.has_address(address) for hosts in self.categories.values()):
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


def only_these(policy: EgressPolicy, sites: SiteList, *, has_ports: bool) -> EgressPolicy:
    """The policy for ``sites`` and no others; ``has_ports``: it says itself which ports are open."""
    ports = policy.allowed_ports if has_ports else ONLY_MY_SITES_PORTS
    return replace(policy, publisher=True, allow=sites, allowed_ports=ports)


def block_list(entries: Iterable[str]) -> Blocks:
    """Blocks from entries: a pattern as in ``site_list``, with ``:PORT`` behind it or without; an IPv6 address with a
    port stands in brackets. Raises ValueError with a whole sentence for a person."""
    at: dict[int, list[str]] = {}
    for entry in entries:
        pattern, port = split_block(entry)
        at.setdefault(port, []).append(pattern)
    count = sum(map(len, at.values()))
    everywhere = site_list(at.pop(0, ()))
    return Blocks(everywhere, {port: site_list(patterns) for port, patterns in at.items()}, count)


def split_block(entry: str) -> tuple[str, int]:
    """Pattern and port of an entry; port 0 = all. Raises ValueError with a whole sentence for a person."""
    text = entry.strip()
    match = _BLOCK.fullmatch(text)
    pattern, port = (text, 0) if match is None else (match["v6"] or match["host"], int(match["port"]))
    if match is not None and not 1 <= port <= 65535:
        raise ValueError(f"{entry!r} has no port between 1 and 65535.")
    site_list((pattern,))
    return pattern, port


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
