"""The reader's end from the first hello on. What lanes do to the handshake is in tests/sim/test_liveness.py."""

from __future__ import annotations

import random

from tests.support.session_pair import GATEWAY_KEY, TOKEN, LaneShape, World
from unwalled.session.events import Event, LaneLeft, LeaveReason, SessionClosed, SessionEstablished
from unwalled.session.reader import ReaderSession
from unwalled.settings import SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import LANE_UNNEEDED

TARGET = Target("example.org", 443)


def new() -> ReaderSession:
    """A session that has not begun."""
    return ReaderSession(GATEWAY_KEY.public, TOKEN, random.Random(1).randbytes, 0.0)


def events(session: ReaderSession) -> list[Event]:
    """All events that wait."""
    found: list[Event] = []
    while (event := session.next_event()) is not None:
        found.append(event)
    return found


def established() -> World:
    """A world whose reader has one lane."""
    world = World(1)
    world.open_lane(LaneShape())
    world.run(1.0)
    assert world.reader.is_established
    return world


def test_nothing_happens_before_a_lane_is_there() -> None:
    session = new()
    session.core.open_stream(TARGET)
    assert session.data_to_send(0.0) == []
    assert session.next_timer() == float("inf")
    session.handle_timer(1e6)
    assert events(session) == []
    assert session.lane_keys == []


def test_one_hello_is_on_its_way_at_a_time() -> None:
    session = new()
    first, second, third = (session.lane_opened(0.0) for _ in range(3))
    assert [key for key, _ in session.data_to_send(0.0)] == [first]
    assert session.lane_keys == [first, second, third]
    assert session.wire_lane(first) is None
    session.lane_lost(second, 0.0)
    session.lane_lost(first, 0.0)
    assert [key for key, _ in session.data_to_send(0.0)] == [third]
    session.handle_timer(SESSION.handshake_timeout_s)
    assert events(session) == [LaneLeft(third, LeaveReason.SILENT)]
    assert session.lane_keys == []
    session.receive(third, b"late", 0.0)
    session.lane_lost(third, 0.0)
    assert events(session) == []


def test_a_session_is_carried_again_once_the_gateway_speaks_on_a_new_lane() -> None:
    world = established()
    assert world.reader.is_carried
    (only,) = world.lanes.values()
    world.kill(only)
    assert not world.reader.is_carried
    world.open_lane(LaneShape())
    assert not world.reader.is_carried
    world.run(world.now + 1.0)
    assert world.reader.is_carried
    assert world.reader_resumed == 1
    second = world.open_lane(LaneShape())
    world.run(world.now + 1.0)
    world.kill(second)
    world.run(world.now + 1.0)
    assert world.reader.is_carried
    assert world.reader_resumed == 1


def test_lanes_that_wait_are_bounded() -> None:
    session = new()
    keys = [session.lane_opened(0.0) for _ in range(SESSION.waiting_lanes + 2)]
    assert events(session) == [LaneLeft(keys[-1], LeaveReason.UNNEEDED)]


def test_lanes_in_use_are_bounded() -> None:
    world = established()
    keys = [world.reader.lane_opened(world.now) for _ in range(SESSION.max_lanes)]
    assert events(world.reader) == [LaneLeft(keys[-1], LeaveReason.UNNEEDED)]
    assert len(world.reader.lane_keys) == SESSION.max_lanes


def test_lanes_can_be_given_up_at_any_stage() -> None:
    session = new()
    greeting, waiting = session.lane_opened(0.0), session.lane_opened(0.0)
    session.drop_lane(waiting, 0.0)
    session.drop_lane(greeting, 0.0)
    assert events(session) == [LaneLeft(waiting, LeaveReason.UNNEEDED), LaneLeft(greeting, LeaveReason.UNNEEDED)]
    world = established()
    other = world.open_lane(LaneShape())
    world.run(2.0)
    world.reader.drop_lane(other.key, world.now)
    world.run(3.0)
    assert world.reader_left == {other.key: LeaveReason.UNNEEDED}
    assert len(world.gateways[0].session.lanes) == 1
    assert LANE_UNNEEDED == 0


def test_a_lane_that_closes_while_its_end_is_told_is_told_once() -> None:
    world = established()
    world.reader.drop_lane(0, world.now)
    world.reader.lane_lost(0, world.now)
    assert events(world.reader) == []
    assert world.reader.data_to_send(world.now) == []


def test_messages_for_a_lane_that_was_lost_are_not_sent() -> None:
    world = established()
    other = world.open_lane(LaneShape())
    world.run(2.0)
    world.reader.receive(other.key, b"\x10" + bytes(60), world.now)
    assert world.reader.wire_lane(other.key) is not None
    sent = world.reader.data_to_send(world.now)
    assert [key for key, _ in sent] == [0]
    assert events(world.reader) == [LaneLeft(other.key, LeaveReason.MISBEHAVED)]
    assert world.reader.wire_lane(other.key) is None


def test_lanes_after_the_end_are_not_needed() -> None:
    session = new()
    session.lane_opened(0.0)
    session.close(Code.CANCELLED)
    key = session.lane_opened(0.0)
    assert events(session) == [LaneLeft(key, LeaveReason.UNNEEDED), SessionClosed(Code.CANCELLED)]
    session.handle_timer(SESSION.handshake_timeout_s)
    assert session.next_timer() == float("inf")


def test_opens_go_out_with_the_hello() -> None:
    world = World(2)
    world.reader.core.open_stream(TARGET)
    dropped = world.reader.core.open_stream(TARGET)
    world.reader.core.reset(dropped, Code.CANCELLED)
    seen: list[Event] = []
    world.on_reader = seen.append
    world.open_lane(LaneShape(latency_s=1.0))
    world.run(1.1)
    # One way is over: the gateway knows the stream that is still wanted before its answer has come.
    assert world.gateways[0].session.stream_count == 1
    assert seen == []
    world.run(2.5)
    assert seen[0] == SessionEstablished()
