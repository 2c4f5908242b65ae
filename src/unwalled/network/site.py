"""A connected socket to a site, as the copying loop needs it.

Plain non-blocking calls instead of asyncio's transports: what a site sent before it cut the connection can still be
read after a write has failed (a transport throws it away), nothing is buffered beyond one chunk, and all sites of a
process share one receive buffer, so that ten thousand quiet streams cost no memory for it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct

from unwalled.network.addresses import IPAddress
from unwalled.settings import GATEWAY

_LINGER_NONE = struct.pack("ii", 1, 0)
_YIELD_EVERY = 2

_scratch = memoryview(bytearray(GATEWAY.copy_chunk_bytes))


class SiteSocket:
    """Owns ``sock``. One task may receive while another sends. Belongs to the event loop's thread."""

    __slots__ = ("_closed", "_eager", "_loop", "_reading", "_sock", "_writing")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._eager = 0
        self._closed = False
        self._reading: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    @property
    def own_peer(self) -> IPAddress | None:
        """The far end's address if it is this very machine: local connections have the same address at both ends."""
        try:
            peer, own = self._sock.getpeername()[0], self._sock.getsockname()[0]
        except OSError:
            return None
        return ipaddress.ip_address(peer) if peer == own else None

    @property
    def peer(self) -> IPAddress | None:
        """The far end's address; None once it is not known any more."""
        try:
            return ipaddress.ip_address(self._sock.getpeername()[0].partition("%")[0])
        except OSError:
            return None

    async def readable(self) -> None:
        """Waits until there is something to receive: bytes, the end, or an error. Cancelling is safe.

        Returns also when the socket is closed meanwhile; to receive raises OSError then.
        """
        waiter = self._reading = self._loop.create_future()
        self._loop.add_reader(self._sock, wake, waiter)
        try:
            await waiter
        finally:
            self._reading = None
            if not self._closed:
                self._loop.remove_reader(self._sock)

    def receive_now(self, most: int = GATEWAY.copy_chunk_bytes) -> bytes | None:
        """What is there, at most ``most`` bytes (256 KiB); b"" at the end, None when nothing is there yet.

        Raises OSError.
        """
        try:
            count = self._sock.recv_into(_scratch, most)
        except (BlockingIOError, InterruptedError):
            return None
        return bytes(_scratch[:count])

    async def breathe(self) -> None:
        """Lets others run. A fast site and a fast reader would otherwise keep the loop to themselves."""
        self._eager += 1
        if self._eager % _YIELD_EVERY == 0:
            await asyncio.sleep(0)

    async def send(self, data: bytes) -> None:
        """Sends all of ``data``; waits while the site does not take more. Raises OSError.

        When cancelled, some of it may have been sent; close the socket then.
        """
        view = memoryview(data)
        while True:
            try:
                view = view[self._sock.send(view) :]
            except (BlockingIOError, InterruptedError):
                pass
            if not view:
                return
            waiter = self._writing = self._loop.create_future()
            self._loop.add_writer(self._sock, wake, waiter)
            try:
                await waiter
            finally:
                self._writing = None
                if not self._closed:
                    self._loop.remove_writer(self._sock)

    def finish(self) -> None:
        """Half-close: the site reads the end. Raises OSError."""
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Closes; what was sent is still delivered."""
        self._drop()

    def abort(self) -> None:
        """Cuts the connection: the site sees a reset, not an end."""
        if not self._closed:
            try:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            except OSError:
                pass
            self._drop()

    def _drop(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()
            for waiter in (self._reading, self._writing):
                if waiter is not None:
                    wake(waiter)


def wake(waiter: asyncio.Future[None]) -> None:
    """For add_reader and add_writer: the socket is ready. It may be told more than once."""
    if not waiter.done():
        waiter.set_result(None)
