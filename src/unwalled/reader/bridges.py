"""What a reader remembers of bridges: which carry its lanes now, and which it does not want again. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from unwalled.settings import READER, SIGNALLING, ReaderLimits
from unwalled.wire.signalling import Report, Verdict


@dataclass(slots=True)
class _Known:
    lanes: int = 0
    avoid_until: float = 0.0
    short_lives: int = 0
    short_rounds: int = 0
    """At how many moments lanes were cut that had lived for a short time: with none opened in between, they are one."""
    was_cut: bool = False
    """Since a lane opened last."""
    has_refused: bool = False
    """It failed because it said no in the gateway's name."""
    is_bad: bool = False
    """It tampered, and was not forgiven since."""


class BridgeBook:
    """Bridges by the opaque names that the broker gives them. Holds at most ``SIGNALLING.max_avoid`` of them.

    Times are seconds of one monotonic clock.
    """

    def __init__(self, limits: ReaderLimits = READER) -> None:
        self._limits = limits
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._reports: OrderedDict[str, Verdict] = OrderedDict()

    def lane_opened(self, bridge: str) -> None:
        """A lane through this bridge works."""
        entry = self._entry(bridge)
        entry.lanes += 1
        entry.was_cut = False
        self._report(bridge, Verdict.GOOD)

    def lane_closed(self, bridge: str) -> None:
        """A lane through this bridge is over, for whatever reason."""
        entry = self._known.get(bridge)
        if entry is not None and entry.lanes:
            entry.lanes -= 1

    def lane_cut(self, bridge: str, lived_s: float, now: float) -> None:
        """The far end closed a lane of this bridge. One that opens lanes only to close them is dead.

        All lanes lost at once are no sign of that: this computer may have changed its network.
        """
        entry = self._entry(bridge)
        if lived_s >= self._limits.short_life_s:
            entry.short_lives = entry.short_rounds = 0
            return
        entry.short_lives += 1
        entry.short_rounds += not entry.was_cut
        entry.was_cut = True
        if entry.short_lives >= self._limits.short_lives and entry.short_rounds > 1:
            entry.short_lives = entry.short_rounds = 0
            self.failed(bridge, Verdict.DEAD, now)

    def failed(self, bridge: str, verdict: Verdict, now: float) -> None:
        """A bridge did not open a lane, fell silent (dead) or tampered (bad): others are tried first for a while."""
        limits = self._limits
        rest_s = limits.bad_bridge_rest_s if verdict is Verdict.BAD else limits.dead_bridge_rest_s
        entry = self._entry(bridge)
        entry.avoid_until = max(entry.avoid_until, now + rest_s)
        entry.has_refused = False
        entry.is_bad = entry.is_bad or verdict is Verdict.BAD
        self._report(bridge, verdict)

    def refused(self, bridge: str, now: float) -> None:
        """A bridge brought a refusal, which may be the gateway's or its own: it counts as dead until that is known."""
        self.failed(bridge, Verdict.DEAD, now)
        self._entry(bridge).has_refused = True

    def acquit_refused(self) -> None:
        """The refusals were the gateway's: whoever brought them may be used again, and nobody hears of it."""
        for name, entry in self._known.items():
            if entry.has_refused:
                entry.has_refused = False
                entry.avoid_until = 0.0
                if self._reports.get(name) is Verdict.DEAD:
                    del self._reports[name]

    @property
    def in_use(self) -> int:
        """Bridges with at least one open lane."""
        return sum(entry.lanes > 0 for entry in self._known.values())

    def avoid(self, now: float) -> list[str]:
        """Bridges not wanted for new lanes: those that failed lately, and those that carry lanes already."""
        return [name for name, entry in self._known.items() if entry.lanes or entry.avoid_until > now]

    def resting(self, now: float) -> list[str]:
        """Bridges not wanted at all just now: those that failed lately."""
        return [name for name, entry in self._known.items() if entry.avoid_until > now]

    def full_or_resting(self, now: float) -> list[str]:
        """The same, and those through which no further lane should go, since others want room there, too."""
        most = self._limits.lanes_through_bridge
        return [name for name, entry in self._known.items() if entry.lanes >= most or entry.avoid_until > now]

    def forgive(self) -> None:
        """Nobody else is there: what failed may be tried again."""
        for entry in self._known.values():
            entry.avoid_until = 0.0
            entry.is_bad = False

    def forgive_silence(self) -> None:
        """This computer's network has changed: that bridges fell silent, or opened no lane, was not their doing."""
        for name, entry in self._known.items():
            if not entry.is_bad:
                entry.avoid_until = 0.0
                if self._reports.get(name) is Verdict.DEAD:
                    del self._reports[name]

    @property
    def has_doubts(self) -> bool:
        """Whether the broker has not heard yet of a bridge that failed."""
        return any(verdict is not Verdict.GOOD for verdict in self._reports.values())

    def take_reports(self) -> list[Report]:
        """What the broker should hear with the next request; each verdict is told once."""
        reports = [Report(bridge, verdict) for bridge, verdict in self._reports.items()]
        self._reports.clear()
        return reports

    def keep_reports(self, reports: Iterable[Report]) -> None:
        """The broker may not have heard these; later verdicts stand."""
        for report in reports:
            if self._reports.get(report.bridge, Verdict.GOOD) is Verdict.GOOD:
                self._report(report.bridge, report.verdict)

    def _entry(self, bridge: str) -> _Known:
        entry = self._known.setdefault(bridge, _Known())
        self._known.move_to_end(bridge)
        if len(self._known) > SIGNALLING.max_avoid:
            # The newest is the one asked for, which stays.
            older = list(self._known)[:-1]
            del self._known[next((name for name in older if not self._known[name].lanes), older[0])]
        return entry

    def _report(self, bridge: str, verdict: Verdict) -> None:
        if verdict is not Verdict.GOOD or bridge not in self._reports:
            self._reports[bridge] = verdict
        while len(self._reports) > SIGNALLING.max_reports:
            self._reports.popitem(last=False)
