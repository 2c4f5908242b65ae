"""The reader's program: one way out over the best invite, which can be switched on and off, and the proxy before it.

Everything that a person can do with the reader is a method of `ReaderService`; the command line, the panel, the tray
and the library call the same ones. The proxy always answers: while the service is off, or without a bridge, connections
wait or fail with a cause, and never go out otherwise.

::

    off ──switch_on──► (best invite) ──► run: doors, WebRTC, session ──switch_off──► off
                            ▲                       │
                            └── its operator cannot be reached, refuses, or has no bridge: the next invite
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Protocol

from unwalled.app.diagnosis import Diagnosis, Facts, diagnose
from unwalled.app.gate import BridgesGate, ProxyGate
from unwalled.app.home import Home, NotRemembered
from unwalled.app.invites import InviteBook, StoredInvite
from unwalled.app.meter import Counts, Meter
from unwalled.app.preferences import PREFERENCES_FILE, Preferences, load_preferences, save_preferences, split_address
from unwalled.app.probes import own_addresses
from unwalled.app.snapshot import AppSnapshot, InviteView, State, Trouble
from unwalled.app.turns import NEVER, Turns
from unwalled.app.views import bridge_views, invite_view
from unwalled.app.watch import NetworkWatch
from unwalled.app.way import NoWebRtc, Way
from unwalled.clock import Clock, SystemClock
from unwalled.errors import SignalingFailed
from unwalled.lanes.webrtc import WebRtcStack
from unwalled.network.listening import PortTaken
from unwalled.reader.client import Matchmaker, ReaderClient
from unwalled.reader.listener import ProxyAddress, ProxyListener
from unwalled.reader.status import LaneFacts, Phase, ReaderStatus
from unwalled.session.notes import Numbering, TraceSink
from unwalled.settings import APP, READER, TRACE, AppLimits, ReaderLimits
from unwalled.tunnel.api import Tunnel
from unwalled.wire.invite import Invite

_OF_THIS_COMPUTER = frozenset({Trouble.OFFLINE, Trouble.CLOCK_WRONG, Trouble.NO_WEBRTC})
"""Troubles that say nothing of an invite."""


@dataclass(slots=True)
class _Run:
    """A reader at work. Times are monotonic seconds."""

    stored: StoredInvite
    client: ReaderClient
    way: WayOut
    began_at: float
    tried_since: float
    """Since when it looks for bridges without success."""


class WayOut(Protocol):
    """What `ReaderService` makes of an invite (`unwalled.app.way.Way`)."""

    @property
    def invite(self) -> Invite:
        """Of whom."""

    @property
    def matchmaker(self) -> Matchmaker:
        """The broker; there once it has begun."""

    @property
    def stack(self) -> WebRtcStack:
        """WebRTC; there once it has begun."""

    @property
    def clock_error_s(self) -> float | None:
        """How far this computer's clock is ahead of the operator's; None when that was not heard."""

    async def begin(self) -> None:
        """Prepares offers and asks the broker for bridges. Raises NoWebRtc."""

    def network_changed(self) -> None:
        """This computer has joined another network, or slept: what is connected may lead nowhere any more."""

    async def aclose(self) -> None:
        """Closes everything, lanes included."""


class ReaderService:
    """See the module. Make it in the event loop that uses it; it works for as long as ``running`` runs.

    All calls are for the event loop's thread. ``home`` None = nothing is read from or written to the disk.
    """

    def __init__(
        self,
        home: Home | None,
        *,
        invite: Invite | None = None,
        label: str = "",
        begun: WayOut | None = None,
        is_on: bool = True,
        is_exact: bool = False,
        trace: TraceSink | None = None,
        clock: Clock | None = None,
        make_way: Callable[[Invite], WayOut] = Way,
        own: Callable[[Iterable[str]], tuple[str, ...]] = own_addresses,
        limits: AppLimits = APP,
        reader_limits: ReaderLimits = READER,
    ) -> None:
        """``invite``: given by a person, and so the best one; it is remembered under ``label``. ``begun``: its way,
        which has begun already, and is the service's from now on. ``trace``, ``is_exact``: see ReaderClient.
        ``own``: tells this computer's addresses.

        Raises UsageError for a label that cannot be shown.
        """
        self._home = home
        self._clock = clock if clock is not None else SystemClock()
        self._limits = limits
        self._book = InviteBook(home)
        self._turns = Turns(limits)
        self._begun = begun
        self._make_way = make_way
        self._is_exact = is_exact
        self._trace = trace
        self._is_on = is_on
        self._run: _Run | None = None
        self._can_webrtc = True
        self._watch = NetworkWatch(self._doors, self._clock, self._network_changed, limits=limits, own=own)
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._stir = asyncio.Event()
        """Something has changed that the keeper of the run should look at."""
        self._wanted: str | None = None
        """The invite that a person asked for, until it is used."""
        self._troubles: dict[str, Trouble] = {}
        self._numbers = Numbering(TRACE.max_bridges)
        self._subscribers: dict[int, Callable[[], None]] = {}
        self._subscriptions = 0
        self._preferences = load_preferences(home)
        self._stored_rules = self._preferences.rules
        """As the file has them, as far as we know: another program may set them there."""
        self._has_unsaved_preferences = False
        self._failed_to_save_at = 0.0
        self._total_meter: Meter[str] = Meter(limits.meter_s)
        self._lane_meter: Meter[int] = Meter(limits.meter_s)
        self._past_bytes = (0, 0)
        self._connected_s = 0.0
        self._connected_since: float | None = None
        self._listener: ProxyListener | None = None
        self._address: ProxyAddress | None = None
        self._count_direct: Callable[[], int] = lambda: 0
        self._reader_limits = reader_limits
        self._gate = BridgesGate(self, self._clock, reader_limits)
        self._front = ProxyGate(self, self._gate)
        self.is_system_proxy = False
        """Set by who sets the system's proxy; ``announce`` tells the others."""
        self.starts_at_login = False
        """The same for the start at login."""
        if invite is not None:
            self._turns.wanted(self._book.add(invite, label, os.urandom).id)

    # How things are.

    @property
    def is_on(self) -> bool:
        """Whether it is switched on."""
        return self._is_on

    @property
    def tunnel(self) -> Tunnel:
        """The way through bridges, and nothing else: it waits or fails while there is none."""
        return self._gate

    @property
    def way_out(self) -> Tunnel:
        """Where the proxy's connections go: through bridges, or as the rules say; nowhere while it is off."""
        return self._front

    @property
    def reader_status(self) -> ReaderStatus:
        """What the reader of now says of itself, with the bytes of those before it."""
        if self._run is None:
            return ReaderStatus(Phase.SEARCHING, "", 0, 0, *self._past_bytes)
        status = self._run.client.status
        up, down = self._past_bytes
        return replace(status, bytes_up=up + status.bytes_up, bytes_down=down + status.bytes_down)

    @property
    def preferences(self) -> Preferences:
        """What a person has set."""
        return self._preferences

    @property
    def has_invite(self) -> bool:
        """Whether any is remembered."""
        return bool(self._book.entries)

    @property
    def is_stopped(self) -> bool:
        """See GateKeeper."""
        return self._state is State.STOPPED and not self.is_about_to_turn

    @property
    def is_about_to_turn(self) -> bool:
        """See GateKeeper."""
        return self._run is not None and self._give_up_in_s(self._run) <= 0

    def take_notices(self) -> list[str]:
        """What a person should hear of the folder; each is told once."""
        return self._home.take_notices() if self._home is not None else []

    def snapshot(self) -> AppSnapshot:
        """Everything at one moment."""
        status, now = self.reader_status, self._clock.monotonic()
        lanes = self._run.client.lanes() if self._run is not None else []
        total = self._total_meter.measure(lambda: {"": (status.bytes_up, status.bytes_down)}, now)
        rates = self._lane_meter.measure(lambda: _counts_of(lanes), now)
        up_bps, down_bps = total.get("", (0.0, 0.0))
        found = self._diagnosis()
        return AppSnapshot(
            state=found.state,
            trouble=found.trouble,
            clock_error_s=found.clock_error_s,
            bridges=bridge_views(lanes, rates),
            up_bps=up_bps,
            down_bps=down_bps,
            bytes_up=status.bytes_up,
            bytes_down=status.bytes_down,
            seconds_connected=self._connected_s + (0 if self._connected_since is None else now - self._connected_since),
            connections=self._listener.status.connections if self._listener is not None else 0,
            through_bridges=self._gate.opened,
            went_direct=self._count_direct(),
            rules=self._preferences.rules,
            proxy=str(self._address) if self._address is not None else "",
            is_system_proxy=self.is_system_proxy,
            starts_at_login=self.starts_at_login,
            invites=tuple(self._view(entry) for entry in self._book.entries),
        )

    def _diagnosis(self) -> Diagnosis:
        run = self._run
        return diagnose(
            Facts(
                is_on=self._is_on,
                reader=self.reader_status if run is not None or self._book.entries else None,
                is_over=run is not None and run.stored.is_over(self._now_wall_s()),
                clock_error_s=self._clock_error_s,
                has_network=self._watch.has_network,
                can_webrtc=self._can_webrtc,
                is_disk_full=not self._is_saved,
            )
        )

    @property
    def _state(self) -> State:
        return self._diagnosis().state

    @property
    def _clock_error_s(self) -> float | None:
        return None if self._run is None else self._run.way.clock_error_s

    def _now_wall_s(self) -> float:
        """By the operator's clock, if that is known: invites end by it."""
        return self._clock.wall() - (self._clock_error_s or 0.0)

    def _doors(self) -> tuple[str, ...]:
        entry = self._run.stored if self._run is not None else next(iter(self._book.entries), None)
        return entry.invite.doors if entry is not None else ()

    def _network_changed(self) -> None:
        if self._run is not None:
            self._run.way.network_changed()
            self._run.client.network_changed()
        self._turned()

    @property
    def _is_saved(self) -> bool:
        return self._book.could_save and not self._has_unsaved_preferences

    def _view(self, entry: StoredInvite) -> InviteView:
        is_active = self._run is not None and self._run.stored.id == entry.id
        trouble = self._troubles.get(entry.id, Trouble.NONE)
        return invite_view(entry, is_active=is_active, trouble=trouble, now_wall_s=self._now_wall_s())

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls ``callback`` on each change other than of numbers; it must neither block nor raise. Gives the undo."""
        number = self._subscriptions
        self._subscriptions += 1
        self._subscribers[number] = callback

        def undo() -> None:
            self._subscribers.pop(number, None)

        return undo

    def announce(self) -> None:
        """Something that the snapshot shows has changed."""
        for callback in list(self._subscribers.values()):
            callback()

    # What a person can do.

    async def switch_on(self) -> None:
        """Looks for bridges. Does nothing while it is on."""
        if not self._is_on:
            self._is_on = True
            self._turned()

    async def switch_off(self) -> None:
        """Closes all connections and lanes, and lets nothing out. Returns when they are closed. Safe to call again."""
        if self._is_on:
            self._is_on = False
            if self._listener is not None:
                self._listener.cut()
            self._turned()
        try:
            async with asyncio.timeout(self._limits.run_end_s):
                await self._is_idle.wait()
        except TimeoutError:
            pass

    def add_invite(self, text: str, label: str = "") -> InviteView:
        """Remembers an invite as the best one, and uses it, unless another one is connected just now.

        Raises one of the InviteErrors, or UsageError for a label that cannot be shown.
        """
        entry = self._book.add(Invite.parse(text, self._now_wall_s()), label, os.urandom)
        self._troubles.pop(entry.id, None)
        if self._connected_since is None:
            self._want(entry.id)
        self._book.save()
        self._turned()
        return self._view(entry)

    def forget_invite(self, invite_id: str) -> None:
        """Removes an invite; one that is in use is left at once. Raises UnknownInvite."""
        self._book.remove(invite_id)
        self._troubles.pop(invite_id, None)
        self._book.save()
        self._turned()

    def use_invite(self, invite_id: str) -> None:
        """Uses this one from now on. Raises UnknownInvite."""
        self._book.prefer(invite_id)
        self._want(invite_id)
        self._book.save()
        self._turned()

    def invite_text(self, invite_id: str) -> str:
        """The line that can be handed on: with it anyone can read as its holder. Raises UnknownInvite."""
        return self._book.find(invite_id).invite.text

    async def set_preferences(self, preferences: Preferences) -> None:
        """Takes and remembers them.

        Raises ConfigurationError when the proxy cannot listen where it should; then nothing has changed.
        """
        if preferences.listen != self._preferences.listen and self._listener is not None:
            await self.listen(*split_address(preferences.listen))
        self._preferences = preferences
        self._save_preferences()
        self.announce()

    def _want(self, invite_id: str) -> None:
        self._turns.wanted(invite_id)
        self._wanted = invite_id

    def _turned(self) -> None:
        """Something has changed: the keeper, whoever waits at the gate, and subscribers look at it."""
        self._stir.set()
        self._show()

    def _show(self) -> None:
        self._gate.look()
        self.announce()

    # The proxy.

    async def listen(self, host: str, port: int, *, allow_remote: bool = False, may_move: bool = False) -> ProxyAddress:
        """Opens the local proxy, and closes the one before. ``may_move``: when the port is taken, one of the next is.

        Raises ConfigurationError when it cannot listen; the one before goes on then.
        """
        ports = [port]
        if may_move:
            ports += [*range(port + 1, min(port + 1 + self._limits.other_ports, 65536)), 0]
        for number in ports:
            listener = ProxyListener(self._front, host, number, allow_remote=allow_remote, limits=self._reader_limits)
            try:
                address = await listener.start()
            except PortTaken:
                if number == ports[-1]:
                    raise
                continue
            break
        before, self._listener, self._address = self._listener, listener, address
        if before is not None:
            await before.close()
        self.announce()
        return address

    def use_rules(self, way_out: Tunnel, count_direct: Callable[[], int]) -> None:
        """From now on the proxy's connections take this way, which must know by itself what may go direct."""
        self._front.behind = way_out
        self._count_direct = count_direct
        self.announce()

    # At work.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ReaderService]:
        """Works for as long as the block runs; at its end the proxy is closed, and all lanes."""
        try:
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(self._keep(), name="keep a reader")
                watching = group.create_task(self._watch.run(), name="watch the network")
                try:
                    yield self
                finally:
                    if self._listener is not None:
                        await self._listener.close()
                        self._listener = self._address = None
                    keeping.cancel()
                    watching.cancel()
        finally:
            if self._begun is not None:
                await self._begun.aclose()
                self._begun = None
            self._save()

    async def found(self) -> None:
        """Waits until the broker has found bridges: what is opened from then on travels with the session's hello.

        Raises SignalingFailed when nothing will get through before a person does something. Cancelling is safe.
        """
        await self._until(lambda: self._run is not None and self._run.client.has_found)

    async def connected(self) -> None:
        """Waits until a session stands. Raises and can be cancelled like ``found``."""
        await self._until(lambda: self._state is State.CONNECTED)

    async def settled(self, timeout_s: float) -> None:
        """Waits until it is connected, or it is clear that it will not be soon. Cancelling is safe."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._until(lambda: self._state not in (State.SEARCHING, State.CONNECTING))
        except (TimeoutError, SignalingFailed):
            pass

    async def _until(self, holds: Callable[[], bool]) -> None:
        news = asyncio.Event()
        undo = self.subscribe(news.set)
        try:
            while not holds():
                if self.is_stopped:
                    raise SignalingFailed(self.reader_status.detail or "There is no invite that can be used.")
                news.clear()
                await news.wait()
        finally:
            undo()

    async def _keep(self) -> None:
        while True:
            self._stir.clear()
            self._refresh()
            entry = self._next() if self._is_on else None
            if entry is None:
                await self._stirred(self._limits.look_again_s)
                if self._save_in_s(self._failed_to_save_at) <= 0:
                    self._save()
            else:
                try:
                    await self._read_with(entry)
                except NoWebRtc:
                    self._can_webrtc = False
                    self.announce()
                    await self._stirred(self._limits.save_again_s)
                else:
                    self._can_webrtc = True

    def _next(self) -> StoredInvite | None:
        return self._turns.next(self._book.entries, self._now_wall_s())

    async def _stirred(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._stir.wait()
        except TimeoutError:
            pass

    async def _read_with(self, entry: StoredInvite) -> None:
        """Reads with one invite until it is another one's turn, or none's."""
        self._is_idle.clear()
        if self._wanted == entry.id:
            self._wanted = None
        way, self._begun = self._begun, None
        try:
            if way is not None and way.invite != entry.invite:
                await way.aclose()
                way = None
            if way is None:
                way = self._make_way(entry.invite)
                await way.begin()
            client = ReaderClient(
                entry.invite,
                way.matchmaker,
                way.stack,
                self._clock,
                os.urandom,
                SystemRandom(),
                self._reader_changed,
                limits=self._reader_limits,
                trace=self._trace,
                is_exact=self._is_exact,
                numbers=self._numbers,
            )
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(client.run(), name="reader")
                self._run = run = self._new_run(entry, client, way)
                self._gate.put(client)
                self.announce()
                try:
                    await self._until_over(run)
                finally:
                    reading.cancel()
                    self._put_away(run)
        finally:
            if way is not None:
                await way.aclose()
            self._is_idle.set()
            # The keeper has done this itself: it must not be woken by it from a wait.
            self._show()

    def _new_run(self, entry: StoredInvite, client: ReaderClient, way: WayOut) -> _Run:
        now = self._clock.monotonic()
        return _Run(entry, client, way, now, now)

    def _put_away(self, run: _Run) -> None:
        self._gate.put(None)
        status = self.reader_status
        self._past_bytes = (status.bytes_up, status.bytes_down)
        self._run = None
        self._note_connected(False)

    async def _until_over(self, run: _Run) -> None:
        while self._may_go_on(run):
            left_s = self._give_up_in_s(run)
            if left_s <= 0:
                self._turns.gave_up(run.stored.id)
                return
            self._stir.clear()
            await self._stirred(min(left_s, self._save_in_s(run.began_at), self._limits.look_again_s))
            if self._save_in_s(run.began_at) <= 0:
                self._save()
            self._refresh()

    def _may_go_on(self, run: _Run) -> bool:
        if not self._is_on or self._wanted not in (None, run.stored.id):
            return False
        return any(entry.id == run.stored.id for entry in self._book.entries)

    def _give_up_in_s(self, run: _Run) -> float:
        """In how many seconds it is another invite's turn, unless things get better."""
        now_wall_s = self._now_wall_s()
        if not any(entry.id != run.stored.id and not entry.is_over(now_wall_s) for entry in self._book.entries):
            return NEVER
        patience_s = self._turns.patience_s(run.stored.id, run.client.status.phase)
        return run.tried_since + patience_s - self._clock.monotonic()

    def _reader_changed(self) -> None:
        """The reader's status is another one."""
        run = self._run
        if run is None:
            return
        status, invite_id = run.client.status, run.stored.id
        found = self._diagnosis()
        if found.state in (State.WAITING, State.STOPPED) and found.trouble not in _OF_THIS_COMPUTER:
            self._troubles[invite_id] = found.trouble
        if status.phase is Phase.REFUSED:
            self._book.refused(invite_id)
        elif status.phase is Phase.CONNECTED:
            self._troubles.clear()
            self._turns.worked()
            self._book.prefer(invite_id)
        self._note_connected(status.phase is Phase.CONNECTED)
        self._turned()

    def _note_connected(self, is_connected: bool) -> None:
        now = self._clock.monotonic()
        if is_connected and self._connected_since is None:
            self._connected_since = now
        elif not is_connected and self._connected_since is not None:
            self._connected_s += now - self._connected_since
            self._connected_since = None
            if self._run is not None:
                self._run.tried_since = now

    # What is remembered.

    def _refresh(self) -> None:
        if self._book.refresh():
            self._turned()

    def _save_in_s(self, began_at: float) -> float:
        """A reader's start is waited for, so what it remembers is written a little later."""
        if self._is_saved and self._book.is_saved:
            return NEVER
        due = began_at + self._limits.first_save_s
        if not self._is_saved:
            due = max(due, self._failed_to_save_at + self._limits.save_again_s)
        return due - self._clock.monotonic()

    def _save(self) -> None:
        had_saved, mode = self._is_saved, self._preferences.rules
        self._book.save()
        if self._has_unsaved_preferences:
            self._save_preferences()
        if not self._is_saved:
            self._failed_to_save_at = self._clock.monotonic()
        if self._is_saved is not had_saved or self._preferences.rules is not mode:
            self.announce()

    def _save_preferences(self) -> None:
        if self._home is None:
            return
        with self._home.changing():
            theirs = load_preferences(self._home).rules if self._home.path(PREFERENCES_FILE).exists() else None
            if theirs not in (None, self._stored_rules) and self._preferences.rules is self._stored_rules:
                # Set since by `unwalled rules mode`, and not here.
                self._preferences = replace(self._preferences, rules=theirs)
            try:
                save_preferences(self._home, self._preferences)
            except NotRemembered:
                self._has_unsaved_preferences = True
                self._failed_to_save_at = self._clock.monotonic()
            else:
                self._has_unsaved_preferences = False
                self._stored_rules = self._preferences.rules


def _counts_of(lanes: Sequence[LaneFacts]) -> Mapping[int, Counts]:
    return {lane.key: (lane.bytes_up, lane.bytes_down) for lane in lanes}
