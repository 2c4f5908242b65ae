"""The reader's end of a session, from the first hello on.

Lanes are known by keys that this class gives out; a lane's id on the wire is its own affair. One hello is on its
way at a time; when its lane dies or stays silent, a fresh hello goes out on the next lane, so that no bridge can hold
up the start for longer than a time-out.
"""

from __future__ import annotations

from collections import deque

from unwalled.crypto.handshake import Random, ReaderHandshake, Status, WhyFull
from unwalled.errors import CryptoError, MessageError
from unwalled.session.core import Session
from unwalled.session.events import Event, LaneLeft, LeaveReason, SessionEstablished, SessionResumed
from unwalled.session.lane import FIRST_LANE, NEVER
from unwalled.session.trace import SessionTrace
from unwalled.settings import SESSION
from unwalled.wire.codes import Code
from unwalled.wire.messages import Welcome, decode_message


class ReaderSession:
    """A session as its reader drives it: the same calls as `Session`, and ``lane_opened``.

    ``core`` takes the streams and flows, before the handshake is done too. ``refused`` tells why a gateway did not want
    this reader, once SessionClosed has come.
    """

    def __init__(
        self, gateway_key: bytes, token: bytes, random: Random, now: float, trace: SessionTrace | None = None
    ) -> None:
        self.core = Session(True, now, trace)
        self._trace = trace
        self.refused: Status | None = None
        self.why_full = WhyFull.UNSAID
        self._gateway_key = gateway_key
        self._token = token
        self._random = random
        self._established = False
        self._next_key = 0
        self._waiting: deque[int] = deque()
        self._greeting: tuple[int, ReaderHandshake, float] | None = None
        self._out: list[tuple[int, bytes]] = []
        self._events: deque[Event] = deque()
        self._wire_of: dict[int, int] = {}
        self._key_of: dict[int, int] = {}
        self._refusals = 0
        """Since a lane brought something authentic last."""
        self._is_carried = False
        self._with_data = True
        """Whether a hello may bring data: a gateway of before that was known refuses one that does."""

    @property
    def is_established(self) -> bool:
        """Whether the handshake is done."""
        return self._established

    @property
    def lane_keys(self) -> list[int]:
        """Keys of all lanes in use, those that wait for the handshake too."""
        greeting = [self._greeting[0]] if self._greeting else []
        return [*self._wire_of, *greeting, *self._waiting]

    def wire_lane(self, key: int) -> int | None:
        """The id of a lane on the wire, as `Session.lanes` knows it, or None before the handshake."""
        return self._wire_of.get(key)

    def lane_opened(self, now: float) -> int:
        """A transport is ready; gives the key by which the lane is known. Past the bound a LaneLeft follows at once."""
        key = self._next_key
        self._next_key += 1
        if self.core.is_closed:
            self._events.append(LaneLeft(key, LeaveReason.UNNEEDED))
        elif self._established:
            self._join(key, now)
        elif len(self._waiting) >= SESSION.waiting_lanes:
            self._events.append(LaneLeft(key, LeaveReason.UNNEEDED))
        else:
            self._waiting.append(key)
            self._greet(now)
        return key

    def _join(self, key: int, now: float) -> None:
        if len(self.core.lanes) >= SESSION.max_lanes:
            self._events.append(LaneLeft(key, LeaveReason.UNNEEDED))
            return
        self._bind(key, self.core.add_lane(now), now)

    def _bind(self, key: int, wire: int, now: float) -> None:
        if self._trace is not None:
            self._trace.lane_bound(key, wire, now)
        self._wire_of[key] = wire
        self._key_of[wire] = key

    def _unbind(self, key: int) -> int | None:
        wire = self._wire_of.pop(key, None)
        if wire is not None:
            del self._key_of[wire]
        return wire

    def _greet(self, now: float) -> None:
        """Sends a fresh hello on the next waiting lane, if none is on its way."""
        if self._greeting is None and self._waiting and not self.core.is_closed:
            key = self._waiting.popleft()
            early = self.core.early_frames(self._with_data)
            handshake = ReaderHandshake(self._gateway_key, self._token, early, self._random)
            self._greeting = (key, handshake, now)
            self._out.append((key, handshake.message))

    def lane_lost(self, key: int, now: float) -> None:
        """The transport under a lane has gone."""
        if self._greeting is not None and self._greeting[0] == key:
            self._greeting = None
            self._greet(now)
        elif key in self._waiting:
            self._waiting.remove(key)
        elif (wire := self._unbind(key)) is not None:
            self.core.lane_lost(wire, now)
            self._weigh_loss()

    def drop_lane(self, key: int, now: float) -> None:
        """Gives a lane up; LaneLeft follows."""
        wire = self._wire_of.get(key)
        if wire is not None:
            self.core.drop_lane(wire, now)
        else:
            self.lane_lost(key, now)
            self._events.append(LaneLeft(key, LeaveReason.UNNEEDED))

    @property
    def is_carried(self) -> bool:
        """Whether the gateway is known to be at the other end of a lane; else it may have forgotten the session."""
        return self._is_carried

    def heard_of(self, key: int) -> tuple[float, float | None] | None:
        """When a lane last brought something, and since when it owes an ack for too long; None before it has joined."""
        state = self.core.lanes.get(self._wire_of.get(key, -1))
        return None if state is None else (state.last_received_at, state.silent_since)

    def receive(self, key: int, message: bytes, now: float) -> None:
        """Takes one message of a lane."""
        wire = self._wire_of.get(key)
        if wire is not None:
            self.core.receive(wire, message, now)
            if not self._is_carried and self._has_spoken:
                self._is_carried = True
                self._events.append(SessionResumed())
            if self._refusals and (lane := self.core.lanes.get(wire)) is not None and lane.last_received_at == now:
                self._refusals = 0
        elif self._greeting is not None and self._greeting[0] == key:
            self._receive_welcome(self._greeting[1], key, message, now)
        elif key in self._waiting:
            self._waiting.remove(key)
            self._events.append(LaneLeft(key, LeaveReason.MISBEHAVED))

    def _receive_welcome(self, handshake: ReaderHandshake, key: int, message: bytes, now: float) -> None:
        self._greeting = None
        try:
            welcome = decode_message(message)
            if not isinstance(welcome, Welcome):
                self._with_data = False
                self._greet_elsewhere(key, LeaveReason.REFUSED, now)
                return
            status, secrets = handshake.finish(welcome)
        except (MessageError, CryptoError):
            self._greet_elsewhere(key, LeaveReason.MISBEHAVED, now)
            return
        if status is not Status.OK:
            self.refused = status
            self.why_full = secrets.why_full
            self.core.close(Code.NOT_ALLOWED)
            return
        self._established = self._is_carried = True
        self.core.establish(secrets, now)
        self._bind(key, self.core.add_first_lane(now), now)
        self._events.append(SessionEstablished())
        while self._waiting:
            self._join(self._waiting.popleft(), now)

    def _greet_elsewhere(self, key: int, reason: LeaveReason, now: float) -> None:
        self._events.append(LaneLeft(key, reason))
        self._greet(now)

    def data_to_send(self, now: float) -> list[tuple[int, bytes]]:
        """All messages that should go out now, each with its lane's key, in order."""
        out, self._out = self._out, []
        for wire, message in self.core.data_to_send(now):
            out.append((self._key_of[wire], message))
        return out

    def next_timer(self) -> float:
        """When ``handle_timer`` should be called next; infinity for never."""
        due = self._greeting[2] + SESSION.handshake_timeout_s if self._greeting is not None else NEVER
        return min(due, self.core.next_timer())

    def handle_timer(self, now: float) -> None:
        """Does what is due at ``now``."""
        if self._greeting is not None and now >= self._greeting[2] + SESSION.handshake_timeout_s:
            key = self._greeting[0]
            self._greeting = None
            self._greet_elsewhere(key, LeaveReason.SILENT, now)
        self.core.handle_timer(now)

    def next_event(self) -> Event | None:
        """The oldest event that was not taken, or None. Lanes in events are keys."""
        if self._events:
            return self._events.popleft()
        while isinstance(event := self.core.next_event(), LaneLeft):
            key = self._key_of.get(event.lane)
            if key is not None:
                self._unbind(key)
                self._count_refusal(event.reason)
                return LaneLeft(key, event.reason)
        return event

    def _count_refusal(self, reason: LeaveReason) -> None:
        """A gateway that was started anew knows nothing of the session; when nobody else knows it either, it is over.

        A refusal is not authentic, so one alone, or one beside a lane that works, means nothing.
        """
        if reason is LeaveReason.REFUSED:
            self._refusals += 1
            # Those of before may all be gone without a word, as after a sleep: an answer would show that it is a lie.
            self.core.ask_lanes()
        self._weigh_loss()

    def _weigh_loss(self) -> None:
        """A lane has gone: what is left of the session's way to the gateway?"""
        self._is_carried = self._is_carried and self._has_spoken
        if self._refusals >= SESSION.refusals_before_restart and not self._is_carried:
            self.core.close(Code.SESSION_LOST)

    @property
    def _has_spoken(self) -> bool:
        """Whether the gateway has said something authentic on a lane that is there: on the first one, its welcome."""
        return any(lane.confirmed or lane.id == FIRST_LANE for lane in self.core.lanes.values())

    def close(self, code: Code) -> None:
        """Ends the session; the gateway hears of it if a lane is up."""
        self.core.close(code)
