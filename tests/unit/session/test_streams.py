"""Streams, frame by frame; frames may come in any order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.puppet import TARGET, WINDOW, Puppet, opened
from unwalled.session import streams
from unwalled.session.events import (
    StreamAccepted,
    StreamCut,
    StreamOpened,
    StreamReadable,
    StreamWritable,
)
from unwalled.settings import SESSION
from unwalled.wire.codes import Code
from unwalled.wire.frames import (
    Ack,
    Data,
    Fin,
    Open,
    Opened,
    OpenFlow,
    Pong,
    Reset,
    Window,
)

HUGE = (1 << 62) - 1


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
        session.send_datagram(sid, TARGET, b"x", 0.0)
        assert session.read(sid, 0.0) == (b"", True)
    assert session.send_room(99) == 0
    assert puppet.said() == []
    puppet.send(Window(99, 1000), Pong(0))
    assert not session.is_closed


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


def test_many_streams_that_nobody_reads_do_not_each_get_a_full_buffer() -> None:
    puppet = Puppet(is_reader=False, window_bytes=WINDOW)
    sids = range(1, 201)
    for sid in sids:
        puppet.send(Open(sid, TARGET, 0))
    piece = memoryview(bytes(256 * 1024))
    held = 0
    for _ in range(8):
        for sid in sids:
            if puppet.session.send_room(sid):
                puppet.session.write(sid, piece)
                held += len(piece)
    assert held <= SESSION.send_buffers_bytes + len(sids) * len(piece)
    assert all(puppet.session.send_room(sid) == 0 for sid in sids)


def test_a_stream_that_was_crowded_out_goes_on_when_it_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SESSION", replace(SESSION, send_buffers_bytes=100))
    puppet = Puppet(is_reader=False, window_bytes=WINDOW)
    puppet.send(Open(1, TARGET, HUGE), Open(2, TARGET, HUGE))
    puppet.session.write(1, bytes(60))
    puppet.session.write(2, bytes(60))
    assert puppet.session.send_room(2) == 0
    puppet.said()
    assert StreamWritable(2) in puppet.events()
    assert puppet.session.send_room(2) == SESSION.send_buffer_bytes


def test_finishing_after_data() -> None:
    puppet = opened()
    puppet.session.write(1, b"")
    puppet.session.write(1, b"ab")
    puppet.session.write(1, b"cd")
    puppet.session.finish(1)
    puppet.session.finish(1)
    puppet.session.write(1, b"late")
    assert puppet.said() == [Fin(1, 4), Data(1, 0, b"abcd")]
