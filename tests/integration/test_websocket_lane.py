"""Lanes over real WebSockets: both ends of ours, and ends that misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from tests.support.bridge_world import Recorder, pump
from unwalled.errors import LaneClosed
from unwalled.lanes.websocket import CloseCode, WebSocketLane, connect_websocket, server_websocket
from unwalled.settings import LANE

SIZE = 20 << 20


class Pair:
    """A client's lane and the server's, both running in ``group``."""

    def __init__(self, group: asyncio.TaskGroup, client: WebSocketLane, server: WebSocketLane) -> None:
        self.client, self.server = client, server
        self.at_client, self.at_server = Recorder(), Recorder()
        self.client_task = group.create_task(client.run())
        self.raw = client._socket

    def start(self) -> Pair:
        self.client.start(self.at_client)
        self.server.start(self.at_server)
        return self


def with_pair(scenario: Callable[[Pair], Awaitable[None]]) -> None:
    async def main() -> None:
        lanes: asyncio.Queue[WebSocketLane] = asyncio.Queue()

        async def handle(request: web.Request) -> web.WebSocketResponse:
            socket = server_websocket()
            await socket.prepare(request)
            lane = WebSocketLane(socket)
            await lanes.put(lane)
            await lane.run()
            return socket

        app = web.Application()
        app.router.add_get("/lane", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"ws://127.0.0.1:{runner.addresses[0][1]}/lane"
        try:
            async with asyncio.timeout(40), aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
                client = await connect_websocket(session, url)
                pair = Pair(group, client, await lanes.get())
                await scenario(pair)
                pair.client.close()
        finally:
            await runner.cleanup()

    asyncio.run(main())


@pytest.mark.parametrize("size", [16 * 1024, 64 * 1024])
def test_twenty_megabytes_each_way_arrive_unchanged(size: int) -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        up, down = random.Random(1).randbytes(SIZE), random.Random(2).randbytes(SIZE)
        await asyncio.gather(pump(pair.client, up, size), pump(pair.server, down, size))
        got_up, got_down = await asyncio.gather(pair.at_server.received(SIZE), pair.at_client.received(SIZE))
        assert hashlib.sha256(got_up).digest() == hashlib.sha256(up).digest()
        assert hashlib.sha256(got_down).digest() == hashlib.sha256(down).digest()
        assert pair.at_server.messages == SIZE // size

    with_pair(scenario)


def test_messages_from_before_the_start_come_first() -> None:
    async def scenario(pair: Pair) -> None:
        pair.client.start(pair.at_client)
        pair.client.send(b"a")
        pair.client.send(b"b")
        pair.server.send(b"!")
        await pair.at_client.received(1)
        pair.server.start(pair.at_server)
        pair.client.send(b"c")
        assert await pair.at_server.received(3) == b"abc"

    with_pair(scenario)


@pytest.mark.parametrize(
    ("code", "reason"), [(CloseCode.ENDED, "closed"), (CloseCode.FULL, "full"), (CloseCode.PROTOCOL, "protocol")]
)
def test_the_other_end_hears_why_a_lane_was_closed(code: CloseCode, reason: str) -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        pair.server.close(code)
        pair.server.close()
        await pair.at_client.closed.wait()
        await pair.at_server.closed.wait()
        assert (pair.at_client.reason, pair.at_server.reason) == (reason, "closed")
        with pytest.raises(LaneClosed):
            pair.client.send(b"x")
        await pair.client_task

    with_pair(scenario)


def test_a_lane_that_ended_before_its_start_says_so_after_what_it_brought() -> None:
    async def scenario(pair: Pair) -> None:
        pair.server.start(pair.at_server)
        pair.server.send(b"last words")
        while pair.server.buffered_bytes:  # noqa: ASYNC110  (a lane does not tell when it has sent)
            await asyncio.sleep(0)
        pair.server.close()
        await pair.client_task
        pair.client.start(pair.at_client)
        await pair.at_client.closed.wait()
        assert (bytes(pair.at_client.data), pair.at_client.reason) == (b"last words", "closed")

    with_pair(scenario)


@pytest.mark.parametrize(
    ("data", "reason", "code"),
    [
        ("text", "protocol", 1002),
        (b"", "protocol", 1002),
        (bytes(64 * 1024 + 1), "too large", 1009),
        (bytes(1 << 20), "too large", 1009),
    ],
    ids=["text", "empty", "a byte too large", "a megabyte"],
)
def test_a_message_that_may_not_be_closes_the_lane_with_its_code(data: bytes | str, reason: str, code: int) -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        await (pair.raw.send_str(data) if isinstance(data, str) else pair.raw.send_bytes(data))
        await pair.at_server.closed.wait()
        await pair.at_client.closed.wait()
        assert (pair.at_server.reason, pair.raw.close_code) == (reason, code)

    with_pair(scenario)


def test_a_connection_that_breaks_is_a_failure() -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        assert isinstance(pair.raw, aiohttp.ClientWebSocketResponse)
        assert pair.raw._conn is not None
        assert pair.raw._conn.transport is not None
        pair.raw._conn.transport.abort()
        await pair.at_server.closed.wait()
        await pair.at_client.closed.wait()
        assert (pair.at_client.reason, pair.at_server.reason) == ("failed", "failed")

    with_pair(scenario)


def test_a_paused_lane_holds_its_sender_back_and_loses_nothing() -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        pair.server.pause()
        total = 64 * 65536
        for _ in range(64):
            pair.client.send(bytes(65536))
        pair.server.resume()
        assert len(await pair.at_server.received(total)) == total

    with_pair(scenario)


def test_sends_out_of_bounds_are_the_callers_mistake_and_a_full_queue_the_lanes_end() -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        for data in (b"", bytes(64 * 1024 + 1)):
            with pytest.raises(ValueError):
                pair.client.send(data)
        for _ in range(LANE.send_queue_bytes // 65536):
            pair.client.send(bytes(65536))
        with pytest.raises(LaneClosed):
            pair.client.send(b"x")
        await pair.at_client.closed.wait()
        assert pair.at_client.reason == "overflow"

    with_pair(scenario)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/lane", "ws://[", "nonsense", "ftp://127.0.0.1/"])
def test_a_gateway_that_cannot_be_reached_is_told_without_its_address(url: str) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(LaneClosed) as caught:
                await connect_websocket(session, url)
            assert "127" not in str(caught.value)

    asyncio.run(main())
