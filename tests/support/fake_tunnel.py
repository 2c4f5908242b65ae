"""A Tunnel over plain sockets of this machine: names lead to 127.0.0.1, or fail with a code."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from unwalled.errors import OpenFailed, StreamReset
from unwalled.tunnel.api import DatagramFlow, Stream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

CHUNK = 256 * 1024


class SocketStream:
    """A Stream over one TCP connection. ``reset_code`` is what it was reset with, None before."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ended = False
        self._finished = False
        self.reset_code: Code | None = None

    async def read(self) -> bytes:
        """See Stream."""
        try:
            if self.reset_code is not None:
                raise StreamReset(self.reset_code)
            data = await self._reader.read(CHUNK)
        except OSError:
            raise StreamReset(Code.CONNECTION_RESET) from None
        if self.reset_code is not None:
            raise StreamReset(self.reset_code)
        self._ended = self._ended or not data
        return data

    async def write(self, data: bytes) -> None:
        """See Stream."""
        if self.reset_code is not None:
            raise StreamReset(self.reset_code)
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            raise StreamReset(Code.CONNECTION_RESET) from None

    async def finish(self) -> None:
        """See Stream."""
        self._finished = True
        try:
            self._writer.write_eof()
        except OSError:
            raise StreamReset(Code.CONNECTION_RESET) from None

    def reset(self, code: Code) -> None:
        """See Stream."""
        if self.reset_code is None:
            self.reset_code = code
            if self._ended and self._finished:
                self._writer.close()
                return
            raw = self._writer.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()

    async def gone(self) -> None:
        """Waits until the socket is closed."""
        try:
            await self._writer.wait_closed()
        except OSError:
            pass


class SocketFlow(asyncio.DatagramProtocol):
    """A DatagramFlow over one UDP socket."""

    def __init__(self, tunnel: FakeTunnel) -> None:
        self._tunnel = tunnel
        self._waiting: asyncio.Queue[tuple[Target, bytes] | None] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self.is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio."""
        self._waiting.put_nowait((Target(addr[0], addr[1]), data))

    async def receive(self) -> tuple[Target, bytes]:
        """See DatagramFlow."""
        got = await self._waiting.get()
        if got is None:
            raise StreamReset(Code.SESSION_LOST)
        return got

    def send(self, target: Target, payload: bytes) -> None:
        """See DatagramFlow."""
        assert self._transport is not None
        self._transport.sendto(payload, (self._tunnel.address(target), target.port))

    def close(self) -> None:
        """See DatagramFlow."""
        if not self.is_closed:
            self.is_closed = True
            assert self._transport is not None
            self._transport.close()

    def lose(self) -> None:
        """As if the session were gone."""
        self._waiting.put_nowait(None)


class FakeTunnel:
    """Opens real connections on this machine. ``failures`` maps a host to the code with which it fails."""

    def __init__(self, failures: dict[str, Code] | None = None) -> None:
        self.failures = failures or {}
        self.asked: list[Target] = []
        self.streams: list[SocketStream] = []
        self.flows: list[SocketFlow] = []
        self.withdrawn = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def closed(self) -> None:
        """Cuts what is still open, and waits until all sockets have gone."""
        for stream in self.streams:
            stream.reset(Code.CANCELLED)
            await stream.gone()
        for flow in self.flows:
            flow.close()

    def address(self, target: Target) -> str:
        """Where a target is: an address stays, every name is this machine."""
        return target.host if target.literal is not None else "127.0.0.1"

    async def open(self, target: Target, *, at_once: bool = False) -> Stream:
        """See Tunnel; always waits."""
        self.asked.append(target)
        try:
            await self.hold.wait()
            if target.host in self.failures:
                raise OpenFailed(self.failures[target.host])
            reader, writer = await asyncio.open_connection(self.address(target), target.port, limit=CHUNK)
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise
        except OSError:
            raise OpenFailed(Code.CONNECTION_REFUSED) from None
        stream = SocketStream(reader, writer)
        self.streams.append(stream)
        return stream

    async def open_datagrams(self) -> DatagramFlow:
        """See Tunnel."""
        if "udp" in self.failures:
            raise OpenFailed(self.failures["udp"])
        loop = asyncio.get_running_loop()
        _, flow = await loop.create_datagram_endpoint(lambda: SocketFlow(self), local_addr=("127.0.0.1", 0))
        self.flows.append(flow)
        return flow
