"""The far end of a ceiling: serves the bare page, and moves bytes over its WebSockets.

Run: python -m bench.ceiling.server ADDRESS. Each lane's first message is JSON: direction (``down``, ``up`` or ``echo``)
and message size. The receiver says after each `ACK_BYTES` how much it has, and at most `WINDOW_BYTES` are under way:
without that, a page would buffer without end. A relay that waits at ``/signal`` answers what is posted to ``/match``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from aiohttp import WSMsgType, web

ACK_BYTES = 128 * 1024
WINDOW_BYTES = 1024 * 1024
_RELAYS = web.AppKey[asyncio.Queue[web.WebSocketResponse]]("relays")
_ANSWERS = web.AppKey[asyncio.Queue[str]]("answers")


async def _page(_: web.Request) -> web.Response:
    return web.Response(text=(Path(__file__).parent / "page.html").read_text(), content_type="text/html")


async def _signal(request: web.Request) -> web.WebSocketResponse:
    """A relay that waits for offers, all of one request in one message."""
    socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
    await socket.prepare(request)
    answers: asyncio.Queue[str] = request.app[_ANSWERS]
    request.app[_RELAYS].put_nowait(socket)
    async for message in socket:
        answers.put_nowait(message.data)
    return socket


async def _match(request: web.Request) -> web.Response:
    relay: web.WebSocketResponse = await request.app[_RELAYS].get()
    await relay.send_str(await request.text())
    return web.Response(text=await request.app[_ANSWERS].get())


async def _lane(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
    await socket.prepare(request)
    order = json.loads(await socket.receive_bytes())
    try:
        if order["direction"] == "echo":
            await _echo(socket)
        elif order["direction"] == "down":
            await _send(socket, bytes(order["message_bytes"]))
        else:
            await _receive(socket)
    except (ConnectionError, RuntimeError):
        pass
    return socket


async def _send(socket: web.WebSocketResponse, message: bytes) -> None:
    sent = acked = 0
    more = asyncio.Event()

    async def acks() -> None:
        nonlocal acked
        async for answer in socket:
            if answer.type is WSMsgType.BINARY:
                acked = int.from_bytes(answer.data, "big")
                more.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(acks())
        while not task.done():
            if sent - acked < WINDOW_BYTES:
                await socket.send_bytes(message)
                sent += len(message)
            else:
                more.clear()
                await more.wait()


async def _echo(socket: web.WebSocketResponse) -> None:
    await socket.send_bytes(b"!")
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)


async def _receive(socket: web.WebSocketResponse) -> None:
    received = told = 0
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            received += len(message.data)
            if received - told >= ACK_BYTES:
                told = received
                await socket.send_bytes(told.to_bytes(8, "big"))


async def _main(address: str) -> None:
    app = web.Application()
    app.router.add_get("/", _page)
    app.router.add_get("/lane", _lane)
    app.router.add_get("/signal", _signal)
    app.router.add_post("/match", _match)
    app[_RELAYS] = asyncio.Queue()
    app[_ANSWERS] = asyncio.Queue()
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, address, 0).start()
    print("ready", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
