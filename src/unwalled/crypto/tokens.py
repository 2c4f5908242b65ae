"""Invite tokens: proof that the operator gave an invite out, checked without a list (docs/protocol/invite.md).

Byte layout (28)::

    id        8   random; names the invite in the operator's book
    expiry    4   u32, seconds since 1970, 0 = never
    mac      16   first 16 bytes of HMAC-SHA256(invite key, "unwalled/1 token" ‖ id ‖ expiry)

The token of a private swarm (crypto/swarm.py) has "unwalled/1 swarm token" there, and its id comes from the swarm's
tag.

::

    CryptoError
    └── TokenError
        ├── TokenForeign     not made with this operator's key (or cut, or changed)
        ├── TokenExpired     ours, and its time is over
        └── TokenRevoked     ours, and withdrawn by the operator
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from unwalled.errors import CryptoError

TOKEN_BYTES = 28
ID_BYTES = 8
KEY_BYTES = 32
_EXPIRY_BYTES = 4
_MAC_BYTES = 16
_SIGNED_BYTES = ID_BYTES + _EXPIRY_BYTES
_CONTEXT = b"unwalled/1 token"
_SWARM_CONTEXT = b"unwalled/1 swarm token"
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


@dataclass(frozen=True, slots=True)
class InviteTerms:
    """What the holders of one invite may have together: the one thing that broker and gateway know of an invite.

    0 = no bound but those that hold for every invite.
    """

    id: bytes
    """8 bytes; names it in the operator's book."""
    sessions: int = 0
    """At once."""
    bytes_day: int = 0
    """Carried in a day (UTC), both ways."""
    readers: int = 0
    """Runs of the reader's program that are told apart in a day (UTC)."""
    is_swarm: bool = False
    """It is good only with the secret from whose tag its id is made, and only for bridges of that private swarm."""


def mint_token(invite_key: bytes, invite_id: bytes, expires_s: int) -> bytes:
    """A token of 28 bytes. ``invite_id``: 8 random bytes; ``expires_s``: seconds since 1970, 0 = never.

    Raises ValueError for an id of another length, and for a date outside of 1970 to 2106.
    """
    if len(invite_id) != ID_BYTES or not 0 <= expires_s <= MAX_EXPIRY_S:
        raise ValueError("An invite's id or date is out of range.")
    signed = invite_id + expires_s.to_bytes(_EXPIRY_BYTES, "big")
    return signed + _mac(invite_key, signed)


def mint_swarm_token(invite_key: bytes, invite_id: bytes) -> bytes:
    """The token of a private swarm, whose id comes from its tag (crypto/swarm.py). It never expires."""
    signed = invite_id + bytes(_EXPIRY_BYTES)
    return signed + _mac(invite_key, signed, _SWARM_CONTEXT)


def read_token(invite_keys: Sequence[bytes], token: bytes, now_wall_s: float) -> InviteTerms:
    """Whose token it is, by any of the keys: of an invite, or of a private swarm. Raises TokenForeign or
    TokenExpired.
    """
    signed, mac = token[:_SIGNED_BYTES], token[_SIGNED_BYTES:]
    for invite_key in invite_keys:
        if hmac.compare_digest(mac, _mac(invite_key, signed, _SWARM_CONTEXT)):
            return InviteTerms(signed[:ID_BYTES], is_swarm=True)
        try:
            return InviteTerms(check_token(invite_key, token, now_wall_s))
        except TokenForeign:
            pass
    raise TokenForeign


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


def _mac(invite_key: bytes, signed: bytes, context: bytes = _CONTEXT) -> bytes:
    return hmac.digest(invite_key, context + signed, "sha256")[:_MAC_BYTES]
