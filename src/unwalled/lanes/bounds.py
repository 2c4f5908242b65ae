"""Bounds of what finds out about the own network: as in settings.py, and listed on the same page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class NetworkLimits:
    """How the class of the own network is asked for with STUN."""

    tries: int = 3
    """Requests to a server before it counts as silent: one may be lost."""
    wait_s: float = 0.5
    """For the answer to each of them."""
    kept_s: float = 600.0
    """How long a headless bridge believes what it found out."""


NETWORK = NetworkLimits()
