"""What goes over a second lane, since others wait for it and the lane that has it is slow. A pure choice.

So a lane that became slow, or never was fast, holds up neither a stream's window nor its end (opportunistic
retransmission, Raiciu et al., NSDI 2012). What would come nearly as soon anyway is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from unwalled.session.items import Item
from unwalled.session.lane import LaneState
from unwalled.session.scheduler import pick_free
from unwalled.session.streams import StreamTable
from unwalled.settings import SESSION


def hurried(
    streams: StreamTable, lanes: Collection[LaneState], least_s: float, now: float
) -> Iterator[tuple[LaneState, Item]]:
    """The oldest data of some streams that is more than ``least_s`` away, each with a lane that would bring it in half
    of the time. Send each before the next one is asked for."""
    if len(lanes) < 2:
        return
    for items in streams.waited_for(SESSION.hurried_streams, SESSION.hurried_items):
        for item in list(items):
            lane = _faster_lane(item, lanes, least_s, now)
            if lane is None:
                break
            yield lane, item


def _faster_lane(item: Item, lanes: Collection[LaneState], least_s: float, now: float) -> LaneState | None:
    if item.queued or item.copies >= SESSION.hurried_copies:
        return None
    assert item.carrier is not None
    late_s = item.carrier.ahead_s(item.stands_at, now)
    if late_s < least_s:
        return None
    size = len(item.encoded)
    lane = pick_free(lanes, size)
    if lane is None or lane.estimator is item.carrier or late_s < 2 * lane.estimator.delivery_s(size):
        return None
    return lane
