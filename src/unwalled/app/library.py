"""Unwalled as a library: connections through volunteers' browsers for a Python program.

::

    async with unwalled.Reader(invite) as reader:
        stream, writer = await reader.open_connection("example.org", 443, ssl=True)

What goes wrong raises an `unwalled.UnwalledError` with a cause and a remedy in words: InviteError for the invite,
SignalingFailed when there is no way to bridges, OpenFailed (with a ``code``) for one connection. Once a connection
stands it behaves as one of asyncio's own: ConnectionResetError when it is cut. Names are looked up at the gateway.
Nothing ever goes out another way, and nothing is written to the disk.
"""

from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from unwalled.app.service import ReaderService
from unwalled.app.snapshot import AppSnapshot
from unwalled.app.start import started
from unwalled.app.transport import connect_protocol
from unwalled.clock import SystemClock
from unwalled.errors import UsageError, WireError
from unwalled.settings import APP
from unwalled.tasks import TaskOwner
from unwalled.tunnel.api import DatagramFlow
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite

if TYPE_CHECKING:
    from unwalled.app.connector import TunnelConnector

P = TypeVar("P", bound=asyncio.BaseProtocol)
_DEFAULT_LIMIT = 2**16


class Reader:
    """A reader within this program, for as long as its ``async with`` block runs.

    One may be used by any number of tasks of the same event loop. It is made in an instant; what is opened before there
    is a bridge waits for one, up to 20 s.
    """

    def __init__(self, invite: str | Invite, *, is_exact: bool = True) -> None:
        """``invite``: the line ``uw1.…`` or a link. Raises one of the InviteErrors.

        ``is_exact``: every connection waits for the gateway's answer. Otherwise the first ones, and those to hosts that
        were reached lately, stand at once, which saves a round trip; they are cut if they fail after all.
        """
        self._invite = invite if isinstance(invite, Invite) else Invite.parse(invite, SystemClock().wall())
        self._is_exact = is_exact
        self._undo = AsyncExitStack()
        self._tasks = TaskOwner()
        self._service: ReaderService | None = None

    def __repr__(self) -> str:
        return "Reader(…)"

    async def __aenter__(self) -> Reader:
        """Begins to look for bridges."""
        if self._service is not None:
            raise UsageError("This reader is in use already.", "Make another Reader.")
        self._service = await self._undo.enter_async_context(started(self._invite, None, is_exact=self._is_exact))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cuts all connections and closes all lanes."""
        try:
            await self._tasks.close()
        finally:
            self._service = None
            await self._undo.aclose()

    @property
    def _running(self) -> ReaderService:
        if self._service is None:
            raise UsageError("This reader does not run.", "Use it in `async with unwalled.Reader(invite) as reader:`.")
        return self._service

    def snapshot(self) -> AppSnapshot:
        """How things are: state, trouble, bridges, rates, amounts."""
        return self._running.snapshot()

    async def connected(self) -> None:
        """Waits until a session stands; there is no need to, since connections wait by themselves.

        Raises SignalingFailed when the operator does not take the invite. Cancelling is safe.
        """
        await self._running.connected()

    async def open_connection(
        self,
        host: str,
        port: int,
        *,
        ssl: tls.SSLContext | bool | None = None,
        server_hostname: str | None = None,
        limit: int = _DEFAULT_LIMIT,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Like `asyncio.open_connection`, through bridges. ``ssl`` True = TLS with the system's certificates.

        Raises OpenFailed, UsageError for what is no host or port, and ssl.SSLError. Cancelling is safe.
        """
        reader = asyncio.StreamReader(limit=limit)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await self.create_connection(
            lambda: protocol, host, port, ssl=ssl, server_hostname=server_hostname
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())

    async def create_connection(
        self,
        protocol_factory: Callable[[], P],
        host: str,
        port: int,
        *,
        ssl: tls.SSLContext | bool | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Like the event loop's ``create_connection``, through bridges. See ``open_connection``."""
        target = _target(host, port)
        stream = await self._running.tunnel.open(target)
        protocol = protocol_factory()
        context = tls.create_default_context() if ssl is True else ssl or None
        try:
            name = host if server_hostname is None else server_hostname
            made = await connect_protocol(stream, protocol, self._tasks, context, name, APP.tls_handshake_s)
        except BaseException:
            stream.reset(Code.CANCELLED)
            raise
        return made, protocol

    async def open_datagram(self) -> Datagrams:
        """A socket for datagrams (UDP) to any hosts. Raises OpenFailed. Cancelling is safe."""
        return Datagrams(await self._running.tunnel.open_datagrams())

    def connector(self, *, limit: int = 100, limit_per_host: int = 0) -> TunnelConnector:
        """For `aiohttp.ClientSession(connector=…)`, which closes it. Limits as in `aiohttp.TCPConnector`."""
        from unwalled.app.connector import TunnelConnector

        return TunnelConnector(self, limit=limit, limit_per_host=limit_per_host)

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Opens a local proxy (HTTP and SOCKS), and gives its URL, for libraries and programs that take one.

        Every program of this computer can use it then. Raises ConfigurationError when it cannot listen there. A further
        call moves it.
        """
        return f"http://{await self._running.listen(host, port)}"


class Datagrams:
    """Datagrams through bridges: unordered, unreliable, each with its own far address. Close it at the end."""

    def __init__(self, flow: DatagramFlow) -> None:
        self._flow = flow

    def __repr__(self) -> str:
        return "Datagrams(…)"

    async def __aenter__(self) -> Datagrams:
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()

    def send(self, data: bytes, host: str, port: int) -> None:
        """Sends up to 65,507 bytes, or drops them when lanes are full. Raises UsageError for what is no place."""
        self._flow.send(_target(host, port), data)

    async def receive(self) -> tuple[bytes, str, int]:
        """The next datagram, and the host and port that it came from. Raises StreamReset once it is over.

        Cancelling it loses nothing. When nobody receives, the oldest waiting ones are dropped.
        """
        target, data = await self._flow.receive()
        return data, target.host, target.port

    def close(self) -> None:
        """Ends it. Safe to call again."""
        self._flow.close()


def _target(host: str, port: int) -> Target:
    try:
        return Target.parse(host, port)
    except WireError as error:
        raise UsageError(error.cause, "Give a host name or an IP address, and a port.") from None
