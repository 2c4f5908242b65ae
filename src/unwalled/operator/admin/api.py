"""The admin's API below ``/admin/api/v1``: JSON in and out, problems by RFC 9457, described by ``openapi.json``.

The door (door.py) has let a request in before it comes here. What the routes do is in modules of their own,
which give lists of `Route`; here is what they have in common: how often, how much, and that nothing unknown is taken
for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec
from aiohttp import web

from unwalled.clock import Clock
from unwalled.gateway.buckets import TokenBucket
from unwalled.operator.admin.front import API_PREFIX, need_json, read_body
from unwalled.operator.admin.openapi import document
from unwalled.operator.admin.problems import Problem
from unwalled.operator.admin.routes import Call, Route, RouteTable, read_json, read_query
from unwalled.operator.bounds import ADMIN

BASE = f"{API_PREFIX}v1"


class AdminApi:
    """Answers requests of the admin."""

    def __init__(self, routes: Iterable[Route], clock: Clock) -> None:
        self._clock = clock
        self.table = RouteTable(
            [*routes, Route("GET", "/openapi.json", "describe", "This document.", self._describe, dict)]
        )
        self._bucket = TokenBucket(ADMIN.requests_per_s, ADMIN.requests_burst, clock.monotonic())

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request below API_PREFIX. Raises Problem."""
        now = self._clock.monotonic()
        if not self._bucket.try_take(1, now):
            wait_s = 1.0 / ADMIN.requests_per_s
            raise Problem(429, "The admin's pages ask too often.", "Wait a little.", retry_after_s=wait_s)
        if not request.path.startswith(f"{BASE}/"):
            raise Problem(404, "There is no such version of the API.", f"It begins with {BASE}/.")
        route, path = self.table.find(request.method, request.path.removeprefix(BASE))
        query = read_query(route.query, list(request.query.items()))
        body = await self._body(route, request)
        result = await route.handle(Call(path, query, body))
        if route.result is None:
            return web.Response(status=204)
        content = msgspec.json.encode(result)
        return web.Response(status=route.status, body=content, content_type="application/json")

    async def _body(self, route: Route, request: web.Request) -> Any:
        content = await read_body(request)
        if route.body is None:
            if content:
                raise Problem(400, "Nothing may be sent here.", "Leave the body out.")
            return None
        need_json(request)
        return read_json(route.body, content)

    async def _describe(self, call: Call) -> dict[str, Any]:
        return self.description()

    def description(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return document(BASE, version("unwalled"), self.table.routes)
