"""A UDP association (RFC 1928 section 7): datagrams of one app, for as long as its TCP connection stands."""

from __future__ import annotations

import asyncio
from typing import cast

from unwalled.errors import StreamReset
from unwalled.reader.dialogue import DialogueError
from unwalled.reader.socks5 import decode_datagram, encode_datagram
from unwalled.tunnel.api import DatagramFlow
from unwalled.wire.address import Target


class Association(asyncio.DatagramProtocol):
    """The socket that an app sends its datagrams to. Takes them only from the app's host, and from the first port
    that it used there; what is malformed, a fragment or from elsewhere is dropped, as is what the app is too slow for.
    """

    def __init__(self, flow: DatagramFlow, app_host: str) -> None:
        self._flow = flow
        self._app_host = app_host
        self._app: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._is_writing = True

    def __repr__(self) -> str:
        return "Association(…)"

    @classmethod
    async def open(cls, flow: DatagramFlow, local_host: str, app_host: str) -> Association:
        """Binds a socket on the address by which the app reached the proxy. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, association = await loop.create_datagram_endpoint(lambda: cls(flow, app_host), local_addr=(local_host, 0))
        return association

    @property
    def bound(self) -> Target:
        """Where the app must send to."""
        assert self._transport is not None
        name = self._transport.get_extra_info("sockname")
        return Target(str(name[0]), int(name[1]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """See asyncio.DatagramProtocol."""
        host, port = str(addr[0]), int(addr[1])
        if host != self._app_host or (self._app is not None and self._app[1] != port):
            return
        try:
            target, payload = decode_datagram(data)
        except DialogueError:
            return
        self._app = (host, port)
        self._flow.send(target, payload)

    def error_received(self, exc: Exception) -> None:
        """See asyncio.DatagramProtocol: the app's socket is gone or full; its next datagram may arrive again."""

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol: answers are dropped meanwhile."""
        self._is_writing = False

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._is_writing = True

    async def run(self) -> None:
        """Passes answers on until the flow ends or it is cancelled."""
        assert self._transport is not None
        try:
            while True:
                source, payload = await self._flow.receive()
                if self._app is not None and self._is_writing:
                    self._transport.sendto(encode_datagram(source, payload), self._app)
        except StreamReset:
            return

    def close(self) -> None:
        """Closes socket and flow."""
        self._flow.close()
        if self._transport is not None:
            self._transport.abort()
