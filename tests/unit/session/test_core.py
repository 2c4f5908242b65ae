"""A session against an authentic peer that says what it likes, and against lanes that bring anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.puppet import Puppet
from unwalled.errors import CryptoError, FrameError, MessageError, OpenFailed
from unwalled.session.core import Session
from unwalled.session.events import (
    DatagramReceived,
    FlowAccepted,
    FlowClosed,
    FlowOpened,
    LaneLeft,
    LeaveReason,
    SessionClosed,
    StreamAccepted,
    StreamCut,
    StreamOpened,
    StreamReadable,
)
from unwalled.settings import KIB, MIB, SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import (
    LANE_MISBEHAVED,
    LANE_UNNEEDED,
    Ack,
    Close,
    Data,
    Datagram,
    Fin,
    Frame,
    LaneClose,
    Open,
    Opened,
    OpenedFlow,
    OpenFlow,
    Ping,
    Pong,
    Reset,
    Window,
)
from unwalled.wire.messages import Refusal, encode_refuse, record_header

TARGET = Target("example.org", 443)
WINDOW = SESSION.stream_window_bytes
HUGE = (1 << 62) - 1


def opened(sid: int = 1) -> Puppet:
    """A gateway's session with one stream."""
    puppet = Puppet(is_reader=False)
    assert puppet.send(Open(sid, TARGET, WINDOW)) == [StreamOpened(sid, TARGET)]
    return puppet


# What an authentic peer may not say.


@pytest.mark.parametrize(
    "frames",
    [
        (Data(1, WINDOW, b"x"),),
        (Data(1, HUGE, b"x"),),
        (Fin(1, 5), Data(1, 5, b"x")),
        (Fin(1, 5), Fin(1, 6)),
        (Data(1, 0, b"xxx"), Fin(1, 2)),
        (Data(1, 0, b"xxx"), Reset(1, Code.CANCELLED, 2)),
        (Reset(1, Code.CANCELLED, HUGE),),
        (Opened(1, 0),),
        (Opened(7, 0),),
        (OpenedFlow(1),),
        (Ack(0, 10_000, 0),),
        (Ack(9, 0, 0),),
        (OpenFlow(2), Data(2, 0, b"x")),
        (OpenFlow(2), Open(2, TARGET, 0)),
    ],
)
def test_a_reader_that_breaks_the_rules(frames: tuple[Frame, ...]) -> None:
    assert opened().is_broken_by(*frames)


@pytest.mark.parametrize(
    "frames",
    [
        (Open(1, TARGET, 0),),
        (OpenFlow(1),),
        (Data(2, 0, b"x"),),
        (Fin(2, 0),),
        (Reset(2, Code.CANCELLED, 0),),
        (Opened(2, 0),),
    ],
)
def test_a_gateway_that_breaks_the_rules(frames: tuple[Frame, ...]) -> None:
    puppet = Puppet(is_reader=True)
    assert puppet.session.open_stream(TARGET) == 1
    assert puppet.is_broken_by(*frames)


@pytest.mark.parametrize("plaintext", [b"\xff", b"\x12", b"\x00\x01", b"\x19\x00"])
def test_a_record_that_holds_no_frames(plaintext: bytes) -> None:
    puppet = opened()
    assert puppet.send_raw(plaintext) == [StreamCut(1, Code.SESSION_LOST)]
    assert puppet.said() == [Close(Code.PROTOCOL)]
    assert puppet.events() == [SessionClosed(Code.PROTOCOL)]


def test_the_session_window_holds_over_all_streams() -> None:
    puppet = Puppet(is_reader=False, window_bytes=WINDOW)
    chunk = bytes(8 * KIB)
    for index in range(32):
        puppet.send(Data(1 + index % 4, 8 * KIB * (index // 4), chunk))
    assert puppet.closed is None
    assert puppet.session.buffered_bytes == WINDOW
    assert puppet.is_broken_by(Data(9, 0, b"x"))


def test_frames_behind_a_close_have_no_effect() -> None:
    puppet = opened()
    events = puppet.send(Close(Code.GENERAL), Open(2, TARGET, WINDOW), OpenFlow(3))
    assert events == [StreamCut(1, Code.SESSION_LOST), SessionClosed(Code.GENERAL)]
    assert puppet.session.stream_count == 0
    assert puppet.send(Open(4, TARGET, WINDOW)) == []
    assert puppet.said_on_lanes() == []
    assert puppet.session.next_timer() == float("inf")
    puppet.session.handle_timer(100.0)
    assert puppet.events() == []


def test_frames_between_a_break_and_its_close_have_no_effect() -> None:
    puppet = opened()
    puppet.send_raw(b"\xff")
    assert puppet.send(Open(4, TARGET, WINDOW)) == []
    assert puppet.session.stream_count == 0


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 100)), max_size=60))
def test_pieces_in_any_order_and_overlap_make_the_stream(pieces: list[tuple[int, int]]) -> None:
    content = bytes(range(256)) * 2
    puppet = opened()
    got = b""
    for start, length in [*pieces, (0, 500)]:
        puppet.send(Data(1, start, content[start : start + length]))
        got += puppet.session.read(1, 0.0)[0]
    highest = max(start + length for start, length in [*pieces, (0, 500)])
    assert puppet.closed is None
    assert got == content[:highest]
    assert puppet.session._streams._pieces == 0


def test_pieces_that_overlap_too_much() -> None:
    puppet = opened()
    for start in range(100):
        puppet.send(Data(1, 1 + start, bytes(12_000)))
    assert puppet.closed is Code.PROTOCOL or puppet.said()[-1] == Close(Code.PROTOCOL)


def test_a_longer_piece_replaces_a_shorter_one_at_the_same_place() -> None:
    puppet = opened()
    puppet.send(Data(1, 1, b"bc"), Data(1, 1, b"bcd"), Data(1, 1, b"b"), Data(1, 0, b"a"))
    assert puppet.session.read(1, 0.0) == (b"abcd", False)


def test_too_many_crumbs() -> None:
    puppet = Puppet(is_reader=False)
    offsets = iter(range(1, WINDOW, 2))
    sent = 0
    while sent <= SESSION.reassembly_pieces:
        puppet.send(*(Data(1, next(offsets), b"x") for _ in range(2000)))
        sent += 2000
    assert puppet.said()[-1] == Close(Code.PROTOCOL)


def test_crumbs_in_order_cost_no_more_than_their_bytes() -> None:
    puppet = opened()
    for start in range(0, 40_000, 2):
        puppet.send(Data(1, start, b"ab"))
    assert len(puppet.session._streams._streams[1].receiving.ready) < 20
    assert puppet.session.read(1, 0.0) == (b"ab" * 20_000, False)


def test_too_many_streams() -> None:
    puppet = Puppet(is_reader=False)
    for sid in range(1, SESSION.max_streams + 1):
        puppet.send(Open(sid, TARGET, WINDOW))
    assert puppet.said() == []
    assert puppet.send(Open(SESSION.max_streams + 1, TARGET, WINDOW)) == []
    assert puppet.said() == [Reset(SESSION.max_streams + 1, Code.LIMIT_REACHED, 0)]
    for sid in range(SESSION.max_streams + 2, 2 * SESSION.max_streams + 1):
        puppet.send(Open(sid, TARGET, WINDOW))
    assert not puppet.session.is_closed
    assert puppet.is_broken_by(Open(2 * SESSION.max_streams + 1, TARGET, WINDOW))


def test_endless_numbers_with_gaps() -> None:
    puppet = Puppet(is_reader=False)
    sid = 1
    while puppet.closed is None and sid < 4 * SESSION.id_gaps:
        puppet.send(Open(sid, TARGET, WINDOW), Reset(sid, Code.CANCELLED, 0))
        puppet.said()
        puppet.ack_all()
        sid += 2
    assert puppet.closed is Code.PROTOCOL
    assert puppet.session._streams._closed.range_count <= SESSION.id_gaps + 1


def test_endless_flow_numbers_with_gaps() -> None:
    puppet = Puppet(is_reader=False)
    sid = 1
    while puppet.closed is None and sid < 4 * SESSION.id_gaps:
        puppet.send(OpenFlow(sid), Reset(sid, Code.CANCELLED, 0))
        puppet.said()
        sid += 2
    assert puppet.closed is Code.PROTOCOL
    assert puppet.session._streams._closed.range_count <= SESSION.id_gaps + 1


def test_a_peer_that_asks_for_answers_and_never_acks() -> None:
    puppet = Puppet(is_reader=False)
    sid = 1
    while puppet.closed is None and sid < 20 * SESSION.control_frames:
        puppet.send(*(OpenFlow(sid + more) for more in range(500)))
        puppet.said_on_lanes()
        sid += 500
    assert puppet.closed is Code.PROTOCOL


def test_a_peer_that_gives_room_but_never_acks_gets_no_more_than_was_agreed() -> None:
    puppet = Puppet(is_reader=False, window_bytes=MIB)
    puppet.send(Open(1, TARGET, HUGE), Window(0, HUGE))
    puppet.session.write(1, bytes(8 * MIB))
    lane = 0
    while lane < 60:
        sent = puppet.said()
        assert puppet.session._streams._unacked <= MIB
        lane += 1
        puppet.session.join(puppet.join(lane, Ping(1)), 0.0)
        if not sent:
            break
    assert puppet.session._streams._unacked == MIB
    assert puppet.session.backlog_bytes == 7 * MIB
    # Once it acks, all goes on.
    for one in range(lane):
        puppet.ack_all(one)
    assert any(isinstance(frame, Data) for frame in puppet.said())


# Streams.


def test_data_and_end_may_overtake_their_open() -> None:
    puppet = Puppet(is_reader=False)
    assert puppet.send(Data(1, 0, b"abc"), Fin(1, 3)) == []
    assert puppet.send(Open(1, TARGET, WINDOW)) == [StreamOpened(1, TARGET), StreamReadable(1)]
    assert puppet.session.read(1, 0.0) == (b"abc", True)
    assert puppet.send(Open(1, TARGET, WINDOW)) == []


def test_an_end_without_data_may_overtake_its_open() -> None:
    puppet = Puppet(is_reader=False)
    assert puppet.send(Fin(1, 0)) == []
    assert StreamReadable(1) in puppet.send(Open(1, TARGET, WINDOW))
    assert puppet.session.read(1, 0.0) == (b"", True)


def test_a_reset_may_overtake_its_open() -> None:
    puppet = Puppet(is_reader=False)
    assert puppet.send(Reset(1, Code.CANCELLED, 10)) == []
    assert puppet.said() == [Reset(1, Code.CANCELLED, 0)]
    assert puppet.send(Data(1, 0, bytes(10))) == []
    assert puppet.send(Open(1, TARGET, WINDOW)) == []
    puppet.ack_all()
    assert puppet.session.stream_count == 0
    assert puppet.send(Open(1, TARGET, WINDOW), Data(1, 0, bytes(10)), Fin(1, 10)) == []
    assert puppet.session.stream_count == 0
    assert puppet.said() == []


def test_a_reset_may_overtake_the_open_of_a_flow() -> None:
    puppet = Puppet(is_reader=False)
    assert puppet.send(Reset(1, Code.CANCELLED, 0), OpenFlow(1)) == []
    puppet.said()
    puppet.ack_all()
    assert puppet.send(OpenFlow(1)) == []
    assert puppet.session.stream_count == 0


def test_an_end_and_then_a_reset_is_a_reset() -> None:
    puppet = opened()
    assert puppet.send(Data(1, 0, b"abc"), Fin(1, 100)) == [StreamReadable(1)]
    assert puppet.send(Reset(1, Code.TIMED_OUT, 50)) == [StreamCut(1, Code.TIMED_OUT)]
    assert puppet.send(Fin(1, 100), Reset(1, Code.TIMED_OUT, 50)) == []
    assert puppet.session.read(1, 0.0) == (b"", True)
    assert puppet.said() == [Reset(1, Code.CANCELLED, 0)]
    puppet.ack_all()
    assert puppet.session.stream_count == 0


def test_a_cut_stream_waits_for_the_other_end_and_counts_what_comes() -> None:
    puppet = opened()
    puppet.send(Data(1, 0, b"abc"))
    puppet.session.reset(1, Code.CANCELLED)
    puppet.session.reset(1, Code.CANCELLED)
    assert puppet.said() == [Reset(1, Code.CANCELLED, 0)]
    puppet.ack_all()
    assert puppet.send(Data(1, 3, bytes(100)), Data(1, 3, bytes(50)), Fin(1, 200)) == []
    assert puppet.session.stream_count == 1
    puppet.send(Data(1, 103, bytes(97)))
    assert puppet.session.stream_count == 0
    assert puppet.session._streams._consumed_total == 200


def test_calls_on_streams_that_are_over_do_nothing() -> None:
    puppet = opened()
    session = puppet.session
    session.reset(1, Code.CANCELLED)
    puppet.said()
    for sid in (1, 99):
        session.accept_stream(sid)
        session.write(sid, b"x")
        session.finish(sid)
        session.reset(sid, Code.CANCELLED)
        session.accept_flow(sid)
        session.close_flow(sid, Code.CANCELLED)
        session.send_datagram(sid, TARGET, b"x")
        assert session.read(sid, 0.0) == (b"", True)
    assert session.send_room(99) == 0
    assert puppet.said() == []
    puppet.send(Window(99, 1000), Opened_safe())
    assert not session.is_closed


def Opened_safe() -> Frame:
    """A frame that is always allowed."""
    return Pong(0)


def test_accepting_twice_says_it_once() -> None:
    puppet = opened()
    puppet.session.accept_stream(1)
    puppet.session.accept_stream(1)
    assert puppet.said() == [Opened(1, WINDOW)]


def test_a_reader_hears_once_that_a_stream_was_accepted() -> None:
    puppet = Puppet(is_reader=True)
    sid = puppet.session.open_stream(TARGET)
    assert puppet.said() == [Open(sid, TARGET, WINDOW)]
    assert puppet.send(Opened(sid, WINDOW)) == [StreamAccepted(sid)]
    assert puppet.send(Opened(sid, WINDOW)) == []
    puppet.session.reset(sid, Code.CANCELLED)
    late = puppet.session.open_stream(TARGET)
    puppet.session.reset(late, Code.CANCELLED)
    assert puppet.send(Opened(late, WINDOW)) == []


def test_frames_for_a_stream_that_is_over_are_ignored() -> None:
    puppet = Puppet(is_reader=True)
    sid = puppet.session.open_stream(TARGET)
    puppet.session.reset(sid, Code.CANCELLED)
    puppet.said()
    puppet.ack_all()
    puppet.send(Reset(sid, Code.CANCELLED, 0))
    assert puppet.session.stream_count == 0
    for frame in (Data(sid, 0, b"x"), Fin(sid, 1), Reset(sid, Code.GENERAL, 1), Opened(sid, 9), Window(sid, 9)):
        assert puppet.send(frame) == []
    assert not puppet.session.is_closed


def test_a_stream_window_stops_and_a_new_one_releases() -> None:
    puppet = Puppet(is_reader=False)
    puppet.send(Open(1, TARGET, 1000))
    puppet.session.write(1, bytes(WINDOW + 5000))
    first = sum(len(frame.payload) for frame in puppet.said() if isinstance(frame, Data))
    puppet.ack_all()
    while more := sum(len(frame.payload) for frame in puppet.said() if isinstance(frame, Data)):
        first += more
        puppet.ack_all()
    assert first == WINDOW
    puppet.send(Window(1, 10))
    assert puppet.said() == []
    puppet.send(Window(1, WINDOW + 7))
    (data,) = puppet.said()
    assert isinstance(data, Data)
    assert (data.offset, len(data.payload)) == (WINDOW, 7)


def test_a_session_window_stops_and_a_new_one_releases() -> None:
    puppet = Puppet(is_reader=False, window_bytes=WINDOW)
    puppet.send(Open(1, TARGET, HUGE), Open(2, TARGET, HUGE))
    puppet.session.write(1, bytes(WINDOW + 1))
    total = 0
    for _ in range(100):
        total += sum(len(frame.payload) for frame in puppet.said() if isinstance(frame, Data))
        puppet.ack_all()
    assert total == WINDOW
    puppet.session.write(2, bytes(10))
    assert puppet.said() == []
    puppet.send(Window(0, WINDOW - 1))
    assert puppet.said() == []
    puppet.session.reset(1, Code.CANCELLED)
    puppet.said()
    puppet.send(Window(0, WINDOW + 100))
    assert sum(len(frame.payload) for frame in puppet.said() if isinstance(frame, Data)) == 10


def test_a_full_buffer_tells_when_there_is_room() -> None:
    puppet = opened()
    assert puppet.session.send_room(1) == SESSION.send_buffer_bytes
    puppet.session.write(1, memoryview(bytes(SESSION.send_buffer_bytes)))
    assert puppet.session.send_room(1) == 0
    events = []
    for number in range(1, 200):
        puppet.said()
        events += puppet.send(Ack(0, number, 0), Window(1, HUGE)) if number < 2 else puppet.ack_all()
    assert [type(event).__name__ for event in events] == ["StreamWritable"]


def test_finishing_after_data() -> None:
    puppet = opened()
    puppet.session.write(1, b"")
    puppet.session.write(1, b"ab")
    puppet.session.write(1, b"cd")
    puppet.session.finish(1)
    puppet.session.finish(1)
    puppet.session.write(1, b"late")
    assert puppet.said() == [Fin(1, 4), Data(1, 0, b"abcd")]


# Flows.


def test_a_flow_at_the_gateway() -> None:
    puppet = Puppet(is_reader=False)
    assert puppet.send(Datagram(1, TARGET, b"early")) == []
    assert puppet.send(OpenFlow(1), OpenFlow(1)) == [FlowOpened(1)]
    puppet.session.accept_flow(1)
    puppet.session.accept_flow(1)
    assert puppet.said() == [OpenedFlow(1)]
    assert puppet.send(Datagram(1, TARGET, b"q")) == [DatagramReceived(1, TARGET, b"q")]
    puppet.session.send_datagram(1, TARGET, b"a")
    assert puppet.said() == [Datagram(1, TARGET, b"a")]
    puppet.session.close_flow(1, Code.TIMED_OUT)
    assert puppet.said() == [Reset(1, Code.TIMED_OUT, 0)]
    assert puppet.send(Reset(1, Code.CANCELLED, 0), OpenFlow(1), Datagram(1, TARGET, b"late")) == []
    assert puppet.session.stream_count == 0


def test_a_flow_at_the_reader() -> None:
    puppet = Puppet(is_reader=True)
    sid = puppet.session.open_flow()
    assert puppet.said() == [OpenFlow(sid)]
    assert puppet.send(OpenedFlow(sid), OpenedFlow(sid), OpenedFlow(sid + 9)) == [FlowAccepted(sid)]
    assert puppet.send(Reset(sid, Code.LIMIT_REACHED, 0)) == [FlowClosed(sid, Code.LIMIT_REACHED)]
    assert puppet.send(Reset(sid, Code.LIMIT_REACHED, 0)) == []


def test_too_many_flows_cost_no_number() -> None:
    puppet = Puppet(is_reader=True)
    for _ in range(SESSION.datagram_flows):
        last = puppet.session.open_flow()
    with pytest.raises(OpenFailed) as failed:
        puppet.session.open_flow()
    assert failed.value.code is Code.LIMIT_REACHED
    assert puppet.session.open_stream(TARGET) == last + 1


def test_too_many_flows_from_the_reader_are_refused() -> None:
    puppet = Puppet(is_reader=False)
    puppet.send(*(OpenFlow(sid) for sid in range(1, SESSION.datagram_flows + 1)))
    assert puppet.send(OpenFlow(1000)) == []
    assert puppet.said() == [Reset(1000, Code.LIMIT_REACHED, 0)]
    assert puppet.send(OpenFlow(1000)) == []
    assert puppet.said() == []


def test_datagrams_that_fit_nowhere_or_find_the_queue_full() -> None:
    puppet = Puppet(is_reader=False)
    puppet.send(OpenFlow(1))
    flows = puppet.session._flows
    puppet.session.send_datagram(1, TARGET, bytes(SESSION.max_datagram_bytes + 1))
    assert puppet.said() == []
    puppet.session.send_datagram(1, TARGET, bytes(17 * KIB))
    puppet.session.send_datagram(1, TARGET, b"fits")
    assert puppet.said() == [Datagram(1, TARGET, b"fits")]
    assert flows.dropped == 1
    for number in range(40):
        puppet.session.send_datagram(1, TARGET, bytes((number,)) * 10_000)
    assert flows.dropped == 1 + 40 - SESSION.datagram_queue_bytes // 10_019
    (first, *_) = puppet.said()
    assert isinstance(first, Datagram)
    assert first.payload[0] == flows.dropped - 1
    puppet.session.lane_lost(0, 0.0)
    puppet.session.join(puppet.join(1), 0.0)
    again = [frame for frame in puppet.said() if isinstance(frame, Datagram)]
    assert first not in again, "a datagram is sent once"


def test_a_lost_session_ends_flows_and_streams() -> None:
    puppet = Puppet(is_reader=True)
    stream, flow = puppet.session.open_stream(TARGET), puppet.session.open_flow()
    puppet.session.lane_lost(0, 0.0)
    assert puppet.session.next_timer() == 60.0
    puppet.session.handle_timer(59.0)
    assert puppet.events() == []
    puppet.session.handle_timer(60.0)
    assert puppet.events() == [
        StreamCut(stream, Code.SESSION_LOST),
        FlowClosed(flow, Code.SESSION_LOST),
        SessionClosed(Code.SESSION_LOST),
    ]
    for open_one in (lambda: puppet.session.open_stream(TARGET), puppet.session.open_flow):
        with pytest.raises(OpenFailed):
            open_one()


def test_too_many_streams_at_the_reader() -> None:
    puppet = Puppet(is_reader=True)
    for _ in range(SESSION.max_streams):
        puppet.session.open_stream(TARGET)
    with pytest.raises(OpenFailed) as failed:
        puppet.session.open_stream(TARGET)
    assert failed.value.code is Code.LIMIT_REACHED


# Early data.


def test_early_opens_come_again_in_records() -> None:
    session = Session(True, 0.0)
    sids = [session.open_stream(Target("x" * 60 + ".org", 443)) for _ in range(100)]
    early = session.early_frames()
    assert 0 < len(early) <= SESSION.early_data_bytes
    gateway = Puppet(is_reader=False)
    gateway.session.receive_early(early + bytes(20))
    events = gateway.events()
    assert 40 < len(events) < len(sids)
    assert all(isinstance(event, StreamOpened) for event in events)
    assert gateway.send(Open(1, TARGET, WINDOW)) == []


@pytest.mark.parametrize("early", [Data(1, 0, b"x").encode(), Ping(1).encode(), b"\xff"])
def test_early_data_may_only_hold_opens(early: bytes) -> None:
    with pytest.raises(FrameError):
        Session(False, 0.0).receive_early(early)


# Lanes.


@pytest.mark.parametrize(
    "message",
    [b"", b"\x77", b"\x10", record_header(0) + bytes(40), record_header(1) + bytes(40), bytes(70_000)]
    + [b"\x01\x01" + bytes(1200), b"\x02" + bytes(1200), b"\x03" + bytes(60), encode_refuse(Refusal.FULL)],
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
    puppet.said_on_lanes()
    puppet.now = 1.0
    puppet.send(Data(1, 0, b"a"))
    assert puppet.said_on_lanes() == []
    assert puppet.session.next_timer() == 1.0 + SESSION.ack_delay_s
    puppet.now = 1.0 + SESSION.ack_delay_s
    assert puppet.said_on_lanes() == [(0, Ack(0, 2, 10_000))]
    for start in range(1, 1 + SESSION.ack_every_records):
        puppet.send(Data(1, start, b"a"))
    assert puppet.said_on_lanes() == [(0, Ack(0, 2 + SESSION.ack_every_records, 0))]


def test_numbers_for_people() -> None:
    puppet = opened()
    puppet.session.write(1, b"data")
    puppet.said()
    ((lane, srtt, rate, in_flight),) = puppet.session.lane_summary()
    assert (lane, srtt, rate) == (0, None, 0.0)
    assert in_flight > 0
    sent, received = puppet.session.carried_bytes
    assert sent > 0 and received > 0
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
