"""How much all readers together have used today and this month, for operators who pay for traffic. Pure.

Counted is what is exchanged with sites. A gateway passes it on to bridges, so the machine's provider sees about twice
as much, and a few percent for envelopes.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from unwalled.gateway.policy import GatewayCeiling


@dataclass(frozen=True, slots=True)
class Used:
    """Bytes of a day and of a month, each with the day on which it began (``2026-11-24``)."""

    day: str = ""
    day_bytes: int = 0
    month: str = ""
    month_bytes: int = 0


class Allowance:
    """The account of one gateway process. Times are seconds since 1970."""

    __slots__ = ("_ceiling", "_day", "_day_bytes", "_month", "_month_bytes", "_until")

    def __init__(self, ceiling: GatewayCeiling, now_wall_s: float, used: Used | None = None) -> None:
        used = used if used is not None else Used()
        self._ceiling = ceiling
        self._day, self._day_bytes = used.day, used.day_bytes
        self._month, self._month_bytes = used.month, used.month_bytes
        self._until = 0.0
        self._turn(now_wall_s)

    @property
    def ceiling(self) -> GatewayCeiling:
        """What is allowed."""
        return self._ceiling

    def change(self, ceiling: GatewayCeiling, now_wall_s: float) -> None:
        """Other limits from now on; what was used stays."""
        self._ceiling = ceiling
        self._until = 0.0
        self._turn(now_wall_s)

    def use(self, count: int, now_wall_s: float) -> None:
        """Counts bytes."""
        self._turn(now_wall_s)
        self._day_bytes += count
        self._month_bytes += count

    def is_used_up(self, now_wall_s: float) -> bool:
        """Whether nothing is left of the day or of the month."""
        self._turn(now_wall_s)
        ceiling = self._ceiling
        return bool(
            (ceiling.bytes_per_day and self._day_bytes >= ceiling.bytes_per_day)
            or (ceiling.bytes_per_month and self._month_bytes >= ceiling.bytes_per_month)
        )

    def used(self, now_wall_s: float) -> Used:
        """What was used."""
        self._turn(now_wall_s)
        return Used(self._day, self._day_bytes, self._month, self._month_bytes)

    def _turn(self, now_wall_s: float) -> None:
        """Begins a new day or month when it is time; a clock that goes back gives nothing back."""
        if now_wall_s < self._until:
            return
        today = datetime.datetime.fromtimestamp(now_wall_s, datetime.UTC).date()
        begins = month_of(today, self._ceiling.month_begins)
        if today.isoformat() > self._day:
            self._day, self._day_bytes = today.isoformat(), 0
        if begins.isoformat() > self._month:
            self._month, self._month_bytes = begins.isoformat(), 0
        midnight = datetime.datetime.combine(today + datetime.timedelta(1), datetime.time(), datetime.UTC)
        self._until = midnight.timestamp()


def month_of(day: datetime.date, begins: int) -> datetime.date:
    """The day on which the operator's month began that ``day`` is in."""
    if day.day >= begins:
        return day.replace(day=begins)
    return (day.replace(day=1) - datetime.timedelta(1)).replace(day=begins)
