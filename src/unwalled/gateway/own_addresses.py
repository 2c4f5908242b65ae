"""Which addresses are this machine's own, so that readers cannot reach services that trust it.

The kernel is asked for each address anew: a datagram socket can be bound to an address exactly if it is local (that
covers secondary addresses, broadcast addresses and locally routed prefixes, on every system, with nothing to refresh).
Where Linux was told to allow foreign binds (``net.ipv4.ip_nonlocal_bind``, usual beside keepalived), that says
nothing, and the kernel's tables are read instead, again at most once a minute.
"""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from collections.abc import Callable
from pathlib import Path

from unwalled.clock import Clock, SystemClock
from unwalled.network.addresses import IPAddress

_REFRESH_S = 60.0
_FIB_TRIE = Path("/proc/net/fib_trie")
_IF_INET6 = Path("/proc/net/if_inet6")
_FIB_ENTRY = re.compile(r"\|--\s+([\d.]+)\s*\n\s*/32 (?:host LOCAL|link BROADCAST)")

# Not 192.0.2.0/24 or 2001:db8::/32: these are the documentation ranges that people do put on interfaces.
_FOREIGN = (ipaddress.ip_address("240.77.81.93"), ipaddress.ip_address("3fff:d0c:77::4d5"))


def can_bind(address: IPAddress) -> bool:
    """Whether the kernel lets a socket be bound to ``address``. Sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        # Out of descriptors or memory says nothing about the address; the caller then must not go on to dial it.
        return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
    return True


def listed_addresses() -> frozenset[IPAddress]:
    """The addresses in the kernel's tables (Linux; empty elsewhere)."""
    found: set[IPAddress] = set()
    try:
        found.update(ipaddress.IPv4Address(match[1]) for match in _FIB_ENTRY.finditer(_FIB_TRIE.read_text()))
    except OSError:
        pass
    try:
        for line in _IF_INET6.read_text().splitlines():
            found.add(ipaddress.IPv6Address(int(line.split()[0], 16)))
    except OSError:
        pass
    return frozenset(found)


class OwnAddresses:
    """``address in own`` is True for each address of this machine."""

    def __init__(
        self,
        clock: Clock | None = None,
        bindable: Callable[[IPAddress], bool] = can_bind,
        listed: Callable[[], frozenset[IPAddress]] = listed_addresses,
    ) -> None:
        self._clock = clock if clock is not None else SystemClock()
        self._bindable = bindable
        self._listed = listed
        self._list: frozenset[IPAddress] = frozenset()
        self._checked_at: float | None = None
        self._foreign_binds: dict[int, bool] = {}

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
            return False
        now = self._clock.monotonic()
        if self._checked_at is None or now - self._checked_at >= _REFRESH_S:
            self._refresh(now)
        if self._foreign_binds[address.version]:
            return address in self._list
        return self._bindable(address)

    def _refresh(self, now: float) -> None:
        self._foreign_binds = {foreign.version: self._bindable(foreign) for foreign in _FOREIGN}
        self._list = self._listed() if any(self._foreign_binds.values()) else frozenset()
        self._checked_at = now
