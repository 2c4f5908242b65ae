"""HPKE (RFC 9180) single-shot sealing with the two suites that the protocol uses.

``Classical``: DHKEM(X25519), HKDF-SHA256, ChaCha20-Poly1305. Public key 32 bytes, overhead 32 + 16.
``PostQuantum``: MLKEM768-X25519 (X-Wing, KEM 0x647a) with the same KDF and AEAD. Public key 1216 bytes
(ML-KEM-768 encapsulation key 1184 ‖ X25519 key 32), overhead 1120 + 16.

A sealed message is ``enc ‖ ciphertext``. The encapsulation draws its randomness from OpenSSL.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from unwalled.errors import CryptoError

_CLASSICAL = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_POST_QUANTUM = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)

CLASSICAL_KEY_BYTES = 32
CLASSICAL_ENC_BYTES = 32
POST_QUANTUM_KEY_BYTES = 1216
POST_QUANTUM_ENC_BYTES = 1120
SEED_BYTES = 96
TAG_BYTES = 16
_MLKEM_KEY_BYTES = 1184
_MLKEM_SEED_BYTES = 64


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, one after another."""
    digest = Hash(SHA256())
    for part in parts:
        digest.update(part)
    return digest.finalize()


class ClassicalPrivateKey:
    """An X25519 key that opens what was sealed to it. Its repr shows nothing."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """``seed``: 32 random bytes, the private key itself. Raises CryptoError for another length."""
        if len(seed) != CLASSICAL_KEY_BYTES:
            raise CryptoError("A key's seed has the wrong length.")
        self._key = X25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def check_peer(self, public: bytes) -> None:
        """Raises CryptoError for what nobody can seal to (RFC 7748 section 6.1). A third of what sealing costs."""
        try:
            self._key.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError:
            raise CryptoError("A public key is not one.") from None

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """The plaintext of ``enc ‖ ciphertext``. Raises CryptoError when it does not open."""
        try:
            return _CLASSICAL.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise CryptoError("A sealed message did not open.") from None


def seal_classical(plaintext: bytes, public: bytes, info: bytes) -> bytes:
    """Seals to a 32-byte X25519 key. Raises CryptoError for a key that is none."""
    try:
        return _CLASSICAL.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info)
    except (InvalidTag, ValueError):
        raise CryptoError("A public key is not one.") from None


class PostQuantumPrivateKey:
    """An ML-KEM-768 + X25519 key that opens what was sealed to it. Its repr shows nothing."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """``seed``: 96 random bytes, 64 for ML-KEM (FIPS 203 seed d ‖ z) and 32 for X25519.

        Raises CryptoError for another length.
        """
        if len(seed) != SEED_BYTES:
            raise CryptoError("A key's seed has the wrong length.")
        mlkem = MLKEM768PrivateKey.from_seed_bytes(seed[:_MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(seed[_MLKEM_SEED_BYTES:])
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """The plaintext of ``enc ‖ ciphertext``. Raises CryptoError when it does not open."""
        try:
            return _POST_QUANTUM.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise CryptoError("A sealed message did not open.") from None


def seal_post_quantum(plaintext: bytes, public: bytes, info: bytes) -> bytes:
    """Seals to a 1216-byte ML-KEM-768 + X25519 key. Raises CryptoError for a key that is none."""
    if len(public) != POST_QUANTUM_KEY_BYTES:
        raise CryptoError("A public key has the wrong length.")
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_KEY_BYTES]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_KEY_BYTES:]),
        )
        return _POST_QUANTUM.encrypt(plaintext, key, info)
    except (InvalidTag, ValueError):
        raise CryptoError("A public key is not one.") from None
