"""The session's small parts: queues, estimates, the choice of a lane."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from unwalled.crypto.keys import LaneCipher
from unwalled.session.estimator import LaneEstimator, Snapshot
from unwalled.session.lane import LaneState
from unwalled.session.queues import FairQueue, IdRanges
from unwalled.session.scheduler import pick_lane, pick_urgent
from unwalled.settings import LANE, SESSION


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


RECORD = 16_384


def drive(estimator: LaneEstimator, rate: float, rtt_s: float, start: float, seconds: float) -> tuple[float, int]:
    """Keeps a lane of so much rate and round trip full; gives when that ended and the longest queue in bytes."""
    now, free_at, longest = start, start, 0
    flying: deque[tuple[float, Snapshot]] = deque()
    while now < start + seconds:
        while estimator.in_flight_bytes < estimator.window_bytes:
            free_at = max(free_at, now + rtt_s / 2) + RECORD / rate
            flying.append((free_at + rtt_s / 2, estimator.sent(RECORD, now)))
        longest = max(longest, estimator.in_flight_bytes - int(rate * rtt_s))
        now, snapshot = flying.popleft()
        estimator.acked(RECORD, snapshot, now - snapshot.sent_at, now)
    for _ in flying:
        estimator.forgotten(RECORD)
    return now, longest


def test_an_estimator_learns_round_trip_and_rate_and_keeps_the_queue_short() -> None:
    estimator = LaneEstimator()
    assert estimator.rate_bytes_s == 0.0
    assert estimator.silence_s == SESSION.unmeasured_silence_s
    assert estimator.delivery_s(64 * 1024) > SESSION.assumed_rtt_s
    now, _ = drive(estimator, 2e6, 0.1, 0.0, 5.0)
    assert estimator.min_rtt_s is not None
    assert 0.1 <= estimator.min_rtt_s < 0.15
    assert abs(estimator.rate_bytes_s - 2e6) < 2e5
    _, queue = drive(estimator, 2e6, 0.1, now, 5.0)
    assert queue < 2e6 * 3 * SESSION.queue_delay_target_s
    assert SESSION.silence_floor_s <= SESSION.unmeasured_silence_s
    assert LANE.default_message_bytes < estimator.record_bytes < LANE.max_message_bytes
    assert LaneEstimator().record_bytes == LANE.default_message_bytes


def test_a_lane_that_becomes_slower_gets_a_smaller_window() -> None:
    estimator = LaneEstimator()
    now, _ = drive(estimator, 4e6, 0.05, 0.0, 4.0)
    before = estimator.window_bytes
    drive(estimator, 1e5, 0.05, now, 10.0)
    assert estimator.window_bytes == SESSION.min_lane_window_bytes < before
    assert estimator.record_bytes == SESSION.first_burst_bytes


def test_a_longer_route_is_believed_after_a_while() -> None:
    estimator = LaneEstimator()
    now, _ = drive(estimator, 2e6, 0.02, 0.0, 3.0)
    now, _ = drive(estimator, 2e6, 0.3, now, 2.5 * SESSION.min_rtt_s)
    assert estimator.min_rtt_s is not None
    assert 0.3 <= estimator.min_rtt_s < 0.4
    assert estimator.window_bytes > 2e6 * 0.25


def test_a_queue_of_our_own_does_not_pass_for_the_route() -> None:
    estimator = LaneEstimator()
    drive(estimator, 2e6, 0.1, 0.0, 8 * SESSION.min_rtt_s)
    assert estimator.min_rtt_s is not None
    assert estimator.min_rtt_s < 0.13


def test_a_lane_with_little_to_do_keeps_what_is_known_of_it() -> None:
    estimator = LaneEstimator()
    now, _ = drive(estimator, 2e6, 0.1, 0.0, 5.0)
    rate, window = estimator.rate_bytes_s, estimator.window_bytes
    for _ in range(100):
        snapshot = estimator.sent(100, now)
        now += 0.1
        estimator.acked(100, snapshot, 0.1, now)
    assert estimator.rate_bytes_s == rate
    assert abs(estimator.window_bytes - window) < RECORD
    assert SESSION.small_silence_floor_s < estimator.silence_s < SESSION.silence_floor_s
    snapshot = estimator.sent(RECORD, now)
    estimator.acked(RECORD, snapshot, None, now + 0.001)
    assert estimator.rate_bytes_s > rate, "a better sample always counts"


def test_acks_without_a_round_trip_change_no_window() -> None:
    estimator = LaneEstimator()
    snapshot = estimator.sent(1000, 5.0)
    estimator.acked(1000, snapshot, None, 5.0)
    assert estimator.window_bytes == SESSION.initial_lane_window_bytes
    assert estimator.rate_bytes_s == 0.0
    estimator.rtt_measured(0.1, 5.0)
    snapshot = estimator.sent(1000, 6.0)
    estimator.acked(1000, snapshot, None, 6.0)
    assert estimator.rate_bytes_s == 0.0
    estimator.sent(1000, 7.0)
    estimator.forgotten(1000)
    assert estimator.in_flight_bytes == 0


def lane(number: int, rtt_s: float, rate: float, in_flight: int = 0) -> LaneState:
    """A lane of which this much is known."""
    state = LaneState(number, LaneCipher(bytes(32), "r2g", number), LaneCipher(bytes(32), "g2r", number), b"", 0.0)
    estimator = state.estimator
    estimator.rtt_measured(rtt_s, 0.0)
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
