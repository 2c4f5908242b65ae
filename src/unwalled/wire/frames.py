"""The frames inside a record: docs/protocol/session.md, "Frames".

``decode_frames`` turns an authentic plaintext into values, ``Frame.encode`` does the reverse. Both are pure. A
plaintext that is not a row of valid frames raises FrameError; nothing of it is used then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from unwalled.errors import FrameError
from unwalled.settings import SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.varint import decode_varint, encode_varint

PADDING = 0x00


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong on the same lane."""

    TYPE: ClassVar[int] = 0x01
    id: int

    def encode(self) -> bytes:
        """Type ‖ id."""
        return b"\x01" + encode_varint(self.id)


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers the ping of the same id."""

    TYPE: ClassVar[int] = 0x02
    id: int

    def encode(self) -> bytes:
        """Type ‖ id."""
        return b"\x02" + encode_varint(self.id)


@dataclass(frozen=True, slots=True)
class Ack:
    """``count`` records have come in order on lane ``lane``; the newest waited ``delay_us`` for this ack."""

    TYPE: ClassVar[int] = 0x03
    lane: int
    count: int
    delay_us: int

    def encode(self) -> bytes:
        """Type ‖ lane ‖ count ‖ delay in microseconds."""
        return b"\x03" + encode_varint(self.lane) + encode_varint(self.count) + encode_varint(self.delay_us)


@dataclass(frozen=True, slots=True)
class Open:
    """Asks the gateway for a connection to ``target``; ``window`` is the largest offset it may send at first."""

    TYPE: ClassVar[int] = 0x10
    sid: int
    target: Target
    window: int

    def encode(self) -> bytes:
        """Type ‖ sid ‖ address ‖ window."""
        return b"\x10" + encode_varint(self.sid) + self.target.encode() + encode_varint(self.window)


@dataclass(frozen=True, slots=True)
class Opened:
    """The connection stands."""

    TYPE: ClassVar[int] = 0x11
    sid: int
    window: int

    def encode(self) -> bytes:
        """Type ‖ sid ‖ window."""
        return b"\x11" + encode_varint(self.sid) + encode_varint(self.window)


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream from ``offset`` on."""

    TYPE: ClassVar[int] = 0x12
    sid: int
    offset: int
    payload: bytes | memoryview

    def encode(self) -> bytes:
        """Type ‖ sid ‖ offset ‖ length ‖ bytes."""
        payload = self.payload
        return b"".join(
            (
                b"\x12",
                encode_varint(self.sid),
                encode_varint(self.offset),
                encode_varint(len(payload)),
                payload,
            )
        )


@dataclass(frozen=True, slots=True)
class Fin:
    """The sender's direction of a stream ends at ``final``."""

    TYPE: ClassVar[int] = 0x13
    sid: int
    final: int

    def encode(self) -> bytes:
        """Type ‖ sid ‖ final offset."""
        return b"\x13" + encode_varint(self.sid) + encode_varint(self.final)


@dataclass(frozen=True, slots=True)
class Reset:
    """Cuts a stream. ``final`` is how much its sender had sent, so that both ends count the session window alike."""

    TYPE: ClassVar[int] = 0x14
    sid: int
    code: Code
    final: int

    def encode(self) -> bytes:
        """Type ‖ sid ‖ code (1) ‖ final offset."""
        return b"\x14" + encode_varint(self.sid) + bytes((self.code.on_wire,)) + encode_varint(self.final)


@dataclass(frozen=True, slots=True)
class Window:
    """The other end may send up to ``limit``: of stream ``sid``, or for sid 0 of all streams together."""

    TYPE: ClassVar[int] = 0x15
    sid: int
    limit: int

    def encode(self) -> bytes:
        """Type ‖ sid ‖ limit."""
        return b"\x15" + encode_varint(self.sid) + encode_varint(self.limit)


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram of a flow, with its far address. ``number`` tells the copies of one from other datagrams."""

    TYPE: ClassVar[int] = 0x16
    sid: int
    number: int
    target: Target
    payload: bytes

    def encode(self) -> bytes:
        """Type ‖ sid ‖ number ‖ address ‖ length ‖ bytes."""
        head = b"\x16" + encode_varint(self.sid) + encode_varint(self.number)
        return head + self.target.encode() + encode_varint(len(self.payload)) + self.payload


@dataclass(frozen=True, slots=True)
class Close:
    """The session ends."""

    TYPE: ClassVar[int] = 0x17
    code: Code

    def encode(self) -> bytes:
        """Type ‖ code (1)."""
        return bytes((0x17, self.code.on_wire))


MAX_LANE = (1 << 32) - 1
LANE_UNNEEDED = 0
LANE_MISBEHAVED = 1
LANE_SILENT = 2


@dataclass(frozen=True, slots=True)
class LaneClose:
    """The sender does not use lane ``lane`` any more. Reasons: LANE_UNNEEDED, LANE_MISBEHAVED, LANE_SILENT."""

    TYPE: ClassVar[int] = 0x18
    lane: int
    reason: int

    def encode(self) -> bytes:
        """Type ‖ lane ‖ reason (1)."""
        return b"\x18" + encode_varint(self.lane) + bytes((self.reason,))


@dataclass(frozen=True, slots=True)
class OpenFlow:
    """Asks for a datagram flow."""

    TYPE: ClassVar[int] = 0x19
    sid: int

    def encode(self) -> bytes:
        """Type ‖ sid."""
        return b"\x19" + encode_varint(self.sid)


@dataclass(frozen=True, slots=True)
class OpenedFlow:
    """The datagram flow stands."""

    TYPE: ClassVar[int] = 0x1A
    sid: int

    def encode(self) -> bytes:
        """Type ‖ sid."""
        return b"\x1a" + encode_varint(self.sid)


@dataclass(frozen=True, slots=True)
class Limited:
    """The gateway has data that no lane had room for lately: the reader may add lanes."""

    TYPE: ClassVar[int] = 0x1B

    def encode(self) -> bytes:
        """Type."""
        return b"\x1b"


Frame = (
    Ping
    | Pong
    | Ack
    | Open
    | Opened
    | Data
    | Fin
    | Reset
    | Window
    | Datagram
    | Close
    | LaneClose
    | OpenFlow
    | OpenedFlow
    | Limited
)


def _byte(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise FrameError("A frame is cut short.")
    return data[at], at + 1


def _stream(data: bytes, at: int) -> tuple[int, int]:
    sid, at = decode_varint(data, at)
    if sid == 0:
        raise FrameError("A stream cannot have number 0.")
    return sid, at


def _payload(data: bytes, at: int, limit: int) -> tuple[bytes, int]:
    length, at = decode_varint(data, at)
    end = at + length
    if length > limit:
        raise FrameError("A frame's payload is too long.")
    if end > len(data):
        raise FrameError("A frame is cut short.")
    return data[at:end], end


def _ping(data: bytes, at: int) -> tuple[Frame, int]:
    value, at = decode_varint(data, at)
    return Ping(value), at


def _pong(data: bytes, at: int) -> tuple[Frame, int]:
    value, at = decode_varint(data, at)
    return Pong(value), at


def _ack(data: bytes, at: int) -> tuple[Frame, int]:
    lane, at = decode_varint(data, at)
    count, at = decode_varint(data, at)
    delay, at = decode_varint(data, at)
    return Ack(lane, count, delay), at


def _open(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = _stream(data, at)
    target, at = Target.decode(data, at)
    window, at = decode_varint(data, at)
    return Open(sid, target, window), at


def _opened(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = _stream(data, at)
    window, at = decode_varint(data, at)
    return Opened(sid, window), at


def _data(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = _stream(data, at)
    offset, at = decode_varint(data, at)
    payload, at = _payload(data, at, len(data))
    if not payload:
        raise FrameError("A data frame is empty.")
    return Data(sid, offset, payload), at


def _fin(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = _stream(data, at)
    final, at = decode_varint(data, at)
    return Fin(sid, final), at


def _reset(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = _stream(data, at)
    code, at = _byte(data, at)
    final, at = decode_varint(data, at)
    return Reset(sid, Code.from_wire(code), final), at


def _window(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = decode_varint(data, at)
    limit, at = decode_varint(data, at)
    return Window(sid, limit), at


def _datagram(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = _stream(data, at)
    number, at = decode_varint(data, at)
    target, at = Target.decode(data, at)
    payload, at = _payload(data, at, SESSION.max_datagram_bytes)
    return Datagram(sid, number, target, payload), at


def _close(data: bytes, at: int) -> tuple[Frame, int]:
    code, at = _byte(data, at)
    return Close(Code.from_wire(code)), at


def _lane_close(data: bytes, at: int) -> tuple[Frame, int]:
    lane, at = decode_varint(data, at)
    reason, at = _byte(data, at)
    if lane > MAX_LANE or reason > LANE_SILENT:
        raise FrameError("A lane is closed that cannot be, or for no known reason.")
    return LaneClose(lane, reason), at


def _open_flow(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = _stream(data, at)
    return OpenFlow(sid), at


def _opened_flow(data: bytes, at: int) -> tuple[Frame, int]:
    sid, at = _stream(data, at)
    return OpenedFlow(sid), at


def _limited(data: bytes, at: int) -> tuple[Frame, int]:
    return Limited(), at


_DECODERS: dict[int, Callable[[bytes, int], tuple[Frame, int]]] = {
    Ping.TYPE: _ping,
    Pong.TYPE: _pong,
    Ack.TYPE: _ack,
    Open.TYPE: _open,
    Opened.TYPE: _opened,
    Data.TYPE: _data,
    Fin.TYPE: _fin,
    Reset.TYPE: _reset,
    Window.TYPE: _window,
    Datagram.TYPE: _datagram,
    Close.TYPE: _close,
    LaneClose.TYPE: _lane_close,
    OpenFlow.TYPE: _open_flow,
    OpenedFlow.TYPE: _opened_flow,
    Limited.TYPE: _limited,
}


def decode_frames(data: bytes) -> list[Frame]:
    """All frames of a plaintext, in order. Raises FrameError when any part of it is not a valid frame."""
    frames: list[Frame] = []
    at, end = 0, len(data)
    while at < end:
        kind = data[at]
        if kind == PADDING:
            if data.count(0, at) != end - at:
                raise FrameError("Padding holds something else than zeros.")
            break
        decoder = _DECODERS.get(kind)
        if decoder is None:
            raise FrameError("A frame is of an unknown type.")
        frame, at = decoder(data, at + 1)
        frames.append(frame)
    return frames
