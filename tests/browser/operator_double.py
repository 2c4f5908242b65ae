"""A small operator and a real libwebrtc reader for browser tests. Both live in one event loop in a thread of their own.

It speaks docs/protocol/signalling.md to the page and leaves out what the page cannot see: keys, sealing, matching.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from unwalled.errors import LaneClosed, UnwalledError
from unwalled.lanes.base import Lane
from unwalled.lanes.webrtc import OfferedLane, ReactorStack, WebRtcLane
from unwalled.operator.numbers.totals import Totals, totals
from unwalled.web.pages import Page, documents, pages
from unwalled.web.render import choose_language
from unwalled.wire.description import LaneDescription

T = TypeVar("T")

PATIENCE_S = 30.0
_IN_FLIGHT = 64


class ReaderLane:
    """The reader's end of one lane. Its messages come back from the gateway's echo."""

    def __init__(self, offered: OfferedLane) -> None:
        self._offered = offered
        self._lane: Lane | None = None
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = asyncio.Event()

    @property
    def description(self) -> dict[str, Any]:
        return self._offered.description.to_dict()

    async def accept(self, answer: Any) -> None:
        """Returns when the lane is open."""
        self._lane = await self._offered.accept(LaneDescription.from_dict(answer))
        self._lane.start(self)

    def messages_received(self, messages: list[bytes]) -> None:
        for message in messages:
            self._received.put_nowait(message)

    def lane_closed(self, reason: str) -> None:
        self.closed.set()

    async def is_closed(self) -> None:
        await asyncio.wait_for(self.closed.wait(), PATIENCE_S)

    async def flood(self) -> None:
        """Sends as much as it can for as long as the lane is open."""
        assert self._lane is not None
        message = bytes(16_384)
        try:
            while not self.closed.is_set():
                while self._lane.buffered_bytes < len(message) * _IN_FLIGHT:
                    self._lane.send(message)
                await asyncio.sleep(0.001)
        except LaneClosed:
            pass

    async def misbehave(self, message: bytes, binary: bool) -> None:
        """Sends what a lane of ours would not send."""
        assert isinstance(self._lane, WebRtcLane)
        assert self._lane._channel is not None
        self._lane._channel.send(message, binary)

    async def echoed(self, size: int, piece: int) -> tuple[str, str]:
        """Sends ``size`` bytes in messages of ``piece``; the SHA-256 of what went and of what came back."""
        assert self._lane is not None
        sent, back = hashlib.sha256(), hashlib.sha256()
        going = coming = 0
        while coming < size:
            while going < size and going - coming < _IN_FLIGHT * piece:
                message = going.to_bytes(8, "big") * (min(piece, size - going) // 8)
                self._lane.send(message)
                sent.update(message)
                going += len(message)
            message = await asyncio.wait_for(self._received.get(), PATIENCE_S)
            back.update(message)
            coming += len(message)
        return sent.hexdigest(), back.hexdigest()


class BridgeSession:
    """One WebSocket of a page at ``/v1/bridge``."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.hello: dict[str, Any] = {}

    async def next(self, kind: str) -> dict[str, Any]:
        """The next message of a type; others before it are skipped."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.messages.get()
                if message["type"] == kind:
                    return message

    async def introduced(self) -> dict[str, Any] | None:
        """The hello, or None for a page that goes without one, as after a test of the network."""
        hello = asyncio.ensure_future(self.next("hello"))
        gone = asyncio.ensure_future(self.closed.wait())
        try:
            await asyncio.wait((hello, gone), return_when=asyncio.FIRST_COMPLETED)
            return await hello if hello.done() else None
        finally:
            hello.cancel()
            gone.cancel()

    async def match(self, name: str, gateway: str, descriptions: list[Any], reader: str = "") -> list[dict[str, Any]]:
        offers = [{"offer": index, "description": each} for index, each in enumerate(descriptions)]
        asked: dict[str, Any] = {"type": "match", "match": name, "gateway": gateway, "offers": offers, "reader": reader}
        await self.socket.send_json(asked)
        while True:
            message = await self.next("answers")
            if message["match"] == name:
                return list(message["answers"])


class OperatorDouble:
    """Use as a context manager. ``call`` runs a coroutine in its loop."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.bridges: asyncio.Queue[BridgeSession] = asyncio.Queue()
        self.lanes: set[web.WebSocketResponse] = set()
        self.pages: dict[str, Page] = pages()
        self.totals: Totals = totals([], 0.0)
        self.newsroom = ""
        """What another site's page holds; "" = the frame."""
        self.newsroom_policy = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="operator double", daemon=True)
        self._runner: web.AppRunner | None = None
        self._lanes_changed = asyncio.Event()
        self._stack: ReactorStack | None = None
        self.stun: list[str] = []
        self._jobs: list[concurrent.futures.Future[None]] = []
        self.port = 0
        self.reading = asyncio.Event()
        """Whether the gateway takes what comes on a new lane, and sends it back."""
        self.reading.set()

    def __enter__(self) -> OperatorDouble:
        self._thread.start()
        self.call(self._serve())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def gateway(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/lane"

    async def ask(self, job: Coroutine[Any, Any, T]) -> T:
        """The same as ``call``, for those who have a loop of their own to turn meanwhile."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(job, self._loop))

    def call(self, job: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(PATIENCE_S * 2)

    def start(self, job: Coroutine[Any, Any, object]) -> None:
        """Runs a coroutine in its loop; how it ends does not matter."""
        self._jobs.append(asyncio.run_coroutine_threadsafe(_quietly(job), self._loop))

    async def bridge(self) -> BridgeSession:
        """The next page that connects, after hello and ready."""
        hello: dict[str, Any] | None = None
        while hello is None:
            session = await asyncio.wait_for(self.bridges.get(), PATIENCE_S)
            hello = await session.introduced()
        session.hello = hello
        assert (hello["v"], hello["client"], hello["capacity"], hello["readers"]) == (1, "page", 64, 8)
        await session.socket.send_json({"type": "ready", "bridge": "B1"})
        return session

    async def reader_lanes(self, session: BridgeSession, name: str, count: int, reader: str = "") -> list[ReaderLane]:
        """One reader's match of ``count`` lanes, all open when this returns. ``reader`` is how the broker calls it."""
        lanes = [await self.reader_lane() for _ in range(count)]
        answers = await session.match(name, f"{self.gateway}/{name}", [lane.description for lane in lanes], reader)
        assert [answer["offer"] for answer in answers] == list(range(count))
        async with asyncio.TaskGroup() as group:
            for lane, answer in zip(lanes, answers, strict=True):
                group.create_task(lane.accept(answer["answer"]))
        return lanes

    async def reader_lane(self) -> ReaderLane:
        """A lane that is offered to nobody yet."""
        assert self._stack is not None
        return ReaderLane(await self._stack.offer())

    async def offer(self) -> dict[str, Any]:
        """A valid description of a lane that nobody will open."""
        return (await self.reader_lane()).description

    async def lanes_are(self, count: int) -> None:
        """Returns when that many WebSockets are open at the gateway."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.lanes) != count:
                self._lanes_changed.clear()
                await self._lanes_changed.wait()

    async def say_text(self) -> None:
        """The gateway breaks the rules on every lane."""
        for lane in list(self.lanes):
            await lane.send_str("text")

    async def flood(self) -> None:
        """The gateway sends as much as it can on every lane, whatever becomes of it."""
        for lane in list(self.lanes):
            while not lane.closed:
                try:
                    await lane.send_bytes(bytes(16_384))
                except ConnectionError:
                    break

    async def drop_bridge(self, session: BridgeSession) -> None:
        await session.socket.close(code=WSCloseCode.GOING_AWAY)

    async def _serve(self) -> None:
        self._stack = ReactorStack()
        app = web.Application(middlewares=[self._note])
        for path in self.pages:
            app.router.add_get(path, self._page)
        app.router.add_get("/totals.json", self._totals)
        app.router.add_get("/newsroom", self._newsroom)
        app.router.add_get("/article", self._article)
        app.router.add_get("/v1/config", self._config)
        app.router.add_get("/v1/bridge", self._bridge)
        app.router.add_get("/v1/lane/{ticket}", self._lane)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        self.reading.set()
        for job in self._jobs:
            job.cancel()
        if self._stack:
            await self._stack.aclose()
        for lane in list(self.lanes):
            await lane.close()
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request.path)
        response: web.StreamResponse = await handler(request)
        return response

    async def _page(self, request: web.Request) -> web.Response:
        page = self.pages[request.path]
        language = choose_language(request.query.get("lang", ""), "")
        if page.is_document and language is not None:
            page = documents(language=language, is_asked=True)[request.path]
        return web.Response(body=page.body, headers={**page.headers, "Content-Type": page.content_type})

    async def _totals(self, request: web.Request) -> web.Response:
        return web.json_response(msgspec.to_builtins(self.totals))

    async def _newsroom(self, _: web.Request) -> web.Response:
        body = self.newsroom or f"<iframe src={self.url}/embed></iframe>"
        headers = {"Content-Security-Policy": self.newsroom_policy} if self.newsroom_policy else {}
        return web.Response(
            text="<!doctype html><title>News</title><link rel=icon href=data:,>" + body,
            content_type="text/html",
            headers=headers,
        )

    async def _article(self, _: web.Request) -> web.Response:
        lines = f'<script type="module" src="{self.url}/widget.js"></script><unwalled-bridge></unwalled-bridge>'
        head = "<!doctype html><html lang=en><title>News</title><link rel=icon href=data:,>"
        return web.Response(text=head + lines, content_type="text/html")

    async def _config(self, _: web.Request) -> web.Response:
        config = {
            "v": 1,
            "bridge_socket": f"ws://127.0.0.1:{self.port}/v1/bridge",
            "gateways": [self.gateway],
            "stun": self.stun,
            "allow_private": True,
        }
        return web.json_response(config, headers={"Access-Control-Allow-Origin": "*"})

    async def _bridge(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        session = BridgeSession(socket)
        self.bridges.put_nowait(session)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                session.messages.put_nowait(message.json())
        session.closed.set()
        return socket

    async def _lane(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 17)
        await socket.prepare(request)
        self.lanes.add(socket)
        self._lanes_changed.set()
        try:
            await self.reading.wait()
            async for message in socket:
                if message.type == WSMsgType.BINARY:
                    await socket.send_bytes(message.data)
        except ConnectionError:
            pass
        finally:
            self.lanes.discard(socket)
            self._lanes_changed.set()
        return socket


async def _quietly(job: Coroutine[Any, Any, object]) -> None:
    try:
        await job
    except (UnwalledError, TimeoutError):
        pass
