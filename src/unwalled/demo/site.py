"""A site behind a wall: whoever does not come from the gateway's address has their connection cut."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import struct
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from unwalled.settings import PROGRAM

_HOST = "127.0.0.1"
_SECOND_LOOPBACK = "127.0.0.3"
_LINGER_NONE = struct.pack("ii", 1, 0)
_CHUNK_BYTES = 256 * 1024
_SOMEWHERE = ("192.0.2.1", 9)
"""A documentation address (RFC 5737). Nothing is sent there; the system only says which own address it would use."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the site has; made anew for each run, so that nothing can come from elsewhere."""

    page: bytes
    block: bytes

    @classmethod
    def make(cls) -> Content:
        """New content."""
        word = os.urandom(8).hex()
        page = (
            "<!doctype html><html lang=en><meta charset=utf-8><title>The news that some may not read</title>"
            "<h1>The news that some may not read</h1><p>This page lets in the newsroom's gateway and nobody else. "
            f"You are reading it through a visitor's browser.</p><p>Word of this run: {word}</p></html>\n"
        )
        return cls(page.encode(), os.urandom(_CHUNK_BYTES))

    def download(self) -> list[bytes]:
        """The large file, in pieces."""
        whole, rest = divmod(PROGRAM.demo_download_bytes, len(self.block))
        return [self.block] * whole + ([self.block[:rest]] if rest else [])

    @property
    def page_hash(self) -> str:
        """SHA-256 of the page, in hex."""
        return hashlib.sha256(self.page).hexdigest()

    @property
    def download_hash(self) -> str:
        """SHA-256 of the large file, in hex."""
        digest = hashlib.sha256()
        for piece in self.download():
            digest.update(piece)
        return digest.hexdigest()


class WalledSite:
    """The site, in this process. ``allowed``: the one address that is let in; None lets everybody in."""

    def __init__(self, content: Content, allowed: str | None) -> None:
        self._content = content
        self._allowed = allowed
        app = web.Application()
        app.add_routes([web.get("/", self._page), web.get("/download", self._download)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        self._server: asyncio.Server | None = None
        self.cut = 0
        """Connections that were cut."""

    async def start(self) -> str:
        """Serves; gives the site's URL."""
        await self._runner.setup()
        self._server = await asyncio.get_running_loop().create_server(self._new_protocol, _HOST, 0)
        return f"http://{_HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stops."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    def _new_protocol(self) -> asyncio.Protocol:
        return _Wall(self)

    def admit(self, transport: asyncio.Transport) -> asyncio.Protocol | None:
        """The protocol for a connection, or None for one that is not let in."""
        peer = transport.get_extra_info("peername")[0]
        server = self._runner.server
        if server is None or (self._allowed is not None and peer != self._allowed):
            self.cut += 1
            return None
        return server()

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(body=self._content.page, content_type="text/html", charset="utf-8")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = PROGRAM.demo_download_bytes
        await response.prepare(request)
        for piece in self._content.download():
            await response.write(piece)
        return response


class _Wall(asyncio.Protocol):
    """Looks at where a connection comes from, before any byte of it is read."""

    def __init__(self, site: WalledSite) -> None:
        self._site = site

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        # uvloop's transports are not asyncio's by type.
        stream = cast(asyncio.Transport, transport)
        inner = self._site.admit(stream)
        if inner is not None:
            stream.set_protocol(inner)
            inner.connection_made(stream)
            return
        sock = stream.get_extra_info("socket")
        # A reset, as a censor's box would send one.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        stream.abort()


def gateway_address() -> str | None:
    """An own address, other than the site's, from which the site can be reached; None where the system has none.

    Linux has all of 127.0.0.0/8; elsewhere the address of the network card does. Nothing leaves the machine.
    """
    candidates = [_SECOND_LOOPBACK]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_SOMEWHERE)
            candidates.append(probe.getsockname()[0])
        except OSError:
            pass
    return next((address for address in candidates if address != _HOST and _arrives_from(address)), None)


def _arrives_from(address: str) -> bool:
    try:
        with socket.create_server((_HOST, 0)) as server, socket.socket() as client:
            server.settimeout(1.0)
            client.settimeout(1.0)
            client.bind((address, 0))
            client.connect(server.getsockname())
            connection, peer = server.accept()
            connection.close()
            return bool(peer[0] == address)
    except OSError:
        return False
