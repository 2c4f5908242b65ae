"""Who may open a lane: the door of the gateway before any WebSocket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

from tests.support.proxy_bench import until
from unwalled.crypto.hpke import PostQuantumPrivateKey
from unwalled.gateway.endpoint import LaneEndpoint
from unwalled.gateway.sessions import SessionHandler, SessionHub, TokenVerdict
from unwalled.settings import GATEWAY


def _no_handler(invite: bytes) -> SessionHandler:
    raise AssertionError("No session opens here.")


def with_endpoint(use: Callable[[str, LaneEndpoint, aiohttp.ClientSession], Awaitable[None]]) -> None:
    """An endpoint at which the tickets ``given`` and ``other`` are known."""

    async def knows(ticket: str) -> bool:
        return ticket in ("given", "other")

    async def main() -> None:
        key = PostQuantumPrivateKey(os.urandom(96))
        hub = SessionHub(key, lambda token: TokenVerdict.REFUSED, _no_handler, os.urandom, lambda report: None)
        endpoint = LaneEndpoint(hub, knows)
        app = web.Application()
        app.add_routes(endpoint.routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/lane/"
        try:
            async with aiohttp.ClientSession() as session:
                await use(url, endpoint, session)
        finally:
            await hub.close()
            await endpoint.close()
            await runner.cleanup()

    asyncio.run(main())


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    try:
        await session.ws_connect(url)
    except aiohttp.WSServerHandshakeError as error:
        return error.status
    return 101


def test_who_has_no_ticket_gets_what_an_unknown_path_gets() -> None:
    async def use(url: str, endpoint: LaneEndpoint, session: aiohttp.ClientSession) -> None:
        for ticket in ("guessed", "a" * 65, "given.", "%00"):
            assert await _status(session, url + ticket) == 404, ticket
        assert endpoint.open_sockets == 0

    with_endpoint(use)


def test_a_ticket_is_good_for_the_lanes_of_one_match() -> None:
    async def use(url: str, endpoint: LaneEndpoint, session: aiohttp.ClientSession) -> None:
        tries = [_status(session, url + "given") for _ in range(GATEWAY.lanes_per_ticket + 3)]
        statuses = sorted(await asyncio.gather(*tries))
        assert statuses == [101] * GATEWAY.lanes_per_ticket + [503] * 3
        assert await _status(session, url + "other") == 101

    with_endpoint(use)


def test_a_ticket_has_its_lanes_back_when_they_have_closed() -> None:
    async def use(url: str, endpoint: LaneEndpoint, session: aiohttp.ClientSession) -> None:
        sockets = [await session.ws_connect(url + "given") for _ in range(GATEWAY.lanes_per_ticket)]
        for socket in sockets:
            await socket.close()
        await until(lambda: not endpoint._of_ticket)
        assert await _status(session, url + "given") == 101

    with_endpoint(use)
