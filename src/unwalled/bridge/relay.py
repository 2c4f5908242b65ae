"""The heart of a bridge: joins two lanes, message for message, and keeps the rules of docs/protocol/lane.md.

No clock and no tasks in here. Messages that come before the other side is open, or faster than the volunteer's rate
allows, are held; what is held and what a lane has not sent yet is bounded, and past the bound the relay ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol, runtime_checkable

from unwalled.bridge.throttle import Throttle
from unwalled.errors import LaneClosed
from unwalled.lanes.base import Lane
from unwalled.settings import BRIDGE

CallLater = Callable[[float, Callable[[], None]], object]


class Side(Enum):
    """The two ends of a relay."""

    READER = "reader"
    GATEWAY = "gateway"


@runtime_checkable
class PausableLane(Lane, Protocol):
    """A lane that can hold its sender back."""

    def pause(self) -> None:
        """Stops reading."""

    def resume(self) -> None:
        """Goes on reading."""


class Relay:
    """One lane of a bridge. Give it each side's lane with ``open`` when it opens, or ``end`` it."""

    def __init__(
        self,
        on_end: Callable[[Relay, str], None],
        *,
        call_later: CallLater,
        throttle: Throttle | None = None,
        max_buffer_bytes: int = BRIDGE.max_lane_buffer_bytes,
        pause_at_bytes: int = BRIDGE.pause_at_bytes,
    ) -> None:
        """``on_end(relay, reason)`` is called once, whoever ends the relay; both lanes are closed by then.
        ``call_later(delay_s, callback)`` is the event loop's."""
        self._on_end = on_end
        self._up = _Direction(self, call_later, throttle, max_buffer_bytes, pause_at_bytes)
        self._down = _Direction(self, call_later, throttle, max_buffer_bytes, pause_at_bytes)
        self._ended = False

    @property
    def bytes_up(self) -> int:
        """Bytes passed on from the reader to the gateway."""
        return self._up.passed_bytes

    @property
    def bytes_down(self) -> int:
        """Bytes passed on from the gateway to the reader."""
        return self._down.passed_bytes

    @property
    def held_bytes(self) -> int:
        """Bytes held here, both directions; what the lanes have not sent yet not counted."""
        return self._up.held_bytes + self._down.held_bytes

    @property
    def joined(self) -> bool:
        """Whether both sides are open."""
        return not self._ended and self._up.target is not None and self._down.target is not None

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._ended

    def open(self, side: Side, lane: Lane) -> None:
        """One side has opened: what was held for it goes out, and what it brings is taken. Closes it if too late."""
        if self._ended:
            lane.close()
            return
        inward, outward = (self._up, self._down) if side is Side.READER else (self._down, self._up)
        inward.source = lane
        inward.pausable = lane if isinstance(lane, PausableLane) else None
        outward.target = lane
        lane.start(inward)
        outward.flush()

    def end(self, reason: str) -> None:
        """Ends the relay, closes both lanes and forgets what is held. Calling it again does nothing."""
        if self._ended:
            return
        self._ended = True
        lanes = [lane for lane in (self._up.source, self._up.target, self._down.source) if lane is not None]
        for direction in (self._up, self._down):
            direction.forget()
        for lane in dict.fromkeys(lanes):
            lane.close()
        self._on_end(self, reason)


class _Direction:
    """One way through a relay: the receiver of one lane and the sender of the other."""

    def __init__(
        self,
        relay: Relay,
        call_later: CallLater,
        throttle: Throttle | None,
        max_buffer_bytes: int,
        pause_at_bytes: int,
    ) -> None:
        self._relay = relay
        self._call_later = call_later
        self._throttle = throttle
        self._max_buffer_bytes = max_buffer_bytes
        self._pause_at_bytes = pause_at_bytes
        self._held: deque[bytes] = deque()
        self._queued = False
        self._paused = False
        self.source: Lane | None = None
        self.pausable: PausableLane | None = None
        self.target: Lane | None = None
        self.held_bytes = 0
        self.passed_bytes = 0

    def messages_received(self, messages: list[bytes]) -> None:
        """See LaneReceiver."""
        for message in messages:
            self._held.append(message)
            self.held_bytes += len(message)
        self.flush()
        if self._waiting_bytes() > self._max_buffer_bytes:
            self._relay.end("overflow")

    def lane_closed(self, reason: str) -> None:
        """See LaneReceiver."""
        self._relay.end(reason)

    def flush(self) -> None:
        """Sends what may be sent now."""
        if self.target is None:
            self._hold_back()
            return
        throttle = self._throttle
        while self._held and not self._queued:
            if throttle is None or throttle.take(len(self._held[0])):
                self._send_one(self.target)
            else:
                self._queued = True
                throttle.wait(self._turn)
        self._hold_back()

    def forget(self) -> None:
        """Drops everything; nothing is sent any more."""
        self._held.clear()
        self.held_bytes = 0
        self.source = self.target = self.pausable = None

    def _turn(self) -> int:
        size = self._send_one(self.target) if self._held and self.target is not None else 0
        self._queued = size > 0
        self._hold_back()
        return size

    def _send_one(self, target: Lane) -> int:
        message = self._held.popleft()
        size = len(message)
        self.held_bytes -= size
        try:
            if target.buffered_bytes + size > self._max_buffer_bytes:
                self._relay.end("overflow")
            else:
                target.send(message)
                self.passed_bytes += size
        except LaneClosed:
            self._relay.end("closed")
        return size

    def _hold_back(self) -> None:
        """Keeps the source from sending more while much waits here, where the source's transport can do that."""
        if self.pausable is not None and not self._paused and self._waiting_bytes() >= self._pause_at_bytes:
            self._paused = True
            self.pausable.pause()
            self._call_later(BRIDGE.resume_check_s, self._check_paused)

    def _check_paused(self) -> None:
        if self.pausable is None:
            return
        # A lane does not tell when it has sent something, so it is asked for as long as it matters.
        if self._waiting_bytes() < self._pause_at_bytes // 2:
            self._paused = False
            self.pausable.resume()
        else:
            self._call_later(BRIDGE.resume_check_s, self._check_paused)

    def _waiting_bytes(self) -> int:
        return self.held_bytes + (0 if self.target is None else self.target.buffered_bytes)
