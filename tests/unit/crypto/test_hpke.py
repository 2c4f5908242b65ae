"""Sealing to a public key."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unwalled.crypto.hpke import (
    CLASSICAL_ENC_BYTES,
    POST_QUANTUM_ENC_BYTES,
    TAG_BYTES,
    ClassicalPrivateKey,
    PostQuantumPrivateKey,
    seal_classical,
    seal_post_quantum,
    sha256,
)
from unwalled.errors import CryptoError

CLASSICAL = ClassicalPrivateKey(bytes(range(32)))
POST_QUANTUM = PostQuantumPrivateKey(bytes(range(96)))
Key = ClassicalPrivateKey | PostQuantumPrivateKey
Seal = Callable[[bytes, bytes, bytes], bytes]
SUITES = pytest.mark.parametrize(
    ("key", "seal", "overhead"),
    [
        (CLASSICAL, seal_classical, CLASSICAL_ENC_BYTES + TAG_BYTES),
        (POST_QUANTUM, seal_post_quantum, POST_QUANTUM_ENC_BYTES + TAG_BYTES),
    ],
)


@SUITES
def test_what_is_sealed_opens(key: Key, seal: Seal, overhead: int) -> None:
    for plaintext in (b"", b"text", bytes(5000)):
        sealed = seal(plaintext, key.public, b"info")
        assert len(sealed) == overhead + len(plaintext)
        assert key.open(sealed, b"info") == plaintext


@SUITES
def test_what_was_changed_does_not(key: Key, seal: Seal, overhead: int) -> None:
    sealed = seal(b"text", key.public, b"info")
    for at in (0, 31, overhead - TAG_BYTES - 1, overhead - TAG_BYTES, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(CryptoError):
            key.open(bytes(changed), b"info")
    for cut in (0, 1, 31, 32, overhead - 1, len(sealed) - 1):
        with pytest.raises(CryptoError):
            key.open(sealed[:cut], b"info")
    with pytest.raises(CryptoError):
        key.open(sealed, b"other")


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32), b"\xff" * 33])
def test_keys_that_are_no_classical_ones(public: bytes) -> None:
    with pytest.raises(CryptoError):
        seal_classical(b"", public, b"")
    with pytest.raises(CryptoError):
        CLASSICAL.check_peer(public)


def test_a_key_to_which_one_can_seal_is_taken() -> None:
    CLASSICAL.check_peer(ClassicalPrivateKey(b"p" * 32).public)


@pytest.mark.parametrize("public", [b"", bytes(1215), b"\xff" * 1216, POST_QUANTUM.public[:1184] + bytes(32)])
def test_keys_that_are_no_post_quantum_ones(public: bytes) -> None:
    with pytest.raises(CryptoError):
        seal_post_quantum(b"", public, b"")


def test_a_seed_must_have_its_length() -> None:
    for length in (0, 95, 97):
        with pytest.raises(CryptoError):
            PostQuantumPrivateKey(bytes(length))
    with pytest.raises(CryptoError):
        ClassicalPrivateKey(bytes(31))


def test_reprs_show_no_key() -> None:
    for key in (CLASSICAL, POST_QUANTUM):
        assert "object at" in repr(key)


def test_sha256_of_parts() -> None:
    assert sha256(b"a", b"bc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
