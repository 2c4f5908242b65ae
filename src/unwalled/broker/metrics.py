"""The broker's numbers: plain counts without addresses. The operator shows them to Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

MATCH_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


@dataclass(slots=True)
class Histogram:
    """How many values were at most each bound, and above the last one."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    """One for each bound, not cumulated, and one for what is above."""
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class BrokerMetrics:
    """Counts since the start, except ``bridges``, ``bridge_…`` and ``requests_now``, which are what is there now."""

    bridges: Counter[str] = field(default_factory=Counter)
    """Connected bridges by kind (``page``, ``headless``)."""
    bridge_nats: Counter[str] = field(default_factory=Counter)
    """Connected bridges by what they say of their NAT."""
    bridge_countries: Counter[str] = field(default_factory=Counter)
    """Connected bridges by country; ``other`` where none is known."""
    bridges_came: int = 0
    bridges_went: int = 0
    requests_now: int = 0
    matches: Counter[str] = field(default_factory=Counter)
    """``ok``, ``none`` (no bridge fitted), ``failed`` (bridges were asked and none answered), ``gone`` (the reader)."""
    lanes: int = 0
    """Lanes that were answered."""
    refused: Counter[str] = field(default_factory=Counter)
    """Requests and bridges turned away: ``malformed``, ``replayed``, ``limited``, ``full``, ``expired`` …"""
    offers_refused: Counter[str] = field(default_factory=Counter)
    """Offers that bridges did not answer, by reason; ``silent`` when a bridge said nothing."""
    stray_answers: int = 0
    """Answers to matches that were not asked, or not any more."""
    match_seconds: Histogram = field(default_factory=lambda: Histogram(MATCH_BOUNDS_S))
    """From a request to its reply, for those that got lanes."""
    asked_from: Counter[str] = field(default_factory=Counter)
    """Readers' requests by country: only where it may be told (countries.Discretion), else ``other``."""
    helped: Callable[[bytes], None] = field(default=lambda reader: None, repr=False)
    """Told the name that a reader's program gave itself when a request of its got lanes; must not keep it."""

    def bridge_came(self, kind: str, nat: str, country: str) -> None:
        """Counts a bridge from now on. Two calls and no context, whose memory each idle bridge would hold."""
        self._count_bridge(kind, nat, country, 1)
        self.bridges_came += 1

    def bridge_went(self, kind: str, nat: str, country: str) -> None:
        """Ends what ``bridge_came`` with the same words began."""
        self._count_bridge(kind, nat, country, -1)
        self.bridges_went += 1

    def _count_bridge(self, kind: str, nat: str, country: str, change: int) -> None:
        self.bridges[kind] += change
        self.bridge_nats[nat] += change
        self.bridge_countries[country or "other"] += change
