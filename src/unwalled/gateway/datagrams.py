"""Takes a reader's datagrams to where they go, and answers back from those who were asked.

A flow has one socket for each IP family. Answers are taken only from addresses to which the flow has sent (from any
port: RFC 4787 calls it address-dependent filtering), and come back with the address that they came from. What cannot
go at once is dropped, as the network would.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from unwalled.errors import OpenFailed, StreamReset
from unwalled.gateway.counters import EgressCounters
from unwalled.gateway.idle import IdleWatch
from unwalled.gateway.limits import SessionBudget
from unwalled.network.addresses import IPAddress
from unwalled.settings import GATEWAY, SESSION
from unwalled.tasks import TaskOwner
from unwalled.tunnel.api import DatagramFlow
from unwalled.wire.address import Target

_RECEIVE_AT_ONCE = 32
_NO_WAY_THERE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})

AddressesOf = Callable[[Target, SessionBudget], Awaitable[list[IPAddress]]]


class DatagramRelay:
    """One flow. ``run`` it once."""

    def __init__(
        self,
        flow: DatagramFlow,
        session: SessionBudget,
        addresses_of: AddressesOf,
        counters: EgressCounters,
        sources: Mapping[int, IPAddress] = MappingProxyType({}),
    ) -> None:
        """``sources``: the own address that each IP version sends from; the system chooses without one."""
        self._flow = flow
        self._session = session
        self._addresses_of = addresses_of
        self._counters = counters
        self._sources = sources
        self._loop = asyncio.get_running_loop()
        self._idle = IdleWatch(min(GATEWAY.idle_flow_s, session.limits.idle_seconds or GATEWAY.idle_flow_s))
        self._sockets: dict[int, socket.socket] = {}
        self._routes: OrderedDict[Target, tuple[float, list[IPAddress]]] = OrderedDict()
        self._waiting: dict[Target, deque[bytes]] = {}
        self._sent_to: OrderedDict[IPAddress, None] = OrderedDict()
        self._lookups = TaskOwner()

    async def run(self) -> None:
        """Relays until the flow is closed, idle, or the session has used up its bytes. Raises only when cancelled."""
        try:
            async with self._idle:
                while not self._session.spent:
                    target, payload = await self._flow.receive()
                    await self._take(target, payload)
        except (StreamReset, TimeoutError):
            pass
        finally:
            for sock in self._sockets.values():
                self._loop.remove_reader(sock)
                sock.close()
            self._sockets.clear()
            await self._lookups.close()

    def forget_routes(self) -> None:
        """The policy is another one: every destination is judged again, and no answer is taken until then."""
        self._routes.clear()
        self._sent_to.clear()

    async def _take(self, target: Target, payload: bytes) -> None:
        known = self._routes.get(target)
        if known is not None and self._loop.time() < known[0]:
            self._send(target, known[1], payload)
        elif target.literal is not None:
            self._send(target, await self._find(target), payload)
        elif target in self._waiting:
            queue = self._waiting[target]
            self._counters.datagrams_dropped += len(queue) == queue.maxlen
            queue.append(payload)
        elif len(self._waiting) < GATEWAY.flow_waiting_names:
            # Others need not wait for this name.
            self._waiting[target] = deque((payload,), GATEWAY.flow_waiting_datagrams)
            self._lookups.start(self._find_and_send(target), "gateway datagram name")
        else:
            self._counters.datagrams_dropped += 1

    async def _find_and_send(self, target: Target) -> None:
        addresses = await self._find(target)
        for payload in self._waiting.pop(target):
            self._send(target, addresses, payload)

    async def _find(self, target: Target) -> list[IPAddress]:
        """Addresses that may be sent to; empty when there are none."""
        addresses: list[IPAddress] = []
        keep_s = GATEWAY.resolver_cache_s
        try:
            if self._session.take_connect() is None:
                addresses = await self._addresses_of(target, self._session)
        except OpenFailed:
            pass
        if not addresses:
            keep_s = GATEWAY.resolver_unknown_s
        self._routes[target] = (self._loop.time() + keep_s, addresses)
        self._routes.move_to_end(target)
        if len(self._routes) > GATEWAY.flow_destinations:
            self._routes.popitem(last=False)
        return addresses

    def _send(self, target: Target, addresses: list[IPAddress], payload: bytes) -> None:
        session, counters = self._session, self._counters
        sent = False
        if addresses and not session.spent and session.up.try_take(len(payload)):
            while not (sent := self._send_to(addresses[0], target.port, payload)) and len(addresses) > 1:
                del addresses[0]
        if not sent:
            counters.datagrams_dropped += 1
            return
        session.use_bytes(len(payload))
        counters.datagrams_up += 1
        counters.bytes_up += len(payload)
        self._idle.touch()

    def _send_to(self, address: IPAddress, port: int, payload: bytes) -> bool:
        """False when this address cannot be reached from here; True when sent, or dropped for the moment."""
        # Noted first: an answer on the same machine can arrive before sendto returns.
        self._sent_to[address] = None
        self._sent_to.move_to_end(address)
        if len(self._sent_to) > GATEWAY.flow_destinations:
            self._sent_to.popitem(last=False)
        try:
            self._socket(address.version).sendto(payload, (str(address), port))
        except OSError as error:
            return error.errno not in _NO_WAY_THERE
        return True

    def _socket(self, version: int) -> socket.socket:
        sock = self._sockets.get(version)
        if sock is None:
            sock = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
            sock.setblocking(False)
            if version == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Bound before the reader is told, so that no system complains about receiving on an unbound socket.
            sock.bind((str(self._sources.get(version, "")), 0))
            self._sockets[version] = sock
            self._loop.add_reader(sock, self._readable, sock)
        return sock

    def _readable(self, sock: socket.socket) -> None:
        session, counters = self._session, self._counters
        for _ in range(_RECEIVE_AT_ONCE):
            try:
                payload, source = sock.recvfrom(SESSION.max_datagram_bytes)
            except OSError:
                return
            address = ipaddress.ip_address(source[0].partition("%")[0])
            if address not in self._sent_to or session.spent or not session.down.try_take(len(payload)):
                counters.datagrams_dropped += 1
                continue
            session.use_bytes(len(payload))
            counters.datagrams_down += 1
            counters.bytes_down += len(payload)
            self._flow.send(Target(str(address), source[1]), payload)
            self._idle.touch()
