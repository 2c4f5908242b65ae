"""Going away without cutting anybody off: waits until nothing is carried any more, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from unwalled.operator.bounds import DRAIN, DrainLimits


@dataclass(frozen=True, slots=True)
class Carried:
    """What is under way: streams and flows that are served, and bytes that all of them have carried so far."""

    streams: int
    carried_bytes: int


async def until_quiet(now_carried: Callable[[], Carried], within_s: float, limits: DrainLimits = DRAIN) -> bool:
    """Waits until no stream is served, or nothing was carried for ``quiet_s``; False when that did not happen in time.

    Connections that programs keep open between requests carry nothing; waiting for those would be for nothing.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    before = now_carried()
    moved_at = loop.time()
    while before.streams and loop.time() < moved_at + limits.quiet_s:
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(min(limits.look_s, max(deadline - loop.time(), 0.0)))
        carried = now_carried()
        if carried.carried_bytes != before.carried_bytes:
            moved_at = loop.time()
        before = carried
    return True
