"""Sites on loopback, scripted names, and streams and flows that a real gateway serves."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import uvloop

from tests.support.fake_streams import FakeFlow, FakeStream
from unwalled.errors import OpenFailed
from unwalled.gateway.policy import EgressLimits, EgressPolicy
from unwalled.gateway.server import GatewayServer, SessionEgress
from unwalled.network.addresses import IPAddress
from unwalled.settings import GATEWAY
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

Site = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OPEN = EgressPolicy(allow_private=True)
MIB = 1024 * 1024


class FakeResolver:
    """Names and what they have; an answer that is a list of lists gives the next one each time."""

    def __init__(self, names: dict[str, list[list[str]]] | None = None) -> None:
        self.names = names if names is not None else {}
        self.asked: list[str] = []

    async def resolve(self, name: str) -> Sequence[IPAddress]:
        self.asked.append(name)
        await asyncio.sleep(0)
        answers = self.names.get(name)
        if answers is None:
            raise OpenFailed(Code.NAME_UNKNOWN)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not answer:
            raise OpenFailed(Code.NAME_FAILED)
        return [ipaddress.ip_address(host) for host in answer]


def bounds(monkeypatch: pytest.MonkeyPatch, module: ModuleType, **values: Any) -> None:
    """Other bounds for one module and one test."""
    monkeypatch.setattr(module, "GATEWAY", replace(GATEWAY, **values))


def run(main: Callable[[], Coroutine[Any, Any, None]], *, fast: bool = False) -> None:
    """Runs with asyncio's own loop, or with the one that the program uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if fast else None) as runner:
        runner.run(main())


@asynccontextmanager
async def site(serve: Site) -> AsyncIterator[int]:
    """A site on loopback; gives its port, and closes what ``serve`` left open."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what it gets, then ends."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def cut(writer: asyncio.StreamWriter) -> None:
    """Closes with a reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def passage(
    port: int,
    host: str = "127.0.0.1",
    *,
    policy: EgressPolicy = OPEN,
    resolver: FakeResolver | None = None,
    session: SessionEgress | None = None,
) -> AsyncIterator[FakeStream]:
    """A stream that the gateway serves. At the end of the block it must have been ended by itself."""
    if session is None:
        session = GatewayServer(policy, resolver or FakeResolver()).new_handler()
    stream = FakeStream(Target.parse(host, port))
    task = asyncio.create_task(session.handle_stream(stream))
    try:
        yield stream
        async with asyncio.timeout(20):
            await task
    finally:
        task.cancel()
    assert session.budget.open_streams == 0


async def refusal(port: int, host: str = "127.0.0.1", **how: Any) -> Code:
    """The code with which a stream is refused."""
    async with passage(port, host, **how) as stream:
        with pytest.raises(OpenFailed) as raised:
            await stream.reader.opened()
    return raised.value.code


def budgeted(**limits: Any) -> SessionEgress:
    """A session with these limits, at a gateway for tests."""
    policy = EgressPolicy(allow_private=True, limits=EgressLimits(**limits))
    return GatewayServer(policy, FakeResolver()).new_handler()


@asynccontextmanager
async def datagram_site(stranger: socket.socket | None = None) -> AsyncIterator[int]:
    """Answers each datagram, empty ones too; before it, ``stranger`` sends one that nobody asked for."""
    loop = asyncio.get_running_loop()

    def answer() -> None:
        data, address = sock.recvfrom(65536)
        if stranger is not None:
            stranger.sendto(b"psst", address)
        sock.sendto(data, address)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        loop.add_reader(sock, answer)
        try:
            yield sock.getsockname()[1]
        finally:
            loop.remove_reader(sock)


@asynccontextmanager
async def flow_through(session: SessionEgress) -> AsyncIterator[FakeFlow]:
    """A flow that the gateway serves to its end."""
    flow = FakeFlow()
    task = asyncio.create_task(session.handle_datagrams(flow))
    try:
        yield flow
        flow.end()
        async with asyncio.timeout(20):
            await task
    finally:
        task.cancel()
    assert flow.closed.is_set()
    assert session.budget.open_streams == 0
