"""A proxy listener over a fake tunnel, with a site on this machine behind it."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiohttp import web

from tests.support.fake_tunnel import FakeTunnel
from unwalled.reader.listener import ProxyAddress, ProxyListener
from unwalled.settings import READER, ReaderLimits
from unwalled.wire.codes import Code

MIB = 1024 * 1024
BIG = 50 * MIB
BLOCK = hashlib.sha256(b"block").digest() * (MIB // 32)
HELLO5 = b"\x05\x01\x00"

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def until(holds: Callable[[], bool]) -> None:
    """Gives everyone their turn until something has happened."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.001)


def cut(writer: Writer) -> None:
    """Ends a connection with a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


async def hello(request: web.Request) -> web.StreamResponse:
    names = ",".join(sorted(name.lower() for name in request.headers))
    return web.Response(text=f"{request.method} {request.path_qs} {names}")


async def down(request: web.Request) -> web.StreamResponse:
    """``BIG`` bytes, or as many MiB as ``mib`` says."""
    response = web.StreamResponse()
    mib = int(request.query.get("mib", BIG // MIB))
    if "length" in request.query:
        response.content_length = mib * MIB
    if "close" in request.query:
        response.force_close()
    await response.prepare(request)
    for _ in range(mib):
        await response.write(BLOCK)
    await response.write_eof()
    return response


async def up(request: web.Request) -> web.StreamResponse:
    digest = hashlib.sha256()
    async for chunk in request.content.iter_any():
        digest.update(chunk)
    return web.Response(text=digest.hexdigest())


async def early(request: web.Request) -> web.StreamResponse:
    return web.Response(status=413, text="too much")


async def status(request: web.Request) -> web.StreamResponse:
    return web.Response(status=int(request.match_info["code"]))


async def events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(3):
        await response.write(f"data: {number}\n\n".encode())
        await request.app[TOLD].get()
    return response


async def websocket(request: web.Request) -> web.StreamResponse:
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    async for message in answer:
        await answer.send_str(message.data[::-1])
    return answer


TOLD: web.AppKey[asyncio.Queue[None]] = web.AppKey("told", asyncio.Queue)


@dataclasses.dataclass
class ProxyUser:
    """An application with a proxy, and a site on port ``port`` that it wants."""

    at: ProxyAddress
    port: int
    told: asyncio.Queue[None]
    writers: list[Writer] = dataclasses.field(default_factory=list, kw_only=True)

    @property
    def site(self) -> str:
        return f"http://site.test:{self.port}"

    async def dial(self) -> tuple[Reader, Writer]:
        reader, writer = await asyncio.open_connection(self.at.host, self.at.port)
        self.writers.append(writer)
        return reader, writer

    async def socks5(self, port: int, host: str = "site.test") -> tuple[Reader, Writer]:
        reader, writer = await self.dial()
        writer.write(HELLO5 + b"\x05\x01\x00\x03" + bytes((len(host),)) + host.encode() + port.to_bytes(2, "big"))
        assert await reader.readexactly(12) == b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0"
        return reader, writer

    async def say(self, data: bytes) -> bytes:
        """What the proxy answers until it closes."""
        reader, writer = await self.dial()
        writer.write(data)
        answer = await reader.read()
        writer.close()
        return answer


@dataclasses.dataclass
class Bench(ProxyUser):
    """A proxy with its tunnel and a site behind it."""

    proxy: ProxyListener
    tunnel: FakeTunnel


@asynccontextmanager
async def local_site() -> AsyncIterator[tuple[int, asyncio.Queue[None]]]:
    """The site; gives its port, and the queue that lets ``/events`` go on."""
    app = web.Application(client_max_size=2 * BIG)
    app[TOLD] = asyncio.Queue()
    app.router.add_route("*", "/", hello)
    app.add_routes([web.get("/down", down), web.put("/up", up), web.post("/up", up), web.get("/ws", websocket)])
    app.add_routes([web.get("/events", events), web.get("/status/{code}", status), web.post("/early", early)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.SockSite(runner, socket.create_server(("127.0.0.1", 0)))
    await site.start()
    try:
        yield runner.addresses[0][1], app[TOLD]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def bench(limits: ReaderLimits = READER, failures: dict[str, Code] | None = None) -> AsyncIterator[Bench]:
    async with local_site() as (port, told):
        tunnel = FakeTunnel(failures)
        proxy = ProxyListener(tunnel, port=0, limits=limits)
        made = Bench(await proxy.start(), port, told, proxy, tunnel)
        try:
            yield made
        finally:
            await proxy.close()
            for writer in made.writers:
                await hang_up(writer)
            await tunnel.closed()


async def hang_up(writer: Writer) -> None:
    """Closes, and waits until the socket has gone."""
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass


@asynccontextmanager
async def raw_site(serve: Callable[[Reader, Writer], Coroutine[object, object, None]]) -> AsyncIterator[int]:
    """A site that speaks what the test wants; gives its port."""

    async def handle(reader: Reader, writer: Writer) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            served.append(writer)
            writer.close()

    served: list[Writer] = []
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in served:
            await hang_up(writer)
