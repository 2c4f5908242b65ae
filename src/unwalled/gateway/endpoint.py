"""Where bridges bring their lanes: ``GET /v1/lane/TICKET``, a WebSocket (docs/protocol/lane.md)."""

from __future__ import annotations

import re

from aiohttp import web

from unwalled.gateway.sessions import SessionHub
from unwalled.lanes.websocket import WebSocketLane, server_websocket
from unwalled.settings import GATEWAY

_TICKET = re.compile(r"[A-Za-z0-9_-]{1,64}")


class LaneEndpoint:
    """The route, to be mounted into an application. Holds nothing but the number of open sockets."""

    def __init__(self, hub: SessionHub) -> None:
        self._hub = hub
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
        if _TICKET.fullmatch(ticket) is None:
            raise web.HTTPNotFound
        if len(self._open) >= GATEWAY.max_lanes:
            raise web.HTTPServiceUnavailable(text="The gateway is full. Try again later.\n")
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
