"""Runs a session over real lanes: feeds it, drains it, arms its timer.

One mutation, then drain: whatever was asked of the session in one turn of the event loop goes out together at its end,
so that small frames share records.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from unwalled.errors import LaneClosed
from unwalled.lanes.base import Lane, LaneReceiver
from unwalled.session.core import Session
from unwalled.session.events import (
    DatagramReceived,
    Event,
    FlowAccepted,
    FlowClosed,
    FlowOpened,
    LaneFellSilent,
    LaneLeft,
    LanesLimited,
    LeaveReason,
    SessionClosed,
    SessionEstablished,
    SessionResumed,
    StreamAccepted,
    StreamCut,
    StreamOpened,
    StreamReadable,
    StreamWritable,
)
from unwalled.tunnel.streams import TunnelFlow, TunnelStream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class SessionEnd(Protocol):
    """What the pump drives: a `Session` (gateway) or a `ReaderSession`; both know lanes by a number."""

    def receive(self, lane: int, message: bytes, now: float, /) -> None:
        """Takes one message of a lane."""

    def lane_lost(self, lane: int, now: float, /) -> None:
        """The transport under a lane has gone."""

    def data_to_send(self, now: float, /) -> list[tuple[int, bytes]]:
        """What should go out now."""

    def next_timer(self) -> float:
        """When ``handle_timer`` should be called."""

    def handle_timer(self, now: float, /) -> None:
        """Does what is due."""

    def next_event(self) -> Event | None:
        """The oldest event."""

    def close(self, code: Code, /) -> None:
        """Ends the session."""


class PumpUser(Protocol):
    """Whoever owns a pump. All calls come from the event loop and must not block or raise."""

    def established(self) -> None:
        """The handshake is done (reader's end)."""

    def resumed(self) -> None:
        """The other end has spoken again after all lanes had gone (reader's end)."""

    def stream_opened(self, stream: TunnelStream) -> None:
        """The reader asks for a stream (gateway's end)."""

    def flow_opened(self, flow: TunnelFlow) -> None:
        """The reader asks for a flow (gateway's end)."""

    def lane_left(self, lane: int, reason: LeaveReason) -> None:
        """A lane is not used any more, and its transport has been closed."""

    def lane_fell_silent(self) -> None:
        """A lane owes an ack for too long (reader's end): its bridge may have gone without a word."""

    def lanes_limited(self) -> None:
        """Lanes hold the session up (reader's end): further ones may help."""

    def session_closed(self, code: Code) -> None:
        """The session is over; all lanes have been closed."""


class Pump:
    """One live session. Not safe for use from other threads than the event loop's."""

    def __init__(self, end: SessionEnd, core: Session, user: PumpUser) -> None:
        self._end = end
        self._core = core
        self._user = user
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[int, Lane] = {}
        self._streams: dict[int, TunnelStream] = {}
        self._flows: dict[int, TunnelFlow] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._awake = False
        self._over = False

    @property
    def core(self) -> Session:
        """The session itself, for numbers."""
        return self._core

    @property
    def lane_count(self) -> int:
        """Lanes that are attached."""
        return len(self._lanes)

    @property
    def stream_count(self) -> int:
        """Streams and flows that somebody still holds."""
        return len(self._streams) + len(self._flows)

    @property
    def buffered_bytes(self) -> int:
        """Bytes that wait in the lanes' transports."""
        return sum(lane.buffered_bytes for lane in self._lanes.values())

    def now(self) -> float:
        """The event loop's time, which the session lives by."""
        return self._loop.time()

    def attach(self, key: int, lane: Lane) -> LaneReceiver:
        """Takes over a lane that the session knows as ``key``; gives the receiver to which it must deliver."""
        self._lanes[key] = lane
        self.wake()
        return _LaneReceiver(self, key)

    def detach(self, key: int) -> None:
        """The transport of a lane has gone."""
        if self._lanes.pop(key, None) is not None:
            self._end.lane_lost(key, self.now())
            self._user.lane_left(key, LeaveReason.CLOSED)
            self.wake()

    def received(self, key: int, messages: list[bytes]) -> None:
        """Messages of a lane came."""
        now = self._loop.time()
        for message in messages:
            self._end.receive(key, message, now)
        self._flush()

    def open_stream(self, target: Target) -> TunnelStream:
        """Asks for a stream (reader's end). Raises OpenFailed."""
        sid = self._core.open_stream(target)
        stream = self._streams[sid] = TunnelStream(self._core, sid, target, self)
        self.wake()
        return stream

    def open_flow(self) -> TunnelFlow:
        """Asks for a flow (reader's end). Raises OpenFailed."""
        sid = self._core.open_flow()
        flow = self._flows[sid] = TunnelFlow(self._core, sid, self)
        self.wake()
        return flow

    def close(self, code: Code) -> None:
        """Ends the session, tells the other end, closes all lanes."""
        self._end.close(code)
        self._flush()

    def forget(self, sid: int) -> None:
        """A stream or flow is over for its user."""
        self._streams.pop(sid, None)
        self._flows.pop(sid, None)

    def wake(self) -> None:
        """Something was asked of the session: drain it at the end of this turn."""
        if not self._awake and not self._over:
            self._awake = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._awake = False
        if self._over:
            return
        self._tell_events()
        for key, message in self._end.data_to_send(self._loop.time()):
            lane = self._lanes.get(key)
            if lane is not None:
                try:
                    lane.send(message)
                except LaneClosed:
                    self.detach(key)
        self._tell_events()
        self._arm()

    def _arm(self) -> None:
        due = self._end.next_timer()
        if due == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = due
        if due != float("inf") and not self._over:
            self._timer = self._loop.call_at(due, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._timer_at = float("inf")
        self._end.handle_timer(self._loop.time())
        self._flush()

    def _tell_events(self) -> None:
        while (event := self._end.next_event()) is not None:
            match event:
                case StreamReadable(sid):
                    if (stream := self._streams.get(sid)) is not None:
                        stream.became_readable()
                case StreamWritable(sid):
                    if (stream := self._streams.get(sid)) is not None:
                        stream.became_writable()
                case DatagramReceived(sid, target, payload):
                    if (flow := self._flows.get(sid)) is not None:
                        flow.arrived(target, payload)
                case _:
                    self._tell_rare(event)

    def _tell_rare(self, event: Event) -> None:
        match event:
            case StreamOpened(sid, target):
                stream = self._streams[sid] = TunnelStream(self._core, sid, target, self)
                self._user.stream_opened(stream)
            case StreamAccepted(sid):
                if (found := self._streams.get(sid)) is not None:
                    found.accepted_by_peer()
            case StreamCut(sid, code):
                if (found := self._streams.pop(sid, None)) is not None:
                    found.cut_by(code)
            case FlowOpened(sid):
                flow = self._flows[sid] = TunnelFlow(self._core, sid, self)
                self._user.flow_opened(flow)
            case FlowAccepted(sid):
                if (opened := self._flows.get(sid)) is not None:
                    opened.accepted_by_peer()
            case FlowClosed(sid, code):
                if (closed := self._flows.pop(sid, None)) is not None:
                    closed.closed_by(code)
            case LaneLeft(key, reason):
                if (lane := self._lanes.pop(key, None)) is not None:
                    lane.close()
                    self._user.lane_left(key, reason)
            case LaneFellSilent():
                self._user.lane_fell_silent()
            case LanesLimited():
                self._user.lanes_limited()
            case SessionEstablished():
                self._user.established()
            case SessionResumed():
                self._user.resumed()
            case SessionClosed(code):
                self._end_session(code)
            case _:
                raise AssertionError(event)

    def _end_session(self, code: Code) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        for stream in self._streams.values():
            stream.cut_by(Code.SESSION_LOST)
        for flow in self._flows.values():
            flow.closed_by(Code.SESSION_LOST)
        self._streams.clear()
        self._flows.clear()
        lanes, self._lanes = self._lanes, {}
        for key, lane in lanes.items():
            lane.close()
            self._user.lane_left(key, LeaveReason.UNNEEDED)
        self._user.session_closed(code)


class _LaneReceiver:
    """Passes what a lane delivers on to its pump."""

    __slots__ = ("_key", "_pump")

    def __init__(self, pump: Pump, key: int) -> None:
        self._pump = pump
        self._key = key

    def messages_received(self, messages: list[bytes]) -> None:
        """See LaneReceiver."""
        self._pump.received(self._key, messages)

    def lane_closed(self, reason: str) -> None:
        """See LaneReceiver."""
        self._pump.detach(self._key)
