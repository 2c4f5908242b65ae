"""Where bridges bring their lanes: ``GET /v1/lane/TICKET``, a WebSocket (docs/protocol/lane.md)."""

from __future__ import annotations

import asyncio
import functools
import re
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from unwalled.gateway.sessions import SessionHub
from unwalled.lanes.handover import Detached, adopt
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
        self._adopting = 0

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

    async def adopt(self, ticket: str, detached: Detached) -> None:
        """Takes a lane whose connection another process has taken in, and checked. Closes it where there is no room."""
        if not self._has_room(ticket):
            detached.connection.close()
            return
        self._of_ticket[ticket] += 1
        self._adopting += 1
        try:
            lane = await adopt(detached, functools.partial(self._lost, ticket))
        except OSError:
            self._forget(ticket)
            return
        finally:
            self._adopting -= 1
        self._open.add(lane)
        self._hub.take_lane(lane, ticket)

    async def _lane(self, request: web.Request) -> web.StreamResponse:
        ticket = request.match_info["ticket"]
        if not is_ticket(ticket) or not await self._knows_ticket(ticket):
            raise web.HTTPNotFound
        if not self._has_room(ticket):
            raise no_room()
        # No await between the count and what it counts, or a burst of requests would pass the check together.
        lane, response = accept_websocket(request, on_lost=functools.partial(self._lost, ticket))
        self._of_ticket[ticket] += 1
        self._open.add(lane)
        self._hub.take_lane(lane, ticket)
        return response

    def _has_room(self, ticket: str) -> bool:
        is_full = len(self._open) + self._adopting >= GATEWAY.max_lanes
        return not is_full and not self._is_closing and self._of_ticket[ticket] < GATEWAY.lanes_per_ticket

    def _lost(self, ticket: str, lane: WebSocketLane) -> None:
        self._open.discard(lane)
        self._forget(ticket)
        if not self._open:
            self._none_open.set()

    def _forget(self, ticket: str) -> None:
        self._of_ticket[ticket] -= 1
        if not self._of_ticket[ticket]:
            del self._of_ticket[ticket]


def is_ticket(text: str) -> bool:
    """Whether it could be one."""
    return _TICKET.fullmatch(text) is not None


def no_room() -> web.HTTPServiceUnavailable:
    """What a bridge hears when there is no room for its lane."""
    return web.HTTPServiceUnavailable(text="The gateway is full. Try again later.\n")
