"""A NAT in a program: what a test sends to it goes on from another port, and comes back.

So a STUN server on the same machine sees another port than the asker's own, which is what STUN is there to find.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager


class Nat:
    """Get it from ``nat``. ``doors``: where to send, one port for each server behind it, in their order."""

    def __init__(self, servers: Sequence[tuple[str, int]], *, varies: bool) -> None:
        self.doors: list[int] = []
        self.outside: set[int] = set()
        """Ports that the servers see."""
        self.servers = list(servers)
        """What its doors lead to; may be changed."""
        self._varies = varies
        self._ways: dict[tuple[str, int, int], asyncio.Future[_Way]] = {}
        self._transports: list[asyncio.DatagramTransport] = []

    async def open(self) -> None:
        """Opens its doors."""
        loop = asyncio.get_running_loop()
        for index in range(len(self.servers)):
            transport, _ = await loop.create_datagram_endpoint(functools.partial(_Door, self, index), ("127.0.0.1", 0))
            self._transports.append(transport)
            self.doors.append(transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Closes everything."""
        for transport in self._transports:
            transport.close()

    async def pass_on(self, door: int, inside: tuple[str, int], data: bytes) -> None:
        """One datagram from inside."""
        # A network that varies its ports has another one for each place that somebody inside writes to.
        key = (*inside, door if self._varies else 0)
        if key not in self._ways:
            loop = asyncio.get_running_loop()
            self._ways[key] = loop.create_future()
            transport, way = await loop.create_datagram_endpoint(lambda: _Way(self, inside), ("127.0.0.1", 0))
            self._transports.append(transport)
            self.outside.add(transport.get_extra_info("sockname")[1])
            self._ways[key].set_result(way)
        way = await asyncio.shield(self._ways[key])
        way.doors[self.servers[door]] = door
        way.send(data, self.servers[door])

    def come_back(self, door: int, data: bytes, inside: tuple[str, int]) -> None:
        """One datagram from a server."""
        self._transports[door].sendto(data, inside)


class _Door(asyncio.DatagramProtocol):
    def __init__(self, nat: Nat, index: int) -> None:
        self._nat = nat
        self._index = index
        self._tasks: set[asyncio.Task[None]] = set()

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        task = asyncio.create_task(self._nat.pass_on(self._index, source, data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Way(asyncio.DatagramProtocol):
    def __init__(self, nat: Nat, inside: tuple[str, int]) -> None:
        self.doors: dict[tuple[str, int], int] = {}
        self._nat = nat
        self._inside = inside
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        # It lets in only whom somebody inside has written to.
        if source in self.doors:
            self._nat.come_back(self.doors[source], data, self._inside)

    def send(self, data: bytes, server: tuple[str, int]) -> None:
        assert self._transport is not None
        self._transport.sendto(data, server)


@asynccontextmanager
async def nat(servers: Sequence[tuple[str, int]], *, varies: bool = False) -> AsyncIterator[Nat]:
    """A NAT with one port for all servers, or with one for each of them (``varies``)."""
    made = Nat(servers, varies=varies)
    await made.open()
    try:
        yield made
    finally:
        made.close()
