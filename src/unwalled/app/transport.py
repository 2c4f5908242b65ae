"""A stream of the tunnel as asyncio's transport, so that asyncio's own streams, TLS and HTTP clients work over it.

Back-pressure goes both ways: a protocol that pauses reading stops the stream, and one that writes more than the tunnel
takes is told to pause. ``close`` delivers what was written, and waits in the background for the other end to finish;
``abort`` cuts the stream.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto
from collections import deque
from typing import Any

from unwalled.errors import StreamReset
from unwalled.settings import APP
from unwalled.tasks import TaskOwner
from unwalled.tunnel.api import Stream
from unwalled.wire.codes import Code

_CHUNK_BYTES = 256 * 1024


class TunnelTransport(asyncio.Transport):
    """One stream. Made by `connect_protocol`."""

    # What `loop.start_tls` asks of a transport.
    _start_tls_compatible = True

    def __init__(self, stream: Stream, protocol: asyncio.BaseProtocol, tasks: TaskOwner) -> None:
        super().__init__({"peername": None, "sockname": None})
        self._stream = stream
        self._protocol = protocol
        self._tasks = tasks
        self._chunks: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._high_bytes, self._low_bytes = APP.transport_buffer_bytes, APP.transport_buffer_bytes // 4
        self._is_paused_by_us = False
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._has_work = asyncio.Event()
        self._is_finishing = False
        self._is_closing = False
        self._is_lost = False
        self._has_ended = False
        self._reading: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return "TunnelTransport(…)"

    def begin(self) -> None:
        """Tells the protocol that it is connected, and copies from now on."""
        self._protocol.connection_made(self)
        self._reading = self._tasks.start(self._read(), "tunnel transport down")
        self._tasks.start(self._write(), "tunnel transport up")

    # See asyncio.BaseTransport and asyncio.Transport.

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See asyncio.BaseTransport."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See asyncio.BaseTransport."""
        return self._protocol

    def is_closing(self) -> bool:
        """See asyncio.BaseTransport."""
        return self._is_closing

    def is_reading(self) -> bool:
        """See asyncio.ReadTransport."""
        return self._may_read.is_set() and not self._is_closing

    def pause_reading(self) -> None:
        """See asyncio.ReadTransport."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """See asyncio.ReadTransport."""
        self._may_read.set()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio.WriteTransport."""
        if high is None:
            high = APP.transport_buffer_bytes if low is None else 4 * low
        self._high_bytes, self._low_bytes = high, high // 4 if low is None else low
        self._heed_limits()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """See asyncio.WriteTransport."""
        return self._low_bytes, self._high_bytes

    def get_write_buffer_size(self) -> int:
        """See asyncio.WriteTransport."""
        return self._waiting_bytes

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """See asyncio.WriteTransport. What is written once it was lost goes nowhere."""
        if self._is_finishing:
            raise RuntimeError("Nothing can be written after the end of file.")
        if self._is_closing or not data:
            return
        whole = bytes(data)
        # One `Stream.write` takes no more.
        for start in range(0, len(whole), _CHUNK_BYTES):
            self._chunks.append(whole[start : start + _CHUNK_BYTES])
        self._waiting_bytes += len(whole)
        self._has_work.set()
        self._heed_limits()

    def can_write_eof(self) -> bool:
        """See asyncio.WriteTransport."""
        return True

    def write_eof(self) -> None:
        """See asyncio.WriteTransport."""
        self._is_finishing = True
        self._has_work.set()

    def close(self) -> None:
        """See asyncio.BaseTransport."""
        if not self._is_closing:
            self._is_closing = True
            self._may_read.set()
            self._has_work.set()

    def abort(self) -> None:
        """See asyncio.WriteTransport."""
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        """What asyncio's TLS asks for when it gives up."""
        self._is_closing = True
        self._lose(error if isinstance(error, Exception) else None)
        self._stream.reset(Code.CANCELLED)

    # Copying.

    async def _read(self) -> None:
        try:
            while data := await self._stream.read():
                await self._may_read.wait()
                if not self._is_closing:
                    _feed(self._protocol, data)
            self._has_ended = True
            await self._may_read.wait()
            if not self._is_closing and not _end(self._protocol):
                self.close()
        except StreamReset as reset:
            self._cut(reset)

    async def _write(self) -> None:
        try:
            while True:
                while self._chunks:
                    chunk = self._chunks[0]
                    await self._stream.write(chunk)
                    self._chunks.popleft()
                    self._waiting_bytes -= len(chunk)
                    self._heed_limits()
                if self._is_finishing or self._is_closing:
                    break
                self._has_work.clear()
                await self._has_work.wait()
            await self._stream.finish()
            while not self._is_closing:
                self._has_work.clear()
                await self._has_work.wait()
            self._lose(None)
            await self._linger()
        except StreamReset as reset:
            self._cut(reset)
        finally:
            # Also when the owner ends; nothing happens to a stream that has ended by itself.
            self._stream.reset(Code.CANCELLED)
            self._lose(ConnectionAbortedError("The reader has ended."))

    async def _linger(self) -> None:
        """Waits for the other end to finish: to cut the stream at once could cost what is still on its way there."""
        if not self._has_ended and self._reading is not None:
            await asyncio.wait((self._reading,), timeout=APP.transport_linger_s)

    def _cut(self, reset: StreamReset) -> None:
        self._is_closing = True
        self._has_work.set()
        error = ConnectionResetError(str(reset))
        self._lose(error)

    def _lose(self, error: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._chunks.clear()
            self._waiting_bytes = 0
            self._has_work.set()
            self._may_read.set()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, error)

    def _heed_limits(self) -> None:
        if not self._is_paused_by_us and self._waiting_bytes > self._high_bytes:
            self._is_paused_by_us = True
            self._protocol.pause_writing()
        elif self._is_paused_by_us and self._waiting_bytes <= self._low_bytes:
            self._is_paused_by_us = False
            self._protocol.resume_writing()


def _feed(protocol: asyncio.BaseProtocol, data: bytes) -> None:
    if isinstance(protocol, asyncio.BufferedProtocol):
        left = memoryview(data)
        while left:
            buffer = memoryview(protocol.get_buffer(len(left)))
            count = min(len(buffer), len(left))
            buffer[:count] = left[:count]
            protocol.buffer_updated(count)
            left = left[count:]
    elif isinstance(protocol, asyncio.Protocol):
        protocol.data_received(data)


def _end(protocol: asyncio.BaseProtocol) -> bool:
    """Tells a protocol about the end of file; whether it wants to write on."""
    if isinstance(protocol, asyncio.Protocol | asyncio.BufferedProtocol):
        return bool(protocol.eof_received())
    return False


async def connect_protocol(
    stream: Stream,
    protocol: asyncio.BaseProtocol,
    tasks: TaskOwner,
    context: ssl.SSLContext | None,
    server_hostname: str,
    handshake_timeout_s: float,
) -> asyncio.Transport:
    """Connects a protocol to an open stream, through TLS if there is a context; the stream is the transport's then.

    Raises what TLS raises (ssl.SSLError, ConnectionError). When it fails or is cancelled, the stream is cut.
    """
    if context is None:
        plain = TunnelTransport(stream, protocol, tasks)
        plain.begin()
        return plain
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    # `loop.start_tls` does the same, but uvloop's takes no transport that is not its own.
    make_tls: Any = sslproto.SSLProtocol
    tls = make_tls(
        loop,
        protocol,
        context,
        waiter,
        server_hostname=server_hostname,
        ssl_handshake_timeout=handshake_timeout_s,
    )
    transport = TunnelTransport(stream, tls, tasks)
    transport.begin()
    try:
        await waiter
    except BaseException:
        transport.abort()
        raise
    made = tls._app_transport
    assert isinstance(made, asyncio.Transport)
    return made
