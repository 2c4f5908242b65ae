"""Lanes over real WebSockets: both ends of ours, and ends of another make that misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import random
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.support.bridge_world import Recorder, pump
from tests.support.certificate import self_signed
from unwalled.errors import LaneClosed
from unwalled.lanes.websocket import WebSocketLane, accept_websocket, connect_websocket
from unwalled.settings import LANE
from unwalled.wire.websocket import CloseCode

SIZE = 20 << 20


class Pair:
    """A client's lane and the server's."""

    def __init__(self, client: WebSocketLane, server: WebSocketLane) -> None:
        self.client, self.server = client, server
        self.at_client, self.at_server = Recorder(), Recorder()

    def start(self) -> Pair:
        self.client.start(self.at_client)
        self.server.start(self.at_server)
        return self


class Server:
    """Takes lanes; knows which of them are gone."""

    def __init__(self) -> None:
        self.lanes: asyncio.Queue[WebSocketLane] = asyncio.Queue()
        self.lost: asyncio.Queue[WebSocketLane] = asyncio.Queue()
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        lane, response = accept_websocket(request, on_lost=self.lost.put_nowait)
        self.lanes.put_nowait(lane)
        return response


async def _listen(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"ws://127.0.0.1:{runner.addresses[0][1]}/lane"


def with_server(scenario: Callable[[Server, aiohttp.ClientSession], Awaitable[None]]) -> None:
    async def main() -> None:
        server = Server()
        app = web.Application()
        app.router.add_get("/lane", server.take)
        runner, server.url = await _listen(app)
        try:
            async with asyncio.timeout(40), aiohttp.ClientSession() as session:
                await scenario(server, session)
        finally:
            await runner.cleanup()

    asyncio.run(main())


def with_pair(scenario: Callable[[Pair], Awaitable[None]]) -> None:
    async def use(server: Server, session: aiohttp.ClientSession) -> None:
        gone = asyncio.Event()
        client = await connect_websocket(session, server.url, on_lost=gone.set)
        await scenario(Pair(client, await server.lanes.get()))
        client.close()
        await gone.wait()
        await server.lost.get()

    with_server(use)


@pytest.mark.parametrize("size", [1000, 16 * 1024, 64 * 1024])
def test_twenty_megabytes_each_way_arrive_unchanged(size: int) -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        up, down = random.Random(1).randbytes(SIZE), random.Random(2).randbytes(SIZE)
        await asyncio.gather(pump(pair.client, up, size), pump(pair.server, down, size))
        got_up, got_down = await asyncio.gather(pair.at_server.received(SIZE), pair.at_client.received(SIZE))
        assert hashlib.sha256(got_up).digest() == hashlib.sha256(up).digest()
        assert hashlib.sha256(got_down).digest() == hashlib.sha256(down).digest()
        assert pair.at_server.messages == -(-SIZE // size)

    with_pair(scenario)


def _uvloop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop").new_event_loop()  # type: ignore[no-any-return]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, _uvloop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_both_event_loops_carry_lanes_and_end_them(
    new_loop: Callable[[], asyncio.AbstractEventLoop], encrypted: bool, tmp_path: Path
) -> None:
    trusting = serving = None
    if encrypted:
        certificate = self_signed(tmp_path)
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(certificate)
        trusting = ssl.create_default_context(cafile=certificate)

    async def main() -> None:
        server, gone = Server(), asyncio.Event()
        app = web.Application()
        app.router.add_get("/lane", server.take)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
        url = f"{'wss' if encrypted else 'ws'}://127.0.0.1:{runner.addresses[0][1]}/lane"
        connector = aiohttp.TCPConnector(ssl=trusting if trusting is not None else True)
        try:
            async with asyncio.timeout(30), aiohttp.ClientSession(connector=connector) as session:
                client = await connect_websocket(session, url, on_lost=gone.set)
                pair = Pair(client, await server.lanes.get()).start()
                data = random.Random(4).randbytes(3 << 20)
                await asyncio.gather(pump(pair.client, data, 65536), pump(pair.server, data, 65536))
                assert await pair.at_server.received(len(data)) == data
                assert await pair.at_client.received(len(data)) == data
                pair.server.pause()
                pair.client.send(b"late")
                pair.server.resume()
                assert (await pair.at_server.received(len(data) + 4))[-4:] == b"late"
                pair.server.close(CloseCode.FULL)
                await gone.wait()
                await pair.at_client.closed.wait()
                assert pair.at_client.reason == "full"
                assert await server.lost.get() is pair.server
        finally:
            await runner.cleanup()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


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

    with_pair(scenario)


def test_what_was_queued_before_a_close_still_arrives() -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        for _ in range(30):
            pair.server.send(bytes(65536))
        pair.server.close()
        await pair.at_client.closed.wait()
        assert (len(pair.at_client.data), pair.at_client.reason) == (30 * 65536, "closed")

    with_pair(scenario)


def test_a_lane_that_ended_before_its_start_says_so_after_what_it_brought() -> None:
    async def use(server: Server, session: aiohttp.ClientSession) -> None:
        gone = asyncio.Event()
        client = await connect_websocket(session, server.url, on_lost=gone.set)
        lane = await server.lanes.get()
        lane.send(b"last words")
        lane.close()
        await gone.wait()
        recorder = Recorder()
        client.start(recorder)
        await recorder.closed.wait()
        assert (bytes(recorder.data), recorder.reason) == (b"last words", "closed")
        client.close()

    with_server(use)


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
    async def use(server: Server, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url) as socket:
            recorder = Recorder()
            (await server.lanes.get()).start(recorder)
            await (socket.send_str(data) if isinstance(data, str) else socket.send_bytes(data))
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            await recorder.closed.wait()
            assert (recorder.reason, socket.close_code) == (reason, code)
        await server.lost.get()

    with_server(use)


def test_another_makes_client_is_served() -> None:
    async def use(server: Server, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url, compress=15) as socket:
            lane, recorder = await server.lanes.get(), Recorder()
            lane.start(recorder)
            await socket.ping(b"are you there?")
            await socket.send_bytes(bytes(65536))
            assert await recorder.received(65536) == bytes(65536)
            lane.send(b"answer")
            assert (await socket.receive()).data == b"answer"
            # Without a code, as a page's close() does it.
            await socket._writer.send_frame(b"", aiohttp.WSMsgType.CLOSE)
            await recorder.closed.wait()
            assert recorder.reason == "closed"
        await server.lost.get()

    with_server(use)


def test_another_makes_server_is_used() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        async for message in socket:
            await socket.ping()
            await socket.send_bytes(message.data)
        return socket

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/lane", handle)
        runner, url = await _listen(app)
        gone = asyncio.Event()
        try:
            async with asyncio.timeout(20), aiohttp.ClientSession() as session:
                lane, recorder = await connect_websocket(session, url, on_lost=gone.set), Recorder()
                lane.start(recorder)
                data = random.Random(3).randbytes(65536)
                lane.send(data)
                assert await recorder.received(65536) == data
                lane.close()
                await gone.wait()
                assert recorder.reason == "closed"
        finally:
            await runner.cleanup()

    asyncio.run(main())


def test_a_client_session_that_ends_takes_its_lanes_along() -> None:
    async def use(server: Server, session: aiohttp.ClientSession) -> None:
        recorder = Recorder()
        async with aiohttp.ClientSession() as other:
            (await connect_websocket(other, server.url)).start(recorder)
            lane = await server.lanes.get()
        await recorder.closed.wait()
        assert await server.lost.get() is lane

    with_server(use)


def test_a_connection_that_breaks_is_a_failure() -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        pair.client.abort()
        await pair.at_server.closed.wait()
        await pair.at_client.closed.wait()
        assert (pair.at_client.reason, pair.at_server.reason) == ("failed", "failed")

    with_pair(scenario)


def test_an_end_that_does_not_answer_a_close_is_cut_off() -> None:
    async def use(server: Server, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.url, autoclose=False):
            lane, recorder = await server.lanes.get(), Recorder()
            lane.start(recorder)
            lane.close()
            await recorder.closed.wait()
            assert recorder.reason == "closed"
            # The client reads nothing, so only the time-out can end the connection.
            assert await server.lost.get() is lane

    with_server(use)


def test_a_paused_lane_holds_its_sender_back_and_loses_nothing() -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        pair.server.pause()
        total, most = 64 * 65536, 0
        for _ in range(64):
            pair.client.send(bytes(65536))
            await asyncio.sleep(0)
            most = max(most, pair.client.buffered_bytes)
        assert most > 0
        assert not pair.at_server.data
        pair.server.resume()
        assert len(await pair.at_server.received(total)) == total

    with_pair(scenario)


def test_a_paused_lane_still_hears_that_its_close_was_heard() -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        pair.server.pause()
        pair.server.close()
        await pair.at_client.closed.wait()
        await pair.at_server.closed.wait()
        assert pair.at_client.reason == "closed"

    with_pair(scenario)


def test_sends_out_of_bounds_are_the_callers_mistake_and_a_full_queue_the_lanes_end() -> None:
    async def scenario(pair: Pair) -> None:
        pair.start()
        pair.server.pause()
        for data in (b"", bytes(64 * 1024 + 1)):
            with pytest.raises(ValueError):
                pair.client.send(data)
        # What the system's own buffers take on the way does not count.
        with pytest.raises(LaneClosed):
            _flood(pair.client)
        assert pair.client.buffered_bytes <= LANE.send_queue_bytes + 65536
        await pair.at_client.closed.wait()
        assert pair.at_client.reason == "overflow"
        pair.server.resume()

    with_pair(scenario)


def _flood(lane: WebSocketLane) -> None:
    for _ in range(4 * LANE.send_queue_bytes // 65536):
        lane.send(bytes(65536))


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/lane", "ws://[", "nonsense", "ftp://127.0.0.1/"])
def test_a_gateway_that_cannot_be_reached_is_told_without_its_address(url: str) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(LaneClosed) as caught:
                await connect_websocket(session, url)
            assert "127" not in str(caught.value)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upgrade": "websocket", "Connection": "Upgrade"}, 426),
        ({"Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13"}, 400),
        (
            {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "bm90IHNpeHRlZW4=",
            },
            400,
        ),
    ],
    ids=["no upgrade", "no version", "no key", "a short key"],
)
def test_a_request_that_is_none_for_a_websocket_is_refused(headers: dict[str, str], status: int) -> None:
    async def use(server: Server, session: aiohttp.ClientSession) -> None:
        async with session.get(server.url.replace("ws:", "http:"), headers=headers) as response:
            assert response.status == status
        assert server.lanes.empty()

    with_server(use)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
    ],
    ids=["no WebSocket", "a redirect", "a wrong proof"],
)
def test_a_gateway_that_does_not_prove_that_it_speaks_websocket_is_none(answer: bytes) -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(10), server, aiohttp.ClientSession() as session:
            with pytest.raises(LaneClosed):
                await connect_websocket(session, f"http://127.0.0.1:{port}/lane")

    asyncio.run(main())


def test_what_came_together_with_the_request_is_not_lost() -> None:
    async def use(server: Server, session: aiohttp.ClientSession) -> None:
        host, port = server.url.removeprefix("ws://").removesuffix("/lane").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = "GET /lane HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
        writer.write(f"{head}\r\n{key}\r\n\r\n".encode() + b"\x82\x82\x00\x00\x00\x00hi")
        recorder = Recorder()
        (await server.lanes.get()).start(recorder)
        assert await recorder.received(2) == b"hi"
        writer.close()
        await writer.wait_closed()
        await recorder.closed.wait()
        assert recorder.reason == "failed"

    with_server(use)
