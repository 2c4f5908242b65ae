"""The operator's keys, the data folder that keeps them, and the signed key bundle that brings them to readers.

Key bundle (docs/protocol/invite.md)::

    signature   64   Ed25519 by the identity over "unwalled/1 keys" ‖ body
    body             MessagePack array: version (1), sequence (u64), gateway key (bin 1216),
                     not after (u64, seconds since 1970, 0 = never), array of STUN URLs

Data folder: ``keys.msgpack``, a MessagePack array of version (1), sequence, identity seed (32), broker seed (32),
gateway seed (96) and invite key (32). It is made once. Whoever renews keys (crypto/rotation.py) puts version 2 in its
place, with two elements more::

    dates     array of when the keys of broker, gateway and invites were made (u64, seconds since 1970, 0 = at the
    start) past      array of [kind, name (bin 32), secret (bin; empty once its time is over), ends (u64), replaced
    (u64)]
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from unwalled.crypto.hpke import (
    POST_QUANTUM_KEY_BYTES,
    SEED_BYTES,
    ClassicalPrivateKey,
    PostQuantumPrivateKey,
    sha256,
)
from unwalled.crypto.tokens import KEY_BYTES
from unwalled.datafolder import create_private, damaged, make_private_folder, newer, read_private, replace_private
from unwalled.errors import CryptoError
from unwalled.settings import SIGNALLING

RandomBytes = Callable[[int], bytes]
"""Gives as many random bytes as it is asked for; ``os.urandom`` outside of tests."""

KEYS_FILE = "keys.msgpack"
IDENTITY_BYTES = 32
SIGNATURE_BYTES = 64
BUNDLE_HASH_BYTES = 8
_VERSION = 1
_RENEWED_VERSION = 2
_MAX_FILE_BYTES = 8192
MAX_PAST_KEYS = 24
_CONTEXT = b"unwalled/1 keys"

_Seed = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_U64 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class _KeysVersion(msgspec.Struct, array_like=True, frozen=True):
    version: int


class _KeysFile(msgspec.Struct, array_like=True, frozen=True):
    version: int
    sequence: _U64
    identity_seed: _Seed
    broker_seed: _Seed
    gateway_seed: Annotated[bytes, msgspec.Meta(min_length=SEED_BYTES, max_length=SEED_BYTES)]
    invite_key: Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]


class KeyKind(IntEnum):
    """Which of an operator's keys can be renewed. The identity cannot: everybody's trust starts from it."""

    BROKER = 0
    GATEWAY = 1
    INVITES = 2


class PastKey(msgspec.Struct, array_like=True, frozen=True):
    """A key that was replaced. Until its time is over, what was made for it goes on. Its repr shows nothing secret."""

    kind: KeyKind
    name: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    """SHA-256 of the public key; of an invite key, which has none, of the secret under a word of its own."""
    secret: Annotated[bytes, msgspec.Meta(max_length=SEED_BYTES)]
    """b"" once it was forgotten."""
    ends_s: _U64
    """Seconds since 1970."""
    replaced_s: _U64
    """The same: what was made before is for this key, or for an older one."""

    def __repr__(self) -> str:
        return f"PastKey({self.kind.name}, ends_s={self.ends_s})"

    def holds(self, now_wall_s: float) -> bool:
        """Whether it still counts."""
        return bool(self.secret) and now_wall_s < self.ends_s


class _RenewedFile(_KeysFile, array_like=True, frozen=True):
    dates: Annotated[list[_U64], msgspec.Meta(min_length=3, max_length=3)]
    past: Annotated[list[PastKey], msgspec.Meta(max_length=MAX_PAST_KEYS)]


class _BundleBody(msgspec.Struct, array_like=True, frozen=True):
    version: int
    sequence: _U64
    gateway_key: Annotated[bytes, msgspec.Meta(min_length=POST_QUANTUM_KEY_BYTES, max_length=POST_QUANTUM_KEY_BYTES)]
    not_after_s: _U64
    stun: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=SIGNALLING.max_url_chars)]],
        msgspec.Meta(max_length=SIGNALLING.max_stun_urls),
    ]


class BundleExpired(CryptoError):
    """The operator's signature is right, but the bundle's last day is over."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyBundle:
    """What the operator signed for its readers: where a session's first message is sealed to. Public."""

    sequence: int
    gateway_key: bytes
    not_after_s: int
    stun: tuple[str, ...]
    encoded: bytes
    """Signature and body, as they travel."""

    def __repr__(self) -> str:
        return f"KeyBundle(sequence={self.sequence})"

    @property
    def short_hash(self) -> bytes:
        """The first 8 bytes of the SHA-256 of the whole bundle; a request names the held bundle by it."""
        return sha256(self.encoded)[:BUNDLE_HASH_BYTES]

    @classmethod
    def verify(cls, encoded: bytes, identity: bytes, now_wall_s: float) -> KeyBundle:
        """Reads a bundle that ``identity`` (Ed25519, 32 bytes) signed.

        Raises BundleExpired when its date is over, and CryptoError when it is not the operator's or cannot be read.
        """
        signature, body = encoded[:SIGNATURE_BYTES], encoded[SIGNATURE_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(identity).verify(signature, _CONTEXT + body)
            fields = msgspec.msgpack.decode(body, type=_BundleBody)
        except (InvalidSignature, ValueError, msgspec.MsgspecError):
            raise CryptoError("The gateway's key is not signed by the operator of the invite.") from None
        if fields.version != _VERSION:
            raise CryptoError("The gateway's key is of a newer version.", "Install a newer Unwalled.")
        if fields.not_after_s and fields.not_after_s <= now_wall_s:
            raise BundleExpired(
                "The gateway's key is out of date.", "Check this computer's clock, or ask the operator."
            )
        return cls(fields.sequence, fields.gateway_key, fields.not_after_s, tuple(fields.stun), encoded)


def newest(held: KeyBundle | None, received: KeyBundle) -> KeyBundle:
    """The bundle to go on with. Raises CryptoError when the received one is older than the one held.

    So an old key that was stolen after its replacement cannot be brought back by whoever holds it.
    """
    if held is not None and received.sequence < held.sequence:
        raise CryptoError("The broker sent an older gateway key than it sent before.")
    return received


@dataclass(frozen=True, slots=True, repr=False)
class OperatorKeys:
    """All secrets of an operator. Its repr shows nothing."""

    sequence: int
    """Of the key bundle; grows when the gateway's key is renewed."""
    identity_seed: bytes
    broker_seed: bytes
    gateway_seed: bytes
    invite_key: bytes
    dates: tuple[int, int, int] = (0, 0, 0)
    """By KeyKind: when it was made, in seconds since 1970, or 0 for at the first start."""
    past: tuple[PastKey, ...] = ()
    """Oldest first."""

    def __repr__(self) -> str:
        return "OperatorKeys(…)"

    @classmethod
    def make(cls, random_bytes: RandomBytes) -> OperatorKeys:
        """New keys."""
        return cls(1, random_bytes(32), random_bytes(32), random_bytes(SEED_BYTES), random_bytes(KEY_BYTES))

    @classmethod
    def load_or_make(cls, folder: Path, random_bytes: RandomBytes) -> OperatorKeys:
        """The keys of a data folder, made on the first start. Of two first starts at once both get the same keys.

        Raises ConfigurationError when the file is damaged or others may read it; it is left as it is.
        """
        make_private_folder(folder)
        held = cls.load(folder)
        if held is not None:
            return held
        made = cls.make(random_bytes)
        if create_private(folder / KEYS_FILE, made._encode()):
            return made
        other = cls.load(folder)
        if other is None:
            raise damaged(folder / KEYS_FILE)
        return other

    @classmethod
    def load(cls, folder: Path) -> OperatorKeys | None:
        """The keys of a data folder, or None when it has none. Raises ConfigurationError as above."""
        path = folder / KEYS_FILE
        content = read_private(path, _MAX_FILE_BYTES)
        if content is None:
            return None
        try:
            version = msgspec.msgpack.decode(content, type=_KeysVersion).version
            if version > _RENEWED_VERSION:
                raise newer(path)
            kind = _RenewedFile if version == _RENEWED_VERSION else _KeysFile
            fields = msgspec.msgpack.decode(content, type=kind)
        except msgspec.MsgspecError:
            raise damaged(path) from None
        if version < _VERSION:
            raise damaged(path)
        made = cls(fields.sequence, fields.identity_seed, fields.broker_seed, fields.gateway_seed, fields.invite_key)
        if not isinstance(fields, _RenewedFile):
            return made
        broker, gateway, invites = fields.dates
        return replace(made, dates=(broker, gateway, invites), past=tuple(fields.past))

    def save(self, folder: Path) -> None:
        """Puts renewed keys in place. Hold the lock of the folder. Raises ConfigurationError."""
        replace_private(folder / KEYS_FILE, self._encode())

    @property
    def identity(self) -> bytes:
        """The Ed25519 public key (32 bytes) that stands in invites."""
        return Ed25519PrivateKey.from_private_bytes(self.identity_seed).public_key().public_bytes_raw()

    def broker_key(self) -> ClassicalPrivateKey:
        """The key to which readers seal their requests; ``.public`` stands in invites."""
        return ClassicalPrivateKey(self.broker_seed)

    def broker_keys(self, now_wall_s: float) -> list[ClassicalPrivateKey]:
        """All keys that open readers' requests now, the newest first."""
        return [
            self.broker_key(),
            *(ClassicalPrivateKey(one) for one in self._past_secrets(KeyKind.BROKER, now_wall_s)),
        ]

    def gateway_keys(self, now_wall_s: float) -> list[PostQuantumPrivateKey]:
        """All keys that open hellos now, the newest first."""
        past = self._past_secrets(KeyKind.GATEWAY, now_wall_s)
        return [self.gateway_key(), *(PostQuantumPrivateKey(one) for one in past)]

    def invite_keys(self, now_wall_s: float) -> list[bytes]:
        """All keys by which tokens are good now, the newest first."""
        return [self.invite_key, *self._past_secrets(KeyKind.INVITES, now_wall_s)]

    def _past_secrets(self, kind: KeyKind, now_wall_s: float) -> list[bytes]:
        return [one.secret for one in reversed(self.past) if one.kind is kind and one.holds(now_wall_s)]

    def sign(self, message: bytes) -> bytes:
        """The identity's signature, 64 bytes. ``message`` begins with a word that says what it is."""
        return Ed25519PrivateKey.from_private_bytes(self.identity_seed).sign(message)

    def naming_key(self) -> bytes:
        """The key of the names by which bridges tell readers apart, 32 bytes; the same after a restart."""
        return hmac.digest(self.broker_seed, b"unwalled/1 names of readers", "sha256")

    def store_key(self) -> bytes:
        """What only the operator's own processes know, 32 bytes: hides what they keep in a store that they share.

        Of the identity, which is never renewed: processes that read the keys before and after a renewal still meet.
        """
        return hmac.digest(self.identity_seed, b"unwalled/1 shared store", "sha256")

    def gateway_key(self) -> PostQuantumPrivateKey:
        """The key to which readers seal a session's hello; ``.public`` stands in the bundle."""
        return PostQuantumPrivateKey(self.gateway_seed)

    def bundle(self, stun: Sequence[str], not_after_s: int = 0) -> KeyBundle:
        """The signed bundle. Ed25519 is deterministic, so that equal keys and STUN lists make equal bytes."""
        public = self.gateway_key().public
        body = msgspec.msgpack.encode(_BundleBody(_VERSION, self.sequence, public, not_after_s, list(stun)))
        return KeyBundle(self.sequence, public, not_after_s, tuple(stun), self.sign(_CONTEXT + body) + body)

    def _encode(self) -> bytes:
        secrets = (self.identity_seed, self.broker_seed, self.gateway_seed, self.invite_key)
        if self.past or any(self.dates):
            renewed = _RenewedFile(_RENEWED_VERSION, self.sequence, *secrets, list(self.dates), list(self.past))
            return msgspec.msgpack.encode(renewed)
        # As programs of before renewals wrote and read it.
        return msgspec.msgpack.encode(_KeysFile(_VERSION, self.sequence, *secrets))
