"""Keys and records of a lane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.crypto.keys import LaneCipher, derive_master
from unwalled.errors import CryptoError
from unwalled.wire.messages import RECORD_HEADER_BYTES, record_header

MASTER = bytes(32)


def pair(records_per_key: int = 4) -> tuple[LaneCipher, LaneCipher]:
    """A sealer and its opener."""
    return LaneCipher(MASTER, "r2g", 1, records_per_key), LaneCipher(MASTER, "r2g", 1, records_per_key)


def seal(cipher: LaneCipher, plaintext: bytes) -> tuple[bytes, bytes]:
    """A record's ciphertext and header."""
    message = cipher.seal(plaintext, record_header(cipher.number))
    return message[RECORD_HEADER_BYTES:], message[:RECORD_HEADER_BYTES]


def test_records_open_in_order_over_many_keys() -> None:
    sealer, opener = pair()
    seen = set()
    for number in range(50):
        assert opener.number == number
        record = seal(sealer, b"same")
        seen.add(record[0])
        assert opener.open(*record) == b"same"
    assert len(seen) == 50


def test_both_ends_must_renew_at_the_same_number() -> None:
    sealer, opener = pair(4)[0], LaneCipher(MASTER, "r2g", 1, 5)
    for _ in range(4):
        opener.open(*seal(sealer, b""))
    with pytest.raises(CryptoError):
        opener.open(*seal(sealer, b""))


def test_a_record_that_does_not_open_changes_nothing() -> None:
    sealer, opener = pair()
    first, second = seal(sealer, b"one"), seal(sealer, b"two")
    for wrong in (
        second,
        (first[0], second[1]),
        (b"", first[1]),
        (first[0][:-1], first[1]),
        (first[0] + b"\0", first[1]),
    ):
        with pytest.raises(CryptoError):
            opener.open(*wrong)
        assert opener.number == 0
    assert opener.open(*first) == b"one"
    with pytest.raises(CryptoError):
        opener.open(*first)
    assert opener.open(*second) == b"two"


@given(st.integers(0, 10_000))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    sealer, opener = pair()
    message = bytearray(sealer.seal(b"some plaintext", record_header(0)))
    message[bit // 8 % len(message)] ^= 1 << bit % 8
    with pytest.raises(CryptoError):
        opener.open(bytes(message[RECORD_HEADER_BYTES:]), bytes(message[:RECORD_HEADER_BYTES]))


@pytest.mark.parametrize(
    "other",
    [LaneCipher(MASTER, "g2r", 1), LaneCipher(MASTER, "r2g", 2), LaneCipher(b"\1" * 32, "r2g", 1)],
)
def test_lanes_directions_and_sessions_have_keys_of_their_own(other: LaneCipher) -> None:
    with pytest.raises(CryptoError):
        other.open(*seal(pair()[0], b"x"))


def test_the_master_depends_on_transcript_and_secrets() -> None:
    masters = {derive_master(t, s) for t in (b"a" * 64, b"b" * 64) for s in (b"c" * 64, b"d" * 64)}
    assert len(masters) == 4
    assert all(len(master) == 32 for master in masters)


def test_the_repr_shows_no_key() -> None:
    cipher = pair()[0]
    assert cipher._secret.hex() not in repr(cipher)
    assert not hasattr(cipher, "__dict__")
