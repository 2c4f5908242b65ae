"""Notices that this computer has joined another network, or has slept.

Both leave connections behind that lead nowhere, and nobody tells a program of either in a way that is the same on every
system. So it looks at the computer's own addresses from time to time, and at how much time has passed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from unwalled.app.probes import own_addresses
from unwalled.clock import Clock
from unwalled.settings import APP, AppLimits


class NetworkWatch:
    """Looks while its ``run`` runs. ``changed`` is called, in the event loop, after each change."""

    def __init__(
        self,
        doors: Callable[[], Iterable[str]],
        clock: Clock,
        changed: Callable[[], None],
        *,
        limits: AppLimits = APP,
        own: Callable[[Iterable[str]], tuple[str, ...]] = own_addresses,
    ) -> None:
        """``doors``: those of the invite in use, asked for at each look. Looks for the first time at once."""
        self._doors = doors
        self._clock = clock
        self._changed = changed
        self._limits = limits
        self._own = own
        self._addresses = own(doors())
        self._looked_at = self._times()

    @property
    def has_network(self) -> bool:
        """Whether this computer knew a way to some other one, at the last look."""
        return bool(self._addresses)

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(self._limits.network_look_s)
            self.look()

    def look(self) -> None:
        """One look; tells of a change."""
        addresses, times = self._own(self._doors()), self._times()
        # While a computer sleeps its monotonic clock stands still on Linux and macOS, and the one on the wall goes on;
        # a program that is stopped misses time by both. A person who sets the clock looks the same, and costs little.
        passed_s = max(abs(now - before) for now, before in zip(times, self._looked_at, strict=True))
        has_slept = passed_s >= self._limits.network_look_s + self._limits.sleep_s
        has_moved = addresses != self._addresses
        self._addresses, self._looked_at = addresses, times
        if has_slept or has_moved:
            self._changed()

    def _times(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.wall()
