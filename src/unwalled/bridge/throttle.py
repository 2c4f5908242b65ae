"""One rate for all lanes of a bridge, shared fairly: a token bucket and those who wait for it in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from unwalled.settings import BRIDGE


class TokenBucket:
    """Tokens are bytes. It may go into debt for one message, so that no message is too large for it. Pure."""

    def __init__(self, rate_bytes_per_s: float, burst_bytes: float, now: float) -> None:
        self._rate = rate_bytes_per_s
        self._burst = burst_bytes
        self._tokens = burst_bytes
        self._at = now

    def take(self, size: int, now: float) -> bool:
        """Takes ``size`` bytes if the bucket is not empty."""
        self._refill(now)
        if self._tokens <= 0:
            return False
        self._tokens -= size
        return True

    def wait_s(self, now: float) -> float:
        """Seconds until ``take`` succeeds again; 0 if it would now."""
        self._refill(now)
        return 0.0 if self._tokens > 0 else (1 - self._tokens) / self._rate

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)


class Throttle:
    """Gives each of those who wait one message in turn. Both directions of all lanes count against the one rate.

    ``call_later(delay_s, callback)`` is the event loop's; ``now()`` its clock.
    """

    def __init__(
        self, rate_bps: int, now: Callable[[], float], call_later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        rate = rate_bps / 8
        # A tenth of a second, so that a slow limit is also felt at once.
        burst_bytes = min(BRIDGE.max_rate_burst_bytes, rate / 10)
        self._bucket = TokenBucket(rate, burst_bytes, now())
        self._now = now
        self._call_later = call_later
        self._waiting: deque[Callable[[], int]] = deque()
        self._armed = False

    def take(self, size: int) -> bool:
        """Whether ``size`` bytes may go at once. Never while others wait."""
        return not self._waiting and self._bucket.take(size, self._now())

    def wait(self, send_one: Callable[[], int]) -> None:
        """Queues for a turn. ``send_one()`` sends one message and gives its size, or 0 if there is none any more;
        as long as it gives more than 0 it stays in the queue."""
        self._waiting.append(send_one)
        self._arm()

    def _arm(self) -> None:
        if not self._armed and self._waiting:
            self._armed = True
            self._call_later(self._bucket.wait_s(self._now()), self._serve)

    def _serve(self) -> None:
        self._armed = False
        now = self._now()
        while self._waiting and self._bucket.wait_s(now) <= 0:
            send_one = self._waiting.popleft()
            size = send_one()
            if size:
                self._bucket.take(size, now)
                self._waiting.append(send_one)
        self._arm()
