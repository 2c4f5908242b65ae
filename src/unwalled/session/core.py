"""A session after its handshake: records over lanes, streams and flows on top (docs/protocol/session.md).

Sans-IO. The user feeds ``receive``, ``lane_lost`` and ``handle_timer``, then drains ``next_event`` and
``data_to_send``, and arms a timer for ``next_timer``. Nothing here waits, and nothing but the bounds in
``unwalled.settings`` limits what is held. Reader and gateway use the same class.
"""

from __future__ import annotations

from collections import deque

from unwalled.crypto.handshake import Secrets
from unwalled.crypto.keys import Direction, LaneCipher
from unwalled.errors import CryptoError, FrameError, MessageError, OpenFailed
from unwalled.session.events import Event, LaneFellSilent, LaneLeft, LanesLimited, LeaveReason, SessionClosed
from unwalled.session.flows import FlowTable
from unwalled.session.items import Item
from unwalled.session.lane import FIRST_LANE, NEVER, LaneState
from unwalled.session.queues import IdRanges
from unwalled.session.reasons import BLAMES, CLOSE_REASONS
from unwalled.session.sender import Messages, Sender
from unwalled.session.streams import StreamTable
from unwalled.session.trace import SessionTrace
from unwalled.settings import SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import (
    Ack,
    Close,
    Data,
    Datagram,
    Fin,
    Frame,
    LaneClose,
    Limited,
    Open,
    Opened,
    OpenedFlow,
    OpenFlow,
    Ping,
    Pong,
    Reset,
    Window,
    decode_frames,
)
from unwalled.wire.messages import (
    Join,
    Record,
    Refuse,
    decode_message,
    join_header,
)


class Session:
    """One end of a session whose keys are agreed, or are about to be (reader's end: see ``establish``)."""

    def __init__(self, is_reader: bool, now: float, trace: SessionTrace | None = None) -> None:
        """``trace``: hears what happens; None costs nothing."""
        self._is_reader = is_reader
        self._trace = trace
        self._events: deque[Event] = deque()
        self._control: deque[Item] = deque()
        emit = self._events.append if trace is None else trace.watching(self._events.append)
        self._flows = FlowTable(is_reader, self._control, self._events.append)
        self._streams = StreamTable(is_reader, self._control, emit, self._flows)
        self._streams.round_trip_s = self._longest_round_trip_s
        self._lanes: dict[int, LaneState] = {}
        self._sender = Sender(
            is_reader, self._lanes, self._control, self._streams, self._flows, self._events.append, trace
        )
        self._used_lanes = IdRanges()
        self._highest_lane = -1
        self._master = b""
        self._session_id = b""
        self._orphan_lifetime_s: float = SESSION.orphan_lifetime_s
        self._orphan_since: float | None = None if is_reader else now
        self._confirmed = is_reader
        self._close_code: Code | None = None
        self._closed = False
        self._past_sent = 0
        self._past_received = 0

    def establish(self, secrets: Secrets, now: float) -> None:
        """The handshake gave these; from now on lanes may be added and records flow."""
        terms = secrets.terms
        self._master = secrets.master
        self._session_id = secrets.session_id
        self._sender.set_message_bytes(terms.max_message_bytes)
        self._orphan_lifetime_s = terms.orphan_lifetime_s
        self._orphan_since = now
        self._streams.set_session_window(terms.session_window)
        if self._trace is not None:
            self._trace.established(now)

    # Streams and flows: see StreamTable and FlowTable for what they promise.

    def open_stream(self, target: Target) -> int:
        """Asks the gateway for a connection; gives the stream's number. Raises OpenFailed."""
        self._check_open()
        sid = self._streams.open(target)
        if self._trace is not None:
            self._trace.stream_began(sid)
        return sid

    def accept_stream(self, sid: int) -> None:
        """The gateway has connected the stream."""
        self._streams.accept(sid)

    def send_room(self, sid: int) -> int:
        """Bytes that ``write`` takes before the send buffer is full; at 0 a StreamWritable will follow."""
        return self._streams.send_room(sid)

    def write(self, sid: int, data: bytes | memoryview) -> None:
        """Queues bytes of a stream."""
        self._streams.write(sid, data)
        if self._trace is not None:
            self._trace.stream_wrote(sid, len(data))

    def finish(self, sid: int) -> None:
        """Half-closes a stream."""
        self._streams.finish(sid)
        if self._trace is not None:
            self._trace.stream_finished(sid)

    def reset(self, sid: int, code: Code) -> None:
        """Cuts a stream."""
        self._streams.reset(sid, code)
        if self._trace is not None:
            self._trace.stream_cut(sid)

    def read(self, sid: int, now: float) -> tuple[bytes, bool]:
        """Up to 256 KiB of a stream, and whether it has ended with them."""
        data, ended = self._streams.read(sid, now)
        if self._trace is not None:
            self._trace.stream_read(sid, len(data), ended, now)
        return data, ended

    def open_flow(self) -> int:
        """Asks for a datagram flow. Raises OpenFailed."""
        self._check_open()
        return self._flows.open(self._streams.new_sid)

    def accept_flow(self, sid: int) -> None:
        """The gateway has made the flow."""
        self._flows.accept(sid)

    def send_datagram(self, sid: int, target: Target, payload: bytes, now: float) -> None:
        """Queues a datagram, or drops the oldest ones."""
        self._sender.quiet.datagram_passed(now)
        self._flows.send(sid, target, payload, now)

    def close_flow(self, sid: int, code: Code) -> None:
        """Ends a flow."""
        if self._flows.close(sid, code):
            self._streams.mark_closed(sid)

    def _check_open(self) -> None:
        if self._is_ending:
            raise OpenFailed(Code.SESSION_LOST)

    @property
    def _is_ending(self) -> bool:
        return self._closed or self._close_code is not None

    def early_frames(self, with_data: bool = True) -> bytes:
        """For a hello: opens that wait and, ``with_data``, what may go with them (see StreamTable.early)."""
        early = b""
        for encoded in self._streams.early(with_data):
            if len(early) + len(encoded) <= SESSION.early_data_bytes:
                early += encoded
        return early

    def receive_early(self, early: bytes) -> None:
        """A hello's early frames (gateway's end). Raises FrameError when they are not opens, and data for these."""
        for frame in decode_frames(early):
            match frame:
                case Open():
                    self._streams.opened_by_peer(frame)
                case Data(sid) if sid in self._streams:
                    self._streams.data_received(frame)
                case _:
                    raise FrameError("Early data may only hold opens, and data for what they open.")

    # Lanes.

    @property
    def is_closed(self) -> bool:
        """Whether the session is over and has said so."""
        return self._closed

    @property
    def lanes(self) -> dict[int, LaneState]:
        """The lanes in use, by id. To be read only."""
        return self._lanes

    @property
    def least_round_trip_s(self) -> float:
        """The least round trip of any lane, in seconds: how far it is, without what waits on the way."""
        known = (lane.estimator.min_rtt_s for lane in self._lanes.values())
        return min((rtt_s for rtt_s in known if rtt_s is not None), default=SESSION.assumed_rtt_s)

    def _longest_round_trip_s(self) -> float:
        """What a stream's window must span: bytes of one stream go over all lanes, and wait for the slowest."""
        lanes = self._lanes.values()
        known = (lane.estimator.srtt_s for lane in lanes if lane.silent_since is None)
        return max((srtt_s for srtt_s in known if srtt_s is not None), default=SESSION.assumed_rtt_s)

    @property
    def carried_bytes(self) -> tuple[int, int]:
        """Bytes sent and received in records, over all lanes that ever were."""
        lanes = self._lanes.values()
        return (
            self._past_sent + sum(lane.sent_bytes for lane in lanes),
            self._past_received + sum(lane.received_bytes for lane in lanes),
        )

    @property
    def stream_count(self) -> int:
        """Streams and flows that are not over."""
        return len(self._streams) + len(self._flows)

    @property
    def buffered_bytes(self) -> int:
        """Bytes held for applications; for tests and numbers."""
        return self._streams.buffered_bytes

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait to be sent for the first time."""
        return self._streams.backlog_bytes

    def add_first_lane(self, now: float) -> int:
        """Lane 0, on which hello and welcome went."""
        return self._add_lane(FIRST_LANE, b"", now)

    def add_lane(self, now: float) -> int:
        """A further lane (reader's end); its first message will be a join."""
        lane = self._highest_lane + 1
        return self._add_lane(lane, join_header(self._session_id, lane), now)

    def _add_lane(self, lane: int, first_header: bytes, now: float) -> int:
        state = self._new_lane(lane, first_header, now)
        self._take_lane(state)
        state.ask()
        self._sender.touched(state)
        return lane

    def _new_lane(self, lane: int, first_header: bytes, now: float) -> LaneState:
        mine: Direction = "r2g" if self._is_reader else "g2r"
        theirs: Direction = "g2r" if self._is_reader else "r2g"
        sealer, opener = LaneCipher(self._master, mine, lane), LaneCipher(self._master, theirs, lane)
        return LaneState(lane, sealer, opener, first_header, now)

    def _take_lane(self, state: LaneState) -> None:
        self._lanes[state.id] = state
        self._used_lanes.add(state.id)
        self._highest_lane = max(self._highest_lane, state.id)
        self._used_lanes.fill_below(self._highest_lane - SESSION.lane_id_gap)
        self._orphan_since = None
        if self._trace is not None:
            self._trace.lane_joined(state.id, state.joined_at)
        self._spread()

    def join(self, join: Join, now: float) -> int:
        """A lane asks to belong to this session (gateway's end); gives its id.

        Raises MessageError for an id that cannot be, CryptoError when the join is not authentic; nothing changes then.
        """
        if join.lane in self._used_lanes or join.lane > self._highest_lane + SESSION.lane_id_gap:
            raise MessageError("A join repeats a lane, or is far ahead.")
        if len(self._lanes) >= SESSION.max_lanes or self._is_ending:
            raise MessageError("The session takes no more lanes.")
        state = self._new_lane(join.lane, b"", now)
        plaintext = state.open(join.ciphertext, join.header, now)
        self._take_lane(state)
        self._confirmed = True
        state.ask()
        self._handle_plaintext(state, plaintext, now)
        return join.lane

    def ask_lanes(self) -> None:
        """Asks every lane whether it lives: the ground may have gone from under all of them, without a word."""
        for state in self._lanes.values():
            state.ask()
            self._sender.touched(state)

    def lane_lost(self, lane: int, now: float) -> None:
        """The transport under a lane has gone. What it owed goes over the others."""
        self._leave(lane, LeaveReason.CLOSED, now)

    def drop_lane(self, lane: int, now: float) -> None:
        """Gives a lane up that is not needed any more."""
        self._leave(lane, LeaveReason.UNNEEDED, now)

    def _leave(self, lane: int, reason: LeaveReason, now: float) -> None:
        state = self._lanes.pop(lane, None)
        if state is None:
            return
        self._sender.left(state)
        self._past_sent += state.sent_bytes
        self._past_received += state.received_bytes
        if not self._lanes:
            self._orphan_since = now
        if self._trace is not None:
            self._trace.lane_left(state, reason, now)
        again = sum(self._send_again(item) for item in state.abandon())
        if self._trace is not None:
            self._trace.sent_again(lane, again, has_left=True)
        if reason is not LeaveReason.CLOSED:
            self._events.append(LaneLeft(lane, reason))
        if reason in CLOSE_REASONS and len(self._control) < SESSION.control_frames:
            self._sender.say(Item(LaneClose(lane, CLOSE_REASONS[reason])))

    def _send_again(self, item: Item) -> int:
        """Queues what no lane carries any more, if it still matters; gives its bytes."""
        if item.acked or item.queued or item.copies > 0:
            return 0
        frame = item.frame
        if isinstance(frame, (Datagram, Limited)):
            return 0
        if isinstance(frame, (Data, Open, Opened, Fin, Window)) or (
            isinstance(frame, Reset) and frame.sid in self._streams
        ):
            self._streams.item_lost(item)
        else:
            self._sender.say(item)
        return len(item.encoded) if item.queued else 0

    # Receiving.

    def receive(self, lane: int, message: bytes, now: float) -> None:
        """Takes one message of a lane. A lane on which anything is wrong is left; the session goes on."""
        state = self._lanes.get(lane)
        if state is None or self._is_ending:
            return
        try:
            match decode_message(message):
                case Record(number, header, ciphertext) if number == state.next_received:
                    plaintext = state.open(ciphertext, header, now)
                case Refuse() if self._is_reader and not state.confirmed:
                    self._leave(lane, LeaveReason.REFUSED, now)
                    return
                case _:
                    raise MessageError("A message is out of its place.")
        except (MessageError, CryptoError):
            self._leave(lane, LeaveReason.MISBEHAVED, now)
            return
        self._confirmed = True
        self._handle_plaintext(state, plaintext, now)

    def _handle_plaintext(self, state: LaneState, plaintext: bytes, now: float) -> None:
        try:
            frames = decode_frames(plaintext)
            wants_ack = False
            for frame in frames:
                wants_ack = self._dispatch(frame, state, now) or wants_ack
                if self._closed:
                    return
            if len(self._control) > SESSION.control_frames:
                raise FrameError("The other end asks for more answers than it takes.")
        except FrameError:
            self.close(Code.PROTOCOL)
            return
        if wants_ack:
            state.want_ack(now)
        self._sender.touched(state)

    def _dispatch(self, frame: Frame, state: LaneState, now: float) -> bool:
        """Acts on one frame; True when its record wants an ack."""
        match frame:
            case Data():
                self._streams.data_received(frame)
            case Ack():
                self._ack_received(frame, state, now)
                return False
            case Ping(ping):
                state.add_pong(ping)
                return False
            case Pong(ping):
                was_silent = state.silent_since is not None
                state.pong_received(ping, now)
                if was_silent and state.silent_since is None:
                    self._spread()
                return False
            case Datagram():
                self._sender.quiet.datagram_passed(now)
                self._flows.datagram_received(frame)
            case Close(code):
                if self._trace is not None:
                    self._trace.stamp(now)
                self._over(code)
            case LaneClose(lane, reason):
                self._lane_closed_by_peer(lane, reason, now)
            case _:
                self._dispatch_stream(frame)
        return True

    def _lane_closed_by_peer(self, lane: int, reason: int, now: float) -> None:
        if lane in self._lanes:
            self._leave(lane, LeaveReason.CLOSED, now)
            # A reader may slander bridges, the gateway has no reason to: only its word is passed on.
            blame = BLAMES.get(reason, LeaveReason.CLOSED) if self._is_reader else LeaveReason.CLOSED
            self._events.append(LaneLeft(lane, blame))
        elif lane <= self._highest_lane + SESSION.lane_id_gap:
            # Its join may still be on the way.
            self._used_lanes.add(lane)

    def _dispatch_stream(self, frame: Frame) -> None:
        match frame:
            case Open():
                self._streams.opened_by_peer(frame)
            case Opened():
                self._streams.accepted_by_peer(frame)
            case Fin():
                self._streams.fin_received(frame)
            case Window():
                self._streams.window_received(frame)
            case Reset(sid) if sid in self._flows:
                self._flows.closed_by_peer(frame)
                self._streams.mark_closed(sid)
            case Reset():
                self._streams.reset_received(frame)
            case OpenFlow(sid):
                self._flow_opened_by_peer(frame)
            case OpenedFlow():
                self._flows.accepted_by_peer(frame)
            case Limited() if self._is_reader:
                self._events.append(LanesLimited())
            case _:
                raise FrameError("A frame is out of its place.")

    def _flow_opened_by_peer(self, frame: OpenFlow) -> None:
        if self._is_reader:
            raise FrameError("The gateway opened a flow.")
        if self._streams.is_closed(frame.sid) or frame.sid in self._streams:
            # Its reset came first.
            return
        if self._streams.has_too_many_gaps:
            raise FrameError("The row of numbers has too many gaps.")
        if not self._flows.opened_by_peer(frame):
            self._streams.mark_closed(frame.sid)

    def _ack_received(self, ack: Ack, arrived_on: LaneState, now: float) -> None:
        state = self._lanes.get(ack.lane)
        if state is None:
            if ack.lane in self._used_lanes:
                return
            raise FrameError("An ack is for a lane that never was.")
        if ack.count > state.sent_count:
            raise FrameError("An ack covers what was not sent.")
        was_silent = state.silent_since is not None
        for item in state.acked(ack, state is arrived_on, now):
            if not item.acked:
                item.acked = True
                if isinstance(item.frame, (Data, Open, Opened, Fin, Reset)):
                    self._streams.item_acked(item)
        if state is not arrived_on:
            self._sender.touched(state)
        if was_silent and state.silent_since is None:
            if self._trace is not None:
                self._trace.lane_spoke(state.id, now)
            self._spread()

    # Sending.

    def data_to_send(self, now: float) -> Messages:
        """All messages that should go out now, each with its lane, in order."""
        if self._trace is not None:
            self._trace.stamp(now)
        if self._closed or not self._lanes:
            return []
        out = self._sender.records(now)
        if self._close_code is not None:
            for lane in self._lanes.values():
                out.append((lane.id, lane.seal([Close(self._close_code).encode()], [], now)))
            self._over(self._close_code)
        return out

    # Time and end.

    def next_timer(self) -> float:
        """When ``handle_timer`` should be called next, or earlier; infinity for never. Ask again after every call."""
        if self._closed:
            return NEVER
        if self._orphan_since is not None:
            return self._orphan_since + self._lifetime_s
        return self._sender.next_timer()

    @property
    def _lifetime_s(self) -> float:
        return self._orphan_lifetime_s if self._confirmed else SESSION.unconfirmed_lifetime_s

    def handle_timer(self, now: float) -> None:
        """Does what is due at ``now``."""
        if self._closed:
            return
        if self._trace is not None:
            self._trace.stamp(now)
        if self._orphan_since is not None and now >= self._orphan_since + self._lifetime_s:
            self._over(Code.SESSION_LOST)
            return
        least_s = self.least_round_trip_s
        for lane in list(self._lanes.values()):
            if lane.is_dead(now) or lane.is_useless(least_s, now):
                self._leave(lane.id, LeaveReason.SILENT, now)
            elif lane.fell_silent(now):
                if self._trace is not None:
                    self._trace.lane_silent(lane, now)
                self._sender.touched(lane)
                self._spread()
                if self._is_reader:
                    self._events.append(LaneFellSilent())
            elif lane.is_idle(now):
                lane.ask()
                self._sender.touched(lane)
        self._sender.timers_handled()

    def _spread(self) -> None:
        """Sends again elsewhere what silent lanes owe and no other lane carries, if there is an elsewhere."""
        silent = [lane for lane in self._lanes.values() if lane.silent_since is not None]
        if len(silent) < len(self._lanes):
            for lane in silent:
                again = sum(self._send_again(item) for item in lane.owed_items())
                if self._trace is not None:
                    self._trace.sent_again(lane.id, again, has_left=False)

    def close(self, code: Code) -> None:
        """Ends the session: the next ``data_to_send`` tells the other end."""
        if not self._is_ending:
            self._close_code = code
            self._streams.close_all(Code.SESSION_LOST)
            self._flows.close_all(Code.SESSION_LOST)
            self._control.clear()
            if not self._lanes:
                self._over(code)

    def _over(self, code: Code) -> None:
        self._closed = True
        self._streams.close_all(Code.SESSION_LOST)
        self._flows.close_all(Code.SESSION_LOST)
        if self._trace is not None:
            self._trace.ended(code)
        self._events.append(SessionClosed(code))

    def next_event(self) -> Event | None:
        """The oldest event that was not taken, or None."""
        return self._events.popleft() if self._events else None
