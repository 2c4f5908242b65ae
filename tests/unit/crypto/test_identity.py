from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from unwalled import datafolder
from unwalled.crypto import identity
from unwalled.crypto.hpke import seal_classical, seal_post_quantum
from unwalled.crypto.identity import KEYS_FILE, BundleExpired, KeyBundle, OperatorKeys, newest
from unwalled.errors import ConfigurationError, CryptoError

NOW = 1_800_000_000.0
KEYS = OperatorKeys.make(lambda count: bytes(range(count)))
STUN = ("stun:stun.example:3478",)


def signed(keys: OperatorKeys, *elements: object) -> bytes:
    body = msgspec.msgpack.encode(elements)
    return Ed25519PrivateKey.from_private_bytes(keys.identity_seed).sign(b"unwalled/1 keys" + body) + body


def with_sequence(sequence: int) -> KeyBundle:
    encoded = signed(KEYS, 1, sequence, KEYS.gateway_key().public, 0, [])
    return KeyBundle.verify(encoded, KEYS.identity, NOW)


def test_a_bundle_is_verified_and_says_what_was_signed() -> None:
    made = KEYS.bundle(STUN, int(NOW) + 1)
    read = KeyBundle.verify(made.encoded, KEYS.identity, NOW)
    assert read == made
    assert (read.sequence, read.stun, read.not_after_s) == (1, STUN, int(NOW) + 1)
    assert KEYS.gateway_key().open(seal_post_quantum(b"hi", read.gateway_key, b"i"), b"i") == b"hi"
    assert len(read.short_hash) == 8


def test_equal_keys_make_equal_bundles_so_that_readers_need_no_new_one() -> None:
    assert KEYS.bundle(STUN).encoded == KEYS.bundle(STUN).encoded
    assert KEYS.bundle(STUN).short_hash != KEYS.bundle(()).short_hash


def test_a_bundle_of_another_operator_is_refused() -> None:
    other = OperatorKeys.make(os.urandom)
    with pytest.raises(CryptoError, match="not signed"):
        KeyBundle.verify(other.bundle(STUN).encoded, KEYS.identity, NOW)


@given(at=st.integers(0, 1000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed(at: int, bit: int) -> None:
    encoded = bytearray(KEYS.bundle(STUN).encoded)
    encoded[at] ^= 1 << bit
    with pytest.raises(CryptoError):
        KeyBundle.verify(bytes(encoded), KEYS.identity, NOW)


@pytest.mark.parametrize("encoded", [b"", bytes(64), bytes(200)])
def test_what_is_no_bundle_is_refused(encoded: bytes) -> None:
    with pytest.raises(CryptoError):
        KeyBundle.verify(encoded, KEYS.identity, NOW)


@pytest.mark.parametrize(
    "elements",
    [
        (1, 1, b"short", 0, []),
        (1, -1, bytes(1216), 0, []),
        (1, 1, bytes(1216), 0, ["s"] * 9),
        (1, 1, bytes(1216), 0),
        ("1", 1, bytes(1216), 0, []),
    ],
)
def test_a_signed_bundle_of_a_wrong_form_is_refused(elements: tuple[object, ...]) -> None:
    with pytest.raises(CryptoError):
        KeyBundle.verify(signed(KEYS, *elements), KEYS.identity, NOW)


def test_a_bundle_of_a_later_version_says_so() -> None:
    with pytest.raises(CryptoError, match="newer"):
        KeyBundle.verify(signed(KEYS, 2, 1, bytes(1216), 0, []), KEYS.identity, NOW)


def test_a_bundle_whose_date_is_over_is_refused() -> None:
    with pytest.raises(BundleExpired):
        KeyBundle.verify(KEYS.bundle((), int(NOW)).encoded, KEYS.identity, NOW)


def test_an_older_bundle_cannot_replace_a_newer_one() -> None:
    second, third = with_sequence(2), with_sequence(3)
    assert newest(None, second) is second
    assert newest(second, third) is third
    assert newest(third, third) is third
    with pytest.raises(CryptoError, match="older"):
        newest(third, second)


def test_the_broker_key_opens_what_is_sealed_to_it() -> None:
    key = KEYS.broker_key()
    assert key.open(seal_classical(b"hi", key.public, b"i"), b"i") == b"hi"


def test_reprs_show_no_key() -> None:
    assert repr(KEYS) == "OperatorKeys(…)"
    assert repr(KEYS.bundle(())) == "KeyBundle(sequence=1)"


def test_keys_are_kept(tmp_path: Path) -> None:
    made = OperatorKeys.load_or_make(tmp_path / "data", os.urandom)
    assert OperatorKeys.load_or_make(tmp_path / "data", os.urandom) == made
    assert OperatorKeys.load(tmp_path / "data") == made
    assert OperatorKeys.load(tmp_path) is None
    assert os.listdir(tmp_path / "data") == [KEYS_FILE]


def test_only_the_owner_may_read_the_keys(tmp_path: Path) -> None:
    OperatorKeys.load_or_make(tmp_path / "data", os.urandom)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / KEYS_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_keys_that_others_may_read_are_refused_with_a_remedy(tmp_path: Path, mode: int) -> None:
    OperatorKeys.load_or_make(tmp_path, os.urandom)
    (tmp_path / KEYS_FILE).chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        OperatorKeys.load_or_make(tmp_path, os.urandom)
    assert "chmod 600" in caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93",
        b"junk",
        bytes(5000),
        msgspec.msgpack.encode([1, 1, b"short", bytes(32), bytes(96), bytes(32)]),
        msgspec.msgpack.encode([0, 1, bytes(32), bytes(32), bytes(96), bytes(32)]),
    ],
)
def test_damaged_keys_are_told_and_never_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / KEYS_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="damaged"):
        OperatorKeys.load_or_make(tmp_path, os.urandom)
    assert path.read_bytes() == content


def test_many_first_starts_at_once_end_up_with_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: OperatorKeys.load_or_make(tmp_path / "d", os.urandom), range(16)))
    assert len({keys.identity for keys in made}) == 1
    assert os.listdir(tmp_path / "d") == [KEYS_FILE]


def test_the_second_of_two_first_starts_takes_the_keys_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race above, with its order fixed: the other start writes between our look and our own writing."""
    first = OperatorKeys.make(os.urandom)
    create_private = datafolder.create_private

    def other_is_faster(path: Path, content: bytes) -> bool:
        assert create_private(path, first._encode())
        return create_private(path, content)

    monkeypatch.setattr(identity, "create_private", other_is_faster)
    assert OperatorKeys.load_or_make(tmp_path, os.urandom) == first


def test_keys_that_vanish_between_two_starts_are_not_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "create_private", lambda path, content: False)
    with pytest.raises(ConfigurationError):
        OperatorKeys.load_or_make(tmp_path, os.urandom)


def test_keys_of_a_newer_program_are_not_called_damaged(tmp_path: Path) -> None:
    datafolder.create_private(tmp_path / KEYS_FILE, msgspec.msgpack.encode([3, "whatever comes"]))
    with pytest.raises(ConfigurationError, match="written by a newer Unwalled"):
        OperatorKeys.load(tmp_path)
