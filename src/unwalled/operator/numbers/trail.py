"""What was counted in the last day: finely for minutes, roughly for hours. Pure, and of a fixed size.

How much a number grew in a span is the difference between now and the oldest moment inside the span.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from unwalled.operator.numbers.counts import Counts, increase

STEPS = ((10.0, 31), (60.0, 62), (900.0, 98))
"""Seconds between two moments, and how many of them are kept: five minutes, an hour, a day, and one more of each."""

_EARLY_S = 1.0


@dataclass(frozen=True, slots=True)
class Moment:
    """``now`` is monotonic."""

    now: float
    counts: Counts


class Trail:
    """The moments of the last day."""

    def __init__(self, first: Moment) -> None:
        self._first = first
        self._latest = first
        self._tiers = [(step_s, deque([first], maxlen=most)) for step_s, most in STEPS]

    @property
    def latest(self) -> Moment:
        """The last moment that was added."""
        return self._latest

    def add(self, moment: Moment) -> None:
        """Adds a moment; which are kept is a matter of their distance."""
        self._latest = moment
        for step_s, moments in self._tiers:
            # A hair before its time is in time: timers are not exact.
            if moment.now >= moments[-1].now + step_s - _EARLY_S:
                moments.append(moment)

    def grown(self, span_s: float) -> tuple[dict[str, int], float]:
        """By how much each number grew in the last ``span_s``, and how long that really was."""
        then = self._moments(span_s)[0]
        return increase(then.counts.grown, self._latest.counts.grown), self._latest.now - then.now

    def most(self, prefix: str, span_s: float) -> int:
        """The most that was held at one time in the last ``span_s``, all names together that begin so."""
        return max(moment.counts.total(prefix) for moment in (*self._moments(span_s), self._latest))

    def _moments(self, span_s: float) -> list[Moment]:
        """The kept moments of the last ``span_s``, from the finest tier that reaches so far back; at least one."""
        since = self._latest.now - span_s
        for _, kept in self._tiers[:-1]:
            if kept[0] is self._first or kept[0].now <= since:
                break
        else:
            kept = self._tiers[-1][1]
        return [moment for moment in kept if moment.now >= since] or [self._latest]


class Highest:
    """The highest value of the last day, to a quarter of an hour."""

    def __init__(self) -> None:
        step_s, most = STEPS[-1]
        self._step_s = step_s
        self._values: deque[tuple[float, float]] = deque(maxlen=most)

    def see(self, value: float, now: float) -> None:
        """Counts a value in."""
        begins = now - now % self._step_s
        if self._values and self._values[-1][0] == begins:
            value = max(value, self._values.pop()[1])
        self._values.append((begins, value))

    def most(self, span_s: float, now: float) -> float:
        """The highest value of the last ``span_s``; 0.0 when there was none."""
        return max((value for begins, value in self._values if begins > now - span_s - self._step_s), default=0.0)
