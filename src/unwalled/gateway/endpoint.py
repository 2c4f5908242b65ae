"""Where bridges bring their lanes: ``GET /v1/lane/TICKET``, a WebSocket (docs/protocol/lane.md)."""

from __future__ import annotations

import asyncio
import functools
import re
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from unwalled.gateway.sessions import SessionHub
from unwalled.lanes.websocket import WebSocketLane, accept_websocket
from unwalled.settings import GATEWAY

_TICKET = re.compile(r"[A-Za-z0-9_-]{1,64}")


class LaneEndpoint:
    """The route, to be mounted into an application. Holds nothing but the open sockets and how many each ticket has.

    An open lane's connection is no longer one of the HTTP server's: whoever bounds connections adds ``open_sockets``.

    ``knows_ticket`` says whether a ticket was given out for a match. Who has none gets what any unknown path gets, and
    costs no WebSocket, no memory and no key exchange.
    """

    def __init__(self, hub: SessionHub, knows_ticket: Callable[[str], Awaitable[bool]]) -> None:
        self._hub = hub
        self._knows_ticket = knows_ticket
        self._of_ticket: Counter[str] = Counter()
        self._open: set[WebSocketLane] = set()
        self._none_open = asyncio.Event()
        self._is_closing = False

    @property
    def open_sockets(self) -> int:
        """Lanes' WebSockets that are open."""
        return len(self._open)

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [web.get("/v1/lane/{ticket}", self._lane)]

    async def close(self) -> None:
        """Takes no more lanes, closes every one, and waits until their connections are gone: at most as long as a lane
        waits for the last word."""
        self._is_closing = True
        for lane in list(self._open):
            lane.close()
        if self._open:
            self._none_open.clear()
            await self._none_open.wait()

    async def _lane(self, request: web.Request) -> web.StreamResponse:
        ticket = request.match_info["ticket"]
        if _TICKET.fullmatch(ticket) is None or not await self._knows_ticket(ticket):
            raise web.HTTPNotFound
        is_full = len(self._open) >= GATEWAY.max_lanes or self._of_ticket[ticket] >= GATEWAY.lanes_per_ticket
        if is_full or self._is_closing:
            raise web.HTTPServiceUnavailable(text="The gateway is full. Try again later.\n")
        # No await between the count and what it counts, or a burst of requests would pass the check together.
        lane, response = accept_websocket(request, on_lost=functools.partial(self._lost, ticket))
        self._of_ticket[ticket] += 1
        self._open.add(lane)
        self._hub.take_lane(lane, ticket)
        return response

    def _lost(self, ticket: str, lane: WebSocketLane) -> None:
        self._open.discard(lane)
        self._of_ticket[ticket] -= 1
        if not self._of_ticket[ticket]:
            del self._of_ticket[ticket]
        if not self._open:
            self._none_open.set()
