"""Looks at an operator's numbers every ten seconds, and tells what they mean: the live view, and alarms.

    parts' counts ─► Trail ─┬─► LiveView
                            ├─► Row of the minute ─► History
    machine, files ─► Facts ┴─► Board ─► alarms

Nobody else has to ask for the numbers to be right, and whoever asks gets those of this very moment.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from unwalled.broker.metrics import MATCH_BOUNDS_S
from unwalled.clock import Clock
from unwalled.crypto.identity import RandomBytes
from unwalled.operator.bounds import NUMBERS
from unwalled.operator.numbers import machine
from unwalled.operator.numbers.alarmrules import RULES
from unwalled.operator.numbers.alarms import Alarm, Board, Facts
from unwalled.operator.numbers.counts import Counts, buckets, increase, under
from unwalled.operator.numbers.history import History, HistoryView, Span
from unwalled.operator.numbers.live import DAY_S, HOUR_S, MINUTES_S, About, LiveView, Machine, requests, view
from unwalled.operator.numbers.people import Distinct
from unwalled.operator.numbers.rows import MINUTE_S, Row, merge
from unwalled.operator.numbers.totals import Totals, totals
from unwalled.operator.numbers.trail import Highest, Moment, Trail

_KEY_BYTES = 32

_FULL = ("refused.full", "refused.bridge_full", "sessions.full", "connections.full")
"""Counts of who found no place here, whoever they are; who asks too often is turned away by other words."""


@dataclass(slots=True)
class Surroundings:
    """What alarms need and no count tells; whoever knows better puts it here."""

    certificate_ends_s: float | None = None
    """In seconds since 1970; None = TLS ends elsewhere."""
    certificate_trouble: str = ""
    store_gone_s: float = 0.0


class Watch:
    """One operator's numbers over time. Make it while the event loop runs, and let ``run`` run."""

    def __init__(
        self,
        take: Callable[[], Awaitable[Counts]],
        clock: Clock,
        data: Path,
        *,
        roles: Callable[[], list[str]],
        max_sessions: int,
        random_bytes: RandomBytes,
        surroundings: Callable[[], Surroundings] = Surroundings,
    ) -> None:
        """``take`` gives the counts of all parts together; ``data`` is the folder of the history."""
        self._take = take
        self._clock = clock
        self._data = data
        self._roles = roles
        self._max_sessions = max_sessions
        self._surroundings = surroundings
        now = clock.monotonic()
        self._began = now
        self._trail = Trail(Moment(now, Counts()))
        self._peaks = Highest()
        self._board = Board(RULES)
        self._drift_s = clock.wall() - now
        self._jumps = Highest()
        self._back = Highest()
        self._processor: tuple[float, float] = (now, machine.processor_s())
        self._share: float | None = None
        self._disk: tuple[int, int] | None = None
        self._looked_at_disk = float("-inf")
        self._taking = asyncio.Lock()
        self._history = History(data)
        self._random_bytes = random_bytes
        self._day = self._today()
        self._people = Distinct(random_bytes(_KEY_BYTES))
        self._minute: Row | None = None
        self._over: deque[Row] = deque(maxlen=NUMBERS.waiting_rows)

    @property
    def alarms(self) -> list[Alarm]:
        """Those that were raised at the last look."""
        return self._board.raised()

    def states(self) -> dict[str, tuple[str, bool]]:
        """All alarms that there can be, by code: the level, and whether it is raised."""
        raised = {alarm.code for alarm in self._board.raised()}
        return {rule.code: (rule.level, rule.code in raised) for rule in RULES}

    @property
    def disk_free_bytes(self) -> int | None:
        """Room on the disk with the data folder at the last look."""
        return None if self._disk is None else self._disk[0]

    async def run(self) -> None:
        """Looks every ``tick_s``, until cancelled."""
        while True:
            await self.look()
            await self._keep()
            await asyncio.sleep(NUMBERS.tick_s)

    async def close(self) -> None:
        """Keeps what the running minute has so far, and closes the history. Call it when ``run`` has ended."""
        try:
            async with asyncio.timeout(NUMBERS.close_s):
                if self._minute is not None:
                    self._over.append(self._minute)
                    self._minute = None
                await self._keep()
                await self._history.close()
        except TimeoutError:
            pass

    def helped(self, reader: bytes) -> None:
        """A reader got lanes; ``reader`` is the name that its program gave to this run, and is not kept."""
        if self._today() != self._day:
            self._new_day()
        self._people.add(reader)

    async def history(self, span: Span) -> HistoryView:
        """What became of the last day, month or year."""
        return await self._history.view(span, self._clock.wall())

    async def totals(self) -> Totals:
        """What may be told to everybody."""
        now_s = self._clock.wall()
        return totals(await self._history.days(now_s), now_s)

    async def live(self) -> LiveView:
        """The state now. Asked more often than every ``fresh_s``, it is that of the last time."""
        if self._clock.monotonic() - self._trail.latest.now >= NUMBERS.fresh_s:
            await self.look()
        about = About(
            at_s=int(self._clock.wall()),
            version=version("unwalled"),
            uptime_s=self._clock.monotonic() - self._began,
            roles=self._roles(),
            machine=self._machine(),
            max_sessions=self._max_sessions,
        )
        return view(self._trail, self._peaks, self._board.raised(), about)

    async def look(self) -> None:
        """Takes the numbers of this moment in, and judges them."""
        async with self._taking:
            counts = await self._take()
            now = self._clock.monotonic()
            last = self._trail.latest
            if now <= last.now:
                return
            self._trail.add(Moment(now, counts))
            self._note(last, self._trail.latest)
            carried, span_s = self._trail.grown(NUMBERS.tick_s)
            if span_s > 0.0:
                self._peaks.see(8 * sum(under("bytes.", carried).values()) / span_s, now)
            await self._look_around(now)
            self._board.look(self._facts(now), now, self._clock.wall())

    async def _keep(self) -> None:
        if self._over:
            rows = list(self._over)
            self._over.clear()
            await self._history.keep(rows)

    def _note(self, before: Moment, latest: Moment) -> None:
        """Adds what happened between two looks to the running minute, and lets go of a minute that is over."""
        if self._today() != self._day:
            self._new_day()
        at_s = int(self._clock.wall()) // MINUTE_S * MINUTE_S
        grown, held = increase(before.counts.grown, latest.counts.grown), latest.counts.held
        # A process that stood still was not there.
        up_s = min(latest.now - before.now, float(MINUTE_S))
        bridges, sessions = latest.counts.total("bridges.kind."), held.get("sessions", 0)
        up, down = grown.get("bytes.up", 0), grown.get("bytes.down", 0)
        people = self._people.count() if at_s != (self._minute.at_s if self._minute else 0) else 0
        row = Row(
            at_s=at_s,
            up_s=up_s,
            bridges=bridges,
            bridges_least=bridges,
            bridges_most=bridges,
            room=held.get("room", 0),
            came=grown.get("bridges.came", 0),
            went=grown.get("bridges.went", 0),
            ok=grown.get("matches.ok", 0),
            none=grown.get("matches.none", 0),
            failed=grown.get("matches.failed", 0),
            refused=sum(under("refused.", grown).values()),
            connect=[float(count) for count in buckets("connect.", grown, len(MATCH_BOUNDS_S) + 1)],
            sessions=sessions,
            sessions_most=sessions,
            up_bytes=up,
            down_bytes=down,
            peak_bps=int(8 * (up + down) / (latest.now - before.now)),
            memory_most=machine.memory_bytes() or 0,
            descriptors_most=machine.descriptors() or 0,
            people=people,
            alarms=[alarm.code for alarm in self._board.raised()],
        )
        if self._minute is not None and self._minute.at_s != at_s:
            self._over.append(self._minute)
            self._minute = None
        self._minute = row if self._minute is None else merge(self._minute, row)

    def _today(self) -> int:
        return int(self._clock.wall() // DAY_S)

    def _new_day(self) -> None:
        """With the key goes the last way to tell whether somebody was among those who were counted."""
        self._day = self._today()
        self._people = Distinct(self._random_bytes(_KEY_BYTES))

    async def _look_around(self, now: float) -> None:
        drift_s = self._clock.wall() - now
        step_s, self._drift_s = drift_s - self._drift_s, drift_s
        (self._jumps if step_s > 0.0 else self._back).see(abs(step_s), now)
        if now - self._looked_at_disk < NUMBERS.disk_check_s:
            return
        self._looked_at_disk = now
        # A disk over a network may take its time.
        self._disk = await asyncio.to_thread(machine.disk, self._data)
        then, used_s = self._processor
        self._processor = (now, machine.processor_s())
        # The start itself is work that says nothing about the rest.
        if now - then >= NUMBERS.disk_check_s:
            self._share = round((self._processor[1] - used_s) / (now - then), 4)

    def _machine(self) -> Machine:
        free, whole = self._disk if self._disk is not None else (None, None)
        return Machine(
            memory_bytes=machine.memory_bytes(),
            descriptors=machine.descriptors(),
            max_descriptors=machine.max_descriptors(),
            processor_share=self._share,
            disk_free_bytes=free,
            disk_bytes=whole,
        )

    def _facts(self, now: float) -> Facts:
        held = self._trail.latest.counts
        bridges = held.total("bridges.kind.")
        minutes, hour, day = (self._trail.grown(span_s)[0] for span_s in (MINUTES_S, HOUR_S, DAY_S))
        of_hour, of_day = requests(hour, HOUR_S), requests(day, DAY_S)
        around = self._surroundings()
        forward, back = self._jumps.most(HOUR_S, now), self._back.most(HOUR_S, now)
        free, whole = self._disk if self._disk is not None else (None, None)
        ends_s = around.certificate_ends_s
        return Facts(
            uptime_s=now - self._began,
            bridges=bridges,
            bridges_before=self._trail.most("bridges.kind.", HOUR_S / 2),
            asked_hour=of_hour.ok + of_hour.none + of_hour.failed,
            ok_hour=of_hour.ok,
            asked_day=of_day.ok + of_day.none + of_day.failed,
            ok_day=of_day.ok,
            certificate_left_s=None if ends_s is None else ends_s - self._clock.wall(),
            certificate_trouble=around.certificate_trouble,
            disk_free_bytes=free,
            disk_bytes=whole,
            clock_jump_s=forward if forward >= back else -back,
            descriptors=machine.descriptors() or 0,
            max_descriptors=machine.max_descriptors(),
            turned_away=sum(minutes.get(name, 0) for name in _FULL),
            sessions=held.held.get("sessions", 0),
            max_sessions=self._max_sessions,
            store_gone_s=around.store_gone_s,
            history_trouble=self._history.trouble,
            history_damaged=self._history.was_damaged,
            old_widgets_day=day.get("widgets.old", 0),
            lanes_misbehaved_hour=hour.get("lanes.misbehaved", 0),
        )
