"""Lanes over WebSockets, both ends.

aiohttp makes the connections and reads the requests; once a WebSocket is open, its transport is taken over by a
protocol of our own. What that saves was measured (docs/explanation/performance.md): two thirds of the memory of a
lane that waits, and a turn of the event loop for each message and direction.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from typing import Any, cast

import aiohttp
from aiohttp import hdrs, web

from unwalled.errors import LaneClosed
from unwalled.lanes.base import LaneReceiver
from unwalled.settings import LANE
from unwalled.wire.websocket import (
    CloseCode,
    Closing,
    Event,
    Fault,
    FrameReader,
    Mask,
    Opcode,
    Ping,
    encode_close,
    encode_head,
    slow_mask,
)

_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = "13"
_JOINED_BYTES = 4096
"""Up to here a frame is copied together with its head, which costs less than a second entry in the send queue."""

_REASONS: dict[int | None, str] = {
    None: "closed",
    CloseCode.ENDED: "closed",
    1001: "closed",
    CloseCode.PROTOCOL: "protocol",
    CloseCode.TOO_LARGE: "too large",
    CloseCode.FULL: "full",
}


def _fast_mask() -> Mask:
    """aiohttp's, which is in C. It is no public name there, so ours stands in should it ever go."""
    try:
        from aiohttp._websocket.helpers import websocket_mask
    except ImportError:  # pragma: no cover  (not with the versions that pyproject.toml allows)
        return slow_mask

    def mask(data: bytes, key: bytes) -> bytes:
        changed = bytearray(data)
        websocket_mask(key, changed)
        return bytes(changed)

    return mask


_mask = _fast_mask()


class WebSocketLane(asyncio.Protocol):
    """An open WebSocket as a Lane. ``lane_closed`` reasons: ``closed`` (either end), ``failed`` (the connection
    broke), ``protocol`` and ``too large`` (a message that may not be, from either end), ``full`` (the gateway took
    no more), ``overflow`` (a queue's bound). Get one from ``connect_websocket`` or ``accept_websocket``.

    It is its transport's protocol, and needs no task. A lane that is closed says so to the other end, and waits for
    its word for at most ``LANE.close_timeout_s``.
    """

    __slots__ = (
        "_close_timer",
        "_frames",
        "_is_client",
        "_is_lost",
        "_is_paused",
        "_loop",
        "_on_lost",
        "_reason",
        "_receiver",
        "_told",
        "_transport",
        "_waiting",
        "_waiting_bytes",
    )

    def __init__(
        self, transport: asyncio.Transport, *, is_client: bool, on_lost: Callable[[WebSocketLane], None]
    ) -> None:
        """``transport``: of a WebSocket that is open; taken over here. ``on_lost``: called once, when it is gone."""
        self._transport = transport
        self._is_client = is_client
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._frames = FrameReader(from_client=not is_client, max_bytes=LANE.max_message_bytes, mask=_mask)
        self._waiting: list[bytes] | None = None
        self._waiting_bytes = 0
        self._receiver: LaneReceiver | None = None
        self._reason: str | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._is_lost = False
        self._told = False
        transport.set_protocol(self)

    def __repr__(self) -> str:
        return "WebSocketLane(…)"

    # What its holder asks for.

    @property
    def buffered_bytes(self) -> int:
        """See Lane."""
        return self._transport.get_write_buffer_size()

    def start(self, receiver: LaneReceiver) -> None:
        """See Lane."""
        self._receiver = receiver
        self._loop.call_soon(self._catch_up)

    def send(self, message: bytes) -> None:
        """See Lane. Raises ValueError for an empty or oversized message. Past ``LANE.send_queue_bytes`` the lane is
        closed and LaneClosed raised."""
        size = len(message)
        if not 0 < size <= LANE.max_message_bytes:
            raise ValueError("A lane's message has 1 byte to 64 KiB.")
        if self._reason is not None:
            raise LaneClosed("The lane is closed.")
        if self._transport.get_write_buffer_size() + size > LANE.send_queue_bytes:
            self._end("overflow")
            raise LaneClosed("The lane's send queue was full.")
        self._write(Opcode.BINARY, message)

    def close(self, code: CloseCode = CloseCode.ENDED) -> None:
        """See Lane. ``code`` is what the other end is told; the first one counts. What is queued still goes out, for
        at most ``LANE.close_timeout_s``."""
        self._end("closed", code)

    def abort(self) -> None:
        """Cuts the connection at once, without a word."""
        self._transport.abort()

    def pause(self) -> None:
        """Stops reading, so that TCP holds the other end back. What was read before still arrives."""
        if not self._is_paused and self._reason is None:
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Goes on reading."""
        if self._is_paused and not self._is_lost:
            self._is_paused = False
            self._transport.resume_reading()

    # What the event loop tells.

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        messages: list[bytes] = []
        rare: list[Event] = []
        for event in self._frames.feed(data):
            if isinstance(event, bytes):
                messages.append(event)
            else:
                rare.append(event)
        if messages and self._reason is None:
            self._deliver(messages)
        for event in rare:
            self._handle(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        self._is_lost = True
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._end("failed")
        self._on_lost(self)

    # Inner workings.

    def _handle(self, event: Event) -> None:
        match event:
            case Ping(payload):
                # A peer that asks and never reads must not fill this program's memory.
                if self._reason is None and self._transport.get_write_buffer_size() <= LANE.send_queue_bytes:
                    self._write(Opcode.PONG, payload)
            case Closing(code):
                self._end(_REASONS.get(code, "failed"), CloseCode.ENDED)
                # Its own close frame and what is queued still go out.
                self._transport.close()
            case Fault(code):
                self._end("too large" if code is CloseCode.TOO_LARGE else "protocol", code)

    def _deliver(self, messages: list[bytes]) -> None:
        if self._receiver is not None and self._waiting is None:
            self._receiver.messages_received(messages)
            return
        self._waiting = self._waiting or []
        self._waiting += messages
        self._waiting_bytes += sum(map(len, messages))
        if self._waiting_bytes > LANE.receive_queue_bytes:
            self._end("overflow")

    def _catch_up(self) -> None:
        if self._receiver is not None and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._waiting_bytes = 0
            self._receiver.messages_received(waiting)
        if self._reason is not None:
            self._tell()

    def _write(self, opcode: Opcode, payload: bytes) -> None:
        if self._is_client:
            key = os.urandom(4)
            head, payload = encode_head(opcode, len(payload), key), _mask(payload, key)
        else:
            head = encode_head(opcode, len(payload))
        if len(payload) <= _JOINED_BYTES:
            self._transport.write(head + payload)
        else:
            self._transport.writelines((head, payload))

    def _end(self, reason: str, code: CloseCode = CloseCode.ENDED) -> None:
        """The first reason counts. The receiver hears of it in a later turn of the loop."""
        if self._reason is not None:
            return
        self._reason = reason
        self._loop.call_soon(self._catch_up)
        if not self._is_lost:
            self._write(Opcode.CLOSE, encode_close(code))
            self._close_timer = self._loop.call_later(LANE.close_timeout_s, self._transport.abort)
            # Or the other end's word would not be heard.
            self.resume()

    def _tell(self) -> None:
        if self._receiver is not None and not self._told:
            self._told = True
            self._receiver.lane_closed(self._reason or "closed")


class _Tail:
    """Takes from aiohttp what came behind a request or an answer, as one of its parsers would."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Keeps it."""
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Nothing more comes."""

    def set_exception(self, *_: object) -> None:
        """The connection was lost; the lane hears of it by itself."""


# The client's end. ----------------------------------------------------------------------------------------------------


async def connect_websocket(
    session: aiohttp.ClientSession,
    url: str,
    *,
    timeout_s: float = LANE.open_timeout_s,
    on_lost: Callable[[], None] = lambda: None,
) -> WebSocketLane:
    """Opens a lane to a gateway. Raises LaneClosed when that fails or takes longer. Cancelling is safe.

    The error says nothing about the URL. ``on_lost`` is called once, when the connection is gone.
    """
    key = base64.b64encode(os.urandom(16))
    headers = {
        hdrs.UPGRADE: "websocket",
        hdrs.CONNECTION: "Upgrade",
        hdrs.SEC_WEBSOCKET_VERSION: _VERSION,
        hdrs.SEC_WEBSOCKET_KEY: key.decode(),
    }
    unlimited = aiohttp.ClientTimeout(total=None)
    try:
        async with asyncio.timeout(timeout_s):
            response = await session.get(
                url, headers=headers, allow_redirects=False, read_until_eof=False, timeout=unlimited
            )
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        raise LaneClosed("The gateway's WebSocket did not open.") from None
    connection = response.connection
    if connection is None or connection.transport is None or not _is_accepted(response, key):
        response.close()
        raise LaneClosed("The gateway's WebSocket did not open.")

    protocol, tail = connection.protocol, _Tail()
    assert protocol is not None

    def lost(_: WebSocketLane) -> None:
        # Until now the connection counted as one of the session's, which closes it and waits for its end if it must.
        protocol.connection_lost(None)
        response.close()
        on_lost()

    protocol.set_parser(cast(Any, tail), cast(Any, tail))
    lane = WebSocketLane(connection.transport, is_client=True, on_lost=lost)
    if tail.data:
        lane.data_received(tail.data)
    return lane


def _is_accepted(response: aiohttp.ClientResponse, key: bytes) -> bool:
    headers = response.headers
    return (
        response.status == 101
        and headers.get(hdrs.UPGRADE, "").lower() == "websocket"
        and headers.get(hdrs.CONNECTION, "").lower() == "upgrade"
        and headers.get(hdrs.SEC_WEBSOCKET_ACCEPT, "") == _accept(key)
        # None was offered.
        and hdrs.SEC_WEBSOCKET_EXTENSIONS not in headers
        and hdrs.SEC_WEBSOCKET_PROTOCOL not in headers
    )


def _accept(key: bytes) -> str:
    """The answer to a client's key (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _ACCEPT_SALT, usedforsecurity=False).digest()).decode()


# The server's end. ----------------------------------------------------------------------------------------------------


class _TakenOver(web.Response):
    """The answer of a handler whose connection is no longer aiohttp's: nothing is to be sent."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """See web.StreamResponse."""

    async def write_eof(self, data: bytes = b"") -> None:
        """See web.StreamResponse."""


def accept_websocket(
    request: web.Request, *, on_lost: Callable[[WebSocketLane], None]
) -> tuple[WebSocketLane, web.StreamResponse]:
    """Answers a request for a WebSocket, and takes its connection from aiohttp for good.

    Gives the lane, and what the handler must return. ``on_lost`` is called once, when the connection is gone. Raises
    HTTPBadRequest (or HTTPUpgradeRequired, for another version) when the request is none for a WebSocket, and
    HTTPServiceUnavailable when the connection is gone already.
    """
    answer, transport, early, response = taken_over(request)
    transport.write(answer)
    lane = WebSocketLane(transport, is_client=False, on_lost=on_lost)
    if early:
        lane.data_received(early)
    return lane, response


def taken_over(request: web.Request) -> tuple[bytes, asyncio.Transport, bytes, web.StreamResponse]:
    """Takes the connection of a request for a WebSocket from aiohttp, and answers nothing yet.

    Gives the head of the answer, the transport, what came behind the request, and what the handler must return. Raises
    as ``accept_websocket`` does.
    """
    accept = _checked_key(request)
    protocol, transport = request.protocol, request.transport
    if transport is None or transport.is_closing():
        raise web.HTTPServiceUnavailable
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
    tail = _Tail()
    protocol.set_parser(cast(Any, tail))
    # For aiohttp the connection is lost from here on: it forgets all that it had for it.
    protocol.transport = None
    protocol.connection_lost(None)
    return f"{head}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode(), transport, tail.data, _TakenOver()


def _checked_key(request: web.Request) -> str:
    headers = request.headers
    tokens = {token.strip().lower() for token in headers.get(hdrs.CONNECTION, "").split(",")}
    if headers.get(hdrs.UPGRADE, "").strip().lower() != "websocket" or "upgrade" not in tokens:
        raise web.HTTPBadRequest(text="This address is for WebSockets.\n")
    if headers.get(hdrs.SEC_WEBSOCKET_VERSION) != _VERSION:
        raise web.HTTPUpgradeRequired(text="", headers={hdrs.SEC_WEBSOCKET_VERSION: _VERSION})
    key = headers.get(hdrs.SEC_WEBSOCKET_KEY, "")
    try:
        if len(base64.b64decode(key, validate=True)) != 16:
            raise web.HTTPBadRequest(text="The WebSocket's key is malformed.\n")
    except (binascii.Error, ValueError):
        raise web.HTTPBadRequest(text="The WebSocket's key is malformed.\n") from None
    return _accept(key.encode())
