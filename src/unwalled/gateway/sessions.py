"""Takes the lanes that bridges bring, and ends the sessions that run over them."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from unwalled.crypto.handshake import OpenedHello, Random, Status, Terms, WhyFull, open_hello, refuse_hello, welcome
from unwalled.crypto.hpke import PostQuantumPrivateKey
from unwalled.crypto.tokens import invite_of
from unwalled.errors import CryptoError, FrameError, LaneClosed, MessageError, UnwalledError
from unwalled.gateway.bounds import WATCH
from unwalled.gateway.lanereports import LaneMeter, peers_rate
from unwalled.lanes.base import Lane, LaneReceiver
from unwalled.session.core import Session
from unwalled.session.events import LeaveReason
from unwalled.session.notes import Numbering, TraceSink
from unwalled.session.trace import SessionTrace
from unwalled.settings import GATEWAY, LANE, SESSION, TRACE
from unwalled.tasks import TaskOwner
from unwalled.tunnel.api import DatagramFlow, IncomingStream
from unwalled.tunnel.pump import Pump
from unwalled.tunnel.streams import TunnelFlow, TunnelStream
from unwalled.wire.codes import Code
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.messages import Hello, Join, Refusal, decode_message, encode_refuse
from unwalled.wire.signalling import Verdict


class SessionHandler(Protocol):
    """What one session's streams and flows are given to. Each call runs as a task of its own."""

    async def handle_stream(self, stream: IncomingStream) -> None:
        """Dials, answers, and copies until the stream is over."""

    async def handle_datagrams(self, flow: DatagramFlow) -> None:
        """Serves a flow until it is over."""


class TokenVerdict(Enum):
    """What became of an invite's token."""

    GOOD = "good"
    EXPIRED = "expired"
    REFUSED = "refused"
    SPENT = "spent"
    """Good, and its share of today is used up."""


Report = Callable[[LaneReport], None]
"""Told of each lane that ends, and of those that go on from time to time."""


@dataclass(slots=True)
class SessionCounters:
    """Plain counts, without addresses."""

    sessions_opened: int = 0
    sessions_refused: int = 0
    sessions_full: int = 0
    """Those of them that found no place here, whatever their invite."""
    lanes_taken: int = 0
    lanes_joined: int = 0
    lanes_refused: int = 0
    lanes_misbehaved: int = 0


class SessionHub:
    """All sessions of one gateway process.

    ``check_token`` judges an invite's token; ``new_handler`` makes what serves one session, and is
    given its invite's id; ``report`` hears of lanes. ``new_sink`` may give a place for each session's trace.
    """

    def __init__(
        self,
        key: PostQuantumPrivateKey,
        check_token: Callable[[bytes], TokenVerdict],
        new_handler: Callable[[bytes], SessionHandler],
        random: Random,
        report: Report,
        max_message_bytes: int = LANE.max_message_bytes,
        new_sink: Callable[[], TraceSink | None] = lambda: None,
    ) -> None:
        self._new_sink = new_sink
        self._keys: Sequence[PostQuantumPrivateKey] = (key,)
        self._check_token = check_token
        self.sessions_allowed: Callable[[bytes], int] = lambda invite: GATEWAY.sessions_per_invite
        """How many sessions the holders of an invite (its id) may have at once."""
        self._new_handler = new_handler
        self._random = random
        self._report = report
        self._terms = Terms(SESSION.session_window_bytes, max_message_bytes, int(SESSION.orphan_lifetime_s))
        self._sessions: dict[bytes, _GatewaySession] = {}
        self._of_invite: Counter[bytes] = Counter()
        self.lanes_of_invite: Counter[bytes] = Counter()
        self._greeters: set[_Greeter] = set()
        self._seen_hellos: OrderedDict[bytes, None] = OrderedDict()
        self._tasks = TaskOwner()
        self._reports_due: list[tuple[float, bytes]] = []
        """A heap of when each session's lanes are to be reported; sessions that are over fall out of it by and by."""
        self._next_look: asyncio.TimerHandle | None = None
        self.counters = SessionCounters()

    @property
    def session_count(self) -> int:
        """Sessions that are alive, with lanes or waiting for them."""
        return len(self._sessions)

    @property
    def lane_count(self) -> int:
        """Lanes that belong to sessions."""
        return sum(session.pump.lane_count for session in self._sessions.values())

    @property
    def task_count(self) -> int:
        """Streams and flows that are being served."""
        return len(self._tasks)

    def use_keys(self, keys: Sequence[PostQuantumPrivateKey]) -> None:
        """From now on hellos may be sealed to these, the newest first. Sessions that are open go on."""
        self._keys = tuple(keys)

    def end_sessions(self, invite: bytes) -> None:
        """Ends all sessions of an invite (its id); their readers ask anew, and are told why not."""
        for session in [one for one in self._sessions.values() if one.invite == invite]:
            session.pump.close(Code.LIMIT_REACHED)

    def take_lane(self, lane: Lane, ticket: str) -> None:
        """A bridge has opened a lane. Its first message, due within seconds, says to which session it belongs."""
        self.counters.lanes_taken += 1
        greeter = _Greeter(self, lane, ticket)
        if len(self._greeters) >= GATEWAY.max_waiting_lanes:
            greeter.refuse(Refusal.FULL)
            return
        self._greeters.add(greeter)
        lane.start(greeter)

    async def close(self) -> None:
        """Ends all sessions, tells their readers, and waits for the tasks that served them."""
        for greeter in list(self._greeters):
            greeter.give_up()
        for session in list(self._sessions.values()):
            session.pump.close(Code.GENERAL)
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        await self._tasks.close()

    # What greeters and sessions tell it.

    def greeted(self, greeter: _Greeter, message: bytes) -> LaneReceiver | None:
        """The first message of a lane. Gives who takes the rest, or None when the lane was refused."""
        self._greeters.discard(greeter)
        try:
            match decode_message(message):
                case Hello() as hello:
                    return self._open(greeter, self._opened(hello))
                case Join() as join:
                    return self._join(greeter, join)
                case _:
                    pass
        except (MessageError, CryptoError, FrameError):
            pass
        greeter.refuse(Refusal.MALFORMED)
        return None

    def left(self, greeter: _Greeter) -> None:
        """A lane closed before it said anything."""
        self._greeters.discard(greeter)
        self.report(LaneReport(greeter.ticket, Verdict.DEAD))

    def report(self, report: LaneReport) -> None:
        """Passes a report on."""
        self._report(report)

    def closed(self, session_id: bytes) -> None:
        """A session is over."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            self._of_invite[session.invite] -= 1
            if not self._of_invite[session.invite]:
                del self._of_invite[session.invite]

    def start(self, session: _GatewaySession, stream: TunnelStream | None, flow: TunnelFlow | None) -> None:
        """Serves a stream or a flow."""
        if stream is not None:
            self._tasks.start(self._serve_stream(session.handler, stream), "gateway stream")
        if flow is not None:
            self._tasks.start(self._serve_flow(session.handler, flow), "gateway flow")

    async def _serve_stream(self, handler: SessionHandler, stream: TunnelStream) -> None:
        try:
            await handler.handle_stream(stream)
        except UnwalledError:
            pass
        finally:
            stream.reset(Code.GENERAL)

    async def _serve_flow(self, handler: SessionHandler, flow: TunnelFlow) -> None:
        flow.accept()
        try:
            await handler.handle_datagrams(flow)
        except UnwalledError:
            pass
        finally:
            flow.close()

    def _opened(self, hello: Hello) -> OpenedHello:
        for key in self._keys[:-1]:
            try:
                return open_hello(hello, key)
            except CryptoError:
                # Most likely to one of the older keys: a hello does not say to which.
                pass
        return open_hello(hello, self._keys[-1])

    def _open(self, greeter: _Greeter, hello: OpenedHello) -> LaneReceiver | None:
        if hello.digest in self._seen_hellos:
            raise MessageError("A hello came again.")
        status, why = self._judge(hello.token)
        if status in (Status.OK, Status.FULL):
            # Of good invites only: who has none must not be able to make us forget, and so to replay what readers sent.
            self._seen_hellos[hello.digest] = None
            if len(self._seen_hellos) > GATEWAY.remembered_hellos:
                self._seen_hellos.popitem(last=False)
        if status is not Status.OK:
            self.counters.sessions_refused += 1
            greeter.answer_and_close(refuse_hello(hello, status, self._random, why))
            return None
        message, secrets = welcome(hello, self._terms, self._random)
        now = asyncio.get_running_loop().time()
        sink = self._new_sink()
        trace = None if sink is None else SessionTrace(sink, False, now)
        core = Session(False, now, trace)
        core.establish(secrets, now)
        core.receive_early(hello.early)
        invite = invite_of(hello.token)
        session = _GatewaySession(self, secrets.session_id, invite, core, self._new_handler(invite), sink, trace)
        self._sessions[secrets.session_id] = session
        self._of_invite[session.invite] += 1
        self._report_at(now + WATCH.first_report_s, secrets.session_id)
        self.counters.sessions_opened += 1
        greeter.lane.send(message)
        return session.add(core.add_first_lane(now), greeter)

    def _report_at(self, due: float, session_id: bytes) -> None:
        heapq.heappush(self._reports_due, (due, session_id))
        if self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(WATCH.tick_s, self._report_due)

    def _report_due(self) -> None:
        self._next_look = None
        now = asyncio.get_running_loop().time()
        due = []
        while self._reports_due and self._reports_due[0][0] <= now:
            due.append(heapq.heappop(self._reports_due)[1])
        for session_id in due:
            if (session := self._sessions.get(session_id)) is not None:
                session.report_lanes(now)
                self._report_at(now + WATCH.report_every_s, session_id)
        if self._reports_due and self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(WATCH.tick_s, self._report_due)

    def _judge(self, token: bytes) -> tuple[Status, WhyFull]:
        match self._check_token(token):
            case TokenVerdict.EXPIRED:
                return Status.INVITE_EXPIRED, WhyFull.UNSAID
            case TokenVerdict.REFUSED:
                return Status.INVITE_REFUSED, WhyFull.UNSAID
            case TokenVerdict.SPENT:
                return Status.FULL, WhyFull.SHARE
            case TokenVerdict.GOOD:
                invite = invite_of(token)
                if len(self._sessions) >= GATEWAY.max_sessions:
                    self.counters.sessions_full += 1
                    return Status.FULL, WhyFull.UNSAID
                if self._of_invite[invite] < self.sessions_allowed(invite):
                    return Status.OK, WhyFull.UNSAID
                is_own = self.sessions_allowed(invite) < GATEWAY.sessions_per_invite
                return Status.FULL, WhyFull.SHARE if is_own else WhyFull.UNSAID

    def _join(self, greeter: _Greeter, join: Join) -> LaneReceiver | None:
        session = self._sessions.get(join.session_id)
        if session is None:
            greeter.refuse(Refusal.UNKNOWN_SESSION)
            return None
        if self.lanes_of_invite[session.invite] >= GATEWAY.lanes_per_invite:
            greeter.refuse(Refusal.FULL)
            return None
        key = session.pump.core.join(join, asyncio.get_running_loop().time())
        self.counters.lanes_joined += 1
        return session.add(key, greeter)


class _Greeter:
    """Holds a lane until its first message."""

    def __init__(self, hub: SessionHub, lane: Lane, ticket: str) -> None:
        self._hub = hub
        self.lane = lane
        self.ticket = ticket
        self._next: LaneReceiver | None = None
        self._done = False
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LANE.open_timeout_s, self.give_up)

    def messages_received(self, messages: list[bytes]) -> None:
        """See LaneReceiver."""
        if not self._done:
            self._done = True
            self._timer.cancel()
            first, *messages = messages
            self._next = self._hub.greeted(self, first)
        if self._next is not None and messages:
            self._next.messages_received(messages)

    def lane_closed(self, reason: str) -> None:
        """See LaneReceiver."""
        self._timer.cancel()
        if self._next is not None:
            self._next.lane_closed(reason)
        elif not self._done:
            self._done = True
            self._hub.left(self)

    def refuse(self, code: Refusal) -> None:
        """Says no, in a way that proves nothing, and closes."""
        self._hub.counters.lanes_refused += 1
        self.answer_and_close(encode_refuse(code))

    def answer_and_close(self, message: bytes) -> None:
        """Sends a last message and closes."""
        self._done = True
        self._timer.cancel()
        try:
            self.lane.send(message)
        except LaneClosed:
            pass
        self.lane.close()

    def give_up(self) -> None:
        """The lane had its time."""
        self.lane.close()


class _GatewaySession:
    """One session with its pump; tells the hub what its lanes did."""

    def __init__(
        self,
        hub: SessionHub,
        session_id: bytes,
        invite: bytes,
        core: Session,
        handler: SessionHandler,
        sink: TraceSink | None,
        trace: SessionTrace | None,
    ) -> None:
        self._sink = sink
        self._trace = trace
        self._numbers = Numbering(TRACE.max_bridges)
        self._hub = hub
        self._id = session_id
        self.invite = invite
        self.handler = handler
        self.pump = Pump(core, core, self)
        self._meters: dict[int, LaneMeter] = {}
        self._spoiled: set[int] = set()
        """Lanes of bridges that tampered on another one: their quiet end is no good word for the bridge."""

    def add(self, key: int, greeter: _Greeter) -> LaneReceiver:
        """A lane belongs to this session."""
        state = self.pump.core.lanes[key]
        if self._trace is not None:
            # The broker alone knows which matches are the same bridge's.
            self._trace.lane_through(key, self._numbers.number(greeter.ticket), self.pump.now())
        self._hub.lanes_of_invite[self.invite] += 1
        self._meters[key] = LaneMeter(greeter.ticket, state)
        return self.pump.attach(key, greeter.lane)

    def established(self) -> None:
        """See PumpUser; a gateway's session is established from its start."""

    def resumed(self) -> None:
        """See PumpUser; a reader that has gone comes back with a join, or not at all."""

    def stream_opened(self, stream: TunnelStream) -> None:
        """See PumpUser."""
        self._hub.start(self, stream, None)

    def flow_opened(self, flow: TunnelFlow) -> None:
        """See PumpUser."""
        self._hub.start(self, None, flow)

    def lane_fell_silent(self) -> None:
        """See PumpUser; readers replace bridges."""

    def lanes_limited(self) -> None:
        """See PumpUser; the reader is told by the session itself."""

    def lane_left(self, lane: int, reason: LeaveReason) -> None:
        """See PumpUser."""
        meter = self._meters.pop(lane)
        lanes = self._hub.lanes_of_invite
        lanes[self.invite] -= 1
        if not lanes[self.invite]:
            del lanes[self.invite]
        verdict = Verdict.GOOD
        if reason is LeaveReason.MISBEHAVED:
            verdict = Verdict.BAD
            self._hub.counters.lanes_misbehaved += 1
            self._spoiled |= {key for key, other in self._meters.items() if other.ticket == meter.ticket}
        elif reason is LeaveReason.SILENT:
            verdict = Verdict.DEAD
        if verdict is not Verdict.GOOD or lane not in self._spoiled:
            lost = reason is LeaveReason.CLOSED and bool(self._meters)
            self._hub.report(
                meter.report(verdict, peers_rate(meter, self._meters.values()), self.pump.now(), ended=True, lost=lost)
            )
        self._spoiled.discard(lane)

    def report_lanes(self, now: float) -> None:
        """Tells how the lanes that have carried something do."""
        meters = self._meters.values()
        rates = [(meter, peers_rate(meter, meters)) for meter in meters]
        for (key, meter), (_, rate) in zip(self._meters.items(), rates, strict=True):
            if key not in self._spoiled and meter.has_news:
                self._hub.report(meter.report(Verdict.GOOD, rate, now))

    def session_closed(self, code: Code) -> None:
        """See PumpUser."""
        self._hub.closed(self._id)
        if self._sink is not None:
            self._sink.close()
