"""The honest totals that an operator shows to everybody. Pure.

They are of whole days that have been over for a day, so nobody can watch them move with a reader's packets; and they
are rounded down to two digits, so no single reader makes a difference that stands out. People are those of each day:
who reads on two days counts on both, since nothing is kept by which they could be known again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from unwalled.operator.numbers.people import STANDARD_ERROR
from unwalled.operator.numbers.rows import DAY_S, Row

DELAY_S = DAY_S
"""How long a day must have been over."""
LATELY_DAYS = 30


class Totals(msgspec.Struct, frozen=True):
    """For everybody. Days are of UTC, ``2026-11-24``; empty when there is nothing to tell yet."""

    v: int
    since: str
    until: str
    """The last day that is counted in."""
    days: int
    """On how many of them the operator ran."""
    people_a_day: int
    """On an ordinary day of the last 30 (the mean); 0 = fewer than ten."""
    people_days: int
    """The people of each day, all days together."""
    carried_bytes: int
    bridges: int
    """That were there at once, on an ordinary day of the last 30."""
    bridge_hours: int
    error_percent: float
    """The standard error of a day's count of people."""


def totals(days: Iterable[Row], now_s: float) -> Totals:
    """From the rows of days, in the order of time, as they lie on the disk."""
    over = [row for row in days if row.at_s + DAY_S + DELAY_S <= now_s and row.up_s > 0.0]
    lately = [row for row in over if row.at_s + LATELY_DAYS * DAY_S > over[-1].at_s]
    many = max(1, len(lately))
    return Totals(
        v=1,
        since=_day(over[0].at_s) if over else "",
        until=_day(over[-1].at_s) if over else "",
        days=len(over),
        people_a_day=rounded(sum(row.people for row in lately) / many),
        people_days=rounded(sum(row.people for row in over)),
        carried_bytes=rounded(sum(row.up_bytes + row.down_bytes for row in over)),
        bridges=rounded(sum(row.bridges for row in lately) / many, least=1),
        bridge_hours=rounded(sum(row.bridges * row.up_s for row in over) / 3600.0),
        error_percent=round(100.0 * STANDARD_ERROR, 1),
    )


def rounded(value: float, least: int = 10) -> int:
    """Down to two digits, and to a multiple of ``least`` for small ones: 87 → 80, 123 → 120, 4567 → 4500."""
    whole = int(value)
    step = max(least, int(10 ** (len(str(whole)) - 2)))
    return whole - whole % step


def _day(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}"
