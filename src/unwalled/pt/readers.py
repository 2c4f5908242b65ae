"""Readers for bridge lines: one for each invite, kept for as long as tor has use for it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import Protocol

from unwalled.clock import SystemClock
from unwalled.errors import OpenFailed
from unwalled.lanes.webrtc import ReactorStack
from unwalled.pt.bounds import TOR, TorLimits
from unwalled.reader.client import ReaderClient
from unwalled.reader.status import ReaderStatus
from unwalled.settings import READER
from unwalled.signaling.client import SignalingClient
from unwalled.tasks import TaskOwner
from unwalled.tunnel.api import Tunnel
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite

StatusChanged = Callable[[ReaderStatus], None]


class Reader(Protocol):
    """What is kept for an invite."""

    @property
    def tunnel(self) -> Tunnel:
        """Its way out, while ``run`` runs."""

    async def run(self) -> None:
        """Keeps bridges until cancelled."""


class BridgedReader:
    """A real one, which tells what changes in its status."""

    def __init__(self, invite: Invite, status_changed: StatusChanged, limits: TorLimits = TOR) -> None:
        """Make it in the event loop."""
        clock = SystemClock()
        self._stack = ReactorStack(invite.stun)
        self._signaling = SignalingClient(invite, clock, os.urandom)
        self._client = ReaderClient(
            invite,
            self._signaling,
            self._stack,
            clock,
            os.urandom,
            SystemRandom(),
            lambda: status_changed(self._client.status),
            limits=dataclasses.replace(
                READER, open_wait_s=limits.open_wait_s, answer_wait_s=limits.open_wait_s + READER.answer_wait_s
            ),
        )

    @property
    def tunnel(self) -> Tunnel:
        """See Reader."""
        return self._client

    async def run(self) -> None:
        """See Reader."""
        try:
            await self._client.run()
        finally:
            await self._signaling.aclose()
            await self._stack.aclose()


@dataclasses.dataclass(slots=True)
class _Kept:
    reader: Reader
    task: asyncio.Task[None]
    users: int = 0
    retirement: asyncio.TimerHandle | None = None


class Readers:
    """All that run now. Belongs to one event loop; ``close`` it in the end."""

    def __init__(self, make: Callable[[Invite], Reader], limits: TorLimits = TOR) -> None:
        self._make = make
        self._limits = limits
        self._kept: dict[Invite, _Kept] = {}
        self._tasks = TaskOwner()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._kept)

    @asynccontextmanager
    async def tunnel(self, invite: Invite) -> AsyncIterator[Tunnel]:
        """The way out that an invite opens, which stays for as long as the block runs, and some time longer.

        Raises OpenFailed when too many others are in use.
        """
        kept = self._kept.get(invite) or self._begin(invite)
        kept.users += 1
        if kept.retirement is not None:
            kept.retirement.cancel()
            kept.retirement = None
        try:
            yield kept.reader.tunnel
        finally:
            kept.users -= 1
            if not kept.users:
                kept.retirement = asyncio.get_running_loop().call_later(self._limits.idle_s, self._retire, invite, kept)

    async def close(self) -> None:
        """Ends them all. Safe to call again."""
        for kept in self._kept.values():
            if kept.retirement is not None:
                kept.retirement.cancel()
        await self._tasks.close()

    def _begin(self, invite: Invite) -> _Kept:
        if len(self._kept) >= self._limits.max_invites and not self._retire_one():
            raise OpenFailed(Code.LIMIT_REACHED)
        reader = self._make(invite)
        kept = self._kept[invite] = _Kept(reader, self._tasks.start(reader.run(), "reader for tor"))
        kept.task.add_done_callback(lambda _: self._forget(invite, kept))
        return kept

    def _retire_one(self) -> bool:
        """Ends the one that has been without use for longest; False when all are in use."""
        unused = [(invite, kept) for invite, kept in self._kept.items() if kept.retirement is not None]
        if not unused:
            return False
        self._retire(*min(unused, key=lambda pair: pair[1].retirement.when() if pair[1].retirement else 0.0))
        return True

    def _retire(self, invite: Invite, kept: _Kept) -> None:
        # Whoever comes while it ends gets a new one.
        self._forget(invite, kept)
        kept.task.cancel()

    def _forget(self, invite: Invite, kept: _Kept) -> None:
        if kept.retirement is not None:
            kept.retirement.cancel()
        if self._kept.get(invite) is kept:
            del self._kept[invite]
