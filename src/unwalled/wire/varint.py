"""Variable-length integers of RFC 9000 section 16: 1, 2, 4 or 8 bytes, the length in the two highest bits."""

from __future__ import annotations

from unwalled.errors import FrameError

MAX_VARINT = (1 << 62) - 1


def encode_varint(value: int) -> bytes:
    """The shortest encoding of ``value`` (0 to 2**62 - 1). Raises ValueError outside of that range."""
    if value < 0x40:
        return value.to_bytes(1, "big")
    if value < 0x4000:
        return (value | 0x4000).to_bytes(2, "big")
    if value < 0x4000_0000:
        return (value | 0x8000_0000).to_bytes(4, "big")
    if value <= MAX_VARINT:
        return (value | 0xC000_0000_0000_0000).to_bytes(8, "big")
    raise ValueError("A number is too large for a varint.")


def decode_varint(data: bytes, at: int) -> tuple[int, int]:
    """Reads the varint at ``at``; gives it and the position behind it. Longer encodings than needed are fine.

    Raises FrameError when ``data`` ends before the varint does.
    """
    if at >= len(data):
        raise FrameError("A number is cut short.")
    first = data[at]
    if first < 0x40:
        return first, at + 1
    size = 1 << (first >> 6)
    end = at + size
    if end > len(data):
        raise FrameError("A number is cut short.")
    return int.from_bytes(data[at:end], "big") & ((1 << (8 * size - 2)) - 1), end
