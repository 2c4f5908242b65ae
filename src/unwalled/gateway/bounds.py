"""Bounds of the gateway's watch over lanes: as in settings.py, and listed on the same page."""

from __future__ import annotations

from dataclasses import dataclass

from unwalled.settings import KIB


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class WatchLimits:
    """When the gateway tells the broker how bridges do."""

    first_report_s: float = 3.0
    """After a session's start: its bridges have shown by then whether they carry anything at all."""
    report_every_s: float = 60.0
    """Between further reports of a session's lanes: a bridge may turn bad in its second hour."""
    tick_s: float = 1.0
    """Between looks at whose reports are due."""
    least_limited_s: float = 0.2
    """A lane that was the limit for less long has no goodput that could be compared."""
    early_s: float = 10.0
    """A lane that its transport loses sooner than this, with next to nothing carried, was closed early."""
    early_bytes: int = 16 * KIB
    """What counts as next to nothing: the messages that set a lane up, and some pings."""


WATCH = WatchLimits()
