"""Rates of things that come and go, from their growing counts of bytes. Pure.

Several ask at their own pace (a status line, a panel, a tray), so a measurement stands until it is old enough for a new
one: who asks often does not make it nervous for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from unwalled.settings import APP

K = TypeVar("K", bound=Hashable)
Counts = tuple[int, int]
"""Bytes up and down since the thing began."""
Rates = tuple[float, float]
"""Bits per second, up and down."""


class Meter(Generic[K]):
    """Times are seconds of one monotonic clock."""

    def __init__(self, least_s: float = APP.meter_s) -> None:
        self._least_s = least_s
        self._measured_at: float | None = None
        self._counts: dict[K, Counts] = {}
        self._rates: dict[K, Rates] = {}

    def measure(self, count: Callable[[], Mapping[K, Counts]], now: float) -> Mapping[K, Rates]:
        """The rate of each thing that was there at the last two measurements. ``count`` is asked only if need be."""
        before = self._measured_at
        if before is None or now - before >= self._least_s:
            counts = dict(count())
            span_s = now - before if before is not None else 0.0
            self._rates = {
                key: (_rate(up, self._counts[key][0], span_s), _rate(down, self._counts[key][1], span_s))
                for key, (up, down) in counts.items()
                if key in self._counts
            }
            self._counts = counts
            self._measured_at = now
        return self._rates


def _rate(later: int, earlier: int, span_s: float) -> float:
    return max(later - earlier, 0) * 8 / span_s
