"""The secret that makes somebody the operator's admin: made by ``unwalled admin token``, shown once, kept as a hash.

``admin.json`` in the data folder (0600)::

    {"v": 1, "hash": "64 hex digits"}

The token has 256 random bits, so nobody finds it from its hash, or by trying; a hash that takes long would only be a
way to keep the operator busy. Blocking; the file is small, and is read again only when it has changed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.broker.limits import Prefixes, PrefixLimiter, Rate
from unwalled.crypto.identity import RandomBytes
from unwalled.datafolder import damaged, locked, newer, read_private, replace_private, stamp_of
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.bounds import ADMIN, AdminLimits
from unwalled.wire import b64

ADMIN_FILE = "admin.json"
LOCK_FILE = "admin.lock"
TOKEN_PREFIX = "uwadmin1."
"""So that a person, and a program that looks for secrets in texts, knows one."""
_VERSION = 1
_TOKEN_BYTES = 32
_CONTEXT = b"unwalled admin token 1\0"


class _Version(msgspec.Struct, frozen=True):
    v: int


class _File(msgspec.Struct, frozen=True):
    v: int
    hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class AdminToken:
    """The token of one data folder. The command line changes it while an operator runs, which sees that at once."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigurationError when the file is damaged, or when others may read it."""
        self._path = folder / ADMIN_FILE
        self._lock = folder / LOCK_FILE
        self._stamp = stamp_of(self._path)
        self._hash = self._read()

    @property
    def hash(self) -> bytes:
        """What is kept; empty when there is no token. A file that has become unreadable counts as none."""
        stamp = stamp_of(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._hash = self._read()
            except ConfigurationError:
                self._hash = b""
        return self._hash

    @property
    def is_set(self) -> bool:
        """Whether anybody can be the admin."""
        return bool(self.hash)

    def is_right(self, token: str) -> bool:
        """Whether this is the token. Takes as long for a good guess as for a bad one."""
        held = self.hash
        return hmac.compare_digest(_hash_of(token), held) and bool(held)

    def make(self, random_bytes: RandomBytes, *, replace: bool = False) -> str:
        """A new token, for the only time. Raises UsageError when there is one and ``replace`` is not set."""
        token = TOKEN_PREFIX + b64.encode(random_bytes(_TOKEN_BYTES))
        with locked(self._lock):
            if self._path.exists() and not replace:
                raise UsageError(
                    "There is an admin token already, and it cannot be shown again.",
                    "With --replace a new one takes its place, and the old one opens nothing any more.",
                )
            replace_private(
                self._path, msgspec.json.format(msgspec.json.encode(_File(_VERSION, _hash_of(token).hex())))
            )
        return token

    def remove(self) -> bool:
        """Takes the token away, so that nobody is the admin; False when there was none. Raises ConfigurationError."""
        with locked(self._lock):
            try:
                self._path.unlink()
            except FileNotFoundError:
                return False
            except OSError as error:
                raise ConfigurationError(
                    f"{ADMIN_FILE} cannot be removed from the data folder ({error.strerror}).",
                    "Run this as the user who owns the data folder.",
                ) from None
        return True

    def _read(self) -> bytes:
        content = read_private(self._path, ADMIN.token_file_bytes)
        if content is None:
            return b""
        try:
            if msgspec.json.decode(content, type=_Version).v > _VERSION:
                raise newer(self._path)
            held = msgspec.json.decode(content, type=_File)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise damaged(self._path) from None
        if held.v != _VERSION:
            raise damaged(self._path)
        return bytes.fromhex(held.hash)

    def __repr__(self) -> str:
        return "AdminToken(…)"


class WrongTokens:
    """How often a part of the network may be wrong. ``now`` is monotonic. Holds hashed prefixes, no address."""

    def __init__(self, limits: AdminLimits = ADMIN) -> None:
        self._limiter = PrefixLimiter(
            Rate(limits.wrong_tokens_per_s, limits.wrong_tokens_burst),
            Rate(limits.wide_wrong_tokens_per_s, limits.wide_wrong_tokens_burst),
            limits.limiter_entries,
        )

    def wait_s(self, prefixes: Prefixes, now: float) -> float:
        """Seconds until a token from there is looked at again; 0.0 = now."""
        return self._limiter.wait_s(prefixes, now)

    def count(self, prefixes: Prefixes, now: float) -> None:
        """A token from there was wrong."""
        self._limiter.take(prefixes, now)


class Logins:
    """Browsers that have shown the token and hold a cookie since. In memory: logins end with the process."""

    def __init__(self, random_bytes: RandomBytes, limits: AdminLimits = ADMIN) -> None:
        self._random_bytes = random_bytes
        self._limits = limits
        self._held: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        """By the cookie's hash: until when, and with which token's hash."""

    def open(self, token_hash: bytes, now: float) -> str:
        """A new cookie's value."""
        cookie = b64.encode(self._random_bytes(_TOKEN_BYTES))
        self._held[_hash_of(cookie)] = (now + self._limits.login_s, token_hash)
        if len(self._held) > self._limits.logins:
            self._held.popitem(last=False)
        return cookie

    def holds(self, cookie: str, token_hash: bytes, now: float) -> bool:
        """Whether the cookie is one of ours, not too old, and of the token that holds today."""
        # What is looked up is a hash, so that the time of the look-up says nothing about a cookie.
        name = _hash_of(cookie)
        ends_at, of_token = self._held.get(name, (now, b""))
        if ends_at > now and token_hash and hmac.compare_digest(of_token, token_hash):
            return True
        self._held.pop(name, None)
        return False

    def close(self, cookie: str) -> None:
        """Logs one browser out. An unknown one does nothing."""
        self._held.pop(_hash_of(cookie), None)


def _hash_of(secret: str) -> bytes:
    return hashlib.sha256(_CONTEXT + secret.encode(errors="surrogateescape")).digest()
