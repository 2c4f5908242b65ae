"""How many lanes a reader should have: more while they help, the base number when they do not. Pure.

Throughput over distance and loss grows with the number of lanes, up to what the link, the bridge's processor, or the
site can give. Which of these it is cannot be seen from outside, so lanes are doubled when the session says that they
hold it up, and what that brought is judged some seconds later.
"""

from __future__ import annotations

from collections import deque

from unwalled.settings import READER, ReaderLimits


class LaneGrowth:
    """Call ``sample`` now and then, ``more`` when the session is held up by its lanes, ``fewer`` now and then.

    Times are seconds of one monotonic clock, counts of bytes only grow.
    """

    def __init__(self, limits: ReaderLimits = READER) -> None:
        self._limits = limits
        self._samples: deque[tuple[float, int]] = deque()
        self._judge_at: float | None = None
        self._rate_before = 0.0
        self._lanes_before = self._limits.base_lanes
        self._hold_until = float("-inf")
        self._last_limited = float("-inf")
        self.is_quiet = True
        """Whether lanes have held nothing up for a long time, as the last ``fewer`` saw it."""

    def sample(self, carried_bytes: int, now: float) -> None:
        """The session has carried so many bytes in all."""
        self._samples.append((now, carried_bytes))
        while len(self._samples) > 2 and self._samples[1][0] <= now - self._limits.growth_rate_s:
            self._samples.popleft()

    @property
    def rate_bytes_s(self) -> float:
        """What the session carries now, averaged over the last seconds."""
        if len(self._samples) < 2:
            return 0.0
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def more(self, lanes: int, bridges: int, now: float) -> int:
        """The session was held up by its ``lanes`` lanes through so many ``bridges``: how many to add."""
        self._last_limited = now
        if self._judge_at is not None and now >= self._judge_at:
            self._judge(now)
        if self._judge_at is not None or now < self._hold_until:
            return 0
        most = min(self._limits.max_lanes, self._limits.lanes_through_bridge * bridges)
        added = min(2 * lanes, most - lanes)
        if added <= 0:
            return 0
        self._rate_before = self.rate_bytes_s
        self._lanes_before = lanes
        self._judge_at = now + self._limits.growth_judge_s
        return added

    def _judge(self, now: float) -> None:
        self._judge_at = None
        if self.rate_bytes_s < self._rate_before * self._limits.growth_gain:
            self._hold_until = now + self._limits.growth_hold_s

    def fewer(self, lanes: int, now: float) -> int:
        """How many lanes to give back: those that did not help, and after a quiet time all above the base number."""
        self.is_quiet = now >= self._last_limited + self._limits.growth_hold_s
        if not self.is_quiet:
            if self._judge_at is not None or now >= self._hold_until:
                return 0
            return max(lanes - max(self._lanes_before, self._limits.base_lanes), 0)
        self._judge_at = None
        return max(lanes - self._limits.base_lanes, 0)
