"""What the operator and its gateway workers tell each other; docs/explanation/architecture.md draws it. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from unwalled.errors import UnwalledError
from unwalled.operator.numbers.tally import Tally
from unwalled.wire.lanereport import LaneReport

PROTOCOL = 1
"""Another one with each change of these messages: a worker may be of a newer program than its operator."""


class BadWorkerMessage(UnwalledError):
    """The other end is of another version, or not one of ours."""

    def __init__(self) -> None:
        super().__init__("A gateway worker and its operator do not understand each other.", "Start the operator again.")


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Operator → worker, first: what it has to know. The keys are in the data folder."""

    protocol: int
    data: str
    policy: str | None
    only_my_sites: list[str]
    allow_private: bool
    sources: list[str]
    trace: str | None
    private_swarms: str = "auto"


class TakeLane(msgspec.Struct, frozen=True, tag=True):
    """Operator → worker, with a descriptor: a WebSocket whose ticket was checked."""

    ticket: str
    answer: bytes
    early: bytes


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Operator → worker: tell the readers, and end."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Worker → operator, first: it takes lanes."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Worker → operator, first: it cannot start."""

    cause: str
    remedy: str


class Status(msgspec.Struct, frozen=True, tag=True):
    """Worker → operator: what it has counted so far."""

    tally: Tally


class Reports(msgspec.Struct, frozen=True, tag=True):
    """Worker → operator: how lanes did."""

    lanes: list[LaneReport]


ToWorker = Begin | TakeLane | Stop
FromWorker = Ready | Failed | Status | Reports
_TO_WORKER: Any = ToWorker
_FROM_WORKER: Any = FromWorker


def read_to_worker(packet: bytes) -> ToWorker:
    """Raises BadWorkerMessage."""
    return _read(packet, _TO_WORKER)  # type: ignore[no-any-return]


def read_from_worker(packet: bytes) -> FromWorker:
    """Raises BadWorkerMessage."""
    return _read(packet, _FROM_WORKER)  # type: ignore[no-any-return]


def _read(packet: bytes, kind: Any) -> Any:
    try:
        return msgspec.msgpack.decode(packet, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadWorkerMessage from None
