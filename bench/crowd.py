"""What a household does behind a reader for as long as it is let: downloads, short pages, a long talk, datagrams.

Run: python -m bench.crowd PROXY SITE DOWNLOAD_BYTES, addresses as HOST:PORT. Until it is ended it prints a line of JSON
for each thing that happened: ``at`` (CLOCK_MONOTONIC, which all processes of a machine share), ``what``, and more.

    done        a download of DOWNLOAD_BYTES, each byte of it the right one, in ``s`` seconds
    cut         something ended early, or was refused; ``why`` in words
    wrong       a byte that the site has not sent: never
    gap         the download stood still for ``s`` seconds, and goes on
    page        a short page came, in ``s`` seconds
    talk        the long connection was answered, after ``s`` seconds
    datagrams   so many were ``sent`` and so many ``came`` within the last second
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from typing import Any

from bench.flow import BLOCK_BYTES, block
from bench.site import STAMP

PAGE_EVERY_S = 0.25
TALK_EVERY_S = 0.5
DATAGRAMS_PER_S = 20
GAP_S = 0.5
_PIECE_BYTES = 64 * 1024
_PAGE_BYTES = 10_000
_AGAIN_S = 0.2
_PATIENCE_S = 90.0

Address = tuple[str, int]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _say(what: str, **more: Any) -> None:
    print(json.dumps({"at": time.monotonic(), "what": what, **more}), flush=True)


class Refused(ConnectionError):
    """The proxy said no."""


def _words_of(error: Exception) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "it was closed"
    # Addresses would make the same trouble look like many.
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


async def _greeted(proxy: Address, command: int, target: bytes) -> tuple[Stream, bytes]:
    async with asyncio.timeout(_PATIENCE_S):
        reader, writer = await asyncio.open_connection(*proxy)
        try:
            return (reader, writer), await _asked(reader, writer, command, target)
        except BaseException:
            writer.close()
            raise


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: int, target: bytes) -> bytes:
    writer.write(b"\x05\x01\x00")
    await reader.readexactly(2)
    writer.write(bytes((5, command, 0)) + target)
    reply = await reader.readexactly(10)
    if reply[1]:
        raise Refused(f"refused with {reply[1]}")
    return reply


class Crowd:
    """All of it, through one proxy to one site."""

    def __init__(self, proxy: Address, site: Address, size: int) -> None:
        self._proxy = proxy
        self._site = site
        self._size = size
        self._target = b"\x01" + socket.inet_aton(site[0]) + site[1].to_bytes(2, "big")

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self._download, self._page, self._talk, self._datagrams):
                group.create_task(self._again(work), name=work.__name__)

    async def _again(self, work: Any) -> None:
        while True:
            try:
                await work()
            except TimeoutError:
                _say("cut", which=work.__name__.strip("_"), why=f"nothing for {_PATIENCE_S:g} s")
            except (OSError, asyncio.IncompleteReadError) as error:
                _say("cut", which=work.__name__.strip("_"), why=_words_of(error))
                await asyncio.sleep(_AGAIN_S)

    async def _connect(self) -> Stream:
        stream, _ = await _greeted(self._proxy, 1, self._target)
        return stream

    async def _download(self) -> None:
        began = last = time.monotonic()
        reader, writer = await self._connect()
        try:
            writer.write(b"down\n")
            at, expected = 0, memoryview(block() + block()[:_PIECE_BYTES])
            while at < self._size:
                async with asyncio.timeout(_PATIENCE_S):
                    piece = await reader.read(_PIECE_BYTES)
                now = time.monotonic()
                if now - last >= GAP_S:
                    _say("gap", s=now - last)
                last = now
                if not piece:
                    raise ConnectionError("the download ended early")
                start = at % BLOCK_BYTES
                if piece != expected[start : start + len(piece)]:
                    _say("wrong", byte=at)
                    raise ConnectionError("the download is wrong")
                at += len(piece)
            _say("done", s=last - began)
        finally:
            writer.close()

    async def _page(self) -> None:
        began = time.monotonic()
        reader, writer = await self._connect()
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: site\r\n\r\n")
            async with asyncio.timeout(_PATIENCE_S):
                page = await reader.read()
        finally:
            writer.close()
        if not page.endswith(b"x" * _PAGE_BYTES):
            raise ConnectionError("the page ended early")
        _say("page", s=time.monotonic() - began)
        await asyncio.sleep(PAGE_EVERY_S)

    async def _talk(self) -> None:
        reader, writer = await self._connect()
        try:
            writer.write(b"echo\n")
            number = 0
            while True:
                began = time.monotonic()
                said = number.to_bytes(8)
                writer.write(said)
                async with asyncio.timeout(_PATIENCE_S):
                    heard = await reader.readexactly(len(said))
                if heard != said:
                    _say("wrong", byte=number)
                    raise ConnectionError("the talk is wrong")
                _say("talk", s=time.monotonic() - began)
                number += 1
                await asyncio.sleep(TALK_EVERY_S)
        finally:
            writer.close()

    async def _datagrams(self) -> None:
        (control, writer), reply = await _greeted(self._proxy, 3, b"\x01" + bytes(6))
        loop = asyncio.get_running_loop()
        came: set[int] = set()
        head = b"\0\0\0" + self._target

        class Ear(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: object) -> None:
                came.add(STAMP.unpack_from(data, len(head))[0])

        try:
            place = (socket.inet_ntoa(reply[4:8]), int.from_bytes(reply[8:10]))
            channel, _ = await loop.create_datagram_endpoint(Ear, remote_addr=place)
            try:
                number = 0
                while not control.at_eof():
                    came.clear()
                    for _ in range(DATAGRAMS_PER_S):
                        channel.sendto(head + STAMP.pack(number, time.monotonic(), 0.0))
                        number += 1
                        await asyncio.sleep(1 / DATAGRAMS_PER_S)
                    _say("datagrams", sent=DATAGRAMS_PER_S, came=len(came))
                    await asyncio.sleep(0)
                    if control.at_eof() or writer.is_closing():
                        break
            finally:
                channel.close()
            raise ConnectionError("the association ended")
        finally:
            writer.close()


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    try:
        asyncio.run(Crowd(_address(sys.argv[1]), _address(sys.argv[2]), int(sys.argv[3])).run())
    except (KeyboardInterrupt, BrokenPipeError):
        pass
