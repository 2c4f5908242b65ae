"""Direct streams over loopback: bytes, ends and resets as the site gave them."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from unwalled.errors import OpenFailed, StreamReset
from unwalled.network.addresses import IPAddress
from unwalled.reader.direct import DirectStream, DirectWay
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

HERE = ipaddress.ip_address("127.0.0.1")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A resolver that knows one name."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(self, name: str) -> list[IPAddress]:
        """See Resolver."""
        self.asked.append(name)
        if name != "site.test":
            raise OpenFailed(Code.NAME_UNKNOWN)
        return [HERE]


@asynccontextmanager
async def site(serve: Serve) -> AsyncIterator[int]:
    """A site on this machine; its port."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def opened(port: int) -> DirectStream:
    stream = await DirectWay(Names()).dial([HERE], port)
    assert isinstance(stream, DirectStream)
    return stream


def cut(writer: asyncio.StreamWriter) -> None:
    """Resets a connection."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def test_names_are_looked_up_and_addresses_are_not() -> None:
    async def main() -> None:
        names = Names()
        way = DirectWay(names)
        assert await way.look_up(Target("192.0.2.7", 80)) == [ipaddress.ip_address("192.0.2.7")]
        assert names.asked == []
        assert await way.look_up(Target("site.test", 80)) == [HERE]
        with pytest.raises(OpenFailed):
            await way.look_up(Target("other.test", 80))

    asyncio.run(main())


def test_megabytes_pass_both_ways_at_once_and_both_ends_are_seen() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write(b"end")

    async def main() -> None:
        block = os.urandom(4 << 20)
        async with site(echo) as port:
            stream = await opened(port)

            async def send() -> None:
                await stream.write(block)
                await stream.finish()

            got = bytearray()
            async with asyncio.TaskGroup() as group:
                group.create_task(send())
                while data := await stream.read():
                    got += data
            assert bytes(got) == block + b"end"
            stream.reset(Code.CANCELLED)
            stream.reset(Code.CANCELLED)
            with pytest.raises(StreamReset):
                await stream.read()
            assert repr(stream) == "DirectStream(…)"

    asyncio.run(main())


def test_what_a_site_sent_before_it_cut_the_connection_is_read() -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1)
            writer.write(b"last words")
            await writer.drain()
            await reader.readexactly(1)
            cut(writer)

        async with site(serve) as port:
            stream = await opened(port)
            await stream.write(b"a")
            assert await stream.read() == b"last words"
            await stream.write(b"b")
            with pytest.raises(StreamReset) as failed:
                await stream.read()
            assert failed.value.code is Code.CONNECTION_RESET
            for call in (stream.read(), stream.write(b"x"), stream.finish()):
                with pytest.raises(StreamReset) as failed:
                    await call
                assert failed.value.code is Code.CONNECTION_RESET

    asyncio.run(main())


def test_a_reset_wakes_whoever_reads_or_writes() -> None:
    async def main() -> None:
        over = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await over.wait()

        async with site(silent) as port:
            stream = await opened(port)
            reading = asyncio.create_task(stream.read())
            writing = asyncio.create_task(stream.write(bytes(64 << 20)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            stream.reset(Code.LIMIT_REACHED)
            for task in (reading, writing):
                with pytest.raises(StreamReset) as failed:
                    await task
                assert failed.value.code is Code.LIMIT_REACHED
            over.set()

    asyncio.run(main())


def test_a_cancelled_read_loses_nothing() -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go.wait()
            writer.write(b"hello")

        async with site(serve) as port:
            stream = await opened(port)
            reading = asyncio.create_task(stream.read())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            go.set()
            assert await stream.read() == b"hello"
            stream.reset(Code.CANCELLED)

    asyncio.run(main())


def test_a_refused_connection_has_its_code() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with pytest.raises(OpenFailed) as failed:
            await opened(port)
        assert failed.value.code is Code.CONNECTION_REFUSED

    asyncio.run(main())
