"""The reader's service, rules and desktop, played by a test, and a panel's server over them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from unwalled.app.preferences import Preferences
from unwalled.app.snapshot import AppSnapshot, InviteView, RuleMode, State, Trouble
from unwalled.errors import UnwalledError, UsageError
from unwalled.panel.ports import Imported, ListView, Problem, RulesView
from unwalled.panel.server import PanelServer
from unwalled.settings import PANEL, PanelLimits
from unwalled.wire.invite import DamagedInvite

OFF = AppSnapshot(
    state=State.OFF,
    trouble=Trouble.NONE,
    clock_error_s=0.0,
    bridges=(),
    up_bps=0.0,
    down_bps=0.0,
    bytes_up=0,
    bytes_down=0,
    seconds_connected=0.0,
    connections=0,
    through_bridges=0,
    went_direct=0,
    rules=RuleMode.EVERYTHING,
    proxy="",
    is_system_proxy=False,
    starts_at_login=False,
    invites=(),
)
INVITE = InviteView(id="first", label="Spring", expires_at=1_900_000_000.0, is_active=True, trouble=Trouble.NONE)
TEXT = "uw1." + "A" * 260


class ServiceDouble:
    """Does what it is asked for at once, and notes it in ``asked``."""

    def __init__(self, snapshot: AppSnapshot = OFF) -> None:
        self.now = snapshot
        self.preferences = Preferences(rules=snapshot.rules)
        self.asked: list[tuple[object, ...]] = []
        self.fails: UnwalledError | None = None
        self._callbacks: list[Callable[[], None]] = []

    @property
    def listeners(self) -> int:
        return len(self._callbacks)

    def snapshot(self) -> AppSnapshot:
        return self.now

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def show(self, snapshot: AppSnapshot) -> None:
        """Something happens."""
        self.now = snapshot
        for callback in self._callbacks:
            callback()

    async def switch_on(self) -> None:
        self._note("on")
        self.show(replace(self.now, state=State.SEARCHING))

    async def switch_off(self) -> None:
        self._note("off")
        self.show(replace(self.now, state=State.OFF, trouble=Trouble.NONE, bridges=()))

    async def set_preferences(self, preferences: Preferences) -> None:
        self._note("preferences", preferences)
        self.preferences = preferences
        self.show(replace(self.now, rules=preferences.rules))

    def add_invite(self, text: str, label: str = "") -> InviteView:
        self._note("add", text, label)
        if not text.startswith("uw1."):
            raise DamagedInvite("The invite is damaged.", "Copy it again.")
        view = replace(INVITE, id=f"invite{len(self.now.invites)}", label=label, is_active=not self.now.invites)
        self.show(replace(self.now, invites=(*self.now.invites, view)))
        return view

    def use_invite(self, invite_id: str) -> None:
        self._note("use", invite_id)
        self._known(invite_id)
        invites = tuple(replace(one, is_active=one.id == invite_id) for one in self.now.invites)
        self.show(replace(self.now, invites=invites))

    def forget_invite(self, invite_id: str) -> None:
        self._note("forget", invite_id)
        self._known(invite_id)
        self.show(replace(self.now, invites=tuple(one for one in self.now.invites if one.id != invite_id)))

    def invite_text(self, invite_id: str) -> str:
        self._known(invite_id)
        return TEXT

    def _known(self, invite_id: str) -> None:
        if invite_id not in [one.id for one in self.now.invites]:
            raise UsageError("There is no such invite.", "Look at the list again.")

    def _note(self, *what: object) -> None:
        self.asked.append(what)
        if self.fails is not None:
            raise self.fails


class RulesDouble:
    """Takes every line that has a dot in it."""

    def __init__(self, own: Sequence[str] = (), lists: Sequence[ListView] = ()) -> None:
        self.own = list(own)
        self.lists = list(lists)
        self.learned = 3
        self.is_listening = True
        self.asked: list[tuple[object, ...]] = []

    def view(self) -> RulesView:
        names = len(self.own) + sum(one.names for one in self.lists)
        return RulesView(tuple(self.own), tuple(self.lists), self.learned, names)

    def add(self, text: str) -> Imported:
        taken, problems = _read(text)
        self.own += taken
        return Imported(len(taken), problems)

    def remove(self, pattern: str) -> None:
        if pattern in self.own:
            self.own.remove(pattern)

    async def import_list(self, title: str, text: str, is_direct: bool = False) -> Imported:
        taken, problems = _read(text)
        if not taken:
            raise UsageError("Nothing in this list can be understood.", "Take a list of domains.")
        found = f"list{len(self.lists)}"
        self.lists.append(ListView(found, title, len(taken), len(problems), 1.8e9, False, is_direct))
        return Imported(len(taken), problems)

    def remove_list(self, list_id: str) -> None:
        self.lists = [one for one in self.lists if one.id != list_id]

    async def update_lists(self) -> None:
        self.asked.append(("update",))

    def forget_learned(self) -> None:
        self.learned = 0

    def pac(self) -> str:
        if not self.is_listening:
            raise UsageError("There is no proxy.", "Switch it on.")
        return f'function FindProxyForURL(url, host) {{ return "{" ".join(self.own)}"; }}'


def _read(text: str) -> tuple[list[str], tuple[Problem, ...]]:
    lines = list(enumerate(text.splitlines(), 1))
    taken = [line for _, line in lines if "." in line]
    return taken, tuple(Problem(number, "This is no name of a site.") for number, line in lines if "." not in line)


@dataclass
class DesktopDouble:
    """A desktop that can everything."""

    can_set_proxy: bool = True
    can_start_at_login: bool = True
    asked: list[tuple[str, bool]] = field(default_factory=list)

    async def set_system_proxy(self, on: bool) -> None:
        self.asked.append(("proxy", on))

    async def set_start_at_login(self, on: bool) -> None:
        self.asked.append(("login", on))


class FixedClock:
    """Stands still unless it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_800_000_000.0


class PanelDouble:
    """A panel's server in a loop and thread of its own, for tests that drive a browser meanwhile."""

    def __init__(self, limits: PanelLimits = PANEL) -> None:
        self.service = ServiceDouble()
        self.rules = RulesDouble()
        self.desktop = DesktopDouble()
        self.loop = asyncio.new_event_loop()
        self._limits = limits
        self.server: PanelServer

    async def _start(self) -> None:
        self.server = PanelServer(self.service, self.rules, self.desktop, limits=self._limits)
        await self.server.start()

    def show(self, snapshot: AppSnapshot) -> None:
        """Something happens to the service."""
        self.loop.call_soon_threadsafe(self.service.show, snapshot)

    @contextmanager
    def running(self) -> Iterator[PanelDouble]:
        thread = threading.Thread(target=self.loop.run_forever, name="panel")
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self.loop).result(10)
            yield self
            asyncio.run_coroutine_threadsafe(self.server.close(), self.loop).result(10)
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            thread.join()
            self.loop.close()
