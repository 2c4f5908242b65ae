"""Which lane carries the next record. A pure function over what the lanes are known to do."""

from __future__ import annotations

from collections.abc import Iterable

from unwalled.session.lane import LaneState


def pick_lane(lanes: Iterable[LaneState], size: int, backlog_bytes: int) -> LaneState | None:
    """The lane that would deliver ``size`` bytes first, or None when waiting is better.

    A lane with room is used unless the fuller but faster lanes would have carried all of the backlog before it
    delivered this one record (after ECF, Lim et al., CoNEXT 2017). Silent lanes get nothing new.
    """
    usable = [lane for lane in lanes if lane.silent_since is None]
    best: LaneState | None = None
    best_s = float("inf")
    for lane in usable:
        if lane.has_room:
            delivery_s = lane.estimator.delivery_s(size)
            if delivery_s < best_s:
                best, best_s = lane, delivery_s
    if best is None:
        return None
    rate = 0.0
    slowest_s = 0.0
    for lane in usable:
        if lane is not best and not lane.has_room:
            delivery_s = lane.estimator.delivery_s(size)
            if delivery_s < best_s:
                rate += lane.estimator.rate_bytes_s
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
