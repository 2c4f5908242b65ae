"""Datagram flows, early opens, and the end of a session."""

from __future__ import annotations

import pytest

from tests.support.puppet import TARGET, WINDOW, Puppet
from unwalled.errors import OpenFailed
from unwalled.session.core import Session
from unwalled.session.events import (
    DatagramReceived,
    FlowAccepted,
    FlowClosed,
    FlowOpened,
    SessionClosed,
    StreamCut,
    StreamOpened,
)
from unwalled.settings import KIB, SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import (
    Datagram,
    Open,
    OpenedFlow,
    OpenFlow,
    Reset,
)


def test_a_flow_at_the_gateway() -> None:
    puppet = Puppet(is_reader=False)
    assert puppet.send(Datagram(1, 0, TARGET, b"early")) == []
    assert puppet.send(OpenFlow(1), OpenFlow(1)) == [FlowOpened(1)]
    puppet.session.accept_flow(1)
    puppet.session.accept_flow(1)
    assert puppet.said() == [OpenedFlow(1)]
    assert puppet.send(Datagram(1, 0, TARGET, b"q")) == [DatagramReceived(1, TARGET, b"q")]
    puppet.session.send_datagram(1, TARGET, b"a", 0.0)
    assert puppet.said() == [Datagram(1, 0, TARGET, b"a")]
    puppet.session.close_flow(1, Code.TIMED_OUT)
    assert puppet.said() == [Reset(1, Code.TIMED_OUT, 0)]
    assert puppet.send(Reset(1, Code.CANCELLED, 0), OpenFlow(1), Datagram(1, 1, TARGET, b"late")) == []
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
    puppet.session.send_datagram(1, TARGET, bytes(SESSION.max_datagram_bytes + 1), 0.0)
    assert puppet.said() == []
    puppet.session.send_datagram(1, TARGET, bytes(17 * KIB), 0.0)
    puppet.session.send_datagram(1, TARGET, b"fits", 0.0)
    assert puppet.said() == [Datagram(1, 1, TARGET, b"fits")]
    assert flows.dropped == 1
    for number in range(40):
        puppet.session.send_datagram(1, TARGET, bytes((number,)) * 10_000, 0.0)
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
    with pytest.raises(OpenFailed):
        puppet.session.open_stream(TARGET)
    with pytest.raises(OpenFailed):
        puppet.session.open_flow()


def test_too_many_streams_at_the_reader() -> None:
    puppet = Puppet(is_reader=True)
    for _ in range(SESSION.max_streams):
        puppet.session.open_stream(TARGET)
    with pytest.raises(OpenFailed) as failed:
        puppet.session.open_stream(TARGET)
    assert failed.value.code is Code.LIMIT_REACHED


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
