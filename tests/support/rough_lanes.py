"""Lanes as SCTP over a bad link makes them look to a session: a rate that changes, a queue below, stalls, deaths.

A lane here is two queues, each with a server: what the session hands over waits behind what it handed over before, in
the buffers of this machine and of the bridge. Nothing overtakes, nothing is lost; a lost packet only shows as a time in
which nothing comes, and then all of it at once (a round trip), or as a time in which nothing moves (a time-out).
Everything is on a made-up clock, and a seed repeats it.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.session_pair import GatewayEnd, LaneShape, SimLane, World
from unwalled.crypto.handshake import Terms
from unwalled.session.core import Session
from unwalled.session.events import (
    Event,
    LaneLeft,
    StreamCut,
    StreamOpened,
    StreamReadable,
    StreamWritable,
)
from unwalled.settings import BRIDGE, LANE, MIB, SESSION
from unwalled.wire.address import Target

MBIT_S = 1e6 / 8
_TARGET = Target("example.org", 443)
_PATTERN = random.Random("pattern").randbytes(1 << 20)
_PATTERN_TWICE = memoryview(_PATTERN * 2)


def bulk(offset: int, size: int) -> memoryview:
    """What stands at ``offset`` in every bulk stream; at most 1 MiB at a time."""
    start = offset % len(_PATTERN)
    return _PATTERN_TWICE[start : start + size]


@dataclass(slots=True)
class RoughShape(LaneShape):
    """A lane over a link that is not good. Means of exponential times in seconds; infinity for never."""

    hold_every_s: float = math.inf
    """A lost packet that the next round trip brings: what is behind it comes with it; no time of the link is lost."""
    pause_every_s: float = math.inf
    """A lost packet that only a time-out brings: nothing moves for ``pause_s``."""
    pause_s: float = 1.0
    change_every_s: float = math.inf
    """The rate becomes another one, from half to twice of what it is."""
    queue_bytes: int = BRIDGE.max_lane_buffer_bytes
    """Past it the bridge closes the lane, as it must."""


class _Queue:
    """One direction of a rough lane."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[bytes, bool]] = deque()
        self.waiting_bytes = 0
        self.most_bytes = 0
        self.busy = False
        self.paused_until = 0.0
        self.held_until = 0.0
        self.last_at = 0.0


@dataclass(slots=True)
class RoughLane:
    """What the world knows of a lane beyond its messages."""

    lane: SimLane
    shape: RoughShape
    queues: dict[bool, _Queue] = field(default_factory=lambda: {True: _Queue(), False: _Queue()})
    since: float = 0.0
    """Until when its capacity is counted in ``capacity_bytes``."""
    capacity_bytes: float = 0.0
    is_dead: bool = False
    carried_down: int = 0
    swallows: set[bool] = field(default_factory=set)
    """Directions (up: True) in which the bridge passes nothing on any more."""
    added_s: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})
    """What the bridge adds to the latency of a direction."""


class RoughWorld(World):
    """Both ends over rough lanes."""

    def __init__(self, seed: int, window_bytes: int = SESSION.session_window_bytes, lifetime_s: int = 120) -> None:
        super().__init__(seed, window_bytes, lifetime_s)
        self.terms = Terms(window_bytes, LANE.max_message_bytes, lifetime_s)
        self.rough: dict[int, RoughLane] = {}

    # Lanes.

    def open_rough(self, shape: RoughShape) -> RoughLane:
        """One more lane; from now on its capacity counts."""
        # The lane must be known before its first message leaves, which is at once.
        key = self.reader.lane_opened(self.now)
        lane = self.lanes[key] = SimLane(key, shape)
        rough = self.rough[key] = RoughLane(lane, shape, since=self.now)
        self.pump_reader()
        self._every(rough, shape.hold_every_s, self._hold)
        self._every(rough, shape.pause_every_s, self._pause)
        self._every(rough, shape.change_every_s, self._change)
        return rough

    def _every(self, rough: RoughLane, mean_s: float, call: Callable[[RoughLane], None]) -> None:
        if math.isinf(mean_s):
            return

        def happen() -> None:
            if not rough.is_dead:
                call(rough)
                self._every(rough, mean_s, call)

        self.at(self.now + self.random.expovariate(1 / mean_s), happen)

    def die(self, rough: RoughLane, *, silently: bool) -> None:
        """The bridge goes away; with ``silently`` nobody hears of it."""
        self.count(rough)
        rough.is_dead = True
        if silently:
            self.silence(rough.lane)
        else:
            self.kill(rough.lane)

    def _hold(self, rough: RoughLane) -> None:
        queue = rough.queues[self.random.random() < 0.1]
        queue.held_until = max(queue.held_until, self.now + 3 * rough.shape.latency_s)

    def _pause(self, rough: RoughLane) -> None:
        self.pause(rough, rough.shape.pause_s)

    def pause(self, rough: RoughLane, seconds: float) -> None:
        """Nothing moves on the lane for a while."""
        self.count(rough)
        until = self.now + seconds
        for queue in rough.queues.values():
            queue.paused_until = max(queue.paused_until, until)
        rough.since = max(rough.since, until)

    def _change(self, rough: RoughLane) -> None:
        self.set_rate(rough, min(max(rough.shape.rate * self.random.uniform(0.5, 2), 0.1 * MBIT_S), 100 * MBIT_S))

    def set_rate(self, rough: RoughLane, rate: float) -> None:
        """From the next message on the lane has another rate, in bytes per second."""
        self.count(rough)
        rough.shape.rate = rate

    def count(self, rough: RoughLane) -> None:
        """Brings what the lane could have carried down up to now."""
        if not rough.is_dead and self.now > rough.since:
            rough.capacity_bytes += (self.now - rough.since) * rough.shape.rate
            rough.since = self.now

    @property
    def capacity_bytes(self) -> float:
        """What all lanes together could have carried in one direction while they were alive."""
        for rough in self.rough.values():
            self.count(rough)
        return sum(rough.capacity_bytes for rough in self.rough.values())

    # Messages.

    def _carry(self, lane: SimLane, message: bytes, up: bool, tampered: bool) -> None:
        rough = self.rough.get(lane.key)
        if rough is None:
            super()._carry(lane, message, up, tampered)
            return
        queue = rough.queues[up]
        queue.waiting.append((message, tampered))
        queue.waiting_bytes += len(message)
        queue.most_bytes = max(queue.most_bytes, queue.waiting_bytes)
        if queue.waiting_bytes > rough.shape.queue_bytes:
            self.die(rough, silently=False)
        elif not queue.busy:
            self._serve(rough, queue, up)

    def _serve(self, rough: RoughLane, queue: _Queue, up: bool) -> None:
        queue.busy = True
        begin = max(self.now, queue.paused_until)
        message, _ = queue.waiting[0]
        self.at(begin + len(message) / rough.shape.rate, lambda: self._served(rough, queue, up))

    def _served(self, rough: RoughLane, queue: _Queue, up: bool) -> None:
        if rough.is_dead:
            queue.waiting.clear()
            return
        message, tampered = queue.waiting.popleft()
        queue.waiting_bytes -= len(message)
        shape = rough.shape
        arrival = self.now + shape.latency_s + rough.added_s[up] + shape.jitter_s * self.random.random()
        queue.last_at = max(queue.last_at, arrival, queue.held_until)
        self.at(queue.last_at, lambda: self._arrive(rough, message, up, tampered))
        if queue.waiting:
            self._serve(rough, queue, up)
        else:
            queue.busy = False

    def _arrive(self, rough: RoughLane, message: bytes, up: bool, tampered: bool) -> None:
        lane = rough.lane
        if not lane.is_open or lane.is_silent or up in rough.swallows:
            return
        if up:
            self._arrive_at_gateway(lane, message, tampered)
        else:
            rough.carried_down += len(message)
            self._arrive_at_reader(lane, message, tampered)


class BulkTransfers:
    """Streams over which one end sends as fast as it may; their bytes are compared, and waits are measured."""

    def __init__(self, world: RoughWorld, streams: int, *, up: bool = False) -> None:
        self.world = world
        self.got_bytes = 0
        self.longest_gap_s = 0.0
        """The longest time in which no stream brought anything, from ``reset_gaps`` on."""
        self.longest_stream_gap_s = 0.0
        """The same for one stream."""
        self.lane_left: Callable[[LaneLeft], None] = lambda event: None
        """Told of lanes that the reader left."""
        self.lane_left_by_gateway: Callable[[LaneLeft], None] = lambda event: None
        """Told of lanes that the gateway left; their numbers are those on the wire."""
        self._up = up
        self._got: dict[int, int] = {}
        self._written: dict[int, int] = {}
        self._came_at: dict[int, float] = {}
        self._any_at = 0.0
        self._measures = False
        world.on_reader = self._reader_event
        world.on_gateway = self._gateway_event
        for _ in range(streams):
            sid = world.reader.core.open_stream(_TARGET)
            self._got[sid] = self._written[sid] = 0
            if up:
                self._write(world.reader.core, sid)

    def reset_gaps(self) -> None:
        """From now on gaps count."""
        self._measures = True
        self._any_at = self.world.now
        self._came_at = dict.fromkeys(self._got, self.world.now)
        self.longest_gap_s = self.longest_stream_gap_s = 0.0

    def end(self) -> None:
        """The time that still runs counts, too."""
        for sid in self._got:
            self._note(sid)

    def _note(self, sid: int) -> None:
        now = self.world.now
        if self._measures:
            self.longest_gap_s = max(self.longest_gap_s, now - self._any_at)
            self.longest_stream_gap_s = max(self.longest_stream_gap_s, now - self._came_at[sid])
            self._came_at[sid] = self._any_at = now

    def _reader_event(self, event: Event) -> None:
        match event:
            case LaneLeft():
                self.lane_left(event)
            case StreamCut():
                raise AssertionError("a stream was cut")
            case _:
                self._copy(self.world.reader.core, event, is_reader=True)

    def _gateway_event(self, end: GatewayEnd, event: Event) -> None:
        match event:
            case StreamOpened(sid):
                end.session.accept_stream(sid)
                if not self._up:
                    self._write(end.session, sid)
            case LaneLeft():
                self.lane_left_by_gateway(event)
            case _:
                self._copy(end.session, event, is_reader=False)

    def _copy(self, session: Session, event: Event, *, is_reader: bool) -> None:
        match event:
            case StreamReadable(sid) if is_reader is not self._up:
                self._read(session, sid)
            case StreamWritable(sid) if is_reader is self._up:
                self._write(session, sid)
            case _:
                pass

    def _read(self, session: Session, sid: int) -> None:
        while True:
            data, ended = session.read(sid, self.world.now)
            assert not ended
            if not data:
                return
            assert data == bulk(self._got[sid], len(data)), "bytes are wrong, lost or out of order"
            self._got[sid] += len(data)
            self.got_bytes += len(data)
            self._note(sid)

    def _write(self, session: Session, sid: int) -> None:
        while room := min(session.send_room(sid), MIB // 4):
            session.write(sid, bulk(self._written[sid], room))
            self._written[sid] += room
