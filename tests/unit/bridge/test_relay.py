"""The joining of two lanes, with lanes that do what the test says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unwalled.bridge.relay import Relay, Side
from unwalled.bridge.throttle import Throttle
from unwalled.errors import LaneClosed
from unwalled.lanes.base import LaneReceiver


class FakeLane:
    """A lane that sends nothing on by itself."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.buffered_bytes = 0
        self.is_closed = False
        self.closes = 0
        self.receiver: LaneReceiver | None = None

    def start(self, receiver: LaneReceiver) -> None:
        self.receiver = receiver

    def send(self, message: bytes) -> None:
        if self.is_closed:
            raise LaneClosed("closed")
        self.sent.append(message)

    def close(self) -> None:
        self.closes += 1
        self.is_closed = True

    def bring(self, *messages: bytes) -> None:
        assert self.receiver is not None
        self.receiver.messages_received(list(messages))

    def lose(self, reason: str) -> None:
        assert self.receiver is not None
        self.receiver.lane_closed(reason)


class FakeSocket(FakeLane):
    """One that can hold its sender back."""

    def __init__(self) -> None:
        super().__init__()
        self.is_paused = False

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False


class Scene:
    """A relay with small bounds, both lanes and the timers."""

    def __init__(self, rate_bps: int | None = None) -> None:
        self.now = 0.0
        self.ends: list[str] = []
        self.timers: list[Callable[[], None]] = []
        self.reader, self.gateway = FakeLane(), FakeSocket()
        throttle = None if rate_bps is None else Throttle(rate_bps, lambda: self.now, self.call_later)
        self.relay = Relay(
            lambda relay, reason: self.ends.append(reason),
            call_later=self.call_later,
            throttle=throttle,
            max_buffer_bytes=100,
            pause_at_bytes=40,
        )

    def call_later(self, _: float, callback: Callable[[], None]) -> None:
        self.timers.append(callback)

    def tick(self, seconds: float = 1.0) -> None:
        self.now += seconds
        timers, self.timers = self.timers, []
        for timer in timers:
            timer()

    def open(self) -> Scene:
        self.relay.open(Side.READER, self.reader)
        self.relay.open(Side.GATEWAY, self.gateway)
        return self


def test_messages_go_both_ways_one_for_one_and_are_counted() -> None:
    scene = Scene().open()
    scene.reader.bring(b"up1", b"up22")
    scene.gateway.bring(b"down")
    assert scene.gateway.sent == [b"up1", b"up22"]
    assert scene.reader.sent == [b"down"]
    assert (scene.relay.bytes_up, scene.relay.bytes_down, scene.relay.held_bytes) == (7, 4, 0)
    assert scene.relay.joined


@pytest.mark.parametrize("first", [Side.READER, Side.GATEWAY])
def test_what_comes_before_the_other_side_is_held_and_then_goes_first(first: Side) -> None:
    scene = Scene()
    early, late = (scene.reader, scene.gateway) if first is Side.READER else (scene.gateway, scene.reader)
    scene.relay.open(first, early)
    early.bring(b"a", b"b")
    assert (scene.relay.held_bytes, scene.relay.joined) == (2, False)
    scene.relay.open(Side.GATEWAY if first is Side.READER else Side.READER, late)
    early.bring(b"c")
    assert late.sent == [b"a", b"b", b"c"]


def test_more_than_the_bound_held_ends_the_relay() -> None:
    scene = Scene()
    scene.relay.open(Side.READER, scene.reader)
    scene.reader.bring(bytes(60), bytes(40))
    assert scene.ends == []
    scene.reader.bring(b"x")
    assert (scene.ends, scene.reader.is_closed, scene.relay.held_bytes) == (["overflow"], True, 0)


def test_more_than_the_bound_unsent_ends_the_relay() -> None:
    scene = Scene().open()
    scene.gateway.buffered_bytes = 90
    scene.reader.bring(bytes(10))
    assert scene.ends == []
    scene.reader.bring(bytes(11))
    assert scene.ends == ["overflow"]
    assert scene.gateway.is_closed
    assert scene.reader.is_closed


@pytest.mark.parametrize("side", ["reader", "gateway"])
def test_when_one_side_closes_so_does_the_other_and_only_once(side: str) -> None:
    scene = Scene().open()
    gone, other = (scene.reader, scene.gateway) if side == "reader" else (scene.gateway, scene.reader)
    gone.lose("failed")
    scene.relay.end("later")
    assert (scene.ends, other.closes, scene.relay.joined, scene.relay.ended) == (["failed"], 1, False, True)


def test_a_send_that_fails_ends_the_relay() -> None:
    scene = Scene().open()
    scene.gateway.is_closed = True
    scene.reader.bring(b"x", b"y")
    assert scene.ends == ["closed"]
    assert scene.relay.bytes_up == 0


def test_a_side_that_opens_too_late_is_closed() -> None:
    scene = Scene()
    scene.relay.end("unopened")
    scene.relay.open(Side.READER, scene.reader)
    assert (scene.reader.closes, scene.reader.receiver) == (1, None)


def test_a_gateway_is_held_back_while_the_reader_is_slow() -> None:
    scene = Scene().open()
    scene.reader.buffered_bytes = 39
    scene.gateway.bring(b"x")
    assert not scene.gateway.is_paused
    scene.reader.buffered_bytes = 40
    scene.gateway.bring(b"x")
    assert scene.gateway.is_paused
    scene.reader.buffered_bytes = 20
    scene.tick()
    assert scene.gateway.is_paused
    scene.reader.buffered_bytes = 19
    scene.tick()
    assert not scene.gateway.is_paused
    assert scene.timers == []


def test_an_ended_relay_asks_no_more() -> None:
    scene = Scene().open()
    scene.reader.buffered_bytes = 40
    scene.gateway.bring(b"x")
    scene.relay.end("stopped")
    scene.tick()
    assert scene.timers == []


def test_over_the_rate_messages_wait_and_come_in_order() -> None:
    scene = Scene(rate_bps=80).open()  # 10 bytes a second, 1 at once
    scene.reader.bring(b"0123456789", b"a", b"b")
    assert scene.gateway.sent == [b"0123456789"]
    assert scene.relay.held_bytes == 2
    scene.reader.bring(b"c")
    for _ in range(5):
        scene.tick()
    assert scene.gateway.sent == [b"0123456789", b"a", b"b", b"c"]
    assert scene.relay.held_bytes == 0


def test_far_over_the_rate_the_gateway_is_held_back_and_the_reader_closed() -> None:
    scene = Scene(rate_bps=80).open()
    scene.gateway.bring(bytes(10), bytes(45))
    assert scene.gateway.is_paused
    for _ in range(8):
        scene.tick()
    assert not scene.gateway.is_paused
    scene.reader.bring(bytes(50), bytes(51), bytes(50))
    assert scene.ends == ["overflow"]
    scene.tick(60)
    assert scene.timers == []
