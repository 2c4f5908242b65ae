"""A broker and a gateway for bridge tests: real sockets on loopback, the documented protocol, no matching."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from unwalled.lanes.base import Lane
from unwalled.lanes.webrtc import OfferedLane, ReactorStack

SocketHandler = Callable[[web.WebSocketResponse], Awaitable[None]]


async def pump(lane: Lane, data: bytes, size: int = 16 * 1024) -> None:
    """Sends ``data`` in messages of ``size``, as fast as the lane takes it."""
    for at in range(0, len(data), size):
        lane.send(data[at : at + size])
        await asyncio.sleep(0)
        while lane.buffered_bytes > 1 << 20:  # noqa: ASYNC110  (a lane does not tell when it has sent)
            await asyncio.sleep(0.001)


class Recorder:
    """A LaneReceiver that keeps what comes."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.messages = 0
        self.reason: str | None = None
        self.closed = asyncio.Event()
        self._wanted = 0
        self._enough = asyncio.Event()

    def messages_received(self, messages: list[bytes]) -> None:
        assert self.reason is None, "a message after the end"
        self.messages += len(messages)
        for message in messages:
            self.data += message
        if self._wanted and len(self.data) >= self._wanted:
            self._enough.set()

    def lane_closed(self, reason: str) -> None:
        assert self.reason is None, "closed twice"
        self.reason = reason
        self.closed.set()

    async def received(self, size: int) -> bytes:
        """Waits until ``size`` bytes have come."""
        self._wanted = size
        if len(self.data) < size:
            self._enough.clear()
            async with asyncio.timeout(60):
                await self._enough.wait()
        return bytes(self.data)


async def echo(socket: web.WebSocketResponse) -> None:
    """A gateway that sends everything back."""
    async for message in socket:
        await socket.send_bytes(message.data)


class BridgeWorld:
    """Operator endpoints. ``gateway`` handles each lane's WebSocket; ``tickets`` are those that came."""

    def __init__(self, gateway: SocketHandler = echo) -> None:
        self.gateway = gateway
        self.tickets: list[str] = []
        self.close_codes: asyncio.Queue[int | None] = asyncio.Queue()
        self.config_changes: dict[str, Any] = {}
        self.configs_told = 0
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.bridges: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.base = ""

    @property
    def gateway_url(self) -> str:
        """The one gateway of this operator."""
        return self.base.replace("http", "ws", 1) + "/v1/lane"

    async def next(self, kind: str) -> dict[str, Any]:
        """The bridge's next message of a kind; others are dropped."""
        async with asyncio.timeout(20):
            while True:
                message = await self.inbox.get()
                if message["type"] == kind:
                    return message

    async def ready_bridge(self) -> web.WebSocketResponse:
        """Waits for a bridge, takes its hello, calls it ready."""
        async with asyncio.timeout(20):
            socket = await self.bridges.get()
        self.hello = await self.next("hello")
        await socket.send_json({"type": "ready", "bridge": "b1"})
        return socket

    async def match(
        self,
        socket: web.WebSocketResponse,
        name: str,
        descriptions: list[Any],
        gateway: str | None = None,
        reader: str | None = None,
    ) -> list[dict[str, Any]]:
        """Sends a match; gives the answers."""
        offers = [{"offer": index, "description": each} for index, each in enumerate(descriptions)]
        url = f"{self.gateway_url}/{name}" if gateway is None else gateway
        named = {} if reader is None else {"reader": reader}
        await socket.send_json({"type": "match", "match": name, "gateway": url, "offers": offers, **named})
        reply = await self.next("answers")
        assert reply["match"] == name
        return list(reply["answers"])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[BridgeWorld]:
        """Serves on a free port of loopback."""
        app = web.Application()
        app.router.add_get("/v1/config", self._config)
        app.router.add_get("/v1/bridge", self._bridge)
        app.router.add_get("/v1/lane/{ticket}", self._lane)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _config(self, _: web.Request) -> web.Response:
        self.configs_told += 1
        socket = self.base.replace("http", "ws", 1) + "/v1/bridge"
        config = {"v": 1, "bridge_socket": socket, "gateways": [self.gateway_url], "stun": [], "allow_private": True}
        return web.json_response({**config, **self.config_changes})

    async def _bridge(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self.bridges.put(socket)
        async for message in socket:
            assert message.type is aiohttp.WSMsgType.TEXT
            await self.inbox.put(json.loads(message.data))
        return socket

    async def _lane(self, request: web.Request) -> web.WebSocketResponse:
        self.tickets.append(request.match_info["ticket"])
        socket = web.WebSocketResponse(max_msg_size=1 << 20, compress=False, timeout=0.5)
        await socket.prepare(request)
        try:
            await self.gateway(socket)
        finally:
            await self.close_codes.put(socket.close_code)
        return socket


async def offers(stack: ReactorStack, count: int) -> list[OfferedLane]:
    """Some offers of a reader."""
    return [await stack.offer() for _ in range(count)]
