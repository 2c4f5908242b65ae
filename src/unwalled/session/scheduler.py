"""Which lane carries the next record. Pure: over what the lanes are known to do."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable

from unwalled.session.lane import LaneState
from unwalled.settings import SESSION


def pick_free(lanes: Iterable[LaneState], size: int) -> LaneState | None:
    """Of the lanes that have room and are not silent, the one that would deliver ``size`` bytes first."""
    best: LaneState | None = None
    best_s = float("inf")
    for lane in lanes:
        if lane.silent_since is None and lane.has_room:
            delivery_s = lane.estimator.delivery_s(size)
            if delivery_s < best_s:
                best, best_s = lane, delivery_s
    return best


def pick_lane(lanes: Collection[LaneState], size: int, backlog_bytes: int) -> LaneState | None:
    """The lane that would deliver ``size`` bytes first, or None when waiting is better.

    A lane with room is used unless the fuller but faster lanes would have carried all of the backlog before it
    delivered this one record (after ECF, Lim et al., CoNEXT 2017). Silent lanes get nothing new.
    """
    best = pick_free(lanes, size)
    if best is None:
        return None
    best_s = best.estimator.delivery_s(size)
    full = [lane.estimator for lane in lanes if lane.silent_since is None and not lane.has_room]
    # The exact answer costs a look at each lane, and is seldom needed: most often the backlog is too large.
    if backlog_bytes >= best_s * sum([estimator.rate_bytes_s for estimator in full]):
        return best
    rate = 0.0
    slowest_s = 0.0
    for estimator in full:
        delivery_s = estimator.delivery_s(size)
        if delivery_s < best_s:
            rate += estimator.rate_bytes_s
            slowest_s = max(slowest_s, delivery_s)
    if rate > 0 and slowest_s + backlog_bytes / rate < best_s:
        return None
    return best


def pick_urgent(lanes: Iterable[LaneState]) -> LaneState | None:
    """The lane for a few bytes that should not wait for a window: the fastest that is not silent, or the fastest.

    None when all lanes owe far more than their windows.
    """
    candidates = list(lanes)
    speaking = [lane for lane in candidates if lane.silent_since is None]
    free = [lane for lane in speaking or candidates if lane.has_urgent_room]
    return min(free, key=lambda lane: lane.estimator.delivery_s(0), default=None)


def pick_swift(lanes: Iterable[LaneState], now: float, quiet: Container[LaneState] = ()) -> LaneState | None:
    """The lane that would bring a datagram soonest: none before it waits there, and nothing is lost there as far as is
    known. None when all owe far more than their windows, or are silent.

    Of lanes that are as good as each other one of those that are kept quiet, and then the one that owes least, so that
    few datagrams stand behind a lost one.
    """
    free = [lane for lane in lanes if lane.silent_since is None and lane.has_urgent_room]
    free = [lane for lane in free if not lane.is_held_up(now)] or free
    if not free:
        return None
    good_s = min(map(_delay_s, free)) + SESSION.same_delay_s
    good = (lane for lane in free if _delay_s(lane) <= good_s)
    return min(good, key=lambda lane: (lane not in quiet, lane.estimator.in_flight_bytes))


def _delay_s(lane: LaneState) -> float:
    estimator = lane.estimator
    return (estimator.min_rtt_s or SESSION.assumed_rtt_s) / 2 + estimator.wait_s
