"""Bounds that only `unwalled pt` needs: as in settings.py, and listed on the same page. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TorLimits:
    """What ``unwalled pt`` holds and allows between tor and bridges."""

    max_connections: int = 256
    """Connections of a tor at once; it keeps one to each bridge line of its torrc."""
    max_invites: int = 16
    """Operators whose bridges are kept at once, one for each invite in bridge lines."""
    open_wait_s: float = 120.0
    """How long a connection of tor waits for a bridge. It gives a bridge line up for ten minutes when one fails."""
    idle_s: float = 900.0
    """How long an operator's bridges are kept for a tor that has no connection: longer than it takes to try again."""
    greeting_timeout_s: float = 10.0
    """For the greeting at the relay's extended ORPort, which is on this machine."""
    proof_kinds: int = 32
    """Kinds of proof that an extended ORPort may name; today there is one."""


TOR = TorLimits()
