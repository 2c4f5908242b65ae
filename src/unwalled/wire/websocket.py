"""The frames of a WebSocket (RFC 6455, section 5), as far as lanes need them: bytes in, whole messages out.

A lane carries binary messages of bounded size and no extensions, so whatever else may stand in a frame is a fault.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

Mask = Callable[[bytes, bytes], bytes]
"""``mask(data, key)``: each byte of ``data`` XOR the byte of the 4-byte ``key`` whose turn it is."""

_MAX_CONTROL_BYTES = 125
_FINAL = 0x80
_MASKED = 0x80


class Opcode(IntEnum):
    """What a frame is (section 11.8)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """WebSocket close codes that the protocol uses (docs/protocol/lane.md)."""

    ENDED = 1000
    PROTOCOL = 1002
    TOO_LARGE = 1009
    FULL = 1013


@dataclass(frozen=True, slots=True)
class Ping:
    """The other end asks for a pong with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Closing:
    """The other end closes, with this code; None when it gave none. Nothing comes after it."""

    code: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """The other end broke a rule; ``code`` is what it should be told. Nothing comes after it."""

    code: CloseCode


Event = bytes | Ping | Closing | Fault
"""What comes: a whole binary message, or something rarer."""


def slow_mask(data: bytes, key: bytes) -> bytes:
    """A Mask in plain Python: right everywhere, but 30 times as slow as one in C."""
    size = len(data)
    keys = int.from_bytes(key * (size // 4 + 1), "little") & ((1 << 8 * size) - 1)
    return (int.from_bytes(data, "little") ^ keys).to_bytes(size, "little")


def encode_head(opcode: Opcode, size: int, key: bytes = b"") -> bytes:
    """The head of a frame that is a whole message; ``key`` is the client's mask, b"" for a server."""
    masked = _MASKED if key else 0
    if size < 126:
        return bytes((_FINAL | opcode, masked | size)) + key
    if size < 1 << 16:
        return struct.pack("!BBH", _FINAL | opcode, masked | 126, size) + key
    return struct.pack("!BBQ", _FINAL | opcode, masked | 127, size) + key


def encode_close(code: int) -> bytes:
    """The payload of a close frame."""
    return code.to_bytes(2, "big")


class FrameReader:
    """Reads what one end sends. Feed it whatever arrives; it holds no more than one message and one frame.

    ``from_client``: whose frames these are; a client's are masked, a server's are not, and anything else is a fault.
    """

    __slots__ = ("_fragments", "_from_client", "_held", "_held_bytes", "_mask", "_max_bytes", "_over", "_wanted_bytes")

    def __init__(self, *, from_client: bool, max_bytes: int, mask: Mask = slow_mask) -> None:
        self._from_client = from_client
        self._max_bytes = max_bytes
        self._mask = mask
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._wanted_bytes = 2
        self._fragments: bytearray | None = None
        """The message that has begun and has more frames to come."""
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """What is complete with ``data``, in order. After a Closing or a Fault it gives nothing more."""
        events: list[Event] = []
        at = 0
        # Only the frame that had begun is put together: to join all that came would cost a copy of everything.
        while self._held and not self._over:
            missing = self._wanted_bytes - self._held_bytes
            piece = data[at : at + missing]
            self._held.append(piece)
            self._held_bytes += len(piece)
            at += len(piece)
            if len(piece) < missing:
                return events
            begun = b"".join(self._held)
            self._held = [begun] if self._frame(begun, 0, events) is None else []
            self._held_bytes = len(begun)
        while (end := self._frame(data, at, events)) is not None:
            at = end
        if at < len(data) and not self._over:
            self._held = [data[at:]]
            self._held_bytes = len(data) - at
        return events

    def _frame(self, data: bytes, at: int, events: list[Event]) -> int | None:
        """Reads the frame at ``at``; gives where the next one begins, or None when no whole one is left."""
        self._wanted_bytes = 2
        if self._over or len(data) - at < 2:
            return None
        first, second = data[at], data[at + 1]
        size = second & 0x7F
        body = at + 2
        if size > _MAX_CONTROL_BYTES:
            width = 2 if size == 126 else 8
            body += width
            if len(data) < body:
                self._wanted_bytes = body - at
                return None
            size = int.from_bytes(data[body - width : body], "big")
        if (fault := self._fault_in(first, bool(second & _MASKED), size)) is not None:
            self._end(Fault(fault), events)
            return None
        start = body + 4 if self._from_client else body
        end = start + size
        if len(data) < end:
            self._wanted_bytes = end - at
            return None
        payload = data[start:end]
        if self._from_client:
            payload = self._mask(payload, data[body:start])
        self._take(first, payload, events)
        return end

    def _fault_in(self, first: int, masked: bool, size: int) -> CloseCode | None:
        """What is wrong with a frame, as far as its head shows."""
        opcode, is_final = first & 0x0F, bool(first & _FINAL)
        is_control = opcode >= Opcode.CLOSE
        if first & 0x70 or masked is not self._from_client:
            return CloseCode.PROTOCOL
        if is_control:
            known = opcode <= Opcode.PONG and is_final and size <= _MAX_CONTROL_BYTES
            return None if known else CloseCode.PROTOCOL
        if opcode not in (Opcode.CONTINUATION, Opcode.BINARY):
            return CloseCode.PROTOCOL
        if (opcode == Opcode.CONTINUATION) is (self._fragments is None):
            return CloseCode.PROTOCOL
        if size + len(self._fragments or b"") > self._max_bytes:
            return CloseCode.TOO_LARGE
        return None

    def _take(self, first: int, payload: bytes, events: list[Event]) -> None:
        match first & 0x0F:
            case Opcode.BINARY if first & _FINAL:
                self._message(payload, events)
            case Opcode.BINARY:
                self._fragments = bytearray(payload)
            case Opcode.CONTINUATION:
                assert self._fragments is not None
                self._fragments += payload
                if first & _FINAL:
                    whole, self._fragments = bytes(self._fragments), None
                    self._message(whole, events)
            case Opcode.PING:
                events.append(Ping(payload))
            case Opcode.CLOSE:
                code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None
                self._end(Fault(CloseCode.PROTOCOL) if len(payload) == 1 else Closing(code), events)
            case _:
                pass  # A pong that nobody asked for means nothing.

    def _message(self, message: bytes, events: list[Event]) -> None:
        if message:
            events.append(message)
        else:
            self._end(Fault(CloseCode.PROTOCOL), events)

    def _end(self, event: Event, events: list[Event]) -> None:
        self._over = True
        self._fragments = None
        events.append(event)
