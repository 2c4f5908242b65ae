"""The reader's local proxy: one TCP port for SOCKS5, SOCKS4, SOCKS4a and HTTP, told apart by the first byte.

Names go to the gateway as they came; nothing here resolves one. Web pages in a browser on this machine can reach the
port too, with requests that the page's author chose. They get nowhere: a browser sends such a request in origin form,
which is always answered with a fixed text and a close, and no answer carries a header that would let a page read it.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass

from unwalled.errors import OpenFailed
from unwalled.network.listening import check_place, not_bound
from unwalled.reader.dialogue import AssociateAsked, ConnectAsked, DialogueError, Kind, SocksDialogue, detect
from unwalled.reader.pump import relay
from unwalled.reader.sockets import AppGone, AppSocket, Traffic
from unwalled.reader.socks4 import Socks4Dialogue
from unwalled.reader.socks5 import Socks5Dialogue
from unwalled.reader.udp import Association
from unwalled.reader.web import LoopFound, Open, WebConnection
from unwalled.settings import READER, ReaderLimits
from unwalled.tasks import TaskOwner
from unwalled.tunnel.api import Stream, Tunnel
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

_BACKLOG = 512


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """Numbers for a status line. Bytes from (up) and to (down) apps since the start."""

    connections: int
    bytes_up: int
    bytes_down: int


@dataclass(frozen=True, slots=True, repr=False)
class ProxyAddress:
    """Where the proxy listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it stands in a URL: ``127.0.0.1:1080`` or ``[::1]:1080``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ProxyListener:
    """The local proxy over a tunnel. Not safe for use from other threads than the event loop's.

    ``host`` is an IP address or ``localhost`` (127.0.0.1), ``port`` 0 takes a free one. An address that other machines
    could reach is refused unless ``allow_remote``: the proxy asks nobody for a password.
    """

    def __init__(
        self,
        tunnel: Tunnel,
        host: str = "127.0.0.1",
        port: int = 1080,
        *,
        allow_remote: bool = False,
        limits: ReaderLimits = READER,
    ) -> None:
        self._tunnel = tunnel
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self._allow_remote = allow_remote
        self._limits = limits
        self._traffic = Traffic()
        self._tasks = TaskOwner()
        self._apps: set[AppSocket] = set()
        self._served = 0
        self._server: asyncio.Server | None = None

    @property
    def status(self) -> ProxyStatus:
        """How things are now."""
        return ProxyStatus(len(self._apps), self._traffic.up, self._traffic.down)

    async def start(self) -> ProxyAddress:
        """Listens, and tells where. Raises ConfigurationError when the address cannot be used; nothing is open then."""
        check_place(self._host, self._port, allow_remote=self._allow_remote)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: AppSocket(self._traffic, self._accepted, self._limits), self._host, self._port, backlog=_BACKLOG
            )
        except OSError as error:
            raise not_bound(self._port, error) from None
        self._port = int(self._server.sockets[0].getsockname()[1])
        return ProxyAddress(self._host, self._port)

    async def close(self) -> None:
        """Stops listening and cuts all connections. Safe to call again, and without ``start``."""
        if self._server is not None:
            self._server.close()
        await self._tasks.close()
        self.cut()

    def cut(self) -> None:
        """Cuts all connections; new ones are welcome."""
        for app in list(self._apps):
            app.reset()

    # One connection.

    def _accepted(self, app: AppSocket) -> None:
        if len(self._apps) >= self._limits.max_connections + self._limits.refusals:
            app.reset()
            return
        self._apps.add(app)
        is_refused = len(self._apps) > self._limits.max_connections
        task = self._tasks.start(self._serve(app, is_refused), "proxy connection")

        def lost() -> None:
            self._apps.discard(app)
            task.cancel()

        app.on_lost = lost

    async def _serve(self, app: AppSocket, is_refused: bool) -> None:
        async def open_stream(target: Target, at_once: bool = False) -> Stream:
            if is_refused:
                raise OpenFailed(Code.LIMIT_REACHED)
            if self._leads_back(target, app):
                raise LoopFound
            return await self._tunnel.open(target, at_once=at_once)

        try:
            async with asyncio.timeout(self._limits.head_timeout_s):
                data = await app.read()
            app.unread(data)
            match detect(data[0]) if data else Kind.UNKNOWN:
                case Kind.HTTP:
                    await WebConnection(app, open_stream, self._limits).run()
                case Kind.SOCKS5:
                    await self._serve_socks5(app, open_stream, is_refused)
                case Kind.SOCKS4:
                    await self._serve_socks(app, Socks4Dialogue(), open_stream)
                case Kind.UNKNOWN:
                    pass
        except (AppGone, TimeoutError):
            pass
        except asyncio.CancelledError:
            app.reset()
            raise
        finally:
            app.close()

    def _leads_back(self, target: Target, app: AppSocket) -> bool:
        if target.port != self._port:
            return False
        address = target.literal
        if address is None:
            name = target.host.rstrip(".").lower()
            return name == "localhost" or name.endswith(".localhost")
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address.is_loopback or address.is_unspecified or str(address) in (self._host, app.local_host)

    async def _asked(self, app: AppSocket, dialogue: SocksDialogue) -> ConnectAsked | AssociateAsked | None:
        """What the app wants; None when it has left or broke its protocol, and was told so."""
        async with asyncio.timeout(self._limits.head_timeout_s):
            while True:
                data = await app.read()
                if not data:
                    return None
                try:
                    dialogue.receive(data)
                except DialogueError:
                    await self._say_last(app, dialogue)
                    return None
                await app.write(dialogue.data_to_send())
                if (event := dialogue.next_event()) is not None:
                    return event

    async def _say_last(self, app: AppSocket, dialogue: SocksDialogue) -> None:
        await app.write(dialogue.data_to_send())
        await app.linger()

    async def _serve_socks(self, app: AppSocket, dialogue: SocksDialogue, open_stream: Open) -> None:
        asked = await self._asked(app, dialogue)
        if isinstance(asked, ConnectAsked):
            await self._connect(app, dialogue, asked.target, open_stream)

    async def _serve_socks5(self, app: AppSocket, open_stream: Open, is_refused: bool) -> None:
        dialogue = Socks5Dialogue()
        match await self._asked(app, dialogue):
            case ConnectAsked(target):
                await self._connect(app, dialogue, target, open_stream)
            case AssociateAsked():
                await self._associate(app, dialogue, is_refused)

    async def _connect(self, app: AppSocket, dialogue: SocksDialogue, target: Target, open_stream: Open) -> None:
        try:
            stream = await open_stream(target)
        except OpenFailed as failed:
            dialogue.fail(failed.code)
            await self._say_last(app, dialogue)
            return
        try:
            dialogue.succeed()
            await app.write(dialogue.data_to_send())
        except BaseException:
            stream.reset(Code.CANCELLED)
            raise
        app.unread(dialogue.take_rest())
        await relay(app, stream)

    async def _associate(self, app: AppSocket, dialogue: Socks5Dialogue, is_refused: bool) -> None:
        try:
            if is_refused:
                raise OpenFailed(Code.LIMIT_REACHED)
            flow = await self._tunnel.open_datagrams()
        except OpenFailed as failed:
            dialogue.fail(failed.code)
            await self._say_last(app, dialogue)
            return
        try:
            association = await Association.open(flow, app.local_host, app.peer_host)
        except BaseException as error:
            flow.close()
            if not isinstance(error, OSError):
                raise
            dialogue.fail(Code.GENERAL)
            await self._say_last(app, dialogue)
            return
        answers = self._tasks.start(association.run(), "proxy datagrams")
        try:
            dialogue.succeed(association.bound)
            await app.write(dialogue.data_to_send())
            answers.add_done_callback(lambda _: app.close())
            while await app.read():
                pass
        finally:
            answers.cancel()
            association.close()
