"""Bridges that do not relay what they get: a headless bridge over a WebRTC stack whose lanes tamper both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

from unwalled.errors import LaneClosed
from unwalled.lanes.base import Lane, LaneReceiver
from unwalled.lanes.webrtc import AnsweredLane, OfferedLane, ReactorStack, WebRtcLane
from unwalled.wire.description import LaneDescription

Pass = Callable[[bytes], None]
Tamper = Callable[[bytes, Pass], None]
"""What becomes of one message: it may be passed on, changed or not, any number of times, now or later."""
Way = Literal["up", "down"]
"""From the reader to the gateway, or back."""
EVERY = 5


def honestly(message: bytes, forward: Pass) -> None:
    """Passes it on."""
    forward(message)


class Every:
    """Does something to one message of a few; the others pass."""

    def __init__(self, tamper: Tamper) -> None:
        self._tamper = tamper
        self._count = 0

    def __call__(self, message: bytes, forward: Pass) -> None:
        self._count += 1
        if self._count % EVERY:
            forward(message)
        else:
            self._tamper(message, forward)


def flips() -> Tamper:
    """Changes a bit."""
    return Every(lambda message, forward: forward(message[:-1] + bytes((message[-1] ^ 1,))))


def drops() -> Tamper:
    """Loses a message."""
    return Every(lambda message, forward: None)


def repeats() -> Tamper:
    """Says a message twice."""

    def twice(message: bytes, forward: Pass) -> None:
        forward(message)
        forward(message)

    return Every(twice)


def reorders() -> Tamper:
    """Lets a message overtake the one before."""
    held: list[bytes] = []

    def swap(message: bytes, forward: Pass) -> None:
        if held:
            forward(message)
            forward(held.pop())
        else:
            held.append(message)

    return swap


def truncates() -> Tamper:
    """Loses the end of a message."""
    return Every(lambda message, forward: forward(message[:-3]))


def replaces() -> Tamper:
    """Says something of its own."""
    return Every(lambda message, forward: forward(bytes(len(message))))


def delays(seconds: float = 1.0) -> Tamper:
    """Keeps each message for a while, in order."""
    return lambda message, forward: void(asyncio.get_running_loop().call_later(seconds, forward, message))


def swallows() -> Tamper:
    """Passes nothing on."""
    return lambda message, forward: None


def breathes(seconds: float) -> Tamper:
    """Keeps everything for a while, and then lets go of it all at once: never quite dead, and of no use."""
    held: list[tuple[bytes, Pass]] = []

    def let_go() -> None:
        going = held.copy()
        held.clear()
        for message, forward in going:
            forward(message)

    def hold(message: bytes, forward: Pass) -> None:
        if not held:
            asyncio.get_running_loop().call_later(seconds, let_go)
        held.append((message, forward))

    return hold


def void(_: object) -> None:
    """For a result that nobody needs."""


class HostileStack:
    """The stack of a bridge that is honest until ``turn``. ``ways``: the directions in which it tampers then."""

    def __init__(
        self,
        stun: tuple[str, ...],
        make_tamper: Callable[[], Tamper],
        *,
        says_text: bool = False,
        ways: Sequence[Way] = ("up", "down"),
    ) -> None:
        self._stack = ReactorStack(stun)
        self._make_tamper = make_tamper
        self._ways = ways
        self.says_text = says_text
        self.is_hostile = False

    def turn(self) -> None:
        """From now on it tampers, on lanes old and new."""
        self.is_hostile = True

    async def offer(self) -> OfferedLane:
        """See WebRtcStack."""
        return await self._stack.offer()

    async def answer(self, offer: LaneDescription) -> AnsweredLane:
        """See WebRtcStack."""
        return _HostileAnswer(self, await self._stack.answer(offer))

    async def aclose(self) -> None:
        """See WebRtcStack."""
        await self._stack.aclose()

    def new_tamper(self, way: Way) -> Tamper:
        """For one direction of one lane."""
        wicked = self._make_tamper() if way in self._ways else honestly

        def tamper(message: bytes, forward: Pass) -> None:
            (wicked if self.is_hostile else honestly)(message, forward)

        return tamper


class _HostileAnswer:
    def __init__(self, stack: HostileStack, answered: AnsweredLane) -> None:
        self._stack = stack
        self._answered = answered

    @property
    def description(self) -> LaneDescription:
        return self._answered.description

    async def opened(self) -> Lane:
        return _HostileLane(self._stack, await self._answered.opened())

    def close(self) -> None:
        self._answered.close()


class _HostileLane:
    def __init__(self, stack: HostileStack, lane: Lane) -> None:
        self._stack = stack
        self._lane = lane
        self._up = stack.new_tamper("up")
        self._down = stack.new_tamper("down")
        self._receiver: LaneReceiver | None = None

    @property
    def buffered_bytes(self) -> int:
        return self._lane.buffered_bytes

    def start(self, receiver: LaneReceiver) -> None:
        self._receiver = receiver
        self._lane.start(self)

    def send(self, message: bytes) -> None:
        self._down(message, self._send)

    def close(self) -> None:
        self._lane.close()

    def messages_received(self, messages: list[bytes]) -> None:
        for message in messages:
            self._up(message, self._deliver)

    def lane_closed(self, reason: str) -> None:
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            receiver.lane_closed(reason)

    def _deliver(self, message: bytes) -> None:
        if self._receiver is not None:
            self._receiver.messages_received([message])

    def _send(self, message: bytes) -> None:
        try:
            if self._stack.says_text and self._stack.is_hostile:
                assert isinstance(self._lane, WebRtcLane)
                if self._lane._channel is not None:
                    self._lane._channel.send(message.hex().encode(), False)
            else:
                self._lane.send(message)
        except LaneClosed:
            pass
