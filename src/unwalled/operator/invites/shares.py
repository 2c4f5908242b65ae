"""What invites have used of their share of a day. Pure: the day, the secret and the amounts come from outside.

Bytes are counted for invites that have a bound of their own, and for private swarms. Readers are told apart by keyed
hashes of what their programs made up for one run; key and hashes are forgotten with the day, and are never written
anywhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from unwalled.operator.bounds import QUOTA, QuotaLimits
from unwalled.settings import MIB

_HASH_BYTES = 8


class DayShares:
    """One day (UTC) of one process. What other processes have used is taken over with ``take_over``."""

    def __init__(self, day: int, key: bytes, limits: QuotaLimits = QUOTA) -> None:
        """``key``: random, for this day only."""
        self.day = day
        self._key = key
        self._limits = limits
        self._used: dict[bytes, int] = {}
        self._unsaved: dict[bytes, int] = {}
        self._readers: dict[bytes, set[bytes]] = {}

    def use(self, invite: bytes, count: int, *, is_swarm: bool = False) -> int:
        """Counts bytes; gives all of the day. An invite past the table's bound counts as one that has used up all.

        Private swarms, which anybody may make, get half of the table: the operator's own invites find a place.
        """
        most = self._limits.counted_invites
        if invite not in self._used and len(self._used) >= (most // 2 if is_swarm else most):
            return self._limits.uncounted_bytes
        used = self._used[invite] = self._used.get(invite, 0) + count
        self._unsaved[invite] = self._unsaved.get(invite, 0) + count
        return used

    def used(self, invite: bytes) -> int:
        """Bytes of the day so far."""
        return self._used.get(invite, 0)

    def admit(self, invite: bytes, reader: bytes, most: int) -> bool:
        """Whether this reader is one of the first ``most`` of the day; b"" counts as another each time."""
        seen = self._readers.get(invite)
        if seen is None:
            if len(self._readers) >= self._limits.counted_invites:
                return False
            seen = self._readers[invite] = set()
        name = hmac.digest(self._key, reader or len(seen).to_bytes(8, "big"), "sha256")[:_HASH_BYTES]
        if name in seen:
            return True
        if len(seen) >= min(most, self._limits.most_readers):
            return False
        seen.add(name)
        return True

    def readers(self, invite: bytes) -> int:
        """How many were told apart so far."""
        return len(self._readers.get(invite, ()))

    def to_save(self, *, is_last: bool) -> dict[bytes, int]:
        """Whole MiB that are not written yet; with the last ones also what is begun. Counts them as written."""
        saved: dict[bytes, int] = {}
        for invite, count in list(self._unsaved.items()):
            whole = count // MIB + (1 if is_last and count % MIB else 0)
            if whole:
                saved[invite] = whole
                self._unsaved[invite] = max(0, count - whole * MIB)
        return saved

    def take_over(self, written: Mapping[bytes, int]) -> None:
        """What is written down of this day (MiB), by whoever: what this process has not written comes on top."""
        for invite, mib in written.items():
            if invite in self._used or len(self._used) < self._limits.counted_invites:
                self._used[invite] = max(self._used.get(invite, 0), mib * MIB + self._unsaved.get(invite, 0))
