"""The sealed request and reply between reader and broker (docs/protocol/signalling.md): any door may carry them.

Byte layouts::

    request   0x01 ‖ key id (first 4 bytes of SHA-256 of the broker key) ‖ enc (32) ‖ ciphertext
    reply     enc (32) ‖ ciphertext

The plaintext is JSON; spaces behind it bring its size to a multiple of 1 KiB.
"""

from __future__ import annotations

from unwalled.crypto.hpke import (
    CLASSICAL_ENC_BYTES,
    TAG_BYTES,
    ClassicalPrivateKey,
    seal_classical,
    sha256,
)
from unwalled.errors import CryptoError, SignallingError
from unwalled.settings import SIGNALLING

_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_HEAD_BYTES = 1 + _KEY_ID_BYTES
_LEAST_BYTES = _HEAD_BYTES + CLASSICAL_ENC_BYTES + TAG_BYTES
_REQUEST_INFO = b"unwalled/1 match request"
_REPLY_INFO = b"unwalled/1 match reply"


def seal_request(plaintext: bytes, broker_key: bytes) -> bytes:
    """A request body for the broker. Raises SignallingError when it would be too large, CryptoError for a bad key."""
    check_request_size(plaintext)
    return _VERSION + _key_id(broker_key) + seal_classical(_padded(plaintext), broker_key, _REQUEST_INFO)


def check_request_size(plaintext: bytes) -> None:
    """Raises SignallingError when the sealed request would be too large."""
    if len(_padded(plaintext)) + _LEAST_BYTES > SIGNALLING.max_request_bytes:
        raise SignallingError("A request is too large to be sent.", "Ask for fewer lanes at once.")


def open_request(body: bytes, *keys: ClassicalPrivateKey) -> bytes:
    """The plaintext of a request, by the one of ``keys`` to which it is sealed.

    Raises SignallingError (another version or key) or CryptoError (does not open).
    """
    if len(body) < _LEAST_BYTES or body[:1] != _VERSION:
        raise SignallingError("A request is not of a form that this broker knows.")
    for key in keys:
        if is_sealed_to(body, sha256(key.public)):
            return key.open(body[_HEAD_BYTES:], _REQUEST_INFO)
    raise SignallingError("A request is sealed to a key that this broker does not hold.")


def is_sealed_to(body: bytes, name: bytes) -> bool:
    """Whether a request says that it is sealed to the broker key of this name, its SHA-256."""
    return body[1:_HEAD_BYTES] == name[:_KEY_ID_BYTES]


def request_enc(body: bytes) -> bytes:
    """The encapsulated key (32 bytes) of a request: new for each, so that a repeated one is a replay."""
    return body[_HEAD_BYTES : _HEAD_BYTES + CLASSICAL_ENC_BYTES]


def seal_reply(plaintext: bytes, reply_key: bytes, request_body: bytes) -> bytes:
    """A reply for the reader who made ``request_body``. Raises CryptoError when its reply key is none."""
    return seal_classical(_padded(plaintext), reply_key, _REPLY_INFO + sha256(request_body))


def open_reply(body: bytes, reply_key: ClassicalPrivateKey, request_body: bytes) -> bytes:
    """The plaintext of the reply to ``request_body``; only the broker can have made it. Raises CryptoError."""
    if len(body) < CLASSICAL_ENC_BYTES + TAG_BYTES:
        raise CryptoError("A reply is cut short.")
    return reply_key.open(body, _REPLY_INFO + sha256(request_body))


def _key_id(public: bytes) -> bytes:
    return sha256(public)[:_KEY_ID_BYTES]


def _padded(plaintext: bytes) -> bytes:
    return plaintext + b" " * (-len(plaintext) % SIGNALLING.pad_bytes)
