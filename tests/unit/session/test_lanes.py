"""Lanes of a session: what is left, joined, said again, and said first."""

from __future__ import annotations

import pytest

from tests.support.puppet import TARGET, WINDOW, Puppet, opened
from unwalled.errors import CryptoError, MessageError
from unwalled.session.events import (
    LaneLeft,
    LanesLimited,
    LeaveReason,
    SessionClosed,
    StreamOpened,
    StreamReadable,
)
from unwalled.settings import KIB, MIB, SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import (
    LANE_MISBEHAVED,
    LANE_SILENT,
    LANE_UNNEEDED,
    Ack,
    Close,
    Data,
    Fin,
    LaneClose,
    Limited,
    Open,
    Opened,
    Ping,
    Pong,
    Reset,
    Window,
)
from unwalled.wire.messages import Refusal, encode_refuse, record_header


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"w",
        b"\x10",
        record_header(0) + bytes(40),
        record_header(1) + bytes(40),
        bytes(70000),
        b"\x01\x01" + bytes(1200),
        b"\x02" + bytes(1200),
        b"\x03" + bytes(60),
        encode_refuse(Refusal.FULL),
    ],
)
def test_any_other_message_costs_the_lane_only(message: bytes) -> None:
    puppet = opened()
    puppet.session.join(puppet.join(1), 0.0)
    puppet.session.receive(0, message, 0.0)
    assert puppet.events() == [LaneLeft(0, LeaveReason.MISBEHAVED)]
    assert LaneClose(0, LANE_MISBEHAVED) in puppet.said()
    assert puppet.send(Data(1, 0, b"x"), lane=1) == [StreamReadable(1)]
    puppet.session.receive(0, message, 0.0)
    puppet.session.lane_lost(0, 0.0)
    assert puppet.events() == []


def test_a_repeated_record_costs_the_lane() -> None:
    puppet = opened()
    sealer = puppet._sealers[0]
    message = sealer.seal(b"", record_header(sealer.number))
    puppet.session.receive(0, message, 0.0)
    assert puppet.events() == []
    puppet.session.receive(0, message, 0.0)
    assert puppet.events() == [LaneLeft(0, LeaveReason.MISBEHAVED)]


def test_a_record_that_was_left_out_costs_the_lane() -> None:
    puppet = opened()
    sealer = puppet._sealers[0]
    sealer.seal(b"", record_header(sealer.number))
    assert puppet.send(Data(1, 0, b"x")) == [LaneLeft(0, LeaveReason.MISBEHAVED)]


def test_joins_that_are_not_taken() -> None:
    puppet = Puppet(is_reader=False)
    session = puppet.session
    join = puppet.join(1, Open(1, TARGET, WINDOW))
    changed = type(join)(join.session_id, 2, join.header, join.ciphertext)
    with pytest.raises(CryptoError):
        session.join(changed, 0.0)
    assert session.join(join, 0.0) == 1
    assert puppet.events() == [StreamOpened(1, TARGET)]
    for lane in (0, 1, 2 + SESSION.lane_id_gap):
        with pytest.raises(MessageError):
            session.join(puppet.join(lane), 0.0)
    for lane in range(2, SESSION.max_lanes):
        session.join(puppet.join(lane), 0.0)
    with pytest.raises(MessageError):
        session.join(puppet.join(SESSION.max_lanes), 0.0)
    session.close(Code.GENERAL)
    session.lane_lost(5, 0.0)
    with pytest.raises(MessageError):
        session.join(puppet.join(SESSION.max_lanes), 0.0)


def test_a_long_session_with_many_lost_joins_still_takes_lanes() -> None:
    puppet = Puppet(is_reader=False)
    for lane in range(2, 6 * SESSION.lane_id_gap, 2):
        puppet.session.join(puppet.join(lane), 0.0)
        puppet.session.lane_lost(lane, 0.0)
    assert puppet.session._used_lanes.range_count <= SESSION.lane_id_gap
    with pytest.raises(MessageError):
        puppet.session.join(puppet.join(5), 0.0)


def test_a_lane_that_the_reader_gave_up_before_its_join_came() -> None:
    puppet = Puppet(is_reader=False)
    puppet.send(LaneClose(1, LANE_UNNEEDED), LaneClose(5000, LANE_UNNEEDED))
    with pytest.raises(MessageError):
        puppet.session.join(puppet.join(1), 0.0)
    assert puppet.session._used_lanes.range_count == 1


def test_who_may_blame_a_bridge() -> None:
    gateway = Puppet(is_reader=False)
    gateway.session.join(gateway.join(1), 0.0)
    assert gateway.send(LaneClose(1, LANE_MISBEHAVED)) == [LaneLeft(1, LeaveReason.CLOSED)]
    reader = Puppet(is_reader=True)
    lane = reader.session.add_lane(0.0)
    reader.add(lane)
    assert reader.send(LaneClose(lane, LANE_MISBEHAVED)) == [LaneLeft(lane, LeaveReason.MISBEHAVED)]
    assert reader.send(LaneClose(lane, LANE_MISBEHAVED)) == []
    lane = reader.session.add_lane(0.0)
    assert reader.send(LaneClose(lane, LANE_SILENT)) == [LaneLeft(lane, LeaveReason.SILENT)]
    lane = reader.session.add_lane(0.0)
    assert reader.send(LaneClose(lane, LANE_UNNEEDED)) == [LaneLeft(lane, LeaveReason.CLOSED)]


def test_a_lane_that_needs_seconds_beside_a_fast_one_is_left_after_a_while() -> None:
    puppet = opened()
    puppet.session.join(puppet.join(1), 0.0)
    slow, fast = puppet.session.lanes[0].estimator, puppet.session.lanes[1].estimator
    slow.rtt_measured(3.0, 0.0)
    fast.rtt_measured(1.0, 0.0)
    puppet.session.handle_timer(0.1)
    puppet.session.handle_timer(4.9)
    assert set(puppet.session.lanes) == {0, 1}, "three times as long is no reason"
    fast.min_rtt_s = 0.1
    puppet.session.handle_timer(5.0)
    slow.srtt_s = 1.0
    puppet.session.handle_timer(9.0)
    slow.srtt_s = 3.0
    puppet.session.handle_timer(10.0)
    assert set(puppet.session.lanes) == {0, 1}, "not all the time"
    puppet.session.handle_timer(10.0 + SESSION.useless_s)
    assert puppet.events() == [LaneLeft(0, LeaveReason.SILENT)]
    assert set(puppet.session.lanes) == {1}


def test_a_lane_that_is_not_needed() -> None:
    puppet = Puppet(is_reader=True)
    lane = puppet.session.add_lane(0.0)
    puppet.add(lane)
    puppet.said()
    puppet.session.drop_lane(lane, 0.0)
    assert puppet.events() == [LaneLeft(lane, LeaveReason.UNNEEDED)]
    assert puppet.said() == [LaneClose(lane, LANE_UNNEEDED)]


def test_lanes_that_fail_while_none_works_do_not_pile_up_news() -> None:
    puppet = Puppet(is_reader=True)
    puppet.session.lane_lost(0, 0.0)
    for _ in range(SESSION.control_frames + 100):
        puppet.session.drop_lane(puppet.session.add_lane(0.0), 0.0)
        puppet.session.next_event()
    assert len(puppet.session._control) == SESSION.control_frames


def test_what_a_lost_lane_owed_goes_over_another_once() -> None:
    puppet = opened()
    puppet.session.accept_stream(1)
    puppet.session.write(1, b"data")
    puppet.session.finish(1)
    first = puppet.said()
    assert first == [Opened(1, WINDOW), Fin(1, 4), Data(1, 0, b"data")]
    puppet.session.join(puppet.join(1), 0.0)
    puppet.said()
    puppet.session.lane_lost(0, 0.0)
    assert sorted(map(str, puppet.said())) == sorted(map(str, first))
    assert puppet.said() == []
    # A late ack for the lane that is gone says nothing.
    assert puppet.send(Ack(0, 1, 0), lane=1) == []
    puppet.ack_all(1)
    assert puppet.session._streams._streams[1].sending.owed == 0


def test_an_ack_for_a_copy_stops_the_other_from_being_sent() -> None:
    puppet = opened()
    puppet.session.write(1, b"data")
    assert puppet.said() == [Data(1, 0, b"data")]
    puppet.session.join(puppet.join(1), 0.0)
    puppet.now = 30.0
    puppet.session.lane_lost(1, puppet.now)
    puppet.now = 1.5
    puppet.session.handle_timer(puppet.now)
    puppet.session.join(puppet.join(2), puppet.now)
    # It is queued for lane 2 when lane 0 wakes up and acks it.
    puppet.ack_all(0)
    assert puppet.said() == []


def test_a_lost_window_is_told_anew() -> None:
    puppet = Puppet(is_reader=False, window_bytes=WINDOW)
    puppet.send(Open(1, TARGET, WINDOW))
    for start in range(0, WINDOW, 8 * KIB):
        puppet.send(Data(1, start, bytes(8 * KIB)))
    puppet.session.read(1, 0.0)
    assert set(puppet.said()) == {Window(1, 2 * WINDOW), Window(0, 2 * WINDOW)}
    puppet.session.join(puppet.join(1), 0.0)
    puppet.session.lane_lost(0, 0.0)
    assert set(puppet.said()) == {Window(1, 2 * WINDOW), Window(0, 2 * WINDOW)}
    puppet.session.reset(1, Code.CANCELLED)
    puppet.send(Reset(1, Code.CANCELLED, WINDOW), lane=1)
    puppet.said()
    puppet.session.join(puppet.join(2), 0.0)
    puppet.session.lane_lost(1, 0.0)
    assert Window(1, 2 * WINDOW) not in puppet.said() or puppet.session.stream_count


def test_pings_are_answered_on_their_lane_in_bounds() -> None:
    puppet = opened()
    puppet.said()
    puppet.send(*(Ping(number) for number in range(20)))
    assert puppet.said() == [Pong(number) for number in range(20 - SESSION.pongs_per_lane, 20)]
    puppet.send(Pong(12345))
    assert puppet.session.lanes[0].estimator.srtt_s is None


def test_acks_wait_a_little_for_company() -> None:
    puppet = opened()
    (ping,) = (frame for _, frame in puppet.said_on_lanes() if isinstance(frame, Ping))
    puppet.send(Pong(ping.id))
    puppet.now = 1.0
    puppet.send(Data(1, 0, b"a"))
    assert puppet.said_on_lanes() == []
    assert puppet.session.next_timer() == 1.0 + SESSION.ack_delay_s
    puppet.now = 1.0 + SESSION.ack_delay_s
    assert puppet.said_on_lanes() == [(0, Ack(0, 3, 10_000))]
    for start in range(1, 1 + SESSION.ack_every_records):
        puppet.send(Data(1, start, b"a"))
    assert puppet.said_on_lanes() == [(0, Ack(0, 3 + SESSION.ack_every_records, 0))]


def test_bytes_are_counted_over_all_lanes_that_ever_were() -> None:
    puppet = opened()
    puppet.session.write(1, b"data")
    puppet.said()
    sent, received = puppet.session.carried_bytes
    assert sent > 0
    assert received > 0
    puppet.session.lane_lost(0, 0.0)
    assert puppet.session.carried_bytes == (sent, received)


def test_closing_without_lanes_is_silent_and_closing_twice_is_fine() -> None:
    puppet = Puppet(is_reader=True)
    puppet.session.lane_lost(0, 0.0)
    puppet.session.close(Code.CANCELLED)
    puppet.session.close(Code.CANCELLED)
    assert puppet.events() == [SessionClosed(Code.CANCELLED)]
    assert puppet.said() == []


def test_private_reasons_stay_private() -> None:
    puppet = Puppet(is_reader=True)
    puppet.session.close(Code.SESSION_LOST)
    assert puppet.said() == [Close(Code.GENERAL)]


def test_the_reader_hears_that_lanes_hold_the_session_up() -> None:
    puppet = Puppet(is_reader=True)
    assert puppet.send(Limited()) == [LanesLimited()]


def test_a_cut_stream_forgets_what_waits_to_be_sent_again() -> None:
    puppet = opened()
    puppet.session.write(1, bytes(50_000))
    puppet.said()
    puppet.session.lane_lost(0, 0.0)
    assert puppet.session._streams._unacked == 50_000
    puppet.session.reset(1, Code.CANCELLED)
    assert puppet.session._streams._unacked == 0
    puppet.session.join(puppet.join(1), 0.0)
    assert puppet.said() == [Reset(1, Code.CANCELLED, 50_000)]


def test_a_late_ack_spares_a_second_sending_and_a_cut_counts_it_once() -> None:
    for cut in (False, True):
        puppet = opened()
        puppet.session.accept_stream(1)
        puppet.session.write(1, bytes(30_000))
        assert len(puppet.said()) == 4
        # Lane 0 falls silent; lane 1 is there, but full, so that all waits when lane 0 wakes up.
        puppet.session.join(puppet.join(1), 0.0)
        puppet.session.lanes[1].estimator.in_flight_bytes = 10 * MIB
        puppet.now = 2.0
        puppet.session.handle_timer(puppet.now)
        assert puppet.said() == []
        puppet.ack_all(0)
        assert puppet.session._streams._unacked == 0
        if cut:
            puppet.session.reset(1, Code.CANCELLED)
            assert puppet.said() == [Reset(1, Code.CANCELLED, 30_000)]
        else:
            assert puppet.said() == []
        assert puppet.session._streams._unacked == 0
        assert puppet.session._streams._streams[1].sending.owed == cut


def test_acked_control_frames_do_not_go_out_on_a_full_lane() -> None:
    puppet = opened()
    puppet.session.accept_stream(1)
    assert puppet.said() == [Opened(1, WINDOW)]
    puppet.session.join(puppet.join(1), 0.0)
    puppet.now = 2.0
    puppet.session.handle_timer(puppet.now)
    puppet.ack_all(0)
    for lane in puppet.session.lanes.values():
        lane.estimator.in_flight_bytes = lane.estimator.window_bytes
    assert puppet.said() == []
    assert not puppet.session._control


def test_control_frames_go_beyond_the_window_but_not_far() -> None:
    puppet = opened()
    estimator = puppet.session.lanes[0].estimator
    estimator.in_flight_bytes = estimator.window_bytes
    puppet.session.accept_stream(1)
    assert puppet.said() == [Opened(1, WINDOW)]
    estimator.in_flight_bytes = estimator.window_bytes + SESSION.urgent_bytes
    puppet.session.reset(1, Code.CANCELLED)
    assert puppet.said() == []


def test_many_control_frames_take_several_records() -> None:
    puppet = Puppet(is_reader=True, max_message_bytes=4 * KIB)
    for _ in range(200):
        puppet.session.open_stream(Target("x" * 60 + ".org", 443))
    frames = puppet.said_on_lanes()
    assert len(frames) >= 200
    assert puppet.session.lanes[0].sent_count > 3


def test_lanes_that_close_after_the_end_change_nothing() -> None:
    puppet = opened()
    puppet.session.write(1, b"data")
    puppet.said()
    puppet.session.close(Code.GENERAL)
    puppet.session.lane_lost(0, 0.0)
    assert puppet.session.stream_count == 0


def test_a_window_that_says_less_changes_nothing() -> None:
    puppet = opened()
    puppet.send(Window(1, 5), Window(0, 5))
    puppet.session.write(1, bytes(100))
    assert [type(frame) for frame in puppet.said()] == [Data]


def test_a_window_of_a_stream_that_is_over_is_not_told_anew() -> None:
    puppet = Puppet(is_reader=False)
    puppet.send(Open(1, TARGET, WINDOW))
    for start in range(0, WINDOW, 8 * KIB):
        puppet.send(Data(1, start, bytes(8 * KIB)))
    puppet.session.read(1, 0.0)
    assert puppet.said() == [Window(1, 2 * WINDOW)]
    puppet.session.join(puppet.join(1), 0.0)
    puppet.send(Fin(1, WINDOW))
    puppet.session.read(1, 0.0)
    puppet.now = 2.0
    puppet.session.handle_timer(puppet.now)
    puppet.session.finish(1)
    puppet.said()
    puppet.ack_all(1)
    assert puppet.session.stream_count == 0
    puppet.session.lane_lost(0, 0.0)
    assert not any(isinstance(frame, Window) for frame in puppet.said())


def test_a_long_unread_stream_is_read_in_parts() -> None:
    puppet = opened()
    window = 0
    for round_number in range(3):
        stream = puppet.session._streams._streams[1]
        while window < stream.receiving.limit:
            puppet.send(Data(1, window, bytes(8 * KIB)))
            window += 8 * KIB
        data, ended = puppet.session.read(1, 0.01 * round_number)
        assert (len(data), ended) == (256 * KIB, False)
        # Its window grows while it is read quickly, so that more than one part waits in the last round.
        assert puppet.events() == ([StreamReadable(1)] if round_number == 2 else [])
        puppet.said()
    assert stream.receiving.window > WINDOW
    assert len(puppet.session.read(1, 0.05)[0]) == 256 * KIB


def test_data_for_the_number_of_a_flow_is_ignored_by_the_reader() -> None:
    puppet = Puppet(is_reader=True)
    sid = puppet.session.open_flow()
    assert puppet.send(Data(sid, 0, b"x"), Fin(sid, 1), Opened(sid, 1)) == []
    assert not puppet.session.is_closed


def test_a_timer_is_known_before_the_first_ping_went_out() -> None:
    puppet = Puppet(is_reader=True)
    assert puppet.session.next_timer() == SESSION.handshake_timeout_s
    puppet.said()
    assert puppet.session.next_timer() == SESSION.handshake_timeout_s


def test_the_first_record_after_a_rest_is_no_longer_than_what_a_lane_sends_at_once() -> None:
    puppet = opened()
    puppet.session.accept_stream(1)
    puppet.said()
    puppet.session.write(1, bytes(10_000))
    sizes = [len(message) for _, message in puppet.session.data_to_send(puppet.now)]
    assert sizes[0] <= SESSION.first_burst_bytes < sum(sizes)


def test_every_lane_is_asked_whether_it_lives_unless_it_was_asked_already() -> None:
    def asked() -> dict[int, int]:
        return {lane: frame.id for lane, frame in puppet.said_on_lanes() if isinstance(frame, Ping)}

    puppet = opened()
    puppet.session.join(puppet.join(1), 0.0)
    for lane, number in asked().items():
        puppet.send(Pong(number), lane=lane)
    puppet.session.ask_lanes()
    assert set(asked()) == {0, 1}
    puppet.session.ask_lanes()
    assert asked() == {}
