"""The reader's program over operators in memory: each invite leads to a `World` of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.support.proxy_bench import until
from tests.support.reader_world import QUICK, World
from unwalled.app.home import Home
from unwalled.app.service import ReaderService
from unwalled.app.snapshot import InviteView, State
from unwalled.errors import UnwalledError
from unwalled.settings import APP
from unwalled.wire.invite import Invite

SWIFT = replace(
    APP,
    operator_patience_s=0.02,
    bridge_patience_s=0.02,
    max_patience_s=0.1,
    first_save_s=0.0,
    look_again_s=0.02,
    save_again_s=0.02,
)


def invite(number: int = 1, expires_s: int = 0) -> Invite:
    """One of another operator for each number."""
    token = bytes(8) + expires_s.to_bytes(4, "big") + bytes(16)
    return Invite.make(bytes((number,)) * 32, bytes((number,)) * 32, token, [f"https://door{number}.example"], [])


class FakeWay:
    """Implements WayOut over a world."""

    def __init__(self, invite: Invite, world: World) -> None:
        self.invite = invite
        self.matchmaker = world
        self.stack = world
        self.is_closed = False
        self.has_begun = False
        self.clock_error_s: float | None = None
        self.changes = 0
        self.failure: UnwalledError | None = None

    def network_changed(self) -> None:
        """See WayOut."""
        self.changes += 1

    async def begin(self) -> None:
        """See WayOut."""
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.has_begun = True

    async def aclose(self) -> None:
        """See WayOut."""
        await asyncio.sleep(0)
        self.is_closed = True


class Operators:
    """The worlds of some invites. An invite that is not named has no operator: its door is never reached."""

    def __init__(self, *worlds: World) -> None:
        self.worlds = {invite(number): world for number, world in enumerate(worlds, 1)}
        self.ways: list[FakeWay] = []

    def make_way(self, invite: Invite) -> FakeWay:
        """What a service makes of an invite."""
        way = FakeWay(invite, self.worlds[invite])
        self.ways.append(way)
        return way

    @property
    def tried(self) -> list[int]:
        """The numbers of the invites that were tried, in their order."""
        return [list(self.worlds).index(way.invite) + 1 for way in self.ways]


@asynccontextmanager
async def serving(operators: Operators, home: Home | None = None, **options: Any) -> AsyncIterator[ReaderService]:
    """A service at work; when it has stopped, nothing may be left of it."""
    before = asyncio.all_tasks()
    options = {"limits": SWIFT, "reader_limits": QUICK, "own": lambda doors: ("192.0.2.7",), **options}
    service = ReaderService(home, make_way=operators.make_way, **options)
    try:
        async with service.running():
            yield service
    finally:
        assert all(way.is_closed for way in operators.ways)
        for world in operators.worlds.values():
            assert world.open_lanes == 0
            assert world.leaked_offers == 0
            for hub in world.hubs:
                await hub.close()
        await until(lambda: asyncio.all_tasks() == before)


def active(service: ReaderService) -> InviteView:
    """The invite in use."""
    (view,) = [view for view in service.snapshot().invites if view.is_active]
    return view


def is_reading_with(service: ReaderService, label: str) -> bool:
    """Whether it is connected with the invite of this label."""
    shown = service.snapshot()
    return shown.state is State.CONNECTED and [view.label for view in shown.invites if view.is_active] == [label]
