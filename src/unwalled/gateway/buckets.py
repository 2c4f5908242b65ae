"""A token bucket without a clock of its own. Pure."""

from __future__ import annotations


class TokenBucket:
    """Tokens flow in at ``rate_per_s`` up to ``burst``. A rate of 0 means no limit.

    Tokens may be taken into debt, since how much a socket holds is known only once it was read; whoever comes next
    waits the debt off. So the debt is never more than one taking.
    """

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate_per_s: float, burst: float, now: float) -> None:
        self._rate = rate_per_s
        self._burst = burst
        self._level = burst
        self._at = now

    @property
    def limited(self) -> bool:
        """False when there is no limit."""
        return self._rate > 0

    def delay(self, now: float) -> float:
        """Seconds until something may be taken; 0 when it may now."""
        if not self._rate:
            return 0.0
        self._fill(now)
        return 0.0 if self._level > 0 else (1e-3 - self._level) / self._rate

    def take(self, amount: float, now: float) -> None:
        """Takes ``amount``, into debt if need be."""
        if self._rate:
            self._fill(now)
            self._level -= amount

    def try_take(self, amount: float, now: float) -> bool:
        """Takes ``amount`` if that much is there; never into debt."""
        if not self._rate:
            return True
        self._fill(now)
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def _fill(self, now: float) -> None:
        self._level = min(self._burst, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
