"""Data on slow lanes that others wait for, while fast lanes have nothing to do."""

from __future__ import annotations

from tests.support.puppet import TARGET, WINDOW, Puppet, opened
from unwalled.settings import KIB, SESSION
from unwalled.wire.codes import Code
from unwalled.wire.frames import Data, Open


def data_on_lane_0(size: int = 3000) -> Puppet:
    """A gateway that has sent ``size`` bytes on its only lane, whose rate turned out to be 1 kB/s."""
    puppet = opened()
    estimator = puppet.session.lanes[0].estimator
    estimator.rtt_measured(0.02, 0.0)
    puppet.session.write(1, bytes(size))
    assert sum(len(frame.payload) for frame in puppet.said() if isinstance(frame, Data)) == size
    estimator._rates.append((0.0, 1e3))
    return puppet


def join(puppet: Puppet, lane: int, rate: float = 1e6) -> None:
    """One more lane of which this much is known."""
    puppet.session.join(puppet.join(lane), puppet.now)
    estimator = puppet.session.lanes[lane].estimator
    estimator.rtt_measured(0.02, puppet.now)
    estimator._rates.append((puppet.now, rate))


def said_again(puppet: Puppet) -> list[tuple[int, int]]:
    """Data that goes out now: lane and offset."""
    return [(lane, frame.offset) for lane, frame in puppet.said_on_lanes() if isinstance(frame, Data)]


def test_the_end_of_a_stream_does_not_wait_for_a_slow_lane() -> None:
    puppet = data_on_lane_0(40_000)
    join(puppet, 1)
    again = said_again(puppet)
    assert [lane for lane, _ in again] == [1] * len(again)
    assert again[0] == (1, 0)
    assert len(again) == len({offset for _, offset in again}) >= 2
    assert said_again(puppet) == [], "once is enough while the fast lane works"
    puppet.ack_all(1)
    assert said_again(puppet) == []
    assert puppet.session._streams._unacked == 0
    puppet.ack_all(0)
    assert puppet.session._streams._unacked == 0


def test_what_comes_nearly_as_soon_is_left_alone() -> None:
    puppet = data_on_lane_0()
    join(puppet, 1, rate=1.2e3)
    assert said_again(puppet) == []


def test_what_comes_soon_is_left_alone() -> None:
    puppet = data_on_lane_0()
    puppet.session.lanes[0].estimator._rates[0] = (0.0, 1e5)
    join(puppet, 1, rate=1e8)
    assert said_again(puppet) == []


def test_a_lane_from_which_no_ack_comes_is_expected_to_need_as_long_again() -> None:
    puppet = data_on_lane_0()
    puppet.session.lanes[0].estimator._rates[0] = (0.0, 1e6)
    join(puppet, 1)
    assert said_again(puppet) == []
    puppet.now = 0.09
    assert said_again(puppet) == [(1, 0)]


def test_full_lanes_and_silent_ones_are_of_no_help() -> None:
    puppet = data_on_lane_0()
    join(puppet, 1)
    lane = puppet.session.lanes[1]
    lane.estimator.in_flight_bytes = lane.estimator.window_bytes
    assert said_again(puppet) == []
    lane.estimator.in_flight_bytes = 0
    lane.silent_since = 0.0
    assert said_again(puppet) == []
    lane.silent_since = None
    assert said_again(puppet) == [(1, 0)]


def test_lanes_that_become_slow_one_after_another_get_few_copies() -> None:
    puppet = data_on_lane_0()
    for lane in range(1, SESSION.hurried_copies):
        join(puppet, lane)
        assert said_again(puppet) == [(lane, 0)]
        puppet.session.lanes[lane].estimator._rates[0] = (0.0, 1e3)
    join(puppet, SESSION.hurried_copies)
    assert said_again(puppet) == []


def test_what_waits_to_be_sent_again_anyway_is_not_sent_twice() -> None:
    puppet = data_on_lane_0()
    puppet.session._streams._streams[1].sending.flying[0].queued = True
    join(puppet, 1)
    assert said_again(puppet) == []


def test_streams_take_turns() -> None:
    puppet = opened()
    puppet.send(*(Open(sid, TARGET, WINDOW) for sid in range(2, 12)))
    for sid in range(2, 12):
        puppet.session.write(sid, bytes(100))
    puppet.said()
    streams = puppet.session._streams
    seen = [item.frame for _ in range(2) for items in streams.waited_for(8, 1) for item in items]
    assert len(seen) == 16
    assert {frame.sid for frame in seen if isinstance(frame, Data)} == set(range(2, 12))


def test_nothing_is_held_for_what_was_acked_or_cut() -> None:
    puppet = opened()
    puppet.session.write(1, bytes(100 * KIB))
    puppet.said()
    streams = puppet.session._streams
    flying = streams._streams[1].sending.flying
    before = len(flying)
    # The oldest record stays owed; those behind it are acked on other lanes.
    for item in list(flying.values())[1:]:
        item.acked = True
        streams.item_acked(item)
    assert before > 3
    assert list(flying) == [0]
    puppet.session.reset(1, Code.CANCELLED)
    puppet.ack_all(0)
    assert not flying
    assert list(streams.waited_for(8, 16)) == []
