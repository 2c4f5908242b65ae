"""Connections that do not go through bridges: for sites that the rules let go directly.

Names are looked up by the system, and the addresses race (RFC 8305), as in any browser. Nothing here decides what may
go this way: `unwalled.reader.chooser` does, and asks about the addresses too before any of them is dialled.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol

from unwalled.errors import StreamReset
from unwalled.network.addresses import IPAddress
from unwalled.network.dialler import code_of, dial
from unwalled.network.resolver import Resolver
from unwalled.network.site import SiteSocket
from unwalled.tunnel.api import Stream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class Direct(Protocol):
    """The direct way, in two steps."""

    async def look_up(self, target: Target) -> Sequence[IPAddress]:
        """The addresses of a target, at least one; of an address itself. Raises OpenFailed. Cancelling is safe."""

    async def dial(self, addresses: Sequence[IPAddress], port: int) -> Stream:
        """Connects to the first that answers. Raises OpenFailed. When cancelled, every attempt is closed."""


class DirectWay:
    """The direct way over sockets of this machine. The caller bounds the time."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def look_up(self, target: Target) -> Sequence[IPAddress]:
        """See Direct."""
        literal = target.literal
        return [literal] if literal is not None else await self._resolver.resolve(target.host)

    async def dial(self, addresses: Sequence[IPAddress], port: int) -> Stream:
        """See Direct."""
        return DirectStream(await dial(addresses, port))


class DirectStream:
    """A Stream over one connected, non-blocking socket, which it owns."""

    def __init__(self, sock: socket.socket) -> None:
        self._site = SiteSocket(sock)
        self._code: Code | None = None
        """With which it was cut."""
        self._is_read_out = False
        self._is_finished = False

    def __repr__(self) -> str:
        return "DirectStream(…)"

    async def read(self) -> bytes:
        """See Stream."""
        await self._site.breathe()
        while True:
            self._check()
            try:
                data = self._site.receive_now()
            except OSError as error:
                raise self._cut(error) from None
            if data is None:
                await self._site.readable()
                continue
            self._is_read_out = self._is_read_out or not data
            return data

    async def write(self, data: bytes) -> None:
        """See Stream. After it has failed, what the site sent before can still be read."""
        self._check()
        try:
            await self._site.send(data)
        except OSError as error:
            self._check()
            raise StreamReset(code_of(error)) from None

    async def finish(self) -> None:
        """See Stream."""
        self._check()
        try:
            self._site.finish()
        except OSError as error:
            raise StreamReset(code_of(error)) from None
        self._is_finished = True

    def reset(self, code: Code) -> None:
        """See Stream."""
        if self._code is not None:
            return
        self._code = code
        if self._is_read_out and self._is_finished:
            self._site.close()
        else:
            self._site.abort()

    def _check(self) -> None:
        if self._code is not None:
            raise StreamReset(self._code)

    def _cut(self, error: OSError) -> StreamReset:
        if self._code is None:
            self.reset(code_of(error))
        assert self._code is not None
        return StreamReset(self._code)
