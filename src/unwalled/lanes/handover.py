"""Handing an accepted WebSocket over to another process of this machine, which then answers it.

    request ─► detach ─► the connection's descriptor, the head of the answer, what came early ─► adopt ─► lane

The other process gets the TCP connection itself, so nothing is copied from then on. TLS must have ended before.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from unwalled.lanes.websocket import WebSocketLane, taken_over


@dataclass(frozen=True, slots=True, repr=False)
class Detached:
    """A connection that this process does not serve any more. Whoever holds it closes ``connection``."""

    connection: socket.socket
    answer: bytes
    """The head of the answer that accepts the WebSocket; nothing of it has been sent."""
    early: bytes
    """What the other end sent before it was accepted; mostly nothing."""


def detach(request: web.Request) -> tuple[Detached, web.StreamResponse]:
    """Takes the connection of a request for a WebSocket away from aiohttp; gives it, and what the handler must return.

    Raises as ``accept_websocket`` does, and HTTPServiceUnavailable when this process may open nothing more.
    """
    if request.transport is None:
        raise web.HTTPServiceUnavailable
    # First: once the connection is taken over, nobody is left who could answer, or close it.
    try:
        connection = socket.socket(fileno=os.dup(request.transport.get_extra_info("socket").fileno()))
    except OSError:
        raise web.HTTPServiceUnavailable from None
    try:
        answer, transport, early, response = taken_over(request)
    except web.HTTPException:
        connection.close()
        raise
    transport.pause_reading()
    transport.set_protocol(asyncio.Protocol())
    # Closes this process's first descriptor of it; the connection lives on through the other one.
    transport.abort()
    return Detached(connection, answer, early), response


async def adopt(detached: Detached, on_lost: Callable[[WebSocketLane], None]) -> WebSocketLane:
    """Accepts the WebSocket of a connection that another process detached. Raises OSError when it has gone."""
    loop = asyncio.get_running_loop()
    detached.connection.setblocking(False)
    try:
        _, opener = await loop.connect_accepted_socket(lambda: _Opener(detached, on_lost), detached.connection)
    except BaseException:
        detached.connection.close()
        raise
    assert opener.lane is not None
    return opener.lane


class _Opener(asyncio.Protocol):
    """Becomes a lane in the connection's first turn, before anything can be read."""

    def __init__(self, detached: Detached, on_lost: Callable[[WebSocketLane], None]) -> None:
        self._detached = detached
        self._on_lost = on_lost
        self.lane: WebSocketLane | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        # uvloop's transports are not asyncio's by type.
        stream = cast(asyncio.Transport, transport)
        stream.write(self._detached.answer)
        self.lane = WebSocketLane(stream, is_client=False, on_lost=self._on_lost)
        if self._detached.early:
            self.lane.data_received(self._detached.early)
