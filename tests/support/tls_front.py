"""What stands before an operator in the wild: a server that ends TLS and passes the bytes on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.proxy_bench import hang_up

_PIECE_BYTES = 65_536


class TlsFront:
    """Get it from ``tls_front``. It listens before it knows the server behind it, whose URL has its port."""

    def __init__(self) -> None:
        self.port = 0
        self.behind = 0
        """The port of the server behind it, on this machine."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.behind)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(reader, there_writer))
                group.create_task(_pass_on(there_reader, writer))
        finally:
            await hang_up(there_writer)
            await hang_up(writer)


@asynccontextmanager
async def tls_front(certificate: Path) -> AsyncIterator[TlsFront]:
    """Listens on 127.0.0.1; all its connections are gone at the end."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    front = TlsFront()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(front.serve(reader, writer), name="tls front")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_PIECE_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    # One end has gone, and nobody here closes only half.
    writer.close()
