"""The library: asyncio's streams, TLS, datagrams, aiohttp and httpx through a real chain; and its transport alone."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

import unwalled
from tests.support.certificate import self_signed
from tests.support.chain import PATIENCE_S, RunningBridge, running_operator
from tests.support.fake_tunnel import FakeTunnel
from tests.support.proxy_bench import until
from unwalled.app.transport import TunnelTransport, connect_protocol
from unwalled.lanes.webrtc import ReactorStack
from unwalled.tasks import TaskOwner
from unwalled.wire.address import Target

BODY = hashlib.sha256(b"library").digest() * (3 * 1024 * 1024 // 32)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(
    main: Callable[[], Awaitable[None]], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * PATIENCE_S):
            await main()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(bounded())


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@asynccontextmanager
async def serving(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port of this machine; connections that a test leaves open are cut at its end."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A web server: BODY for every GET, on kept connections; what it got back for every POST."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        body = BODY
        if head.startswith(b"POST"):
            length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
            body = await reader.readexactly(int(length.split(b":")[1]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        if b"connection: close" in head.lower():
            break


@asynccontextmanager
async def chain(data: Path, bridges: int = 1) -> AsyncIterator[unwalled.Reader]:
    """A library's reader with an operator and bridges."""
    async with running_operator(data) as (operator, invite):
        running = [RunningBridge(operator.url.text, ReactorStack) for _ in range(bridges)]
        try:
            for bridge in running:
                await bridge.ready()
            async with unwalled.Reader(invite.text) as reader:
                yield reader
        finally:
            for bridge in running:
                await bridge.stop()


# Through a real chain.


def test_streams_are_asyncios_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(echo) as port, chain(tmp_path) as reader:
            stream, writer = await reader.open_connection("127.0.0.1", port)
            writer.write(BODY)
            writer.write_eof()
            assert hashlib.sha256(await stream.read()).digest() == hashlib.sha256(BODY).digest()
            writer.close()
            await writer.wait_closed()
            assert reader.snapshot().state is unwalled.State.CONNECTED
            assert reader.snapshot().through_bridges == 1

    run(main)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_tls_works_over_it_and_is_checked(tmp_path: Path, loop: str) -> None:
    certificate = self_signed(tmp_path)

    async def main() -> None:
        async with serving(echo, server_context(certificate)) as port, chain(tmp_path / "data") as reader:
            stream, writer = await reader.open_connection("127.0.0.1", port, ssl=trusting(certificate))
            assert writer.get_extra_info("peercert")
            writer.write(BODY)
            await writer.drain()
            assert await stream.readexactly(len(BODY)) == BODY
            writer.close()
            await writer.wait_closed()
            with pytest.raises(ssl.SSLCertVerificationError):
                await reader.open_connection("127.0.0.1", port, ssl=True)

    if loop == "uvloop":
        uvloop = pytest.importorskip("uvloop")
        run(main, uvloop.new_event_loop)
    else:
        run(main)


def test_datagrams_come_back(tmp_path: Path) -> None:
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.DatagramTransport)
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(data.upper(), addr)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        async with chain(tmp_path) as reader, await reader.open_datagram() as datagrams:
            datagrams.send(b"hello", "127.0.0.1", port)
            assert await datagrams.receive() == (b"HELLO", "127.0.0.1", port)
            with pytest.raises(unwalled.UsageError):
                datagrams.send(b"hello", "no host", port)
            datagrams.close()
            with pytest.raises(unwalled.StreamReset):
                await datagrams.receive()
        transport.close()

    run(main)


def test_aiohttp_and_httpx_go_through_it(tmp_path: Path) -> None:
    httpx = pytest.importorskip("httpx")
    certificate = self_signed(tmp_path)

    async def main() -> None:
        async with (
            serving(answer) as plain,
            serving(answer, server_context(certificate)) as secure,
            chain(tmp_path / "data") as reader,
        ):
            urls = [f"http://127.0.0.1:{plain}/", f"https://127.0.0.1:{secure}/"]
            context = trusting(certificate)
            async with aiohttp.ClientSession(connector=reader.connector()) as session:
                for url in [*urls, *urls]:
                    async with session.get(url, ssl=context) as response:
                        assert await response.read() == BODY
                async with session.post(urls[0], data=BODY[:100_000]) as response:
                    assert await response.read() == BODY[:100_000]
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await session.get(urls[1])
                with pytest.raises(aiohttp.ClientConnectionError, match="takes ssl=True"):
                    await session.get(urls[1], ssl=False)
                with pytest.raises(aiohttp.ClientConnectionError, match="takes no proxy"):
                    await session.get(urls[0], proxy="http://127.0.0.1:9")
            # Kept connections were used again.
            assert reader.snapshot().through_bridges <= 4
            async with httpx.AsyncClient(proxy=await reader.listen(), verify=context) as client:
                for url in urls:
                    assert (await client.get(url)).content == BODY

    run(main)


def test_what_fails_says_why(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(echo) as port, chain(tmp_path) as reader:
            pass
        async with chain(tmp_path) as reader:
            with pytest.raises(unwalled.OpenFailed) as failed:
                await reader.open_connection("127.0.0.1", port)
            assert failed.value.code is unwalled.Code.CONNECTION_REFUSED
            async with aiohttp.ClientSession(connector=reader.connector()) as session:
                with pytest.raises(aiohttp.ClientConnectorError, match="refused the connection"):
                    await session.get(f"http://127.0.0.1:{port}/")
            for host, number in (("no host", 80), ("example.org", 0), ("a%eth0", 80)):
                with pytest.raises(unwalled.UsageError):
                    await reader.open_connection(host, number)
            with pytest.raises(unwalled.UsageError, match="in use already"):
                await reader.__aenter__()
        with pytest.raises(unwalled.UsageError, match="does not run"):
            reader.snapshot()
        with pytest.raises(unwalled.InviteError):
            unwalled.Reader("hello")
        assert repr(reader) == "Reader(…)"

    run(main)


def test_leaving_the_block_cuts_what_is_open(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(echo) as port:
            async with chain(tmp_path) as reader:
                await reader.connected()
                stream, writer = await reader.open_connection("127.0.0.1", port)
                writer.write(b"x")
                assert await stream.readexactly(1) == b"x"
                waiting = asyncio.create_task(stream.read())
                await asyncio.sleep(0)
            with pytest.raises(ConnectionError):
                await waiting
            writer.close()

    run(main)


# The transport alone, over a tunnel of plain sockets.


@asynccontextmanager
async def tunnel() -> AsyncIterator[tuple[FakeTunnel, TaskOwner]]:
    made, tasks = FakeTunnel(), TaskOwner()
    try:
        yield made, tasks
    finally:
        await tasks.close()
        await made.closed()


class Hearing(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self, keeps_writing: bool = False) -> None:
        self.heard: list[str] = []
        self.data = bytearray()
        self.keeps_writing = keeps_writing
        self.lost = asyncio.Event()
        self.error: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.heard.append("made")

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.heard.append("eof")
        return self.keeps_writing

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.heard.append("lost")
        self.error = exc
        self.lost.set()


async def connected(made: FakeTunnel, tasks: TaskOwner, port: int, protocol: Hearing) -> TunnelTransport:
    stream = await made.open(Target("127.0.0.1", port))
    transport = await connect_protocol(stream, protocol, tasks, None, "", 1.0)
    assert isinstance(transport, TunnelTransport)
    return transport


def test_who_writes_too_much_is_told_to_wait() -> None:
    async def main() -> None:
        may_read = asyncio.Event()
        got = bytearray()

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await may_read.wait()
            while data := await reader.read(65536):
                got.extend(data)

        async with serving(slow) as port, tunnel() as (made, tasks):
            protocol = Hearing()
            transport = await connected(made, tasks, port, protocol)
            body = BODY * 4
            transport.write(body)
            assert protocol.heard == ["made", "pause"]
            assert transport.get_write_buffer_size() == len(body)
            may_read.set()
            await until(lambda: protocol.heard == ["made", "pause", "resume"])
            transport.close()
            assert transport.is_closing()
            transport.write(b"too late")
            await protocol.lost.wait()
            await until(lambda: len(got) == len(body))
            assert bytes(got) == body
            assert protocol.error is None

    run(main)


def test_who_reads_too_slowly_stops_the_stream() -> None:
    async def main() -> None:
        sent = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            while sent < 64 * len(BODY):
                writer.write(BODY)
                await writer.drain()
                sent += len(BODY)

        async with serving(flood) as port, tunnel() as (made, tasks):
            protocol = Hearing()
            transport = await connected(made, tasks, port, protocol)
            transport.pause_reading()
            assert not transport.is_reading()
            stuck = -1
            # Until nothing moves any more; the kernel's buffers hold some of it.
            while stuck != sent:
                stuck = sent
                await asyncio.sleep(0.2)
            assert sent < 64 * len(BODY)
            assert len(protocol.data) == 0
            transport.resume_reading()
            await until(lambda: "eof" in protocol.heard)
            assert len(protocol.data) == 64 * len(BODY)
            await protocol.lost.wait()

    run(main)


def test_each_direction_ends_by_itself() -> None:
    async def main() -> None:
        async def last_word(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.read() == b"question"
            writer.write(b"answer")
            writer.write_eof()

        async with serving(last_word) as port, tunnel() as (made, tasks):
            protocol = Hearing(keeps_writing=True)
            transport = await connected(made, tasks, port, protocol)
            transport.write(b"question")
            assert transport.can_write_eof()
            transport.write_eof()
            with pytest.raises(RuntimeError):
                transport.write(b"more")
            await until(lambda: "eof" in protocol.heard)
            assert bytes(protocol.data) == b"answer"
            assert not transport.is_closing()
            transport.close()
            await protocol.lost.wait()
            assert protocol.heard == ["made", "eof", "lost"]

    run(main)


def test_a_connection_that_is_cut_says_so() -> None:
    async def main() -> None:
        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.transport.abort()

        async with serving(cut) as port, tunnel() as (made, tasks):
            protocol = Hearing(keeps_writing=True)
            transport = await connected(made, tasks, port, protocol)
            transport.write(BODY * 20)
            await protocol.lost.wait()
            assert isinstance(protocol.error, ConnectionResetError)
            other = Hearing()
            transport = await connected(made, tasks, port, other)
            transport.abort()
            transport.abort()
            await other.lost.wait()
            assert other.error is None
            assert other.heard == ["made", "lost"]

    run(main)


def test_asyncio_can_put_tls_over_it_later(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)

    async def main() -> None:
        async with serving(echo, server_context(certificate)) as port, tunnel() as (made, tasks):
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            stream = await made.open(Target("127.0.0.1", port))
            transport = await connect_protocol(stream, protocol, tasks, None, "", 1.0)
            writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
            await writer.start_tls(trusting(certificate), server_hostname="127.0.0.1")
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            await writer.wait_closed()

    run(main)


def test_limits_are_set_as_asyncio_says() -> None:
    async def main() -> None:
        async with serving(echo) as port, tunnel() as (made, tasks):
            transport = await connected(made, tasks, port, Hearing())
            for high, low, expected in ((100, 10, (10, 100)), (100, None, (25, 100)), (None, 10, (10, 40))):
                transport.set_write_buffer_limits(high, low)
                assert transport.get_write_buffer_limits() == expected
            transport.set_write_buffer_limits()
            assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
            assert transport.get_extra_info("peername") is None
            transport.abort()

    run(main)
