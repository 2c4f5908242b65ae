"""Renewing an operator's keys while what was made for the old ones goes on for a time. Pure but for randomness and
time.

The old secret of the broker is forgotten once its time is over, so that whoever takes the folder later opens no
request of back then. The broker still knows the key's name, and tells who asks with it, signed by the identity that is
pinned in their invite, that this key is over::

    signature   64   Ed25519 by the identity over "unwalled/1 key over" ‖ body
    body             MessagePack array: version (1), SHA-256 of the broker's public key (bin 32), when it ended (u64,
    seconds)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from unwalled.crypto.hpke import SEED_BYTES, ClassicalPrivateKey, PostQuantumPrivateKey, sha256
from unwalled.crypto.identity import (
    MAX_PAST_KEYS,
    SIGNATURE_BYTES,
    KeyKind,
    OperatorKeys,
    PastKey,
    RandomBytes,
)
from unwalled.crypto.tokens import KEY_BYTES

_VERSION = 1
_CONTEXT = b"unwalled/1 key over"
_INVITES_NAME = b"unwalled/1 name of an invite key"
_SECRET_BYTES = {KeyKind.BROKER: 32, KeyKind.GATEWAY: SEED_BYTES, KeyKind.INVITES: KEY_BYTES}


class _Over(msgspec.Struct, array_like=True, frozen=True):
    version: int
    name: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    ended_s: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


def renewed(
    keys: OperatorKeys, kinds: Iterable[KeyKind], now_s: int, ends_s: int, random_bytes: RandomBytes
) -> OperatorKeys:
    """New keys of these kinds. The old ones count until ``ends_s`` (seconds since 1970); now or earlier = no more at
    all.

    Then earlier ones of that kind end as well, also those whose time was not over.
    """
    for kind in sorted(set(kinds)):
        ends_now = ends_s <= now_s
        past = [_ended(one, now_s) if ends_now and one.kind is kind and one.holds(now_s) else one for one in keys.past]
        old = PastKey(kind, _name(keys, kind), _secret(keys, kind), ends_s, now_s)
        past.append(_ended(old, now_s) if ends_now else old)
        keys = _with(keys, kind, random_bytes(_SECRET_BYTES[kind]), now_s)
        keys = replace(keys, past=tuple(past[-MAX_PAST_KEYS:]))
    return keys


def forgetful(keys: OperatorKeys, now_s: float) -> OperatorKeys:
    """The same keys without the secrets of those whose time is over; ``keys`` itself when there is nothing to
    forget.
    """
    if not any(one.secret and not one.holds(now_s) for one in keys.past):
        return keys
    past = tuple(one if one.holds(now_s) else msgspec.structs.replace(one, secret=b"") for one in keys.past)
    return replace(keys, past=past)


def ended_broker_keys(keys: OperatorKeys, now_s: float) -> dict[bytes, bytes]:
    """For each broker key that is over: its name, and the signed word about it."""
    ended = [one for one in keys.past if one.kind is KeyKind.BROKER and not one.holds(now_s)]
    return {one.name: _signed(keys, one) for one in ended}


def says_that_it_is_over(word: bytes, identity: bytes, broker_key: bytes) -> bool:
    """Whether ``identity`` (Ed25519, 32 bytes) has signed that this broker key is over."""
    signature, body = word[:SIGNATURE_BYTES], word[SIGNATURE_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(identity).verify(signature, _CONTEXT + body)
        said = msgspec.msgpack.decode(body, type=_Over)
    except (InvalidSignature, ValueError, msgspec.MsgspecError):
        return False
    return said.version == _VERSION and said.name == sha256(broker_key)


def _ended(key: PastKey, now_s: int) -> PastKey:
    return msgspec.structs.replace(key, secret=b"", ends_s=now_s)


def _signed(keys: OperatorKeys, past: PastKey) -> bytes:
    body = msgspec.msgpack.encode(_Over(_VERSION, past.name, past.ends_s))
    return keys.sign(_CONTEXT + body) + body


def _secret(keys: OperatorKeys, kind: KeyKind) -> bytes:
    return {
        KeyKind.BROKER: keys.broker_seed,
        KeyKind.GATEWAY: keys.gateway_seed,
        KeyKind.INVITES: keys.invite_key,
    }[kind]


def _name(keys: OperatorKeys, kind: KeyKind) -> bytes:
    match kind:
        case KeyKind.BROKER:
            return sha256(ClassicalPrivateKey(keys.broker_seed).public)
        case KeyKind.GATEWAY:
            return sha256(PostQuantumPrivateKey(keys.gateway_seed).public)
        case _:
            return sha256(_INVITES_NAME + keys.invite_key)


def _with(keys: OperatorKeys, kind: KeyKind, secret: bytes, now_s: int) -> OperatorKeys:
    broker, gateway, invites = (now_s if kind is one else keys.dates[one] for one in KeyKind)
    keys = replace(keys, dates=(broker, gateway, invites))
    match kind:
        case KeyKind.BROKER:
            return replace(keys, broker_seed=secret)
        case KeyKind.GATEWAY:
            # Readers keep the bundle of the highest sequence.
            return replace(keys, gateway_seed=secret, sequence=keys.sequence + 1)
        case _:
            return replace(keys, invite_key=secret)
