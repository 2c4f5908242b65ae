"""Where bridges bring their lanes: ``GET /v1/lane/TICKET``, a WebSocket (docs/protocol/lane.md)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from unwalled.gateway.sessions import SessionHub
from unwalled.lanes.websocket import WebSocketLane, server_websocket
from unwalled.settings import GATEWAY

_TICKET = re.compile(r"[A-Za-z0-9_-]{1,64}")


class LaneEndpoint:
    """The route, to be mounted into an application. Holds nothing but the open sockets and how many each ticket has.

    ``knows_ticket`` says whether a ticket was given out for a match. Who has none gets what any unknown path gets, and
    costs no WebSocket, no memory and no key exchange.
    """

    def __init__(self, hub: SessionHub, knows_ticket: Callable[[str], Awaitable[bool]]) -> None:
        self._hub = hub
        self._knows_ticket = knows_ticket
        self._of_ticket: Counter[str] = Counter()
        self._open: set[WebSocketLane] = set()

    @property
    def open_sockets(self) -> int:
        """Lanes' WebSockets that are open."""
        return len(self._open)

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [web.get("/v1/lane/{ticket}", self._lane)]

    def close(self) -> None:
        """Closes every lane; their handlers return soon."""
        for lane in list(self._open):
            lane.close()

    async def _lane(self, request: web.Request) -> web.StreamResponse:
        ticket = request.match_info["ticket"]
        if _TICKET.fullmatch(ticket) is None or not await self._knows_ticket(ticket):
            raise web.HTTPNotFound
        if len(self._open) >= GATEWAY.max_lanes or self._of_ticket[ticket] >= GATEWAY.lanes_per_ticket:
            raise web.HTTPServiceUnavailable(text="The gateway is full. Try again later.\n")
        # Counted before the next await, or a burst of requests would pass the check together.
        self._of_ticket[ticket] += 1
        try:
            return await self._serve(request, ticket)
        finally:
            self._of_ticket[ticket] -= 1
            if not self._of_ticket[ticket]:
                del self._of_ticket[ticket]

    async def _serve(self, request: web.Request, ticket: str) -> web.StreamResponse:
        socket = server_websocket()
        await socket.prepare(request)
        lane = WebSocketLane(socket)
        self._open.add(lane)
        try:
            self._hub.take_lane(lane, ticket)
            await lane.run()
        finally:
            self._open.discard(lane)
        return socket
