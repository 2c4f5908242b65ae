"""Variable-length integers."""

from __future__ import annotations

import pytest

from unwalled.errors import FrameError
from unwalled.wire.varint import MAX_VARINT, decode_varint, encode_varint


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        # RFC 9000, appendix A.1.
        (151_288_809_941_952_652, "c2197c5eff14e88c"),
        (494_878_333, "9d7f3e7d"),
        (15_293, "7bbd"),
        (37, "25"),
        # Both sides of each length's bound.
        (0, "00"),
        (63, "3f"),
        (64, "4040"),
        (16_383, "7fff"),
        (16_384, "80004000"),
        (1_073_741_823, "bfffffff"),
        (1_073_741_824, "c000000040000000"),
        (MAX_VARINT, "ffffffffffffffff"),
    ],
)
def test_numbers_and_their_bytes(value: int, encoded: str) -> None:
    assert encode_varint(value).hex() == encoded
    assert decode_varint(b"\xff" + bytes.fromhex(encoded) + b"\xff", 1) == (value, 1 + len(encoded) // 2)


def test_a_longer_encoding_than_needed_is_fine() -> None:
    assert decode_varint(bytes.fromhex("4025"), 0) == (37, 2)


@pytest.mark.parametrize("cut", ["", "40", "800000", "c0000000000000"])
def test_a_number_that_is_cut_short(cut: str) -> None:
    with pytest.raises(FrameError):
        decode_varint(bytes.fromhex(cut), 0)


def test_a_number_that_is_too_large() -> None:
    with pytest.raises(ValueError):
        encode_varint(MAX_VARINT + 1)
