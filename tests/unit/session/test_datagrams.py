"""The parts that carry datagrams: numbers that were seen, lanes that are swift, lanes that are kept quiet."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.support.puppet import TARGET, Puppet, opened
from unwalled.crypto.keys import LaneCipher
from unwalled.session.events import DatagramReceived, LanesLimited
from unwalled.session.flows import NumberWindow
from unwalled.session.lane import LaneState
from unwalled.session.quiet import QuietLanes
from unwalled.session.scheduler import pick_swift
from unwalled.settings import KIB, SESSION
from unwalled.wire.frames import Data, Datagram, OpenedFlow, OpenFlow

FAR = SESSION.datagram_numbers


@given(st.lists(st.integers(0, 3 * FAR) | st.integers(0, 20), max_size=200))
def test_each_number_is_new_once_and_old_ones_never(numbers: list[int]) -> None:
    window, seen, highest = NumberWindow(), set[int](), -1
    for number in numbers:
        is_old = number <= highest - FAR
        assert window.take(number) is (number not in seen and not is_old)
        seen.add(number)
        highest = max(highest, number)


def test_a_number_that_is_very_far_ahead_costs_no_memory() -> None:
    window = NumberWindow()
    assert window.take(5)
    assert window.take(1 << 61)
    assert window._seen == 1
    assert not window.take(6)


def lane(number: int, rtt_s: float | None, rate: float = 0.0, owes: int = 0, now: float = 10.0) -> LaneState:
    """A lane with this round trip, which carries ``rate`` bytes per second, and owes acks for so much."""
    cipher = LaneCipher(b"m" * 32, "r2g", number)
    state = LaneState(number, cipher, cipher, b"", 0.0)
    if rtt_s is not None:
        state.estimator.rtt_measured(rtt_s, 0.0)
    if rate:
        state.estimator._add_rate(rate, 0.0)
    if owes:
        state.estimator.sent(owes, now)
        state._owed_since = now
    return state


def test_a_datagram_takes_the_lane_with_the_least_queue() -> None:
    near_but_full = lane(0, 0.1, rate=5e5, owes=100_000)
    free = lane(1, 0.15)
    assert pick_swift([near_but_full, free], 10.0) is free
    assert pick_swift([near_but_full], 10.0) is near_but_full
    assert pick_swift([], 10.0) is None


def test_lanes_that_are_as_good_take_turns() -> None:
    used, rested = lane(0, 0.100, rate=1e6, owes=200), lane(1, 0.102)
    assert pick_swift([used, rested], 10.0) is rested


def test_a_datagram_avoids_lanes_that_are_held_up_silent_or_full() -> None:
    held_up, slower = lane(0, 0.1, owes=100), lane(1, 0.3)
    assert pick_swift([held_up, slower], 10.05) is held_up
    assert pick_swift([held_up, slower], 10.3) is slower
    assert pick_swift([held_up], 10.3) is held_up, "better than none"
    slower.silent_since = 9.0
    assert pick_swift([slower], 10.3) is None
    over = lane(2, 0.1, owes=SESSION.initial_lane_window_bytes + SESSION.urgent_bytes)
    assert pick_swift([over], 10.0) is None


def test_how_many_lanes_are_kept_quiet_and_for_how_long() -> None:
    for count, wanted in ((1, 0), (3, 0), (4, 1), (7, 1), (8, 2), (23, 2), (24, 3), (32, 4), (8, 2), (3, 0)):
        lanes = [lane(number, 0.1) for number in range(count)]
        quiet = QuietLanes()
        quiet.datagram_passed(10.0)
        quiet.update(lanes, 10.0)
        assert sum(one in quiet for one in lanes) == wanted
    lanes = [lane(number, 0.1) for number in range(8)]
    quiet = QuietLanes()
    quiet.datagram_passed(10.0)
    quiet.update(lanes, 10.0)
    first = quiet.lead
    quiet.update(lanes, 10.0 + SESSION.quiet_s)
    assert [one for one in lanes if one in quiet] == [first], "one is left for what is urgent"


def test_a_quiet_lane_that_falls_silent_is_replaced_and_the_others_stay() -> None:
    quiet = QuietLanes()
    lanes = [lane(number, 0.1 + number / 100) for number in range(9)]
    quiet.datagram_passed(10.0)
    quiet.update(lanes, 10.0)
    first = {one.id for one in lanes if one in quiet}
    assert first == {0, 1}
    lanes[0].silent_since = 10.0
    quiet.update(lanes, 10.1)
    assert {one.id for one in lanes if one in quiet} == {1, 2}
    lanes[0].silent_since = None
    quiet.update(lanes, 10.2)
    assert {one.id for one in lanes if one in quiet} == {1, 2}, "no lane is emptied without need"


def test_lanes_that_owe_too_much_may_still_become_quiet() -> None:
    owes = SESSION.initial_lane_window_bytes + SESSION.urgent_bytes
    lanes = [lane(number, 0.1, owes=owes) for number in range(4)]
    quiet = QuietLanes()
    quiet.datagram_passed(10.0)
    quiet.update(lanes, 10.0)
    assert sum(one in quiet for one in lanes) == 1


def gateway_with_a_full_lane(lanes: int = 1) -> Puppet:
    """A gateway's session with a flow 2, whose stream 1 has filled the windows of all lanes."""
    puppet = opened()
    for number in range(1, lanes):
        puppet.session.join(puppet.join(number), 0.0)
    puppet.send(OpenFlow(2))
    puppet.session.accept_flow(2)
    puppet.session.accept_stream(1)
    puppet.session.write(1, bytes(256 * KIB))
    puppet.said()
    assert not any(lane.has_room for lane in puppet.session.lanes.values())
    assert puppet.said() == []
    return puppet


def test_a_datagram_goes_in_the_same_turn_though_all_windows_are_full() -> None:
    puppet = gateway_with_a_full_lane()
    puppet.session.send_datagram(2, TARGET, b"now", 0.0)
    assert puppet.said() == [Datagram(2, 0, TARGET, b"now")]


def test_datagrams_go_beyond_a_window_but_not_far_and_then_wait() -> None:
    puppet = gateway_with_a_full_lane()
    for _ in range(200):
        puppet.session.send_datagram(2, TARGET, bytes(1000), 0.0)
    went = len(puppet.said())
    assert SESSION.urgent_bytes - 16 * KIB < went * 1000 < SESSION.urgent_bytes + 16 * KIB
    assert puppet.said() == []
    assert puppet.session._flows.queued_bytes > 0
    puppet.now = SESSION.datagram_wait_s + 0.01
    assert puppet.said() == []
    assert puppet.session._flows.queued_bytes == 0, "what is old is dropped"
    assert puppet.session._flows.dropped == 200 - went


def test_datagrams_that_find_no_lane_tell_the_reader_that_lanes_are_short() -> None:
    reader = Puppet(is_reader=True)
    flow = reader.session.open_flow()
    told = []
    for step in range(3):
        reader.now = step * SESSION.limited_s / 2
        for _ in range(250):
            reader.session.send_datagram(flow, TARGET, bytes(1000), reader.now)
        reader.said()
        told.append(LanesLimited() in reader.events())
    assert told == [False, False, True]


def test_waiting_data_and_many_datagrams_take_turns() -> None:
    puppet = gateway_with_a_full_lane()
    for _ in range(250):
        puppet.session.send_datagram(2, TARGET, bytes(1000), 0.0)
    puppet.said()
    puppet.ack_all()
    said = puppet.said()
    data = sum(len(frame.payload) for frame in said if isinstance(frame, Data))
    datagrams = sum(len(frame.payload) for frame in said if isinstance(frame, Datagram))
    # The lane's window is 64 KiB, and datagrams may go as much beyond it: neither takes all of that.
    assert data > 16 * KIB
    assert datagrams > 16 * KIB


def test_a_short_datagram_goes_over_two_lanes_and_counts_once() -> None:
    gateway = Puppet(is_reader=False)
    gateway.session.join(gateway.join(1), 0.0)
    gateway.send(OpenFlow(1))
    gateway.session.accept_flow(1)
    gateway.said()
    gateway.session.send_datagram(1, TARGET, b"short", 0.0)
    copies = [(lane, frame) for lane, frame in gateway.said_on_lanes() if isinstance(frame, Datagram)]
    assert sorted(lane for lane, _ in copies) == [0, 1]
    for copies_wanted in (2, 1):
        gateway.session.send_datagram(1, TARGET, bytes(2 * SESSION.twice_bytes), 0.0)
        assert len(gateway.said()) == copies_wanted, "a long one goes twice only where a lane has nothing else to do"

    reader = Puppet(is_reader=True)
    flow = reader.session.open_flow()
    reader.send(OpenedFlow(flow))
    events = [event for _, frame in copies for event in reader.send(frame)]
    assert events == [DatagramReceived(flow, TARGET, b"short")]


def test_many_short_datagrams_are_not_doubled() -> None:
    gateway = Puppet(is_reader=False)
    gateway.session.join(gateway.join(1), 0.0)
    gateway.send(OpenFlow(1))
    gateway.session.accept_flow(1)
    gateway.said()
    for _ in range(100):
        gateway.session.send_datagram(1, TARGET, bytes(500), 0.0)
    datagrams = [frame for frame in gateway.said() if isinstance(frame, Datagram)]
    assert len({frame.number for frame in datagrams}) == 100
    assert len(datagrams) <= 102


def test_lanes_kept_quiet_get_no_data() -> None:
    puppet = opened()
    for number in range(1, 8):
        puppet.session.join(puppet.join(number), 0.0)
    puppet.send(OpenFlow(2))
    puppet.session.accept_flow(2)
    puppet.session.accept_stream(1)
    puppet.said()
    puppet.session.send_datagram(2, TARGET, b"call", 0.0)
    puppet.session.write(1, bytes(256 * KIB))
    frames = puppet.said_on_lanes()
    quiet = {lane for lane, frame in frames if isinstance(frame, Datagram)}
    carried = Counter[int]()
    for lane, frame in frames:
        carried[lane] += len(frame.payload) if isinstance(frame, Data) else 0
    assert len(quiet) == 2
    assert sum(size > 0 for size in carried.values()) >= 4
    assert max(carried[lane] for lane in quiet) < SESSION.first_burst_bytes, "no more than a stream's first bytes"
