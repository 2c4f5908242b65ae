"""What applications do all day, through the whole chain: curl, many requests, sockets that wait, end early or break."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.chain import Chain, became, chain
from tests.support.curl import curl, needs_curl, ways
from tests.support.gateway_sites import datagram_site, echo, run
from tests.support.proxy_bench import BIG, BLOCK, HELLO5, MIB, Reader, Writer, cut, raw_site

BIG_DIGEST = hashlib.sha256(BLOCK * (BIG // MIB)).hexdigest()


def through(data: Path, use: Callable[[Chain], Awaitable[None]], *, bridges: int = 1) -> None:
    """Runs ``use`` with a chain that is connected; nothing may be left of it afterwards."""

    async def main() -> None:
        async with asyncio.timeout(100), chain(data, bridges=bridges) as c:
            await use(c)

    run(main, fast=True)


def test_three_thousand_requests_in_a_row(tmp_path: Path) -> None:
    async def use(c: Chain) -> None:
        async def ask(user: tuple[Reader, Writer], number: int, how: bytes) -> None:
            reader, writer = user
            writer.write(b"GET %b/?%d HTTP/1.1\r\nHost: site.test\r\n%b\r\n" % (c.site.encode(), number, how))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert (await reader.readexactly(length)).startswith(b"GET /?%d " % number)

        kept = await c.dial()
        for number in range(3000):
            match number % 4:
                case 0:
                    fresh = await c.dial()
                    await ask(fresh, number, b"Connection: close\r\n")
                    assert await fresh[0].read() == b""
                    fresh[1].close()
                case 1:
                    fresh = await c.socks5(c.port)
                    fresh[1].write(b"GET /?%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % number)
                    assert b"GET /?%d " % number in await fresh[0].read()
                    fresh[1].close()
                case _:
                    await ask(kept, number, b"")

    through(tmp_path / "data", use)


def test_three_hundred_requests_at_once(tmp_path: Path) -> None:
    async def use(c: Chain) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def absolute(number: int) -> None:
                async with session.get(f"{c.site}/?{number}", proxy=f"http://{c.at}") as response:
                    assert (await response.text()).startswith(f"GET /?{number} ")

            async def socks(number: int) -> None:
                reader, writer = await c.socks5(c.port)
                writer.write(b"GET /?%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % number)
                assert b"GET /?%d " % number in await reader.read()
                writer.close()

            async with asyncio.TaskGroup() as group:
                for number in range(300):
                    group.create_task(absolute(number) if number % 2 else socks(number))

    through(tmp_path / "data", use, bridges=2)


@needs_curl
@pytest.mark.parametrize("way", ["absolute", "connect", "socks5", "socks4a"])
def test_fifty_megabytes_each_way_arrive_whole(tmp_path: Path, way: str) -> None:
    file = tmp_path / "up"
    file.write_bytes(os.urandom(MIB) * (BIG // MIB))
    digest = hashlib.sha256(file.read_bytes()).hexdigest().encode()
    arrived = tmp_path / "down"

    async def use(c: Chain) -> None:
        assert await curl(*ways(c.at)[way], "-H", "Expect:", "-T", str(file), f"{c.site}/up") == (0, digest)
        assert (await curl(*ways(c.at)[way], "-o", str(arrived), f"{c.site}/down?length"))[0] == 0
        with arrived.open("rb") as got:
            assert hashlib.file_digest(got, "sha256").hexdigest() == BIG_DIGEST

    through(tmp_path / "data", use)


def test_websockets_and_server_sent_events_pass(tmp_path: Path) -> None:
    async def use(c: Chain) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(f"{c.site}/ws", proxy=f"http://{c.at}") as socket:
                for text in ("abc", "x" * 100_000, "é"):
                    await socket.send_str(text)
                    assert await socket.receive_str() == text[::-1]
            async with session.get(f"{c.site}/events", proxy=f"http://{c.at}") as response:
                for number in range(3):
                    # The site says the next one only after this one was read here.
                    assert await response.content.readuntil(b"\n\n") == b"data: %d\n\n" % number
                    c.told.put_nowait(None)
                assert await response.content.read() == b""

    through(tmp_path / "data", use)


def test_a_connection_that_was_quiet_for_long_wakes_up(tmp_path: Path) -> None:
    async def use(c: Chain) -> None:
        async with raw_site(echo) as port:
            reader, writer = await c.socks5(port)
            for moment in range(3):
                # Every lane of before dies while it sleeps; the session and the stream outlive them.
                writer.write(b"awake %d" % moment)
                assert await reader.readexactly(7) == b"awake %d" % moment
                before = c.bridges[-1]
                await c.add_bridge()
                await before.stop()
                await became(lambda: c.reader.client.status.lanes > 0, "lanes over the new bridge")
            writer.close()

    through(tmp_path / "data", use)


def test_either_side_may_finish_first(tmp_path: Path) -> None:
    async def use(c: Chain) -> None:
        async def answers_at_the_end(reader: Reader, writer: Writer) -> None:
            writer.write(b"got %d" % len(await reader.read()))

        async def finishes_first(reader: Reader, writer: Writer) -> None:
            writer.write(b"bye")
            writer.write_eof()
            told.put_nowait(await reader.read())

        told: asyncio.Queue[bytes] = asyncio.Queue()
        async with raw_site(answers_at_the_end) as one, raw_site(finishes_first) as two:
            reader, writer = await c.socks5(one)
            writer.write(b"x" * 1_000_000)
            writer.write_eof()
            assert await reader.read() == b"got 1000000"
            reader, writer = await c.socks5(two)
            assert await reader.read() == b"bye"
            writer.write(b"still here")
            writer.write_eof()
            assert await told.get() == b"still here"

    through(tmp_path / "data", use)


def test_a_reset_passes_both_ways(tmp_path: Path) -> None:
    async def use(c: Chain) -> None:
        async def cuts(reader: Reader, writer: Writer) -> None:
            await reader.readexactly(1)
            cut(writer)

        async def is_cut(reader: Reader, writer: Writer) -> None:
            writer.write(b"!")
            try:
                await reader.read()
                told.put_nowait("end")
            except ConnectionResetError:
                told.put_nowait("reset")

        told: asyncio.Queue[str] = asyncio.Queue()
        async with raw_site(cuts) as one, raw_site(is_cut) as two:
            reader, writer = await c.socks5(one)
            writer.write(b"x")
            with pytest.raises(ConnectionResetError):
                await reader.read()
            reader, writer = await c.socks5(two)
            assert await reader.readexactly(1) == b"!"
            cut(writer)
            assert await told.get() == "reset"

    through(tmp_path / "data", use)


def test_addresses_of_both_kinds_and_datagrams_reach_their_sites(tmp_path: Path) -> None:
    async def use(c: Chain) -> None:
        async with raw_site(echo) as four, raw_site_six(echo) as six, datagram_site() as udp:
            for port, host in ((four, b"\x01\x7f\0\0\x01"), (six, b"\x04" + bytes(15) + b"\x01")):
                reader, writer = await c.dial()
                writer.write(HELLO5 + b"\x05\x01\0" + host + port.to_bytes(2, "big"))
                assert (await reader.readexactly(12))[:4] == b"\x05\0\x05\0"
                writer.write(b"hello")
                assert await reader.readexactly(5) == b"hello"
                writer.close()
            assert c.resolver.asked == []
            for host in (b"\x01\x7f\0\0\x01", b"\x03\x09site.test"):
                await associated(c, host + udp.to_bytes(2, "big"))

    through(tmp_path / "data", use)


@needs_curl
@pytest.mark.parametrize("way", ["absolute", "connect", "socks5", "socks4a"])
def test_a_site_is_named_by_its_ipv6_address_in_every_protocol(tmp_path: Path, way: str) -> None:
    async def use(c: Chain) -> None:
        async def page(reader: Reader, writer: Writer) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            assert f"Host: [::1]:{port}" in head
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nsix")
            await writer.drain()

        async with raw_site_six(page) as port:
            assert await curl("-g", *ways(c.at)[way], f"http://[::1]:{port}/") == (0, b"six")

    through(tmp_path / "data", use)


async def associated(c: Chain, target: bytes) -> None:
    """One UDP association, over which datagrams of all sizes come back."""
    reader, writer = await c.dial()
    writer.write(HELLO5 + b"\x05\x03\0\x01" + bytes(6))
    answer = await reader.readexactly(12)
    assert answer[:6] == b"\x05\0\x05\0\0\x01"
    inbox: asyncio.Queue[bytes] = asyncio.Queue()

    class Port(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            inbox.put_nowait(data)

    at = (".".join(map(str, answer[6:10])), int.from_bytes(answer[10:], "big"))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Port, remote_addr=at)
    try:
        for size in (1, 1200, 9000, 40_000):
            payload = os.urandom(size)
            transport.sendto(b"\0\0\0" + target + payload)
            back = await inbox.get()
            assert back[:3] == b"\0\0\0"
            assert back.endswith(payload)
    finally:
        transport.close()
        writer.close()


@asynccontextmanager
async def raw_site_six(serve: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[int]:
    """A site at ::1."""

    async def one(reader: Reader, writer: Writer) -> None:
        await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(one, "::1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
