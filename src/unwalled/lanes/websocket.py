"""Lanes over WebSockets, both ends, by aiohttp.

A ``WebSocketLane`` wraps a WebSocket that is open: a client's (``connect_websocket``) or a server's. Whoever holds it
runs ``run()`` in a task; that reads and writes until the lane is over, and closes the socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import IntEnum

import aiohttp
from aiohttp import web

from unwalled.errors import LaneClosed
from unwalled.lanes.base import LaneReceiver
from unwalled.settings import LANE

# aiohttp refuses a message from this size on, so the bound itself must still pass; `_take` checks it exactly.
RECEIVE_LIMIT_BYTES = LANE.max_message_bytes + 1
_ABNORMAL = 1006


class CloseCode(IntEnum):
    """WebSocket close codes that the protocol uses (docs/protocol/lane.md)."""

    ENDED = 1000
    PROTOCOL = 1002
    TOO_LARGE = 1009
    FULL = 1013


_REASONS: dict[int, str] = {
    CloseCode.ENDED: "closed",
    1001: "closed",
    CloseCode.PROTOCOL: "protocol",
    CloseCode.TOO_LARGE: "too large",
    CloseCode.FULL: "full",
}


class WebSocketLane:
    """An open WebSocket as a Lane. ``lane_closed`` reasons: ``closed`` (either end), ``failed`` (the connection
    broke), ``protocol`` and ``too large`` (a message that may not be, from either end), ``full`` (the gateway took
    no more), ``overflow`` (a queue's bound)."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse | web.WebSocketResponse) -> None:
        self._socket = socket
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._work = asyncio.Event()
        self._over = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._receiver: LaneReceiver | None = None
        self._reason: str | None = None
        self._code: int = CloseCode.ENDED
        self._told = False

    @property
    def buffered_bytes(self) -> int:
        """See Lane."""
        return self._queued_bytes

    def start(self, receiver: LaneReceiver) -> None:
        """See Lane."""
        self._receiver = receiver
        asyncio.get_running_loop().call_soon(self._catch_up)

    def send(self, message: bytes) -> None:
        """See Lane. Raises ValueError for an empty or oversized message. Past ``LANE.send_queue_bytes`` the lane is
        closed and LaneClosed raised."""
        if not 0 < len(message) <= LANE.max_message_bytes:
            raise ValueError("A lane's message has 1 byte to 64 KiB.")
        if self._reason is not None:
            raise LaneClosed("The lane is closed.")
        if self._queued_bytes + len(message) > LANE.send_queue_bytes:
            self._end("overflow")
            raise LaneClosed("The lane's send queue was full.")
        self._queue.append(message)
        self._queued_bytes += len(message)
        self._work.set()

    def close(self, code: CloseCode = CloseCode.ENDED) -> None:
        """See Lane. ``code`` is what the other end is told; the first one counts. What is queued still goes out, for
        at most ``LANE.close_timeout_s``."""
        self._end("closed", code)

    def pause(self) -> None:
        """Stops reading, so that TCP holds the other end back. What was read before still arrives."""
        self._reading.clear()

    def resume(self) -> None:
        """Goes on reading."""
        self._reading.set()

    async def run(self) -> None:
        """Reads and writes until the lane is over, whoever ends it; then closes the socket and returns.

        Call it once. When cancelled, the socket is closed and the receiver told, before CancelledError goes on.
        """
        try:
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(), name="websocket-read")
                writer = group.create_task(self._write(), name="websocket-write")
                await self._over.wait()
                reader.cancel()
                if self._reason == "closed":
                    self._work.set()
                    await asyncio.wait({writer}, timeout=LANE.close_timeout_s)
                writer.cancel()
        finally:
            self._end("closed")
            self._tell()
            self._queue.clear()
            self._queued_bytes = 0
            await self._shut()

    async def _shut(self) -> None:
        try:
            async with asyncio.timeout(LANE.close_timeout_s):
                await self._socket.close(code=self._code)
        except (TimeoutError, aiohttp.ClientError, ConnectionError, RuntimeError):
            pass

    async def _read(self) -> None:
        try:
            while self._reason is None:
                await self._reading.wait()
                self._take(await self._socket.receive())
        except (aiohttp.ClientError, ConnectionError, RuntimeError):
            self._end("failed")

    def _take(self, message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.BINARY:
            data = message.data
            if not data:
                self._end("protocol", CloseCode.PROTOCOL)
            elif len(data) > LANE.max_message_bytes:
                self._end("too large", CloseCode.TOO_LARGE)
            else:
                self._deliver(bytes(data))
        elif message.type is aiohttp.WSMsgType.TEXT:
            self._end("protocol", CloseCode.PROTOCOL)
        elif message.type is aiohttp.WSMsgType.ERROR:
            fault = message.data
            too_large = isinstance(fault, aiohttp.WebSocketError) and fault.code == CloseCode.TOO_LARGE
            known = isinstance(fault, aiohttp.WebSocketError)
            code = CloseCode.TOO_LARGE if too_large else CloseCode.PROTOCOL
            self._end("too large" if too_large else "protocol" if known else "failed", code)
        elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
            code_received = self._socket.close_code
            self._end(_REASONS.get(_ABNORMAL if code_received is None else code_received, "failed"))

    def _deliver(self, data: bytes) -> None:
        if self._receiver is not None and not self._waiting:
            self._receiver.messages_received([data])
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > LANE.receive_queue_bytes:
            self._end("overflow")

    def _catch_up(self) -> None:
        if self._receiver is not None and self._waiting:
            waiting, self._waiting = self._waiting, []
            self._waiting_bytes = 0
            self._receiver.messages_received(waiting)
        if self._over.is_set():
            self._tell()

    async def _write(self) -> None:
        try:
            while True:
                await self._work.wait()
                while self._queue:
                    message = self._queue.popleft()
                    await self._socket.send_bytes(message)
                    self._queued_bytes -= len(message)
                if self._over.is_set():
                    return
                self._work.clear()
        except (aiohttp.ClientError, ConnectionError, RuntimeError):
            self._end("failed")

    def _end(self, reason: str, code: int = CloseCode.ENDED) -> None:
        if self._reason is None:
            self._reason = reason
            self._code = code
            self._over.set()

    def _tell(self) -> None:
        if self._receiver is not None and not self._told:
            self._told = True
            self._receiver.lane_closed(self._reason or "closed")


async def connect_websocket(
    session: aiohttp.ClientSession, url: str, *, timeout_s: float = LANE.open_timeout_s
) -> WebSocketLane:
    """Opens a lane to a gateway. Raises LaneClosed when that fails or takes longer. Cancelling is safe.

    The error says nothing about the URL. Then run ``WebSocketLane.run``.
    """
    try:
        async with asyncio.timeout(timeout_s):
            socket = await session.ws_connect(
                url,
                compress=0,
                max_msg_size=RECEIVE_LIMIT_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=LANE.close_timeout_s),
            )
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        raise LaneClosed("The gateway's WebSocket did not open.") from None
    return WebSocketLane(socket)


def server_websocket() -> web.WebSocketResponse:
    """A server's WebSocket with a lane's bounds: no compression, 64 KiB messages. ``prepare`` it, then wrap it."""
    return web.WebSocketResponse(
        timeout=LANE.close_timeout_s, compress=False, max_msg_size=RECEIVE_LIMIT_BYTES, autoping=True
    )
