"""Bounds that only a broker needs: as in settings.py, and listed on the same page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SwarmLimits:
    """Private swarms: bridges that help only the holders of their own link."""

    max_swarms: int = 1000
    """Swarms at once of which a bridge is there."""
    bridges_per_swarm: int = 16
    """Bridges of one swarm: the pages and programs of a family's helpers."""


SWARM = SwarmLimits()
