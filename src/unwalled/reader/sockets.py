"""An app's connection to the proxy: bytes in and out with back-pressure, half-close and reset.

A plain `asyncio.Protocol`: both event loops hand over what one read of up to 256 KiB gave, without another copy.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from unwalled.errors import UnwalledError
from unwalled.settings import READER, ReaderLimits

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class AppGone(UnwalledError):
    """The app's connection was lost. Nothing more can be told to it."""


@dataclass(slots=True)
class Traffic:
    """Bytes from and to apps since the start, the proxy protocols' own included."""

    up: int = 0
    down: int = 0


class AppSocket(asyncio.Protocol):
    """One connection. One task may read while another one writes.

    Holds at most about twice ``read_buffer_bytes`` unread and twice ``write_buffer_bytes`` unsent.
    ``on_made`` is called with it once it is connected; ``on_lost`` when the connection was lost, whoever closed it.
    """

    def __init__(self, traffic: Traffic, on_made: Callable[[AppSocket], None], limits: ReaderLimits = READER) -> None:
        self._traffic = traffic
        self._on_made = on_made
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._chunks: deque[bytes] = deque()
        self._unread_bytes = 0
        self._is_reading = True
        self._is_writing = True
        self._is_ended = False
        self._is_lost = False
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self.on_lost: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return "AppSocket(…)"

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._traffic.up += len(data)
        self._chunks.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes >= self._limits.read_buffer_bytes and self._is_reading:
            assert self._transport is not None
            self._is_reading = False
            self._transport.pause_reading()
        _wake(self._readable)

    def eof_received(self) -> bool:
        """See asyncio.Protocol. The other direction stays open."""
        self._is_ended = True
        _wake(self._readable)
        return True

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._is_writing = False

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._is_writing = True
        _wake(self._writable)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        self._is_lost = True
        self._chunks.clear()
        _wake(self._readable)
        _wake(self._writable)
        self.on_lost()

    # What the proxy asks.

    @property
    def local_host(self) -> str:
        """The address by which the app reached the proxy."""
        return str(self._socket_info("sockname"))

    @property
    def peer_host(self) -> str:
        """The app's own address."""
        return str(self._socket_info("peername"))

    def _socket_info(self, name: str) -> str:
        assert self._transport is not None
        info = self._transport.get_extra_info(name)
        return str(info[0]) if info else ""

    async def read(self) -> bytes:
        """What has come, at least one byte; b"" once the app has finished. Raises AppGone.

        Cancelling it loses nothing.
        """
        while not self._chunks:
            if self._is_lost:
                raise AppGone("The app closed its connection.")
            if self._is_ended:
                return b""
            self._readable = asyncio.get_running_loop().create_future()
            try:
                await self._readable
            finally:
                self._readable = None
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._unread_bytes = 0
        if not self._is_reading and not self._is_lost:
            assert self._transport is not None
            self._is_reading = True
            self._transport.resume_reading()
        return data

    def unread(self, data: bytes) -> None:
        """Puts bytes back, to be read first."""
        if data:
            self._chunks.appendleft(data)
            self._unread_bytes += len(data)

    async def write(self, data: bytes) -> None:
        """Sends bytes; waits while the app is slow. Raises AppGone. When cancelled, all of ``data`` was taken."""
        self._check()
        if data:
            assert self._transport is not None
            self._traffic.down += len(data)
            self._transport.write(data)
            await self._drain()

    async def finish(self) -> None:
        """Half-close: nothing more will be written. Waits until all has left this program. Raises AppGone."""
        self._check()
        assert self._transport is not None
        self._transport.set_write_buffer_limits(high=0)
        if self._transport.get_write_buffer_size():
            self._is_writing = False
            await self._drain()
        self._transport.write_eof()

    async def _drain(self) -> None:
        while not self._is_writing:
            self._check()
            self._writable = asyncio.get_running_loop().create_future()
            try:
                await self._writable
            finally:
                self._writable = None
        self._check()

    def _check(self) -> None:
        if self._is_lost:
            raise AppGone("The app closed its connection.")

    async def linger(self) -> None:
        """Finishes, then throws away what still comes, for a short while, so that the app can read what was sent.

        A close with unread bytes would reset the connection, and the app would lose the answer. Raises AppGone.
        """
        try:
            async with asyncio.timeout(self._limits.linger_s):
                await self.finish()
                while await self.read():
                    pass
        except TimeoutError:
            pass

    def close(self) -> None:
        """Closes it; what was written still goes out. Safe to call again."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Cuts it with RST, so that the app knows that something is missing. Safe to call again."""
        if self._transport is None or self._is_lost:
            return
        raw = self._transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
