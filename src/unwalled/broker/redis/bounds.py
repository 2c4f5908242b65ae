"""Bounds of brokers that share a Redis or Valkey server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RedisLimits:
    """What one process allows itself with the shared store."""

    connect_s: float = 3.0
    """For a connection to stand, with TLS and password."""
    answer_s: float = 3.0
    """For the server to answer what it was sent together; past it the server counts as gone."""
    first_pause_s: float = 0.2
    """Before the server is tried again; doubles up to ``longest_pause_s``."""
    longest_pause_s: float = 2.0
    """The longest time between two tries."""
    batch: int = 256
    """Calls that are sent together."""
    max_calls: int = 20_000
    """Calls that wait for the server; a further one is told that the store is away."""
    listen_ping_s: float = 5.0
    """A subscription over which nothing comes is asked after so long; without an answer the server counts as gone."""
    lease_s: float = 4.0
    """A broker of which the server has not heard for so long counts as dead, and its bridges leave the list."""
    beat_s: float = 1.0
    """How often it is heard of."""
    reservation_s: float = 20.0
    """Room that a broker reserved and never settled is free again after so long: more than any bridge may take."""
    book_s: float = 86400.0
    """What an invite or a network was given is forgotten when it did not ask for so long; its budget is full before."""
    swept_bridges: int = 500
    """A dead broker's bridges that are cleared up in one step."""
    supply_every_s: float = 0.05
    """At most so often do other brokers hear that bridges have room."""
    settle_wait_s: float = 3.0
    """For another broker to count a bridge's answers, before the bridge is heard again."""
    url_bytes: int = 4096
    """The largest file with the server's URL that is read."""


REDIS = RedisLimits()
