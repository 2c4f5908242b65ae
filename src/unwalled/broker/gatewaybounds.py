"""Bounds of the list of gateways."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class GatewayListLimits:
    """What brokers remember of gateways, and of where readers were sent."""

    most: int = 256
    """Processes that hold sessions, over all machines."""
    sticky_s: float = 3600.0
    """How long after its last match a reader is sent to the same gateway, so that its lanes meet its session."""
    remembered_readers: int = 65_536
    """Readers whose gateway is remembered by one broker; those that asked longest ago are forgotten first."""
    lease_s: float = 6.0
    """How long a gateway that does not renew its entry in a shared store counts as alive."""
    renew_s: float = 2.0
    """How often it renews it, and how often a broker looks for new ones."""
    settle_s: float = 5.0
    """So long after it came a gateway gets readers only where no other takes any: bridges have to hear of it first."""
    kept_url_s: float = 3600.0
    """How long bridges are still told the address of a gateway that has gone: it may come back at once."""


GATEWAYS = GatewayListLimits()
