"""What is wrong, and how far a person can go on: facts in, one state and one trouble out. Pure.

Of several causes the one is named that keeps the others from being mended: who has no network need not hear of bridges,
and who must log in at a hotel first need not hear of an invite. Nothing here asks anybody: the facts are what doors,
bridges and this computer's own routes have shown anyway (`unwalled.app.probes`, `unwalled.reader.status`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from unwalled.app.snapshot import State, Trouble
from unwalled.reader.status import Cause, Phase, ReaderStatus
from unwalled.settings import APP


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at one moment."""

    is_on: bool
    reader: ReaderStatus | None
    """None = there is no invite to read with."""
    is_over: bool = False
    """Whether the invite's date has passed, by the operator's clock if that was ever heard."""
    clock_error_s: float | None = None
    """How far this computer's clock was ahead of the operator's sealed word; None = nothing was heard yet."""
    has_network: bool = True
    """Whether this computer knows a way to some other one (`unwalled.app.probes`)."""
    can_webrtc: bool = True
    """False = the WebRTC library cannot be loaded here."""
    is_disk_full: bool = False
    """Whether the last attempt to remember something failed for want of room."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a person is told."""

    state: State
    trouble: Trouble
    clock_error_s: float
    """How far this computer's clock is ahead; 0 when that is not known, or less than anybody needs to know."""


def diagnose(facts: Facts) -> Diagnosis:
    """The state, its cause, and what the clock is wrong by."""
    error_s = told_clock_error_s(facts.clock_error_s)
    state, trouble = _judge(facts, error_s)
    if trouble is Trouble.NONE and state is not State.OFF:
        # Reading goes on; these are worth a word all the same.
        trouble = Trouble.CLOCK_WRONG if error_s else Trouble.DISK_FULL if facts.is_disk_full else Trouble.NONE
    return Diagnosis(state, trouble, error_s)


def told_clock_error_s(error_s: float | None) -> float:
    """The error when it matters, else 0."""
    return error_s if error_s is not None and abs(error_s) >= APP.clock_forgiven_s else 0.0


def _judge(facts: Facts, error_s: float) -> tuple[State, Trouble]:
    reader = facts.reader
    if not facts.is_on:
        return State.OFF, Trouble.NONE
    if reader is None:
        return State.STOPPED, Trouble.NO_INVITE
    if reader.phase is Phase.CONNECTED and (facts.has_network or not reader.is_silent):
        return State.CONNECTED, Trouble.NONE
    if not facts.has_network:
        return State.WAITING, Trouble.OFFLINE
    if not facts.can_webrtc:
        return State.STOPPED, Trouble.NO_WEBRTC
    match reader.cause:
        case Cause.EXPIRED:
            return State.STOPPED, Trouble.INVITE_EXPIRED
        case Cause.NOT_TAKEN:
            return State.STOPPED, Trouble.INVITE_REFUSED
        case Cause.STRANGER:
            return State.WAITING, Trouble.CAPTIVE_PORTAL
        case Cause.OUT_OF_DATE | Cause.UNREACHABLE | Cause.NONSENSE:
            return _at_the_doors(facts, reader.cause, error_s)
        case Cause.NO_WEBRTC:
            return State.WAITING, Trouble.NO_WEBRTC
        case Cause.BUSY | Cause.FULL:
            return State.WAITING, Trouble.OPERATOR_FULL
        case Cause.SHARE:
            return State.WAITING, Trouble.SHARE_USED
        case Cause.NONE | Cause.NO_BRIDGE | Cause.NO_HELPER:
            return _among_bridges(reader)
        case _:
            assert_never(reader.cause)


def _at_the_doors(facts: Facts, cause: Cause, error_s: float) -> tuple[State, Trouble]:
    if cause is Cause.OUT_OF_DATE and error_s:
        return State.WAITING, Trouble.CLOCK_WRONG
    if facts.is_over:
        # Its operator may have moved since; at any rate it would not be taken.
        return State.STOPPED, Trouble.INVITE_EXPIRED
    return State.WAITING, Trouble.OPERATOR_UNREACHABLE


def _among_bridges(reader: ReaderStatus) -> tuple[State, Trouble]:
    if reader.is_deaf:
        return State.WAITING, Trouble.UDP_BLOCKED
    if reader.cause is Cause.NO_HELPER:
        return State.WAITING, Trouble.NO_HELPER
    if reader.cause is Cause.NO_BRIDGE:
        return State.WAITING, Trouble.NO_BRIDGE
    return (State.CONNECTING if reader.phase is Phase.CONNECTING else State.SEARCHING), Trouble.NONE
