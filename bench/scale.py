"""A session over a hundred different lanes, and beside hostile bridges, on a simulated clock: no network, no waiting.

The same seeds give the same figures on every machine.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from tests.support.adversaries import HONEST_LANES, MEASURED_S, TURNS, SiegeWorld
from tests.support.scale import ScalePlan, ScaleResult, ScaleRun
from unwalled.settings import MIB, SESSION

SHARE_TO_REACH = 0.9
SIEGE_SHARE_TO_REACH = 0.8

_PLANS = {
    "0.1 to 100 Mbit/s, 16 streams, window 128 MiB": ScalePlan(window_bytes=128 * MIB, measured_s=8.0),
    "0.1 to 100 Mbit/s, 16 streams, window 32 MiB": ScalePlan(measured_s=8.0),
    "0.1 to 10 Mbit/s, 16 streams, window 32 MiB": ScalePlan(most_mbit_s=10.0),
    "0.1 to 10 Mbit/s, 1 stream, window 32 MiB": ScalePlan(most_mbit_s=10.0, streams=1),
}


def scale(seeds: int, lanes: int) -> str:
    """Tables as they can stand in the documentation."""
    if lanes > SESSION.max_lanes:
        raise ValueError(f"A session takes at most {SESSION.max_lanes} lanes.")
    lines = [
        f"{lanes} lanes, {seeds} seeds (0 to {seeds - 1})",
        "",
        "| lanes and streams | lanes together, Mbit/s | share of it | gap, s | of one stream, s | to reach |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, plan in _PLANS.items():
        results = [ScaleRun(seed, replace(plan, lanes=lanes)).run() for seed in range(seeds)]
        lines.append(_scale_row(name, results))
    return "\n".join([*lines, "", *_siege_lines()])


def _scale_row(name: str, results: list[ScaleResult]) -> str:
    shares = [result.share for result in results]
    reached = "yes" if median(shares) >= SHARE_TO_REACH else "**no**"
    figures = (
        _range([result.capacity_mbit_s for result in results], 0),
        _range(shares, 2),
        _range([result.gap_s for result in results], 2),
        _range([result.stream_gap_s for result in results], 2),
    )
    return f"| {name} | {' | '.join(figures)} | ≥ {SHARE_TO_REACH}: {reached} |"


def _range(values: list[float], digits: int) -> str:
    return f"{median(values):.{digits}f} [{min(values):.{digits}f}–{max(values):.{digits}f}]"


def _siege_lines() -> list[str]:
    lines = [
        f"{HONEST_LANES} honest lanes, and a hostile bridge with as many, {MEASURED_S:.0f} s from its turn on",
        "",
        "| the bridge | down / honest alone | gap, s | up / honest alone | gap, s | who tells the broker, and when |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    alone = {up: SiegeWorld(None, up=up).outcome().got_bytes for up in (False, True)}
    for name, turn in TURNS.items():
        figures: list[str] = []
        told: dict[str, float] = {}
        for up in (False, True):
            outcome = SiegeWorld(turn, up=up).outcome()
            figures += [f"{outcome.got_bytes / alone[up]:.2f}", f"{outcome.longest_gap_s:.2f}"]
            for who, after_s in outcome.told_after_s.items():
                told[who] = max(after_s, told.get(who, 0.0))
        words = ", ".join(f"{who} after {after_s:.1f} s" for who, after_s in told.items())
        lines.append(f"| {name} | {' | '.join(figures)} | {words or 'reader, after 8 lanes that lived for < 10 s'} |")
    return lines
