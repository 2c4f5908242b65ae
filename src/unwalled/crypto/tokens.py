"""Invite tokens: proof that the operator gave an invite out, checked without a list (docs/protocol/invite.md).

Byte layout (28)::

    id        8   random; names the invite in the operator's book
    expiry    4   u32, seconds since 1970, 0 = never
    mac      16   first 16 bytes of HMAC-SHA256(invite key, "unwalled/1 token" ‖ id ‖ expiry)

::

    CryptoError
    └── TokenError
        ├── TokenForeign     not made with this operator's key (or cut, or changed)
        ├── TokenExpired     ours, and its time is over
        └── TokenRevoked     ours, and withdrawn by the operator
"""

from __future__ import annotations

import hmac

from unwalled.errors import CryptoError

TOKEN_BYTES = 28
ID_BYTES = 8
KEY_BYTES = 32
_EXPIRY_BYTES = 4
_MAC_BYTES = 16
_SIGNED_BYTES = ID_BYTES + _EXPIRY_BYTES
_CONTEXT = b"unwalled/1 token"
MAX_EXPIRY_S = (1 << 32) - 1


class TokenError(CryptoError):
    """A token does not let its holder in."""


class TokenForeign(TokenError):
    """The token was not made with this operator's key."""

    def __init__(self) -> None:
        super().__init__("The invite is not one of this operator's.", "Ask the operator for a new invite.")


class TokenExpired(TokenError):
    """The token is this operator's, but its time is over."""

    def __init__(self) -> None:
        super().__init__("The invite has expired.", "Ask the operator for a new invite.")


class TokenRevoked(TokenError):
    """The token is this operator's, but was withdrawn."""

    def __init__(self) -> None:
        super().__init__("The operator has withdrawn the invite.", "Ask the operator for a new invite.")


def mint_token(invite_key: bytes, invite_id: bytes, expires_s: int) -> bytes:
    """A token of 28 bytes. ``invite_id``: 8 random bytes; ``expires_s``: seconds since 1970, 0 = never.

    Raises ValueError for an id of another length, and for a date outside of 1970 to 2106.
    """
    if len(invite_id) != ID_BYTES or not 0 <= expires_s <= MAX_EXPIRY_S:
        raise ValueError("An invite's id or date is out of range.")
    signed = invite_id + expires_s.to_bytes(_EXPIRY_BYTES, "big")
    return signed + _mac(invite_key, signed)


def check_token(invite_key: bytes, token: bytes, now_wall_s: float) -> bytes:
    """The invite's id (8 bytes). Raises TokenForeign, or TokenExpired for a true token that is over.

    The comparison takes the same time wherever the MACs differ; a date is looked at only once the MAC is right.
    """
    signed, mac = token[:_SIGNED_BYTES], token[_SIGNED_BYTES:]
    if not hmac.compare_digest(mac, _mac(invite_key, signed)):
        raise TokenForeign
    expires_s = int.from_bytes(signed[ID_BYTES:], "big")
    if expires_s and expires_s <= now_wall_s:
        raise TokenExpired
    return signed[:ID_BYTES]


def invite_of(token: bytes) -> bytes:
    """The invite's id (8 bytes) that a token names. It proves nothing: ask ``check_token`` first."""
    return token[:ID_BYTES]


def _mac(invite_key: bytes, signed: bytes) -> bytes:
    return hmac.digest(invite_key, _CONTEXT + signed, "sha256")[:_MAC_BYTES]
