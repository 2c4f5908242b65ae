"""Watches a session from within and tells a sink what it sees. Sans-IO; a session without a trace has none of this.

What happens in a call that is given no time is noted at the next ``stamp``, which the session's driver causes in the
same turn. Lanes are sampled at most every ``TRACE.sample_s``, and what they sent again is added up for each cause, so
that a trace of a fast download stays small.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from unwalled.session.events import Event, LeaveReason, StreamCut, StreamOpened, StreamReadable
from unwalled.session.lane import LaneState
from unwalled.session.notes import (
    LaneBound,
    LaneEnded,
    LaneJoined,
    LaneSample,
    LanesHeldUp,
    LaneSilent,
    LaneSpoke,
    LaneThrough,
    Note,
    Sample,
    SentAgain,
    SessionBegan,
    SessionEnded,
    SessionEstablished,
    StoodStill,
    StreamBegan,
    StreamEnded,
    TraceSink,
    Waiting,
    WhyLeft,
)
from unwalled.settings import TRACE
from unwalled.wire.codes import Code

_NEVER = float("inf")
_WHY_LEFT: dict[LeaveReason, WhyLeft] = {
    LeaveReason.CLOSED: "closed",
    LeaveReason.MISBEHAVED: "misbehaved",
    LeaveReason.SILENT: "silent",
    LeaveReason.REFUSED: "refused",
    LeaveReason.UNNEEDED: "unneeded",
}


class Amounts(Protocol):
    """What a trace wants to know of a session's streams."""

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait to be sent for the first time."""

    @property
    def repeated_bytes(self) -> int:
        """Bytes that came more than once."""


class _Stream:
    __slots__ = ("finished", "longest_wait_s", "read_to_end", "received", "sent", "waiting_since")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.finished = False
        self.read_to_end = False
        self.longest_wait_s = 0.0
        self.waiting_since: float | None = None
        """Since when there is nothing to read in the midst of a transfer."""


class SessionTrace:
    """What one session notes; give it to `Session` or `ReaderSession`. Times are seconds, sizes bytes."""

    def __init__(self, sink: TraceSink, is_reader: bool, now: float) -> None:
        self._sink = sink
        self._now = now
        self._sample_due = now
        self._unstamped: deque[Note] = deque()
        self._readable: set[int] = set()
        self._streams: dict[int, _Stream] = {}
        self._shown: dict[int, LaneSample] = {}
        sink.note(SessionBegan(now, "reader" if is_reader else "gateway"))

    def stamp(self, now: float) -> None:
        """It is ``now``, and what has happened since the last call happened now."""
        self._now = now
        while self._unstamped:
            note = self._unstamped.popleft()
            note.at = now
            self._sink.note(note)
        if self._readable:
            for sid in self._readable:
                self._went_on(sid, now)
            self._readable.clear()

    def established(self, now: float) -> None:
        """The keys are agreed."""
        self._sink.note(SessionEstablished(now))

    def ended(self, code: Code) -> None:
        """The session is over, and its streams with it."""
        self.stamp(self._now)
        for sid in list(self._streams):
            self._stream_ended(sid, cut=True)
        self.stamp(self._now)
        self._sink.note(SessionEnded(self._now, int(code)))

    # Lanes.

    def lane_through(self, key: int, bridge: int, now: float) -> None:
        """The lane that the session's user knows as ``key`` leads through a bridge."""
        self._sink.note(LaneThrough(now, key, bridge))

    def lane_bound(self, key: int, lane: int, now: float) -> None:
        """A reader's key got its number in the session."""
        self._sink.note(LaneBound(now, key, lane))

    def lane_joined(self, lane: int, now: float) -> None:
        """A lane belongs to the session."""
        self._sink.note(LaneJoined(now, lane))

    def lane_left(self, lane: LaneState, reason: LeaveReason, now: float) -> None:
        """A lane is not used any more; call it before the lane forgets what it owes."""
        owed = lane.estimator.in_flight_bytes
        self._sink.note(LaneEnded(now, lane.id, _WHY_LEFT[reason], lane.sent_bytes, lane.received_bytes, owed))
        self._shown.pop(lane.id, None)

    def lane_silent(self, lane: LaneState, now: float) -> None:
        """A lane has owed an ack for too long."""
        self._sink.note(LaneSilent(now, lane.id, lane.estimator.in_flight_bytes, lane.estimator.silence_s))

    def lane_spoke(self, lane: int, now: float) -> None:
        """A silent lane has acked."""
        self._sink.note(LaneSpoke(now, lane))

    def sent_again(self, lane: int, size: int, *, has_left: bool) -> None:
        """What the lane owed was queued for others."""
        if size:
            self._unstamped.append(SentAgain(0.0, lane, size, "left" if has_left else "silent"))

    def held_up(self, now: float) -> None:
        """Lanes hold the session up."""
        self._sink.note(LanesHeldUp(now))

    def sample(self, lanes: Iterable[LaneState], streams: Amounts, wants_lane: bool, now: float) -> None:
        """Notes how lanes are, once in a while. ``wants_lane``: there is data, and no lane to take it."""
        if now < self._sample_due:
            return
        self._sample_due = now + TRACE.sample_s
        changed: list[LaneSample] = []
        for lane in lanes:
            shown = _sample_of(lane)
            if self._shown.get(lane.id) != shown:
                self._shown[lane.id] = shown
                changed.append(shown)
        if changed:
            backlog = streams.backlog_bytes
            waits_for: Waiting = "lane" if wants_lane else "window" if backlog else ""
            self._sink.note(Sample(now, backlog, waits_for, streams.repeated_bytes, changed))

    # Streams.

    def watching(self, emit: Callable[[Event], None]) -> Callable[[Event], None]:
        """A function that passes events on to ``emit`` and looks at those of streams."""

        def watch(event: Event) -> None:
            match event:
                case StreamReadable(sid):
                    self._readable.add(sid)
                case StreamOpened(sid):
                    self.stream_began(sid)
                case StreamCut(sid):
                    self.stream_cut(sid)
            emit(event)

        return watch

    def stream_began(self, sid: int) -> None:
        """A stream was asked for."""
        self._streams[sid] = _Stream()
        self._unstamped.append(StreamBegan(0.0, sid))

    def stream_wrote(self, sid: int, size: int) -> None:
        """The application gave bytes; what comes now is an answer and no transfer that goes on."""
        stream = self._streams.get(sid)
        if stream is not None:
            stream.sent += size
            stream.waiting_since = None

    def stream_read(self, sid: int, size: int, ended: bool, now: float) -> None:
        """The application took ``size`` bytes, or found nothing there."""
        stream = self._streams.get(sid)
        if stream is None:
            return
        if sid in self._readable:
            self._readable.discard(sid)
            self._went_on(sid, now)
        stream.received += size
        if ended:
            stream.read_to_end = True
            self._settle(sid, stream)
        elif size and stream.received >= TRACE.transfer_bytes:
            stream.waiting_since = now

    def stream_finished(self, sid: int) -> None:
        """The application writes no more."""
        stream = self._streams.get(sid)
        if stream is not None:
            stream.finished = True
            self._settle(sid, stream)

    def stream_cut(self, sid: int) -> None:
        """Either end cut the stream."""
        if sid in self._streams:
            self._stream_ended(sid, cut=True)

    def _went_on(self, sid: int, now: float) -> None:
        stream = self._streams.get(sid)
        if stream is None or stream.waiting_since is None:
            return
        seconds = max(now - stream.waiting_since, 0.0)
        stream.waiting_since = None
        stream.longest_wait_s = max(stream.longest_wait_s, seconds)
        if seconds >= TRACE.stand_still_s:
            self._sink.note(StoodStill(now, sid, seconds))

    def _settle(self, sid: int, stream: _Stream) -> None:
        if stream.finished and stream.read_to_end:
            self._stream_ended(sid, cut=False)

    def _stream_ended(self, sid: int, *, cut: bool) -> None:
        stream = self._streams.pop(sid)
        self._unstamped.append(StreamEnded(0.0, sid, stream.sent, stream.received, stream.longest_wait_s, cut))
        # What the last records carried should not wait for the next transfer.
        self._sample_due = -_NEVER


def _sample_of(lane: LaneState) -> LaneSample:
    estimator = lane.estimator
    return LaneSample(
        lane.id,
        _rounded(estimator.srtt_s),
        _rounded(estimator.min_rtt_s),
        int(estimator.rate_bytes_s),
        int(estimator.window_bytes),
        estimator.in_flight_bytes,
        lane.sent_bytes,
        lane.received_bytes,
        lane.sent_count,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 5)
