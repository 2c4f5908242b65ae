"""The SOCKS5 port at which tor asks for its bridges. A bridge line's arguments name the operator; its address is what
the operator's gateway connects to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from unwalled.clock import Clock
from unwalled.errors import OpenFailed, UsageError
from unwalled.privacy import Hidden
from unwalled.pt.arguments import BadArguments, from_socks
from unwalled.pt.bounds import TOR, TorLimits
from unwalled.pt.environment import Endpoint
from unwalled.pt.readers import Readers
from unwalled.reader.dialogue import ConnectAsked, DialogueError
from unwalled.reader.pump import relay
from unwalled.reader.sockets import AppGone, AppSocket, Traffic
from unwalled.reader.socks5 import Socks5Dialogue
from unwalled.settings import READER
from unwalled.tasks import TaskOwner
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite

INVITE = "invite"
"""The argument of a bridge line."""


class TransportClient:
    """Takes tor's connections, on an address of this machine only. Belongs to one event loop."""

    def __init__(
        self,
        readers: Readers,
        clock: Clock,
        complain: Callable[[str], None],
        otherwise: Hidden[str],
        limits: TorLimits = TOR,
    ) -> None:
        """``complain`` hears, as a sentence, what is wrong with a bridge line; ``otherwise``: the invite for bridge
        lines that have none, or "".
        """
        self._readers = readers
        self._clock = clock
        self._complain = complain
        self._otherwise = otherwise
        self._limits = limits
        self._tasks = TaskOwner()
        self._apps: set[AppSocket] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> Endpoint:
        """Listens, and tells where. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: AppSocket(Traffic(), self._accepted), "127.0.0.1", 0
        )
        host, port = self._server.sockets[0].getsockname()[:2]
        return Endpoint(host, port)

    async def close(self) -> None:
        """Stops listening and cuts all connections; the readers are not closed. Safe to call again."""
        if self._server is not None:
            self._server.close()
        await self._tasks.close()
        for app in list(self._apps):
            app.reset()

    def _accepted(self, app: AppSocket) -> None:
        if len(self._apps) >= self._limits.max_connections:
            app.reset()
            return
        self._apps.add(app)
        task = self._tasks.start(self._serve(app), "tor's connection")

        def lost() -> None:
            self._apps.discard(app)
            task.cancel()

        app.on_lost = lost

    async def _serve(self, app: AppSocket) -> None:
        dialogue = Socks5Dialogue(prefers_password=True)
        try:
            asked = await self._asked(app, dialogue)
            if asked is not None:
                await self._connect(app, dialogue, asked)
        except (AppGone, TimeoutError):
            pass
        except asyncio.CancelledError:
            app.reset()
            raise
        finally:
            app.close()

    async def _asked(self, app: AppSocket, dialogue: Socks5Dialogue) -> Target | None:
        """Where tor wants to go; None when it has left or broke the protocol, and was told so."""
        async with asyncio.timeout(READER.head_timeout_s):
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
                match dialogue.next_event():
                    case None:
                        continue
                    case ConnectAsked(target):
                        return target
                    case _:
                        await self._refuse(app, dialogue, Code.GENERAL)
                        return None

    async def _connect(self, app: AppSocket, dialogue: Socks5Dialogue, target: Target) -> None:
        try:
            invite = self._invite(dialogue)
        except UsageError as error:
            self._complain(f"{error.cause} {error.remedy}".rstrip())
            await self._refuse(app, dialogue, Code.NOT_ALLOWED)
            return
        try:
            async with self._readers.tunnel(invite) as tunnel:
                stream = await tunnel.open(target)
                try:
                    dialogue.succeed()
                    await app.write(dialogue.data_to_send())
                except BaseException:
                    stream.reset(Code.CANCELLED)
                    raise
                app.unread(dialogue.take_rest())
                await relay(app, stream)
        except OpenFailed as failed:
            await self._refuse(app, dialogue, failed.code)

    def _invite(self, dialogue: Socks5Dialogue) -> Invite:
        """Raises BadArguments or one of the InviteErrors."""
        given = dialogue.credentials
        text = from_socks(*given.reveal()).get(INVITE, "") if given is not None else ""
        text = text or self._otherwise.reveal()
        if not text:
            raise BadArguments(
                "A bridge line of unwalled has no invite.",
                "Write it as: Bridge unwalled ADDRESS:PORT FINGERPRINT invite=uw1.…",
            )
        return Invite.parse(text, self._clock.wall())

    async def _refuse(self, app: AppSocket, dialogue: Socks5Dialogue, code: Code) -> None:
        dialogue.fail(code)
        await self._say_last(app, dialogue)

    async def _say_last(self, app: AppSocket, dialogue: Socks5Dialogue) -> None:
        await app.write(dialogue.data_to_send())
        await app.linger()
