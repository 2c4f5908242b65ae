"""A reader's session and a gateway over simulated lanes: seeds, a fake clock, deaths and hostile bridges.

Everything happens on a heap of timed calls, so that thousands of runs take seconds and a seed repeats a run. The
harness itself asserts what must hold at every moment: no lane is blamed without cause, a tampered message is noticed
where it arrives, timers never fire without progress, memory stays in its bounds, and what is owed is held somewhere.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from unwalled.crypto.handshake import Status, Terms, open_hello, refuse_hello, welcome
from unwalled.crypto.hpke import PostQuantumPrivateKey
from unwalled.errors import CryptoError, FrameError, MessageError
from unwalled.session.core import Session
from unwalled.session.events import Event, LaneLeft, LeaveReason, SessionClosed, SessionResumed
from unwalled.session.items import Item
from unwalled.session.notes import TraceSink
from unwalled.session.reader import ReaderSession
from unwalled.session.trace import SessionTrace
from unwalled.settings import SESSION
from unwalled.wire.frames import Data, Fin, Open, Opened, Reset
from unwalled.wire.messages import Hello, Join, Refusal, decode_message, encode_refuse

TOKEN = b"t" * 28
GATEWAY_KEY = PostQuantumPrivateKey(bytes(range(96)))
TRICKS = ("flip", "drop", "repeat", "swap", "hold", "random", "cross", "refuse")


@dataclass(slots=True)
class LaneShape:
    """How a lane carries messages. Times in seconds, ``rate`` in bytes per second."""

    latency_s: float = 0.02
    rate: float = 2e6
    jitter_s: float = 0.0
    tricks: tuple[str, ...] = ()
    trick_chance: float = 0.0


@dataclass(slots=True)
class _Pipe:
    """One direction of a lane."""

    free_at: float = 0.0
    last_at: float = 0.0
    stored: bytes | None = None
    """Held back by a hostile bridge."""
    spoiled: bool = False
    """Something was left out, so the next message is out of its place."""
    queued_bytes: int = 0


@dataclass(slots=True)
class SimLane:
    """A lane from reader to gateway through one bridge."""

    key: int
    shape: LaneShape
    up: _Pipe = field(default_factory=_Pipe)
    down: _Pipe = field(default_factory=_Pipe)
    is_open: bool = True
    is_silent: bool = False
    is_refused: bool = False
    gateway: GatewayEnd | None = None
    wire: int = -1
    carried: list[bytes] = field(default_factory=list)
    """Samples of what has arrived at the gateway, for replays."""


class GatewayEnd:
    """One session at the gateway, with the lanes that lead to it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.lanes: dict[int, SimLane] = {}
        self.timer = float("inf")


class World:
    """Both ends and all between them.

    ``on_reader`` and ``on_gateway`` take the sessions' events (what concerns lanes is handled here as well).
    """

    def __init__(
        self,
        seed: int,
        window_bytes: int = 1 << 20,
        lifetime_s: int = 120,
        reader_sink: TraceSink | None = None,
        gateway_sink: TraceSink | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.terms = Terms(window_bytes, 16 * 1024, lifetime_s)
        trace = None if reader_sink is None else SessionTrace(reader_sink, True, 0.0)
        self.reader = ReaderSession(GATEWAY_KEY.public, TOKEN, self.random.randbytes, 0.0, trace)
        self.gateway_sink = gateway_sink
        self.lanes: dict[int, SimLane] = {}
        self.gateways: list[GatewayEnd] = []
        self.refuse_with: Status | None = None
        self.reader_left: dict[int, LeaveReason] = {}
        self.gateway_left: dict[int, LeaveReason] = {}
        self.reader_closed: list[SessionClosed] = []
        self.reader_resumed = 0
        self.bytes_on_lanes = 0
        self.checks_every = 16
        self.on_reader: Callable[[Event], None] = lambda event: None
        self.on_gateway: Callable[[GatewayEnd, Event], None] = lambda end, event: None
        self._by_id: dict[bytes, GatewayEnd] = {}
        self._seen_hellos: set[bytes] = set()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._reader_timer = float("inf")
        self._steps = 0

    # Time.

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Calls ``call`` at ``when``."""
        heapq.heappush(self._heap, (max(when, self.now), next(self._order), call))

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Lets time pass until ``until``, or until ``done``."""
        self.pump()
        while self._heap and self._heap[0][0] <= until and not done():
            self.now, _, call = heapq.heappop(self._heap)
            call()
            self._steps += 1
            if self._steps % self.checks_every == 0:
                self.check()
        self.check()
        if not done():
            self.now = max(self.now, until)

    # Lanes.

    def open_lane(self, shape: LaneShape) -> SimLane:
        """A lane through one more bridge."""
        key = self.reader.lane_opened(self.now)
        lane = self.lanes[key] = SimLane(key, shape)
        self.pump_reader()
        return lane

    def kill(self, lane: SimLane) -> None:
        """The bridge goes away, and both ends hear of it."""
        if lane.is_open:
            lane.is_open = False
            if lane.key not in self.reader_left:
                self.reader.lane_lost(lane.key, self.now)
            self.at(self.now + lane.shape.latency_s, lambda: self._lost_at_gateway(lane))
            self.pump_reader()

    def silence(self, lane: SimLane) -> None:
        """The bridge swallows all from now on, and nobody hears of it."""
        lane.is_silent = True

    def stall(self, lane: SimLane, seconds: float) -> None:
        """The lane stands still for a while, then goes on; nothing is lost."""
        for pipe in (lane.up, lane.down):
            pipe.free_at = max(pipe.free_at, self.now + seconds)

    def _lost_at_gateway(self, lane: SimLane) -> None:
        if lane.gateway is not None and lane.gateway.lanes.pop(lane.wire, None) is not None:
            lane.gateway.session.lane_lost(lane.wire, self.now)
            self.pump_gateway(lane.gateway)

    def _send(self, lane: SimLane, message: bytes, up: bool) -> None:
        if not lane.is_open or lane.is_silent:
            return
        pipe = lane.up if up else lane.down
        self.bytes_on_lanes += len(message)
        shape = lane.shape
        trick = ""
        if shape.tricks and self.random.random() < shape.trick_chance:
            trick = self.random.choice(shape.tricks)
        match trick:
            case "flip":
                changed = bytearray(message)
                changed[self.random.randrange(len(changed))] ^= 1 << self.random.randrange(8)
                self._carry(lane, bytes(changed), up, tampered=True)
            case "drop":
                pipe.spoiled = True
            case "repeat":
                self._carry(lane, message, up, pipe.spoiled)
                self._carry(lane, message, up, tampered=True)
            case "swap" | "hold" if pipe.stored is None:
                pipe.stored = message
                pipe.spoiled = True
            case "random":
                self._carry(lane, message, up, pipe.spoiled)
                self._carry(
                    lane, self.random.randbytes(self.random.choice((1, 2, 24, 25, 60, 1300))), up, tampered=True
                )
            case "cross":
                others = [one for one in self.lanes.values() if one.shape.tricks and one.is_open and one is not lane]
                if others:
                    pipe.spoiled = True
                    self._carry(self.random.choice(others), message, up, tampered=True)
                else:
                    self._carry(lane, message, up, pipe.spoiled)
            case "refuse" if not up:
                self._carry(lane, encode_refuse(self.random.choice(list(Refusal))), up, tampered=True)
                self._carry(lane, message, up, tampered=True)
            case _:
                self._carry(lane, message, up, pipe.spoiled)
                if pipe.stored is not None:
                    stored, pipe.stored = pipe.stored, None
                    self._carry(lane, stored, up, tampered=True)

    def _carry(self, lane: SimLane, message: bytes, up: bool, tampered: bool) -> None:
        pipe = lane.up if up else lane.down
        shape = lane.shape
        pipe.free_at = max(pipe.free_at, self.now) + len(message) / shape.rate
        arrival = pipe.free_at + shape.latency_s + shape.jitter_s * self.random.random()
        pipe.last_at = max(pipe.last_at, arrival)
        pipe.queued_bytes += len(message)

        def arrive() -> None:
            pipe.queued_bytes -= len(message)
            if lane.is_open and not lane.is_silent:
                if up:
                    self._arrive_at_gateway(lane, message, tampered)
                else:
                    self._arrive_at_reader(lane, message, tampered)

        self.at(pipe.last_at, arrive)

    def _arrive_at_reader(self, lane: SimLane, message: bytes, tampered: bool) -> None:
        wire = self.reader.wire_lane(lane.key)
        state = self.reader.core.lanes.get(wire) if wire is not None else None
        confirmed = state is not None and state.confirmed
        self.reader.receive(lane.key, message, self.now)
        self.pump_reader()
        if tampered and confirmed and not self.reader_closed:
            assert self.reader_left.get(lane.key) is LeaveReason.MISBEHAVED, "tampering was not noticed by the reader"

    def _arrive_at_gateway(self, lane: SimLane, message: bytes, tampered: bool) -> None:
        if len(lane.carried) < 4:
            lane.carried.append(message)
        end = lane.gateway
        if end is None:
            if not lane.is_refused:
                self._greet(lane, message)
            return
        in_use = lane.wire in end.session.lanes and not end.session.is_closed
        end.session.receive(lane.wire, message, self.now)
        self.pump_gateway(end)
        if tampered and in_use:
            assert self.gateway_left.get(lane.key) is LeaveReason.MISBEHAVED, "tampering was not noticed by the gateway"

    # The gateway's front, as unwalled.gateway.sessions has it.

    def _greet(self, lane: SimLane, message: bytes) -> None:
        try:
            match decode_message(message):
                case Hello() as hello:
                    self._open_session(lane, hello)
                    return
                case Join() as join:
                    end = self._by_id.get(join.session_id)
                    if end is None or end.session.is_closed:
                        self._refuse(lane, Refusal.UNKNOWN_SESSION)
                        return
                    self._attach(lane, end, end.session.join(join, self.now))
                    return
                case _:
                    pass
        except (MessageError, CryptoError, FrameError):
            pass
        self._refuse(lane, Refusal.MALFORMED)

    def _open_session(self, lane: SimLane, message: Hello) -> None:
        hello = open_hello(message, GATEWAY_KEY)
        if hello.digest in self._seen_hellos:
            raise MessageError("A hello came again.")
        self._seen_hellos.add(hello.digest)
        if self.refuse_with is not None:
            self._send(lane, refuse_hello(hello, self.refuse_with, self.random.randbytes), up=False)
            return
        answer, secrets = welcome(hello, self.terms, self.random.randbytes)
        trace = None if self.gateway_sink is None else SessionTrace(self.gateway_sink, False, self.now)
        session = Session(False, self.now, trace)
        session.establish(secrets, self.now)
        session.receive_early(hello.early)
        end = GatewayEnd(session)
        self.gateways.append(end)
        self._by_id[secrets.session_id] = end
        self._send(lane, answer, up=False)
        self._attach(lane, end, session.add_first_lane(self.now))

    def _attach(self, lane: SimLane, end: GatewayEnd, wire: int) -> None:
        lane.gateway, lane.wire = end, wire
        end.lanes[wire] = lane
        self.pump_gateway(end)

    def _refuse(self, lane: SimLane, code: Refusal) -> None:
        self._send(lane, encode_refuse(code), up=False)
        lane.is_refused = True

    def replay(self, message: bytes, shape: LaneShape) -> SimLane:
        """A bridge plays an old message to the gateway on a lane of its own."""
        lane = SimLane(-1 - len(self.lanes), shape)
        self.at(self.now + shape.latency_s, lambda: self._arrive_at_gateway(lane, message, tampered=False))
        return lane

    def restart_gateway(self) -> None:
        """The gateway forgets all sessions; its lanes close."""
        for lane in list(self.lanes.values()):
            if lane.gateway is not None:
                lane.gateway.lanes.pop(lane.wire, None)
                self.kill(lane)
        self._by_id.clear()
        self.gateways.clear()

    # Pumps: drain, send, arm the timer.

    def pump(self) -> None:
        """Drains both ends."""
        self.pump_reader()
        for end in list(self.gateways):
            self.pump_gateway(end)

    def pump_reader(self) -> None:
        """Drains the reader's end."""
        self._reader_events()
        for key, message in self.reader.data_to_send(self.now):
            self._send(self.lanes[key], message, up=True)
        self._reader_events()
        due = self.reader.next_timer()
        if due < self._reader_timer:
            self._reader_timer = due
            self.at(due, self._reader_timer_fired)

    def _reader_timer_fired(self) -> None:
        if self.now < self._reader_timer:
            return
        self._reader_timer = float("inf")
        self.reader.handle_timer(self.now)
        self.pump_reader()
        assert self.reader.next_timer() > self.now, "the reader's timer made no progress"

    def _reader_events(self) -> None:
        while (event := self.reader.next_event()) is not None:
            if isinstance(event, LaneLeft):
                lane = self.lanes.get(event.lane)
                self.reader_left[event.lane] = event.reason
                if lane is not None:
                    self._judge(lane, event.reason)
                    self.at(self.now, lambda lane=lane: self.kill(lane))  # type: ignore[misc]
            elif isinstance(event, SessionResumed):
                self.reader_resumed += 1
            elif isinstance(event, SessionClosed):
                self.reader_closed.append(event)
            self.on_reader(event)

    def pump_gateway(self, end: GatewayEnd) -> None:
        """Drains one session of the gateway."""
        self._gateway_events(end)
        for wire, message in end.session.data_to_send(self.now):
            lane = end.lanes.get(wire)
            if lane is not None:
                self._send(lane, message, up=False)
        self._gateway_events(end)
        due = end.session.next_timer()
        if due < end.timer:
            end.timer = due
            self.at(due, lambda: self._gateway_timer_fired(end))

    def _gateway_timer_fired(self, end: GatewayEnd) -> None:
        if self.now < end.timer:
            return
        end.timer = float("inf")
        end.session.handle_timer(self.now)
        self.pump_gateway(end)
        assert end.session.next_timer() > self.now, "the gateway's timer made no progress"

    def _gateway_events(self, end: GatewayEnd) -> None:
        while (event := end.session.next_event()) is not None:
            if isinstance(event, LaneLeft):
                lane = end.lanes.pop(event.lane, None)
                if lane is not None:
                    self.gateway_left[lane.key] = event.reason
                    self._judge(lane, event.reason)
                    self.at(self.now + lane.shape.latency_s, lambda lane=lane: self._closed_by_gateway(lane))  # type: ignore[misc]
            self.on_gateway(end, event)

    def _closed_by_gateway(self, lane: SimLane) -> None:
        if lane.is_open:
            lane.is_open = False
            if lane.key not in self.reader_left:
                self.reader.lane_lost(lane.key, self.now)
            self.pump_reader()

    def _judge(self, lane: SimLane, reason: LeaveReason) -> None:
        if not lane.shape.tricks:
            assert reason is not LeaveReason.MISBEHAVED, "an honest lane was blamed"

    # What holds at every moment.

    def check(self) -> None:
        """Asserts the bounds and the book-keeping of all ends."""
        check_session(self.reader.core, self.terms.session_window)
        for end in self.gateways:
            check_session(end.session, self.terms.session_window)


def check_session(session: Session, window_bytes: int) -> None:
    """Memory bounds; nothing that is owed is lost; copies are counted right; windows stay inside each other."""
    if session.is_closed:
        return
    table = session._streams
    held: set[Item] = {item for item in session._control if not item.acked}
    copies: dict[Item, int] = {}
    for lane in session._lanes.values():
        in_flight = 0
        for record in lane._in_flight:
            in_flight += record.size
            assert record.counted is (lane.silent_since is None)
            for item in record.items:
                copies[item] = copies.get(item, 0) + record.counted
                held.add(item)
        assert in_flight == lane.estimator.in_flight_bytes
        largest = lane.estimator.window_bytes + SESSION.urgent_bytes + 16 * 1024
        assert in_flight <= max(largest, SESSION.max_lane_window_bytes)
    assert len(session._control) <= SESSION.control_frames
    unread = unacked = pieces = grown = pending = 0
    for stream in table._streams.values():
        sending, receiving = stream.sending, stream.receiving
        held |= set(sending.resend)
        pending += sending.pending_bytes
        assert sum(map(len, sending.pending)) == sending.pending_bytes
        assert sending.next_offset <= sending.limit
        assert receiving.consumed <= receiving.next_offset or receiving.discard
        assert receiving.highest <= receiving.limit or receiving.discard
        assert sum(map(len, receiving.pieces.values())) == receiving.pieces_bytes
        assert sorted(receiving.order) == sorted(receiving.pieces)
        assert receiving.pieces_bytes <= receiving.window + SESSION.reassembly_slack_bytes
        unread += receiving.highest - receiving.consumed
        pieces += len(receiving.pieces)
        grown += receiving.window - SESSION.stream_window_bytes
    owed: dict[int, int] = {}
    for item in held:
        assert item.copies == copies.get(item, 0)
        if item.acked:
            continue
        if isinstance(item.frame, Data):
            unacked += len(item.frame.payload)
        if isinstance(item.frame, Data | Open | Opened | Fin | Reset):
            owed[item.frame.sid] = owed.get(item.frame.sid, 0) + 1
    for sid, stream in table._streams.items():
        assert stream.sending.owed == owed.get(sid, 0), "a frame that is owed is nowhere, or counted twice"
    assert unread <= window_bytes
    assert table._received_total <= table._own_limit <= table._consumed_total + window_bytes
    assert unread == table._received_total - table._consumed_total
    assert unacked == table._unacked <= window_bytes
    assert pieces == table._pieces <= SESSION.reassembly_pieces
    assert grown == table._grown <= window_bytes // 2
    assert pending == table._backlog
    assert all(sid in table._streams for sid in table._starved)
