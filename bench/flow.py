"""How bytes arrived: rate over time, the longest gap, and whether they were the right ones. Standard library only."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

BIN_S = 0.1
GAP_S = 0.02
_MAX_GAPS = 10_000
BLOCK_BYTES = 1_048_573
"""A prime: no record or buffer size divides it, so that a piece that is lost or repeated changes the hash."""


@cache
def block() -> bytes:
    """What the site sends, over and over."""
    return random.Random(20).randbytes(BLOCK_BYTES)


def expected_hash(size: int) -> str:
    """SHA-256 of the first ``size`` bytes that the site sends."""
    digest = hashlib.sha256()
    for _ in range(size // BLOCK_BYTES):
        digest.update(block())
    digest.update(block()[: size % BLOCK_BYTES])
    return digest.hexdigest()


@dataclass(slots=True)
class Flow:
    """The arrivals of one transfer. Times are those of CLOCK_MONOTONIC, which all processes of a machine share."""

    first_at: float = 0.0
    last_at: float = 0.0
    size: int = 0
    gaps: list[list[float]] = field(default_factory=list)
    """Moments at which something came again, and how long nothing had come, if that was `GAP_S` or more."""
    bins: list[int] = field(default_factory=list)
    """Bytes in each tenth of a second since the first."""

    def add(self, size: int) -> None:
        """Some bytes have arrived now."""
        now = time.monotonic()
        if not self.size:
            self.first_at = now
        elif now - self.last_at >= GAP_S and len(self.gaps) < _MAX_GAPS:
            self.gaps.append([now, now - self.last_at])
        self.last_at = now
        self.size += size
        index = int((now - self.first_at) / BIN_S)
        self.bins += [0] * (index + 1 - len(self.bins))
        self.bins[index] += size

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def longest_gap_s(self, skip_s: float = 0.0) -> float:
        """The longest time without a byte, from ``skip_s`` after the first byte on; one below `GAP_S` counts as 0."""
        return max((gap for at, gap in self.gaps if at - gap >= self.first_at + skip_s), default=0.0)

    def gap_around_s(self, moment: float) -> float:
        """The longest time without a byte that was not over before ``moment`` (CLOCK_MONOTONIC)."""
        return max((gap for at, gap in self.gaps if at >= moment), default=0.0)

    def mbit_s(self, skip_s: float = 0.0, until_s: float | None = None) -> float:
        """The mean rate between two moments after the first byte, in Mbit/s; without an end, to the last whole bin."""
        first = int(skip_s / BIN_S)
        last = len(self.bins) - 1 if until_s is None else min(int(until_s / BIN_S), len(self.bins))
        if last <= first:
            return 0.0
        return sum(self.bins[first:last]) * 8 / (last - first) / BIN_S / 1e6


def percentile(values: list[float], share: float) -> float:
    """The smallest value that ``share`` of all values do not exceed."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
