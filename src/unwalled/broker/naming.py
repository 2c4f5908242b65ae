"""What readers are called at a bridge: one name for one reader, worth nothing to anybody else. Pure.

A bridge counts its people by these names. Two bridges cannot find by them that they serve the same reader, a bridge
that comes back from the same network with its salt meets the same names for the rest of the UTC day, and over days no
name says anything (docs/protocol/signalling.md, "Names of readers").
"""

from __future__ import annotations

import hmac

from unwalled.broker.limits import prefixes_of
from unwalled.wire import b64

KEY_BYTES = 32
_NAME_BYTES = 12
_DAY_S = 86_400


def key_of_day(key: bytes, now_wall_s: float) -> bytes:
    """A key for one UTC day, the same for all who have ``key``: over days, what is hashed under it says nothing."""
    day = int(now_wall_s // _DAY_S)
    return hmac.digest(key, b"day" + day.to_bytes(8, "big"), "sha256")


def naming_secret(key: bytes, salt: bytes, address: str, now_wall_s: float) -> bytes:
    """The secret of a bridge's names: the same for one salt, network (/24, /48) and UTC day, under the broker's key."""
    of_day = key_of_day(key, now_wall_s)
    return hmac.digest(of_day, salt + prefixes_of(address, of_day).narrow, "sha256")


def reader_name(secret: bytes, reader: bytes) -> str:
    """What a reader is called at the bridge with this secret; "" for one that does not say who it is."""
    return b64.encode(hmac.digest(secret, reader, "sha256")[:_NAME_BYTES]) if reader else ""
