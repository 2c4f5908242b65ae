"""The proxy over real sockets: curl, aiohttp and plain sockets through the listener to a site on this machine."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import ipaddress
import os
import socket
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from tests.support.curl import curl, needs_curl, ways
from tests.support.fake_tunnel import FakeTunnel
from tests.support.proxy_bench import BIG, BLOCK, HELLO5, MIB, Reader, Writer, bench, cut, raw_site, until
from unwalled.errors import ConfigurationError
from unwalled.reader.listener import ProxyAddress, ProxyListener
from unwalled.settings import READER
from unwalled.wire.codes import Code


@needs_curl
@pytest.mark.parametrize("way", ["absolute", "connect", "socks5", "socks5 password", "socks4a", "socks4"])
def test_curl_reads_a_page_by_every_protocol(way: str) -> None:
    async def main() -> None:
        async with bench() as b:
            # curl looks names up itself with plain SOCKS4; an address needs none.
            site = f"http://127.0.0.1:{b.port}" if way == "socks4" else b.site
            assert await curl(*ways(b.at)[way], f"{site}/?q=1") == (0, b"GET /?q=1 accept,host,user-agent")
            assert b.tunnel.asked[0].host == ("127.0.0.1" if way == "socks4" else "site.test")

    asyncio.run(main())


@needs_curl
@pytest.mark.parametrize("way", ["absolute", "connect", "socks5", "socks4a"])
def test_fifty_megabytes_each_way_arrive_whole(way: str, tmp_path: Path) -> None:
    file = tmp_path / "up"
    file.write_bytes(os.urandom(MIB) * (BIG // MIB))
    digest = hashlib.sha256(file.read_bytes()).hexdigest().encode()
    arrived = tmp_path / "down"

    async def main() -> None:
        async with bench() as b:
            assert await curl(*ways(b.at)[way], "-T", str(file), f"{b.site}/up") == (0, digest)
            chunked = ("-H", "Transfer-Encoding: chunked", "-H", "Expect:", "-T", str(file))
            assert await curl(*ways(b.at)[way], *chunked, f"{b.site}/up") == (0, digest)
            for query in ("", "?length", "?close"):
                assert (await curl(*ways(b.at)[way], "-o", str(arrived), f"{b.site}/down{query}"))[0] == 0
                with arrived.open("rb") as got:
                    assert all(got.read(MIB) == BLOCK for _ in range(BIG // MIB))
                    assert got.read() == b""

    asyncio.run(main())


@pytest.mark.parametrize("way", ["absolute", "connect"])
def test_three_hundred_requests_at_once(way: str) -> None:
    async def main() -> None:
        async with bench() as b, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def one(number: int) -> None:
                if way == "absolute":
                    async with session.get(f"{b.site}/?{number}", proxy=f"http://{b.at}") as response:
                        assert (await response.text()).startswith(f"GET /?{number} ")
                    return
                reader, writer = await b.socks5(b.port)
                writer.write(b"GET /?%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % number)
                assert b"GET /?%d " % number in await reader.read()
                writer.close()

            async with asyncio.TaskGroup() as group:
                for number in range(300):
                    group.create_task(one(number))

    asyncio.run(main())


def test_three_thousand_requests_in_a_row_on_one_connection() -> None:
    async def main() -> None:
        async with bench() as b:
            reader, writer = await b.dial()
            for number in range(3000):
                body = b"x" if number % 7 == 0 else b""
                method = b"POST" if body else b"GET"
                host = b"one.test" if number < 2000 else b"two.test"
                writer.write(
                    b"%b http://%b:%d/?%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
                    % (method, host, b.port, number, len(body), body)
                )
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                assert (await reader.readexactly(length)).startswith(b"%b /?%d " % (method, number))
            writer.close()
            # Requests without effect share streams: fewer than the requests, one at least for each with a body.
            assert len(b.tunnel.streams) < 1000
            assert {target.host for target in b.tunnel.asked} == {"one.test", "two.test"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "head", "body"),
    [
        (b"GET %b/status/204 HTTP/1.1", b"HTTP/1.1 204", b""),
        (b"GET %b/status/304 HTTP/1.1", b"HTTP/1.1 304", b""),
        (b"HEAD %b/ HTTP/1.1", b"HTTP/1.1 200", b""),
    ],
)
def test_the_connection_goes_on_after_answers_without_a_body(said: bytes, head: bytes, body: bytes) -> None:
    async def main() -> None:
        async with bench() as b:
            reader, writer = await b.dial()
            for _ in range(3):
                writer.write(said % b.site.encode() + b"\r\nHost: x\r\n\r\n")
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(head)
            writer.write(b"GET %b/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % b.site.encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
            writer.close()

    asyncio.run(main())


def test_pipelined_requests_are_answered_in_order() -> None:
    async def main() -> None:
        async with bench() as b:
            request = b"GET %b/?%d HTTP/1.1\r\nHost: x\r\n%b\r\n"
            site = b.site.encode()
            both = request % (site, 1, b"") + request % (site, 2, b"Connection: close\r\n")
            answer = await b.say(both)
            assert answer.count(b"HTTP/1.1 200 OK") == 2
            assert answer.index(b"GET /?1 ") < answer.index(b"GET /?2 ")

    asyncio.run(main())


def test_an_early_answer_to_an_upload_arrives() -> None:
    async def main() -> None:
        async with bench() as b:
            head = b"POST %b/early HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" % b.site.encode()
            assert (await b.say(head + b"x" * 100_000)).startswith(b"HTTP/1.1 413 ")

    asyncio.run(main())


@pytest.mark.parametrize("way", ["absolute", "connect"])
def test_a_websocket_passes(way: str) -> None:
    async def main() -> None:
        async with bench() as b:
            head = (
                b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            if way == "connect":
                reader, writer = await b.dial()
                writer.write(b"CONNECT site.test:%d HTTP/1.1\r\nHost: x\r\n\r\nGET /ws HTTP/1.1\r\n" % b.port + head)
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
            else:
                reader, writer = await b.dial()
                writer.write(b"GET %b/ws HTTP/1.1\r\n" % b.site.encode() + head)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            for _ in range(3):
                writer.write(b"\x81\x83\0\0\0\0abc")
                assert await reader.readexactly(5) == b"\x81\x03cba"
            writer.close()

    asyncio.run(main())


def test_events_arrive_one_by_one() -> None:
    async def main() -> None:
        async with (
            bench() as b,
            aiohttp.ClientSession() as session,
            session.get(f"{b.site}/events", proxy=f"http://{b.at}") as response,
        ):
            for number in range(3):
                # The site says the next one only after this one was read here.
                assert await response.content.readuntil(b"\n\n") == b"data: %d\n\n" % number
                b.told.put_nowait(None)
            assert await response.content.read() == b""

    asyncio.run(main())


def test_either_side_may_finish_first() -> None:
    async def main() -> None:
        async def answers_at_the_end(reader: Reader, writer: Writer) -> None:
            writer.write(b"got %d" % len(await reader.read()))

        async def finishes_first(reader: Reader, writer: Writer) -> None:
            writer.write(b"bye")
            writer.write_eof()
            told.put_nowait(await reader.read())

        told: asyncio.Queue[bytes] = asyncio.Queue()
        async with bench() as b, raw_site(answers_at_the_end) as one, raw_site(finishes_first) as two:
            reader, writer = await b.socks5(one)
            writer.write(b"x" * 1_000_000)
            writer.write_eof()
            assert await reader.read() == b"got 1000000"
            writer.close()
            reader, writer = await b.socks5(two)
            assert await reader.read() == b"bye"
            writer.write(b"still here")
            writer.write_eof()
            assert await told.get() == b"still here"
            writer.close()

    asyncio.run(main())


def test_a_reset_passes_both_ways() -> None:
    async def main() -> None:
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
        async with bench() as b, raw_site(cuts) as one, raw_site(is_cut) as two:
            reader, writer = await b.socks5(one)
            writer.write(b"x")
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            reader, writer = await b.socks5(two)
            assert await reader.readexactly(1) == b"!"
            cut(writer)
            assert await told.get() == "reset"

    asyncio.run(main())


def test_who_does_not_read_slows_the_other_down_and_loses_nothing() -> None:
    async def main() -> None:
        async def pours(reader: Reader, writer: Writer) -> None:
            for _ in range(64):
                writer.write(BLOCK)
                await writer.drain()
                poured.append(MIB)

        poured: list[int] = []
        async with bench() as b, raw_site(pours) as port:
            reader, writer = await b.socks5(port)
            # Sockets and buffers between fill up; then the site must wait, however often everyone gets a turn.
            before = -1
            while before != len(poured):
                before = len(poured)
                for _ in range(2000):
                    await asyncio.sleep(0)
            assert len(poured) < 32
            assert len(await reader.read()) == 64 * MIB
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("waits", [False, True])
def test_a_site_that_closed_between_two_requests_is_asked_again(waits: bool) -> None:
    async def main() -> None:
        async def answers_once(reader: Reader, writer: Writer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            if waits:
                # The next request arrives, and only then is the connection gone.
                await reader.readuntil(b"\r\n\r\n")

        async with bench() as b, raw_site(answers_once) as port:
            reader, writer = await b.dial()
            for _ in range(4):
                writer.write(b"GET http://site.test:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % port)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
                assert await reader.readexactly(2) == b"hi"
            assert len(b.tunnel.streams) == 4
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "begins"),
    [
        (b"", b"HTTP/1.1 502 Bad Gateway\r\n"),
        (b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 502 Bad Gateway\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Len", b"HTTP/1.1 502 Bad Gateway\r\n"),
    ],
)
def test_a_site_without_a_proper_answer(answer: bytes, begins: bytes) -> None:
    async def main() -> None:
        async def serve(reader: Reader, writer: Writer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)

        async with bench() as b, raw_site(serve) as port:
            got = await b.say(b"GET http://site.test:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % port)
            assert got.startswith(begins)
            assert b"Proxy-Status: unwalled; error=http_" in got

    asyncio.run(main())


def test_an_answer_that_breaks_off_is_not_taken_for_whole() -> None:
    async def main() -> None:
        async def serve(reader: Reader, writer: Writer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            await writer.drain()
            await reader.read(1)

        async with bench() as b, raw_site(serve) as port:
            reader, writer = await b.dial()
            writer.write(b"GET http://site.test:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % port)
            await reader.readuntil(b"hello\r\n")
            b.tunnel.streams[0].reset(Code.SESSION_LOST)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()

    asyncio.run(main())


FAILURES = {code.name.lower().replace("_", "-") + ".test": code for code in Code}
SOCKS5_REPLIES = {
    Code.NOT_ALLOWED: 2,
    Code.OWN_NETWORK: 2,
    Code.NETWORK_UNREACHABLE: 3,
    Code.NO_BRIDGE: 3,
    Code.HOST_UNREACHABLE: 4,
    Code.NAME_UNKNOWN: 4,
    Code.NAME_FAILED: 4,
    Code.CONNECTION_REFUSED: 5,
    Code.TIMED_OUT: 6,
}
HTTP_STATUS = {
    Code.NOT_ALLOWED: 403,
    Code.TIMED_OUT: 504,
    Code.NO_BRIDGE: 503,
    Code.LIMIT_REACHED: 503,
    Code.USED_UP: 503,
    Code.SWITCHED_OFF: 503,
    Code.OWN_NETWORK: 403,
}


def test_every_failure_gets_its_answer_in_every_protocol() -> None:
    async def main() -> None:
        async with bench(failures={**FAILURES, "udp": Code.NO_BRIDGE}) as b:
            for name, code in FAILURES.items():
                host = name.encode()
                reply = SOCKS5_REPLIES.get(code, 1)
                asked = HELLO5 + b"\x05\x01\x00\x03" + bytes((len(host),)) + host + b"\0\x50"
                assert await b.say(asked) == bytes((5, 0, 5, reply)) + b"\0\x01\0\0\0\0\0\0"
                assert await b.say(b"\x04\x01\0\x50\0\0\0\1\0" + host + b"\0") == b"\x00\x5b\0\0\0\0\0\0"
                for line in (b"CONNECT %b:80", b"GET http://%b/", b"POST http://%b/"):
                    answer = await b.say(line % host + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                    assert answer.startswith(b"HTTP/1.1 %d " % HTTP_STATUS.get(code, 502))
                    assert b"\r\nProxy-Status: unwalled; error=" in answer
                    assert code.text[1:].encode() in answer
            assert b.tunnel.streams == []
            answer = await b.say(HELLO5 + b"\x05\x03\x00\x01\0\0\0\0\0\0")
            assert answer == b"\x05\x00\x05\x03\x00\x01\0\0\0\0\0\0"

    asyncio.run(main())


def test_what_leads_back_to_the_proxy_is_refused() -> None:
    async def main() -> None:
        async with bench() as b:
            for host in (
                "127.0.0.1",
                "127.9.9.9",
                "localhost",
                "a.LOCALHOST.",
                "0.0.0.0",
                "[::1]",
                "[::ffff:127.0.0.1]",
            ):
                answer = await b.say(f"GET http://{host}:{b.at.port}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert answer.startswith(b"HTTP/1.1 403 ")
                assert b"proxy_loop_detected" in answer
            port = b.at.port.to_bytes(2, "big")
            answer = await b.say(HELLO5 + b"\x05\x01\x00\x01" + ipaddress.IPv4Address("127.0.0.1").packed + port)
            assert answer[3] == 2
            assert b.tunnel.asked == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"HTTP/1.1 400 "),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nCONNECT a:80 HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET http://s/ HTTP/1.1\r\nHost: s\r\nX: " + b"x" * 70_000, b"HTTP/1.1 431 "),
        (b"\x05\x01\x01", b"\x05\xff"),
        (HELLO5 + b"\x05\x02\x00\x01\0\0\0\0\0\0", b"\x05\x00\x05\x07"),
        (HELLO5 + b"\x05\x01\x00\x09\0\0\0\0\0\0", b"\x05\x00\x05\x08"),
        (b"\x04\x02\0\x50\x7f\0\0\1\0", b"\x00\x5b"),
    ],
)
def test_what_is_wrong_is_answered_and_closed_although_more_comes(said: bytes, begins: bytes) -> None:
    async def main() -> None:
        async with bench() as b:
            assert (await b.say(said)).startswith(begins)
            assert b.tunnel.asked == []

    asyncio.run(main())


def test_what_is_no_proxy_protocol_is_closed() -> None:
    async def main() -> None:
        async with bench() as b:
            try:
                assert await b.say(b"\x16\x03\x01\x02\x00\x01\x00") == b""
            except ConnectionResetError:
                pass
            assert b.tunnel.asked == []

    asyncio.run(main())


def test_who_is_too_slow_with_its_request_is_let_go() -> None:
    async def main() -> None:
        limits = dataclasses.replace(READER, head_timeout_s=0.2, keep_alive_s=0.2)
        async with bench(limits) as b:
            assert (await b.say(b"GET http://s")).startswith(b"HTTP/1.1 408 ")
            assert await b.say(b"\x05\x01") == b""
            assert await b.say(b"\x04\x01") == b""
            assert await b.say(b"") == b""
            answer = await b.say(b"GET %b/ HTTP/1.1\r\nHost: x\r\n\r\n" % b.site.encode())
            assert answer.count(b"HTTP/1.1 ") == 1

    asyncio.run(main())


def test_an_open_is_withdrawn_when_the_app_leaves() -> None:
    async def main() -> None:
        async with bench() as b:
            b.tunnel.hold.clear()
            for said in (
                HELLO5 + b"\x05\x01\x00\x03\x01s\0\x50",
                b"\x04\x01\0\x50\x7f\0\0\1\0",
                b"CONNECT s:80 HTTP/1.1\r\n\r\n",
                b"GET http://s/ HTTP/1.1\r\nHost: s\r\n\r\n",
            ):
                b.tunnel.asked.clear()
                b.tunnel.withdrawn = 0
                _, writer = await b.dial()
                writer.write(said)
                await until(lambda: bool(b.tunnel.asked))
                cut(writer)
                await until(lambda: bool(b.tunnel.withdrawn))
            await until(lambda: not b.proxy.status.connections)

    asyncio.run(main())


def test_too_many_connections_are_told_so_in_their_protocol() -> None:
    async def main() -> None:
        async with bench(dataclasses.replace(READER, max_connections=2, refusals=1)) as b:
            held = [await b.socks5(b.port) for _ in range(2)]
            assert b.proxy.status.connections == 2
            answer = await b.say(HELLO5 + b"\x05\x01\x00\x03\x01s\0\x50")
            assert answer[:4] == b"\x05\x00\x05\x01"
            await until(lambda: b.proxy.status.connections == 2)
            answer = await b.say(HELLO5 + b"\x05\x03\x00\x01\0\0\0\0\0\0")
            assert answer[:4] == b"\x05\x00\x05\x01"
            await until(lambda: b.proxy.status.connections == 2)
            answer = await b.say(b"CONNECT s:80 HTTP/1.1\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 503 ")
            await until(lambda: b.proxy.status.connections == 2)
            waiting = await b.dial()
            await until(lambda: b.proxy.status.connections == 3)
            with pytest.raises(ConnectionError):
                await b.say(b"CONNECT s:80 HTTP/1.1\r\n\r\n")
            for _, writer in (*held, waiting):
                writer.close()

    asyncio.run(main())


def test_numbers_for_the_status_line() -> None:
    async def main() -> None:
        async with bench() as b:
            reader, writer = await b.socks5(b.port)
            up, down = b.proxy.status.bytes_up, b.proxy.status.bytes_down
            request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            writer.write(request)
            answer = await reader.read()
            assert b.proxy.status.bytes_up - up == len(request)
            assert b.proxy.status.bytes_down - down == len(answer)
            writer.close()
            await until(lambda: not b.proxy.status.connections)

    asyncio.run(main())


class Echo(asyncio.DatagramProtocol):
    """Sends each datagram back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


async def udp(host: str = "127.0.0.1") -> socket.socket:
    mine = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mine.setblocking(False)
    mine.bind((host, 0))
    return mine


def test_datagrams_go_there_and_back_while_the_connection_stands() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1].to_bytes(2, "big")
        async with bench() as b:
            reader, writer = await b.dial()
            writer.write(HELLO5 + b"\x05\x03\x00\x01\0\0\0\0\0\0")
            answer = await reader.readexactly(12)
            assert answer[:10] == b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01"
            relay = ("127.0.0.1", int.from_bytes(answer[10:], "big"))
            mine, other, strange = await udp(), await udp(), await udp("127.0.0.2")
            named, source = b"\0\0\0\x03\x09echo.test" + port, b"\0\0\0\x01\x7f\0\0\1" + port
            # From elsewhere, malformed, a fragment: none of these may count, nor hold up the next one.
            strange.sendto(named + b"strange", relay)
            mine.sendto(b"\0\0\0", relay)
            mine.sendto(b"\0\0\1" + named[3:] + b"fragment", relay)
            for size in (1, 1200, 9000):
                mine.sendto(named + b"x" * size, relay)
                assert await loop.sock_recv(mine, 65536) == source + b"x" * size
            other.sendto(named + b"other", relay)
            mine.sendto(source + b"last", relay)
            assert await loop.sock_recv(mine, 65536) == source + b"last"
            assert not b.tunnel.flows[0].is_closed
            writer.close()
            await until(lambda: b.tunnel.flows[0].is_closed)
            for one in (mine, other, strange):
                one.close()
        transport.close()

    asyncio.run(main())


def test_an_association_ends_with_its_flow() -> None:
    async def main() -> None:
        async with bench() as b:
            reader, writer = await b.dial()
            writer.write(HELLO5 + b"\x05\x03\x00\x01\0\0\0\0\0\0")
            await reader.readexactly(12)
            b.tunnel.flows[0].lose()
            assert await reader.read() == b""
            writer.close()
            await until(lambda: b.tunnel.flows[0].is_closed)

    asyncio.run(main())


def test_a_port_in_use_and_addresses_that_cannot_be_used() -> None:
    async def main() -> None:
        async with bench() as b:
            for host, port, word in (
                ("127.0.0.1", b.at.port, "--listen"),
                ("192.0.2.1", 0, "--allow-remote"),
                ("0.0.0.0", 0, "--allow-remote"),
                ("proxy.test", 0, "--listen"),
                ("127.0.0.1", 70000, "--listen"),
            ):
                proxy = ProxyListener(FakeTunnel(), host, port)
                with pytest.raises(ConfigurationError) as caught:
                    await proxy.start()
                assert caught.value.cause
                assert word in caught.value.remedy
                await proxy.close()
            proxy = ProxyListener(FakeTunnel(), "192.0.2.1", 0, allow_remote=True)
            with pytest.raises(ConfigurationError):
                await proxy.start()

    asyncio.run(main())


def test_the_address_as_text_and_remote_listening() -> None:
    async def main() -> None:
        proxy = ProxyListener(FakeTunnel(), "0.0.0.0", 0, allow_remote=True)
        at = await proxy.start()
        assert str(at) == f"0.0.0.0:{at.port}"
        assert str(ProxyAddress("::1", 1080)) == "[::1]:1080"
        assert "0.0.0.0" not in repr(at)
        await proxy.close()
        await proxy.close()

    asyncio.run(main())


def test_closing_cuts_what_is_open() -> None:
    async def main() -> None:
        async with bench() as b:
            reader, writer = await b.socks5(b.port)
            idle, idle_writer = await b.dial()
            await until(lambda: b.proxy.status.connections == 2)
            await b.proxy.close()
            for one in (reader, idle):
                with pytest.raises(ConnectionResetError):
                    await one.read()
            assert b.tunnel.streams[0].reset_code is Code.CANCELLED
            for stream in (writer, idle_writer):
                stream.close()

    asyncio.run(main())
