"""The session's small parts: queues, estimates, the choice of a lane."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unwalled.crypto.keys import LaneCipher
from unwalled.session.estimator import LaneEstimator
from unwalled.session.lane import LaneState
from unwalled.session.queues import FairQueue, IdRanges
from unwalled.session.scheduler import pick_lane, pick_urgent
from unwalled.settings import SESSION


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60))))
def test_ranges_are_a_set(steps: list[tuple[bool, int]]) -> None:
    ranges, plain = IdRanges(), set[int]()
    for fill, number in steps:
        if fill:
            ranges.fill_below(number)
            plain |= set(range(number))
        else:
            ranges.add(number)
            plain.add(number)
        assert {one for one in range(70) if one in ranges} == plain
        assert ranges.range_count == sum(one - 1 not in plain for one in plain)


def test_a_fresh_stream_goes_first_and_equal_ones_share() -> None:
    queue = FairQueue(100)
    assert queue.next() is None
    queue.add(1)
    queue.charge(1, 150)
    assert queue.next() == 1
    queue.charge(1, 60)
    queue.add(2)
    queue.add(2)
    assert len(queue) == 2
    assert queue.next() == 2, "a click is not behind a download"
    sent = {1: 0, 2: 0}
    for _ in range(1000):
        sid = queue.next()
        assert sid is not None
        queue.charge(sid, 70)
        sent[sid] += 70
    assert abs(sent[1] - sent[2]) < 300
    queue.add(3)
    queue.remove(3)
    queue.remove(1)
    queue.remove(1)
    assert queue.next() == 2
    queue.drop_next()
    assert queue.next() is None
    assert len(queue) == 0


def test_an_estimator_learns_round_trip_rate_and_window() -> None:
    estimator = LaneEstimator()
    assert estimator.rate_bytes_s == 0.0
    assert estimator.silence_s == SESSION.unmeasured_silence_s
    assert estimator.delivery_s(64 * 1024) > SESSION.assumed_rtt_s
    now = 0.0
    for _ in range(100):
        snapshot = estimator.sent(10_000, now)
        now += 0.1
        estimator.acked(10_000, snapshot, 0.1, now)
    assert estimator.in_flight_bytes == 0
    assert abs(estimator.rate_bytes_s - 100_000) < 1
    assert estimator.srtt_s is not None
    assert abs(estimator.srtt_s - 0.1) < 1e-6
    assert SESSION.silence_floor_s <= estimator.silence_s < 0.5
    grown = estimator.window_bytes
    assert SESSION.initial_lane_window_bytes < grown <= SESSION.max_lane_window_bytes
    # A queue of a second below shrinks the window, but not under its floor.
    for _ in range(100):
        snapshot = estimator.sent(10_000, now)
        now += 1.0
        estimator.acked(10_000, snapshot, 1.0, now)
    assert estimator.window_bytes == SESSION.min_lane_window_bytes


def test_acks_without_a_round_trip_change_no_window() -> None:
    estimator = LaneEstimator()
    snapshot = estimator.sent(1000, 5.0)
    estimator.acked(1000, snapshot, None, 5.0)
    assert estimator.window_bytes == SESSION.initial_lane_window_bytes
    assert estimator.rate_bytes_s == 0.0
    estimator.sent(1000, 5.0)
    estimator.forgotten(1000)
    assert estimator.in_flight_bytes == 0


def lane(number: int, rtt_s: float, rate: float, in_flight: int = 0) -> LaneState:
    """A lane of which this much is known."""
    state = LaneState(number, LaneCipher(bytes(32), "r2g", number), LaneCipher(bytes(32), "g2r", number), b"", 0.0)
    estimator = state.estimator
    estimator.rtt_measured(rtt_s)
    estimator._rates.append((0.0, rate))
    estimator.in_flight_bytes = in_flight
    return state


def test_the_lane_that_delivers_first_is_taken() -> None:
    near, far = lane(1, 0.02, 1e6), lane(2, 0.2, 1e7)
    assert pick_lane([near, far], 16_384, 1 << 20) is near
    near.estimator.in_flight_bytes = near.estimator.window_bytes
    assert pick_lane([near, far], 16_384, 1 << 24) is far
    assert pick_lane([near, far], 16_384, 0) is None, "waiting for the near one is quicker"
    near.silent_since = 0.0
    assert pick_lane([near, far], 16_384, 0) is far
    far.silent_since = 0.0
    assert pick_lane([near, far], 16_384, 0) is None
    assert pick_lane([], 16_384, 0) is None


def test_a_full_lane_that_is_slower_is_not_waited_for() -> None:
    near, slow = lane(1, 0.02, 1e6), lane(2, 2.0, 1e3)
    slow.estimator.in_flight_bytes = slow.estimator.window_bytes
    assert pick_lane([slow, near], 16_384, 0) is near


def test_a_few_bytes_take_the_fastest_lane_that_speaks() -> None:
    near, far = lane(1, 0.02, 1e6, in_flight=SESSION.initial_lane_window_bytes), lane(2, 0.5, 1e6)
    assert pick_urgent([near, far]) is near
    near.silent_since = 0.0
    assert pick_urgent([near, far]) is far
    far.silent_since = 0.0
    assert pick_urgent([near, far]) is near
    assert pick_urgent([]) is None
