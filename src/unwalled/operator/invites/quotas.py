"""The day's shares of invites on disk, so that a restart does not give everybody a new day.

``usage.json`` in the data folder (0600), written only while some invite has a bound of bytes::

    {"v": 1, "day": 20781, "mib": {"16 hex digits": 12}}

``day`` counts days since 1970 (UTC). An amount is rounded up to whole MiB. Nothing of another day is kept, and nothing
about readers. Several processes of one machine may share the file: each adds what it has carried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.clock import Clock
from unwalled.crypto.identity import RandomBytes
from unwalled.datafolder import locked, read_private, replace_private
from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import QUOTA, QuotaLimits
from unwalled.operator.invites.shares import DayShares

USAGE_FILE = "usage.json"
USAGE_LOCK = "usage.lock"
DAY_S = 86_400
_VERSION = 1
_KEY_BYTES = 32


class _Usage(msgspec.Struct, frozen=True):
    v: int
    day: Annotated[int, msgspec.Meta(ge=0)]
    mib: dict[Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")], Annotated[int, msgspec.Meta(ge=0)]]


class Quotas:
    """The shares of today, in memory and on disk."""

    def __init__(self, folder: Path, clock: Clock, random_bytes: RandomBytes, limits: QuotaLimits = QUOTA) -> None:
        """Reads what was used before. A file that cannot be read counts as none: it bounds amounts, it opens
        nothing.
        """
        self._folder = folder
        self._clock = clock
        self._random_bytes = random_bytes
        self._limits = limits
        self._today = self._new_day()
        self._today.take_over(read_usage(folder, self._today.day))

    @property
    def today(self) -> DayShares:
        """The shares of this day; a new day begins empty."""
        if self._today.day != self._day():
            self._today = self._new_day()
        return self._today

    @property
    def day_left_s(self) -> float:
        """Until the next day begins."""
        return DAY_S - self._clock.wall() % DAY_S

    async def keep(self) -> None:
        """Writes what was used every ``save_s`` until cancelled."""
        while True:
            await asyncio.sleep(self._limits.save_s)
            await self.save()

    async def save(self, *, is_last: bool = False) -> None:
        """Writes what was used, and takes over what other processes have written. A full disk is no cause to stop."""
        today = self.today
        used = today.to_save(is_last=is_last)
        try:
            if used:
                written = await asyncio.to_thread(_add, self._folder, today.day, used)
            else:
                # Gateway workers are processes of their own, and the broker has to know what they have carried.
                written = await asyncio.to_thread(read_usage, self._folder, today.day)
        except (ConfigurationError, OSError):
            return
        today.take_over(written)

    def _day(self) -> int:
        return int(self._clock.wall() // DAY_S)

    def _new_day(self) -> DayShares:
        return DayShares(self._day(), self._random_bytes(_KEY_BYTES), self._limits)


def read_usage(folder: Path, day: int) -> dict[bytes, int]:
    """What is written down of a day: MiB by invite's id. Empty when there is nothing, or nothing that can be read."""
    try:
        content = read_private(folder / USAGE_FILE, QUOTA.file_bytes)
        usage = None if content is None else msgspec.json.decode(content, type=_Usage)
    except (ConfigurationError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    if usage is None or usage.v != _VERSION or usage.day != day:
        return {}
    return {bytes.fromhex(invite): mib for invite, mib in usage.mib.items()}


def _add(folder: Path, day: int, used: Mapping[bytes, int]) -> dict[bytes, int]:
    with locked(folder / USAGE_LOCK):
        written = read_usage(folder, day)
        for invite, mib in used.items():
            written[invite] = written.get(invite, 0) + mib
        told = {invite.hex(): amount for invite, amount in written.items()}
        replace_private(folder / USAGE_FILE, msgspec.json.encode(_Usage(_VERSION, day, told)))
    return written
