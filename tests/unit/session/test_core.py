"""A session against an authentic peer that breaks the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.puppet import TARGET, WINDOW, Puppet, opened
from unwalled.session.events import (
    SessionClosed,
    StreamCut,
)
from unwalled.settings import KIB, MIB, SESSION
from unwalled.wire.codes import Code
from unwalled.wire.frames import (
    Ack,
    Close,
    Data,
    Fin,
    Frame,
    Limited,
    Open,
    Opened,
    OpenedFlow,
    OpenFlow,
    Ping,
    Reset,
    Window,
)

HUGE = (1 << 62) - 1


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
        (Limited(),),
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
