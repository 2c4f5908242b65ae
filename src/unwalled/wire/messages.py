"""The messages on a lane: docs/protocol/session.md, "Messages on a lane". Outer framing only; nothing is opened here.

::

    hello    0x01 ‖ version (1) ‖ HPKE message
    welcome  0x02 ‖ HPKE message
    join     0x03 ‖ session id (16) ‖ lane id (u32) ‖ ciphertext of record 0
    refuse   0x05 ‖ code (1)
    record   0x10 ‖ number (u64) ‖ ciphertext
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from unwalled.errors import MessageError
from unwalled.settings import LANE

HELLO = 0x01
WELCOME = 0x02
JOIN = 0x03
REFUSE = 0x05
RECORD = 0x10

VERSION = 1
SESSION_ID_BYTES = 16
JOIN_HEADER_BYTES = 1 + SESSION_ID_BYTES + 4
RECORD_HEADER_BYTES = 9
TAG_BYTES = 16
_HPKE_LEAST_BYTES = 1120 + TAG_BYTES


class Refusal(IntEnum):
    """Why a gateway does not take a lane. Anyone on the way could have written it."""

    UNKNOWN_SESSION = 1
    MALFORMED = 2
    FULL = 3


@dataclass(frozen=True, slots=True)
class Hello:
    """A sealed hello; ``raw`` is the whole message, which the transcript needs."""

    raw: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Welcome:
    """A sealed welcome."""

    raw: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Join:
    """A lane that says to which session it belongs; ``header`` is the part that the record authenticates."""

    session_id: bytes
    lane: int
    header: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """The gateway does not take this lane."""

    code: Refusal


@dataclass(frozen=True, slots=True)
class Record:
    """A protected record; ``header`` is what it authenticates besides its plaintext."""

    number: int
    header: bytes
    ciphertext: bytes | memoryview


Message = Hello | Welcome | Join | Refuse | Record


def encode_hello(sealed: bytes) -> bytes:
    """The hello message around an HPKE message."""
    return bytes((HELLO, VERSION)) + sealed


def encode_welcome(sealed: bytes) -> bytes:
    """The welcome message around an HPKE message."""
    return bytes((WELCOME,)) + sealed


def join_header(session_id: bytes, lane: int) -> bytes:
    """Type ‖ session id ‖ lane id: the head of a join."""
    return bytes((JOIN,)) + session_id + lane.to_bytes(4, "big")


def record_header(number: int) -> bytes:
    """Type ‖ number: the head of a record."""
    return b"\x10" + number.to_bytes(8, "big")


def encode_refuse(code: Refusal) -> bytes:
    """The refuse message."""
    return bytes((REFUSE, code))


def decode_message(message: bytes) -> Message:
    """Reads the outer form of any lane message. Raises MessageError with the cause."""
    if not message:
        raise MessageError("A message is empty.")
    if len(message) > LANE.max_message_bytes:
        raise MessageError("A message is too large.")
    match message[0]:
        case 0x10:
            if len(message) < RECORD_HEADER_BYTES + TAG_BYTES:
                raise MessageError("A record is cut short.")
            header = message[:RECORD_HEADER_BYTES]
            return Record(int.from_bytes(header[1:], "big"), header, memoryview(message)[RECORD_HEADER_BYTES:])
        case 0x01:
            if len(message) < 2 + _HPKE_LEAST_BYTES:
                raise MessageError("A hello is cut short.")
            if message[1] != VERSION:
                raise MessageError("A hello is of another version.")
            return Hello(message, message[2:])
        case 0x02:
            if len(message) < 1 + _HPKE_LEAST_BYTES:
                raise MessageError("A welcome is cut short.")
            return Welcome(message, message[1:])
        case 0x03:
            if len(message) < JOIN_HEADER_BYTES + TAG_BYTES:
                raise MessageError("A join is cut short.")
            header = message[:JOIN_HEADER_BYTES]
            lane = int.from_bytes(header[17:], "big")
            return Join(header[1:17], lane, header, message[JOIN_HEADER_BYTES:])
        case 0x05:
            if len(message) != 2 or message[1] not in list(Refusal):
                raise MessageError("A refusal is malformed.")
            return Refuse(Refusal(message[1]))
        case _:
            raise MessageError("A message is of an unknown type.")
