"""Which sites were found to be blocked, for a while. Pure: time comes in, seconds since 1970.

A file, or a picture of this program's memory, that names the blocked sites that somebody visits is dangerous. So names
are never kept: only a keyed hash of each, under a key that is new in each run. A question is answered by hashing it as
well. Where the person wants this remembered over a restart, key and hashes are written together; who has that file can
test names against it, one by one (docs/explanation/threat-model.md).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from unwalled.network.names import canonical_name
from unwalled.rules.bounds import RULES, RulesLimits

KEY_BYTES = 32
HASH_BYTES = 16
_CLOCK_SLACK_S = 300.0


class Sign(StrEnum):
    """What showed that a site is blocked."""

    FORGED_NAME = "forged-name"
    """The look-up gave an address at which no site is."""
    NO_NAME = "no-name"
    """The look-up here knew no such name, and the gateway could connect to it."""
    NO_CONNECTION = "no-connection"
    """The site took no connection in time, or the way to it was closed."""
    RESET = "reset"
    """The connection was cut before the first byte of an answer."""
    SILENCE = "silence"
    """A first message got no answer in time."""
    OTHER_ANSWER = "other-answer"
    """What answered a TLS hello was not TLS, or an answer led to an address in a private network."""
    CERTIFICATE = "certificate"
    """The program itself broke the TLS handshake off as it does when a certificate is wrong, more than once."""


_SURE = frozenset({Sign.FORGED_NAME, Sign.RESET, Sign.OTHER_ANSWER})


@dataclass(frozen=True, slots=True)
class Learned:
    """One site that is remembered: when it was found, until when that counts, what showed it."""

    since: float
    until: float
    sign: Sign


class Memory:
    """Bounded; what is oldest is forgotten first."""

    def __init__(self, key: bytes, limits: RulesLimits = RULES) -> None:
        """``key``: 32 random bytes."""
        self._key = key
        self._limits = limits
        self._learned: dict[bytes, Learned] = {}
        """In the order in which they were found."""
        self._doubts: dict[bytes, tuple[float, int]] = {}
        """Since when, and how many."""

    def __repr__(self) -> str:
        return f"Memory({len(self._learned)})"

    def _hash(self, host: str) -> bytes:
        name = canonical_name(host).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(name, digest_size=HASH_BYTES, key=self._key).digest()

    def add(self, host: str, sign: Sign, now: float) -> None:
        """The direct way to this host is blocked, and bridges lead to it."""
        limits = self._limits
        name = self._hash(host)
        lasts_s = limits.learned_surely_s if sign in _SURE else limits.learned_perhaps_s
        if (before := self._learned.pop(name, None)) is not None:
            lasts_s = max(lasts_s, 2 * (before.until - before.since))
        self._learned[name] = Learned(now, now + min(lasts_s, limits.learned_most_s), sign)
        self._doubts.pop(name, None)
        if len(self._learned) > limits.learned_sites:
            del self._learned[next(iter(self._learned))]

    def doubt(self, host: str, sign: Sign, now: float) -> bool:
        """A connection ended in a way that may mean that the site is blocked; True when that was once too often."""
        name = self._hash(host)
        since, count = self._doubts.pop(name, (now, 0))
        if not since - _CLOCK_SLACK_S <= now < since + self._limits.doubt_s:
            since, count = now, 0
        if count + 1 >= self._limits.doubts:
            self.add(host, sign, now)
            return True
        self._doubts[name] = since, count + 1
        if len(self._doubts) > self._limits.learned_sites:
            del self._doubts[next(iter(self._doubts))]
        return False

    def has(self, host: str, now: float) -> bool:
        """Whether this host counts as blocked."""
        found = self._learned.get(self._hash(host))
        return found is not None and _counts(found, now)

    def get(self, host: str, now: float) -> Learned | None:
        """What is known of a host that counts as blocked."""
        found = self._learned.get(self._hash(host))
        return found if found is not None and _counts(found, now) else None

    def forget(self, host: str) -> bool:
        """Whether there was something to forget."""
        name = self._hash(host)
        doubted = self._doubts.pop(name, None)
        return self._learned.pop(name, None) is not None or doubted is not None

    def forget_all(self) -> None:
        """Everything."""
        self._learned.clear()
        self._doubts.clear()

    def counts(self, now: float) -> dict[Sign, int]:
        """How many sites count as blocked, by what showed it."""
        return dict(Counter(found.sign for found in self._learned.values() if _counts(found, now)))

    # Over a restart.

    @property
    def key(self) -> bytes:
        """To be written beside ``rows``, if the person wants that."""
        return self._key

    def rows(self, now: float) -> list[tuple[bytes, Learned]]:
        """Hash and content of what still counts."""
        return [(name, found) for name, found in self._learned.items() if _counts(found, now)]

    def restore(self, rows: list[tuple[bytes, Learned]], now: float) -> None:
        """Takes back what ``rows`` gave, under the same key. What cannot be, or no longer counts, is left out."""
        for name, found in sorted(rows, key=lambda row: row[1].since)[-self._limits.learned_sites :]:
            lasts_s = found.until - found.since
            if len(name) == HASH_BYTES and 0 < lasts_s <= self._limits.learned_most_s and _counts(found, now):
                self._learned[name] = found


def _counts(found: Learned, now: float) -> bool:
    """A clock that was put back must not make anything last for years."""
    return found.since - _CLOCK_SLACK_S <= now < found.until
