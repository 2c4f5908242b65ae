"""The keys of a session's lanes, and the protection of their records (docs/protocol/session.md, "Keys", "Record")."""

from __future__ import annotations

from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from unwalled.errors import CryptoError
from unwalled.settings import SESSION

Direction = Literal["r2g", "g2r"]
_SECRET_BYTES = 32
_IV_BYTES = 12


def _expand(secret: bytes, label: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, b"unwalled/1 " + label).derive(secret)


def derive_master(transcript: bytes, secrets: bytes) -> bytes:
    """HKDF-Extract (RFC 5869) with the transcript as salt and both ends' secrets as key material; 32 bytes."""
    mac = HMAC(transcript, SHA256())
    mac.update(secrets)
    return mac.finalize()


class LaneCipher:
    """Protects one direction of one lane. Its key is renewed every ``records_per_key`` records, without a message.

    Its repr shows no key. ``number`` is the next record's number; it only ever grows by one, which makes a nonce
    unique and lets the receiver notice any loss, repetition or swap.
    """

    __slots__ = ("_aead", "_iv", "_records_per_key", "_secret", "number")

    def __init__(
        self, master: bytes, direction: Direction, lane: int, records_per_key: int = SESSION.records_per_key
    ) -> None:
        self._records_per_key = records_per_key
        self.number = 0
        self._use(_expand(master, direction.encode() + lane.to_bytes(4, "big"), _SECRET_BYTES))

    def _use(self, secret: bytes) -> None:
        self._secret = secret
        self._aead = ChaCha20Poly1305(_expand(secret, b"key", _SECRET_BYTES))
        self._iv = int.from_bytes(_expand(secret, b"iv", _IV_BYTES), "big")

    def _advance(self) -> None:
        self.number += 1
        if self.number % self._records_per_key == 0:
            self._use(_expand(self._secret, b"next", _SECRET_BYTES))

    def seal(self, plaintext: bytes, header: bytes) -> bytes:
        """``header`` ‖ ciphertext of the next record. The header is authenticated, and must hold its number."""
        nonce = (self._iv ^ self.number).to_bytes(_IV_BYTES, "big")
        sealed = header + self._aead.encrypt(nonce, plaintext, header)
        self._advance()
        return sealed

    def open(self, ciphertext: bytes | memoryview, header: bytes) -> bytes:
        """The plaintext of the next record. Raises CryptoError, and stays where it was, when it does not open."""
        nonce = (self._iv ^ self.number).to_bytes(_IV_BYTES, "big")
        try:
            plaintext = self._aead.decrypt(nonce, ciphertext, header)
        except InvalidTag:
            raise CryptoError("A record did not open.") from None
        self._advance()
        return plaintext
