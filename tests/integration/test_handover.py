"""Handing the connection of a WebSocket over to another process: what is left when that fails."""

from __future__ import annotations

import asyncio
import errno
import os
import sys

import aiohttp
import pytest
from aiohttp import web

from unwalled.lanes.handover import detach

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Gateway workers are for Linux.")


def status_of(headers: dict[str, str]) -> int:
    """What a request gets that is detached, and whose connection is closed then."""

    async def take(request: web.Request) -> web.StreamResponse:
        detached, response = detach(request)
        detached.connection.close()
        return response

    async def main() -> int:
        app = web.Application()
        app.router.add_get("/lane", take)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/lane"
        try:
            async with (
                asyncio.timeout(5),
                aiohttp.ClientSession() as session,
                session.get(url, headers=headers) as response,
            ):
                return response.status
        finally:
            await runner.cleanup()

    return asyncio.run(main())


WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_process_without_free_descriptors_says_so_instead_of_keeping_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "dup", none_left)
    assert status_of(WEBSOCKET) == 503


@pytest.mark.parametrize("without", ["Upgrade", "Sec-WebSocket-Key"])
def test_what_is_no_websocket_is_refused_and_leaves_nothing_open(without: str) -> None:
    before = descriptors()
    assert status_of({name: value for name, value in WEBSOCKET.items() if name != without}) == 400
    assert descriptors() == before
