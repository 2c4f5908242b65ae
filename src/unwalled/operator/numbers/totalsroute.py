"""``GET /totals.json``: the honest totals (totals.py), for the page of that name and for other sites to show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from unwalled.clock import Clock
from unwalled.operator.bounds import NUMBERS
from unwalled.operator.numbers.totals import Totals


def totals_route(totals: Callable[[], Awaitable[Totals]], clock: Clock) -> web.RouteDef:
    """They are asked for at most every ``totals_s``, however many look: they change once a day."""
    lock = asyncio.Lock()
    held = b""
    held_at = float("-inf")

    async def answer(request: web.Request) -> web.Response:
        nonlocal held, held_at
        async with lock:
            if clock.monotonic() - held_at >= NUMBERS.totals_s:
                held = msgspec.json.encode(await totals())
                held_at = clock.monotonic()
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": f"public, max-age={int(NUMBERS.totals_s)}",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return web.Response(body=held, content_type="application/json", headers=headers)

    return web.get("/totals.json", answer)
