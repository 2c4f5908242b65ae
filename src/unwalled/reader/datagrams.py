"""An application's datagrams where not everything goes through bridges: each takes the way that the rules say.

There is no trying: of a datagram nobody can tell whether it was lost or blocked, so what would be tried directly goes
through bridges. Direct answers are taken only from addresses that were sent to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import OrderedDict, deque
from collections.abc import Coroutine, Sequence
from typing import Any

from unwalled.errors import OpenFailed, StreamReset
from unwalled.network.addresses import IPAddress
from unwalled.reader.direct import Direct
from unwalled.reader.guide import Guide
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.decisions import Decision
from unwalled.rules.modes import Way
from unwalled.settings import GATEWAY, SESSION
from unwalled.tasks import TaskOwner
from unwalled.tunnel.api import DatagramFlow, Tunnel
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

_RECEIVE_AT_ONCE = 32
_DECIDED_S = 1.0


class ChoosingFlow:
    """A DatagramFlow over two ways. The one through bridges is opened with the first datagram that needs it."""

    def __init__(self, bridges: Tunnel, direct: Direct, guide: Guide, limits: RulesLimits = RULES) -> None:
        self._bridges = bridges
        self._direct = direct
        self._guide = guide
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._owner = TaskOwner()
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived: deque[tuple[Target, bytes]] = deque(maxlen=limits.datagrams_waiting)
        self._news = asyncio.Event()
        self._is_closed = False
        self._through: DatagramFlow | None = None
        self._is_opening = False
        self._for_through: deque[tuple[Target, bytes]] = deque(maxlen=limits.datagrams_waiting)
        self._sockets: dict[int, socket.socket] = {}
        self._sent_to: OrderedDict[IPAddress, None] = OrderedDict()
        self._routes: OrderedDict[str, tuple[float, Decision, Sequence[IPAddress]]] = OrderedDict()
        """Until when they hold, and where each name leads."""
        self._decided: dict[Target, tuple[float, Decision]] = {}
        self._for_names: dict[str, deque[tuple[Target, bytes]]] = {}

    def __repr__(self) -> str:
        return "ChoosingFlow(…)"

    async def receive(self) -> tuple[Target, bytes]:
        """See DatagramFlow."""
        while not self._arrived:
            if self._is_closed:
                raise StreamReset(Code.CANCELLED)
            self._news.clear()
            await self._news.wait()
        return self._arrived.popleft()

    def send(self, target: Target, payload: bytes) -> None:
        """See DatagramFlow."""
        if self._is_closed:
            return
        match self._decide(target).way:
            case Way.DIRECT:
                self._send_direct(target, payload)
            case Way.BRIDGES | Way.DIRECT_FIRST:
                self._send_through(target, payload)
            case Way.REFUSED:
                pass

    def _decide(self, target: Target) -> Decision:
        """What the rules say, asked again after a second: datagrams are many, and lists long."""
        now = self._loop.time()
        known = self._decided.get(target)
        if known is not None and now < known[0]:
            return known[1]
        if len(self._decided) >= self._limits.direct_datagram_hosts:
            self._decided.clear()
        decision = self._guide.decide(target)
        self._decided[target] = now + _DECIDED_S, decision
        return decision

    def close(self) -> None:
        """See DatagramFlow."""
        self._is_closed = True
        self._news.set()
        for task in list(self._tasks):
            task.cancel()
        if self._through is not None:
            self._through.close()
        self.cut_direct()

    def cut_direct(self) -> None:
        """Takes no more answers to what went directly, and asks the rules anew for what is sent from now on."""
        self._decided.clear()
        for sock in self._sockets.values():
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._owner.start(work, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _took(self, source: Target, payload: bytes) -> None:
        self._arrived.append((source, payload))
        self._news.set()

    # Through bridges.

    def _send_through(self, target: Target, payload: bytes) -> None:
        if self._through is not None:
            self._through.send(target, payload)
            return
        self._for_through.append((target, payload))
        if not self._is_opening:
            self._is_opening = True
            self._start(self._run_through(), "datagrams through bridges")

    async def _run_through(self) -> None:
        """Opens the flow, and takes its answers until it ends; the next datagram opens another one."""
        try:
            flow = await self._bridges.open_datagrams()
        except OpenFailed:
            self._for_through.clear()
            return
        finally:
            self._is_opening = False
        self._through = flow
        try:
            while self._for_through:
                flow.send(*self._for_through.popleft())
            while True:
                self._took(*await flow.receive())
        except StreamReset:
            pass
        finally:
            self._through = None
            flow.close()

    # Directly.

    def _send_direct(self, target: Target, payload: bytes) -> None:
        literal = target.literal
        if literal is not None:
            self._send_to([literal], target.port, payload)
            return
        known = self._routes.get(target.host)
        if known is not None and self._loop.time() < known[0]:
            self._send_as(target, payload, known[1], known[2])
        elif (waiting := self._for_names.get(target.host)) is not None:
            waiting.append((target, payload))
        elif len(self._for_names) < GATEWAY.flow_waiting_names:
            self._for_names[target.host] = deque(((target, payload),), GATEWAY.flow_waiting_datagrams)
            self._start(self._look_up(target), "datagram name")

    async def _look_up(self, target: Target) -> None:
        addresses: Sequence[IPAddress] = ()
        try:
            async with asyncio.timeout(self._limits.direct_patience_s):
                addresses = await self._direct.look_up(target)
        except (OpenFailed, TimeoutError):
            pass
        # The rules may have changed meanwhile.
        judged = self._guide.decide(target)
        if addresses and judged.way is Way.DIRECT:
            judged = self._guide.judge(judged, addresses)
        self._routes[target.host] = self._loop.time() + GATEWAY.resolver_cache_s, judged, addresses
        self._routes.move_to_end(target.host)
        if len(self._routes) > self._limits.direct_datagram_hosts:
            self._routes.popitem(last=False)
        for asked, payload in self._for_names.pop(target.host):
            self._send_as(asked, payload, judged, addresses)

    def _send_as(self, target: Target, payload: bytes, judged: Decision, addresses: Sequence[IPAddress]) -> None:
        match judged.way:
            case Way.DIRECT:
                self._send_to(addresses, target.port, payload)
            case Way.BRIDGES | Way.DIRECT_FIRST:
                self._send_through(target, payload)
            case Way.REFUSED:
                pass

    def _send_to(self, addresses: Sequence[IPAddress], port: int, payload: bytes) -> None:
        for address in addresses:
            # Noted first: an answer of the same machine can arrive before sendto returns.
            self._sent_to[address] = None
            self._sent_to.move_to_end(address)
            if len(self._sent_to) > self._limits.direct_datagram_hosts:
                self._sent_to.popitem(last=False)
            try:
                self._socket(address.version).sendto(payload, (str(address), port))
                return
            except OSError:
                # No way to this one, or no room just now; the next one may do.
                continue

    def _socket(self, version: int) -> socket.socket:
        sock = self._sockets.get(version)
        if sock is None:
            sock = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
            sock.setblocking(False)
            if version == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(("", 0))
            self._sockets[version] = sock
            self._loop.add_reader(sock, self._readable, sock)
        return sock

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(_RECEIVE_AT_ONCE):
            try:
                payload, source = sock.recvfrom(SESSION.max_datagram_bytes)
            except OSError:
                return
            address = ipaddress.ip_address(source[0].partition("%")[0])
            if address in self._sent_to:
                self._took(Target(str(address), source[1]), payload)
