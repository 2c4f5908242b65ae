"""How things are with a reader, for a person: phases, their causes and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unwalled.crypto.handshake import Status
from unwalled.errors import SignalingFailed
from unwalled.signaling.errors import DoorNonsense, DoorsUnreachable, InviteNotTaken, InviteOver


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


REFUSED_WORDS = {
    Status.INVITE_EXPIRED: "The invite has expired. Ask whoever gave it to you for a new one.",
    Status.INVITE_REFUSED: "The operator does not take this invite any more. Ask for a new one.",
    Status.FULL: "The operator's server is full. It is tried again in a while.",
}
"""For each answer of a gateway that takes no session."""


def phase_of(failed: SignalingFailed) -> Phase:
    """What a match that failed means for a person."""
    match failed:
        case InviteOver() | InviteNotTaken():
            return Phase.REFUSED
        case DoorsUnreachable() | DoorNonsense():
            return Phase.NO_BROKER
        case _:
            return Phase.NO_BRIDGE
