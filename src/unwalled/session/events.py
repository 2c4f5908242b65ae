"""What a session tells its user, oldest first. All are facts in the past tense."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class LeaveReason(Enum):
    """Why the session does not use a lane any more."""

    CLOSED = "closed"
    """The transport said so."""
    MISBEHAVED = "misbehaved"
    """A record was changed, lost, repeated, swapped or not ours: the bridge tampers, or is broken."""
    SILENT = "silent"
    REFUSED = "refused"
    """The gateway's (forgeable) answer to a join."""
    UNNEEDED = "unneeded"


@dataclass(frozen=True, slots=True)
class SessionEstablished:
    """The handshake is done (reader's end only)."""


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """The gateway has spoken again after all lanes had gone, so it still knows the session (reader's end only)."""


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session is over; every stream and flow has ended with it."""

    code: Code


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The reader wants a stream to ``target`` (gateway's end only): answer with ``accept`` or ``reset``."""

    sid: int
    target: Target


@dataclass(frozen=True, slots=True)
class StreamAccepted:
    """The gateway has connected the stream (reader's end only)."""

    sid: int


@dataclass(frozen=True, slots=True)
class StreamReadable:
    """``read`` will give bytes, or the end. Told once until ``read`` was called."""

    sid: int


@dataclass(frozen=True, slots=True)
class StreamWritable:
    """A send buffer that was full has room again."""

    sid: int


@dataclass(frozen=True, slots=True)
class StreamCut:
    """The other end, or the loss of the session, cut the stream. Nothing can be read or written any more."""

    sid: int
    code: Code


@dataclass(frozen=True, slots=True)
class FlowOpened:
    """The reader wants a datagram flow (gateway's end only): answer with ``accept_flow`` or ``close_flow``."""

    sid: int


@dataclass(frozen=True, slots=True)
class FlowAccepted:
    """The gateway has made the flow (reader's end only)."""

    sid: int


@dataclass(frozen=True, slots=True)
class DatagramReceived:
    """A datagram came."""

    sid: int
    target: Target
    payload: bytes


@dataclass(frozen=True, slots=True)
class FlowClosed:
    """The other end ended the flow."""

    sid: int
    code: Code


@dataclass(frozen=True, slots=True)
class LaneLeft:
    """The session does not use the lane any more; its user closes it. What it owed goes over the others."""

    lane: int
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class LaneFellSilent:
    """A lane owes an ack for too long (reader's end only). It may wake; if not, LaneLeft follows much later."""


@dataclass(frozen=True, slots=True)
class LanesLimited:
    """Either end had data that no lane had room for, for a while (reader's end only): further lanes may help."""


Event = (
    SessionEstablished
    | SessionResumed
    | SessionClosed
    | StreamOpened
    | StreamAccepted
    | StreamReadable
    | StreamWritable
    | StreamCut
    | FlowOpened
    | FlowAccepted
    | DatagramReceived
    | FlowClosed
    | LaneLeft
    | LaneFellSilent
    | LanesLimited
)
