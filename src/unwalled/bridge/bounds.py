"""Bounds that only the headless bridge needs; the page has the same ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class BridgeRenewalLimits:
    """How often a bridge asks its operator again while the broker's connection stands."""

    config_again_s: float = 5.0
    """At most so often, when a match names a gateway that the configuration did not have: it may be a new one."""
    config_wait_s: float = 4.0
    """For that answer; the broker does not wait long for what the bridge says to the match."""


BRIDGE_RENEWAL = BridgeRenewalLimits()
