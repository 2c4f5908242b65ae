"""What is kept of a minute, an hour or a day: sums, means and extremes, and no more of readers than is safe. Pure.

While a span runs its row is exact, in memory. What goes to the disk is ``kept``: what readers did is counted in tens,
rounded down, their traffic to ten megabytes, and of a minute or an hour in which fewer than ``FEW_SESSIONS`` sessions
were open at once nothing of their traffic is kept at all. So who takes the disk, and has a censor's record of when a
suspect was connected, finds no minute in which that one reader stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from unwalled.broker.metrics import MATCH_BOUNDS_S
from unwalled.operator.numbers.counts import quantile

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
FEW_SESSIONS = 5
COUNT_STEP = 10
BYTES_STEP = 10_000_000
RATE_STEP_BPS = 1_000_000
_DESCRIPTORS_STEP = 50
_MEMORY_STEP = 4 * 1024 * 1024


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One span. Fields may be added, never renamed: rows stay for years."""

    at_s: int
    """Its begin, in seconds since 1970."""
    up_s: float = 0.0
    """For how long of it the operator ran."""
    bridges: float = 0.0
    """Connected at once, on average."""
    bridges_least: int = 0
    bridges_most: int = 0
    room: float = 0.0
    came: int = 0
    went: int = 0
    ok: int = 0
    none: int = 0
    failed: int = 0
    refused: int = 0
    connect: list[float] = []
    """The histogram of times to a match: counts; on the disk shares in percent."""
    sessions: float = 0.0
    sessions_most: int = 0
    up_bytes: int = 0
    down_bytes: int = 0
    peak_bps: int = 0
    memory_most: int = 0
    descriptors_most: int = 0
    people: int = 0
    """Different readers since the day began."""
    alarms: list[str] = []
    """Codes of those that were raised at some time in it."""

    @property
    def success(self) -> float | None:
        """The share of requests that got lanes; None when nobody asked."""
        asked = self.ok + self.none + self.failed
        return round(self.ok / asked, 4) if asked else None

    def connect_s(self, share: float) -> float | None:
        """The time within which a share (0 to 1) of those that got lanes had them."""
        found = quantile(MATCH_BOUNDS_S, self.connect, share)
        return None if found is None else round(found, 3)


def merge(one: Row, other: Row) -> Row:
    """Both together, as one row that begins where the first does. One of no length adds its extremes only."""
    whole_s = one.up_s + other.up_s
    first, second = (one.up_s / whole_s, other.up_s / whole_s) if whole_s else (0.5, 0.5)
    is_first_empty, is_second_empty = not one.up_s, not other.up_s
    least = min(one.bridges_least, other.bridges_least)
    if is_first_empty != is_second_empty:
        least = other.bridges_least if is_first_empty else one.bridges_least
    return Row(
        at_s=one.at_s,
        up_s=whole_s,
        bridges=first * one.bridges + second * other.bridges,
        bridges_least=least,
        bridges_most=max(one.bridges_most, other.bridges_most),
        room=first * one.room + second * other.room,
        came=one.came + other.came,
        went=one.went + other.went,
        ok=one.ok + other.ok,
        none=one.none + other.none,
        failed=one.failed + other.failed,
        refused=one.refused + other.refused,
        connect=_added(one.connect, other.connect),
        sessions=first * one.sessions + second * other.sessions,
        sessions_most=max(one.sessions_most, other.sessions_most),
        up_bytes=one.up_bytes + other.up_bytes,
        down_bytes=one.down_bytes + other.down_bytes,
        peak_bps=max(one.peak_bps, other.peak_bps),
        memory_most=max(one.memory_most, other.memory_most),
        descriptors_most=max(one.descriptors_most, other.descriptors_most),
        people=max(one.people, other.people),
        alarms=sorted({*one.alarms, *other.alarms}),
    )


def kept(row: Row, span_s: int) -> Row:
    """What of a row may lie on a disk; see the module's head."""
    is_day = span_s >= DAY_S
    hides = row.sessions_most < FEW_SESSIONS and not is_day
    ok, none, failed = _scaled((row.ok, row.none, row.failed))
    return msgspec.structs.replace(
        row,
        up_s=round(row.up_s, 1),
        bridges=round(row.bridges, 2),
        room=round(row.room, 2),
        ok=ok,
        none=none,
        failed=failed,
        refused=_down(row.refused, COUNT_STEP),
        connect=_shares(row.connect) if ok else [],
        sessions=0.0 if hides else float(round(row.sessions)),
        sessions_most=_down(row.sessions_most, FEW_SESSIONS),
        up_bytes=0 if hides else _down(row.up_bytes, BYTES_STEP),
        down_bytes=0 if hides else _down(row.down_bytes, BYTES_STEP),
        peak_bps=0 if hides else _down(row.peak_bps, RATE_STEP_BPS),
        memory_most=_down(row.memory_most, _MEMORY_STEP),
        descriptors_most=_down(row.descriptors_most, _DESCRIPTORS_STEP),
        people=_down(row.people, COUNT_STEP) if is_day else 0,
    )


def taken_up(row: Row) -> Row:
    """A row from the disk as one that can be merged: its histogram counts again."""
    return msgspec.structs.replace(row, connect=[share * row.ok / 100.0 for share in row.connect])


def regrouped(rows: Iterable[Row], step_s: int) -> list[Row]:
    """Rows put together so that each begins at a multiple of ``step_s``, in the order of time."""
    found: dict[int, Row] = {}
    for row in rows:
        at_s = row.at_s - row.at_s % step_s
        found[at_s] = merge(found.get(at_s, Row(at_s)), row)
    return [found[at_s] for at_s in sorted(found)]


def _added(one: list[float], other: list[float]) -> list[float]:
    if not one or not other:
        return one or other
    return [first + second for first, second in zip(one, other, strict=False)]


def _shares(counts: list[float]) -> list[float]:
    whole = sum(counts)
    return [float(round(100.0 * count / whole)) for count in counts] if whole else []


def _scaled(counts: tuple[int, int, int]) -> tuple[int, int, int]:
    """Rounded down to tens together, and divided as before: each by itself, the rare ones would never be kept."""
    whole = sum(counts)
    told = _down(whole, COUNT_STEP)
    second, third = (round(count * told / whole) if whole else 0 for count in counts[1:])
    return told - second - third, second, third


def _down(value: int, step: int) -> int:
    return value - value % step
