"""Datagrams of three kinds, idle and beside a download: how many are lost, how late the others are, how unevenly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.flow import Flow, percentile
from bench.processes import Process

LATE_S = 0.1
"""More than this beyond the link's own time, and a datagram is of no use to a call."""
_RAMP_S = 4.0
_STRAGGLERS_S = 3.0


@dataclass(frozen=True, slots=True)
class Kind:
    """So many datagrams in a second, of so many bytes, there and back."""

    name: str
    per_s: float
    size: int


CALL = Kind("call (50/s of 160 B)", 50, 160)
NAMES = Kind("DNS-like (5/s of 60 B)", 5, 60)
QUIC = Kind("QUIC-like (5 Mbit/s of 1200 B)", 521, 1200)

Start = Callable[..., Process]
Take = Callable[[Process], dict[str, Any]]


def measure(start: Start, take: Take, round_trip_s: float, seconds: float) -> dict[str, float]:
    """All kinds, first alone and then beside a download. ``start`` starts the reading program, ``take`` its result."""
    figures = _all(start, take, "idle", round_trip_s, seconds)
    phases_s = 2 * (seconds + _STRAGGLERS_S)
    download = start("download", str(_RAMP_S + phases_s), "cubic")
    time.sleep(_RAMP_S)
    figures |= _all(start, take, "in a download", round_trip_s, seconds)
    result = take(download)
    flow = Flow(**{name: value for name, value in result.items() if name in Flow.__dataclass_fields__})
    figures["the download beside them, Mbit/s"] = flow.mbit_s(_RAMP_S, _RAMP_S + phases_s)
    return figures


def _all(start: Start, take: Take, when: str, round_trip_s: float, seconds: float) -> dict[str, float]:
    figures: dict[str, float] = {}
    for together in ((CALL, NAMES), (QUIC,)):
        running = [(kind, start("datagrams", str(kind.per_s), str(kind.size), str(seconds))) for kind in together]
        for kind, process in running:
            figures |= figures_of(f"{kind.name}, {when}", take(process), round_trip_s)
    return figures


def figures_of(title: str, result: dict[str, Any], round_trip_s: float) -> dict[str, float]:
    """``result``: see `bench.client`. Jitter is the mean difference of the times that two datagrams in a row took."""
    sent, came = result["sent"], result["came"]
    up_s, down_s = [up for _, up, _ in came], [down for _, _, down in came]
    late = sum(up + down > round_trip_s + LATE_S for _, up, down in came)
    steps = [abs(after - before) for before, after in pairwise(down_s)]
    return {
        f"{title}: lost, %": 100 * (sent - len(came)) / sent,
        f"{title}: lost or {LATE_S * 1000:.0f} ms late, %": 100 * (sent - len(came) + late) / sent,
        f"{title}: down, p50, ms": percentile(down_s, 0.5) * 1000,
        f"{title}: down, p95, ms": percentile(down_s, 0.95) * 1000,
        f"{title}: down, p99, ms": percentile(down_s, 0.99) * 1000,
        f"{title}: up, p95, ms": percentile(up_s, 0.95) * 1000,
        f"{title}: jitter down, ms": sum(steps) / len(steps) * 1000 if steps else float("nan"),
    }
