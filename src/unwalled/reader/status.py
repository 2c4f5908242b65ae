"""How things are with a reader, for a person: phases, their causes and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unwalled.crypto.handshake import Status
from unwalled.errors import SignalingFailed
from unwalled.signaling.errors import (
    DoorNonsense,
    DoorSign,
    DoorsUnreachable,
    DoorTrouble,
    InviteNotTaken,
    InviteOver,
    NoBridge,
    NoHelper,
    ShareUsed,
)


class Phase(StrEnum):
    """What the reader is doing, for a person."""

    SEARCHING = "searching"
    """Asking the broker for bridges."""
    NO_BRIDGE = "no bridge"
    """The broker has none for us just now; we keep asking."""
    NO_BROKER = "no broker"
    """The broker cannot be reached; we keep trying."""
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"
    """The operator does not take this invite."""


class Cause(StrEnum):
    """Why a reader is not connected, for who has words of its own for it."""

    NONE = "none"
    NO_BRIDGE = "no bridge"
    BUSY = "busy"
    """The broker limits this network or this invite, or has no room."""
    NO_HELPER = "no helper"
    """Nobody of the private swarm that the invite is for is there."""
    SHARE = "share"
    """The invite has used up its share, of today or at once."""
    FULL = "full"
    """The gateway takes no further session."""
    EXPIRED = "expired"
    NOT_TAKEN = "not taken"
    UNREACHABLE = "unreachable"
    """No door answered."""
    NONSENSE = "nonsense"
    """A door's own server answered, and not as a broker must."""
    STRANGER = "stranger"
    """Something else answered in a door's place."""
    OUT_OF_DATE = "out of date"
    """What the operator's server brought has expired, by this computer's clock."""
    NO_WEBRTC = "no webrtc"
    """This machine made no offers."""


class OffersFailed(SignalingFailed):
    """This machine's WebRTC made no offers, so the broker was not asked."""

    def __init__(self) -> None:
        super().__init__(
            "This computer could not prepare a WebRTC connection.", "If it stays so, start the program anew."
        )


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """One lane, for a picture. ``bridge``: its number in the trace. Bytes are the lane's own, as sent and received."""

    key: int
    """Which one it is in its session."""
    bridge: int
    round_trip_s: float | None
    bytes_up: int
    bytes_down: int
    is_silent: bool
    """It has owed an ack for too long."""


@dataclass(frozen=True, slots=True)
class ReaderStatus:
    """A snapshot for a status line. Bytes are the session's payload and overhead, over all lanes since the start."""

    phase: Phase
    detail: str
    """A sentence with the cause and what to do, or ""."""
    bridges: int
    lanes: int
    bytes_up: int
    bytes_down: int
    cause: Cause = Cause.NONE
    """What ``detail`` is about."""
    is_deaf: bool = False
    """Bridges were found, one after the other, and no packet of UDP seems to come back from any, nor from elsewhere."""
    is_silent: bool = False
    """There are lanes, and every one of them owes an answer for too long."""


REFUSED_WORDS = {
    Status.INVITE_EXPIRED: "The invite has expired. Ask whoever gave it to you for a new one.",
    Status.INVITE_REFUSED: "The operator does not take this invite any more. Ask for a new one.",
    Status.FULL: "The operator's server is full. It is tried again in a while.",
}
"""For each answer of a gateway that takes no session."""

SHARE_WORDS = f"{ShareUsed.CAUSE} {ShareUsed.REMEDY}"
"""Instead of "full", when it is the invite's own share."""

REFUSED_CAUSES = {
    Status.INVITE_EXPIRED: Cause.EXPIRED,
    Status.INVITE_REFUSED: Cause.NOT_TAKEN,
    Status.FULL: Cause.FULL,
}
"""The same, for who has words of its own."""


def phase_of(failed: SignalingFailed) -> Phase:
    """What a match that failed means for a person."""
    match failed:
        case InviteOver() | InviteNotTaken():
            return Phase.REFUSED
        case DoorsUnreachable() | DoorNonsense():
            return Phase.NO_BROKER
        case _:
            return Phase.NO_BRIDGE


def cause_of(failed: SignalingFailed) -> Cause:
    """Why a match failed."""
    match failed:
        case InviteOver():
            return Cause.EXPIRED
        case InviteNotTaken():
            return Cause.NOT_TAKEN
        case DoorTrouble(sign=DoorSign.STRANGER):
            return Cause.STRANGER
        case DoorTrouble(sign=DoorSign.OUT_OF_DATE):
            return Cause.OUT_OF_DATE
        case DoorsUnreachable():
            return Cause.UNREACHABLE
        case DoorNonsense():
            return Cause.NONSENSE
        case NoHelper():
            return Cause.NO_HELPER
        case NoBridge():
            return Cause.NO_BRIDGE
        case ShareUsed():
            return Cause.SHARE
        case OffersFailed():
            return Cause.NO_WEBRTC
        case _:
            return Cause.BUSY
