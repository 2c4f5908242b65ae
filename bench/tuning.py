"""Other settings beside the program's own: what each would bring, in rounds, so that all meet the same machine.

Only the program's own ends are changed. A Chromium page keeps its SCTP as it is, as in life.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.chain import BridgeKind, Chain, flow_of
from bench.flow import percentile
from bench.network import FAR, FAR_LOSSY, NO_DELAY, Link, Network
from bench.processes import BenchError, Processes

Changes = dict[str, Any]
_GIB = 1 << 30
_OWN: Mapping[str, Changes] = {"as it is": {}}
_SCTP: Mapping[str, Changes] = {
    "first window of 32 packets, not 10": {"sctp": {"initial_cwnd_mtus": 32}},
    "smallest window of 16 packets, not 4": {"sctp": {"min_cwnd_mtus": 16}},
    "time-out of 0.1 s at least": {"sctp": {"rto_min_ms": 100}},
    "acks after 20 ms at most": {"sctp": {"delayed_ack_max_ms": 20}},
    "the library's setting for commands": {"sctp": {"low_latency": True}},
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One question: variants of settings over the same chain."""

    about: str
    variants: Mapping[str, Changes]
    bridge: BridgeKind = "headless"
    link: Link = NO_DELAY
    seconds: float = 5.0
    skip_s: float = 1.0


def _records(sizes: Mapping[str, int]) -> dict[str, Changes]:
    return {
        name: {
            "settings": {
                "LANE.max_message_bytes": size,
                "LANE.default_message_bytes": min(size, 16 * 1024),
                "LANE.least_message_bytes": min(size, 4 * 1024),
                "SESSION.first_burst_bytes": min(size, 4600),
            }
        }
        for name, size in sizes.items()
    }


TRIALS: Mapping[str, Trial] = {
    "sctp": Trial("SCTP of reader and headless bridge", {**_OWN, **_SCTP}),
    "sctp-lossy": Trial(
        "SCTP of the reader, Chromium's as it is", {**_OWN, **_SCTP}, "chromium", FAR_LOSSY, seconds=10, skip_s=3
    ),
    "records": Trial(
        "Longest record (64 KiB as it is), and batching of small frames",
        {
            **_OWN,
            "one frame in each record": {"one_frame": True},
            **_records({"4 KiB": 4096, "16 KiB": 16 * 1024, "32 KiB": 32 * 1024}),
        },
    ),
    "record-time": Trial(
        "How much of its lane's time a record takes (10 ms as it is)",
        {
            **_OWN,
            "3 ms": {"settings": {"SESSION.record_time_s": 0.003}},
            "30 ms": {"settings": {"SESSION.record_time_s": 0.03}},
        },
        "chromium",
        FAR,
        seconds=10,
        skip_s=3,
    ),
    "acks": Trial(
        "Records for each ack (4 as it is)",
        {
            **_OWN,
            "1": {"settings": {"SESSION.ack_every_records": 1}},
            "2": {"settings": {"SESSION.ack_every_records": 2}},
            "16": {"settings": {"SESSION.ack_every_records": 16}},
        },
    ),
    "sockets": Trial(
        "Buffers of the gateway's and the reader's TCP sockets (the kernel's own as it is)",
        {
            **_OWN,
            "64 KiB": {"socket_bytes": 64 * 1024},
            "256 KiB": {"socket_bytes": 256 * 1024},
            "1 MiB": {"socket_bytes": 1024 * 1024},
            "4 MiB": {"socket_bytes": 4 * 1024 * 1024},
        },
    ),
}

_Figures = dict[str, float]


def tuning(names: list[str], rounds: int) -> str:
    """Tables as they can stand in the documentation."""
    unknown = [name for name in names if name not in TRIALS]
    if unknown:
        raise BenchError(f"there is no trial {unknown[0]!r}: {', '.join(TRIALS)}")
    return "\n\n".join(_table(TRIALS[name], rounds) for name in names or TRIALS)


def _table(trial: Trial, rounds: int) -> str:
    results: dict[str, list[_Figures]] = {name: [] for name in trial.variants}
    for number in range(rounds):
        for name, changes in trial.variants.items():
            try:
                results[name].append(_measure(trial, changes, number))
            except BenchError as error:
                print(f"{trial.about}, {name}: {str(error).splitlines()[0]}", file=sys.stderr)
    lines = [f"{trial.about}; {trial.bridge} bridge, {trial.link.name}", ""]
    columns = next((list(figures[0]) for figures in results.values() if figures), [])
    lines += [f"| | {' | '.join(columns)} | runs |", f"| --- |{' ---: |' * (len(columns) + 1)}"]
    for name, runs in results.items():
        cells = [_cell([run[column] for run in runs]) for column in columns] if runs else ["failed"] * len(columns)
        lines.append(f"| {name} | {' | '.join(cells)} | {len(runs)} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    digits = 0 if median(values) >= 100 else 1 if median(values) >= 10 else 2
    return f"{median(values):.{digits}f} [{min(values):.{digits}f}–{max(values):.{digits}f}]"


def _measure(trial: Trial, changes: Changes, seed: int) -> _Figures:
    with tempfile.TemporaryDirectory(prefix="unwalled-bench-") as folder, Processes(Path(folder)) as processes:
        namespaces = trial.link is not NO_DELAY
        with (
            Network(trial.link, processes, namespaces=namespaces, seed=seed) as network,
            Chain(network, processes, changes=changes) as chain,
        ):
            chain.add_bridge(trial.bridge)
            chain.start_reader()
            chain.connected()
            return _figures(chain, trial)


def _figures(chain: Chain, trial: Trial) -> _Figures:
    figures: _Figures = {}
    for direction in ("down", "up"):
        before = chain.costs()["reader"]
        flow = flow_of(chain.run(f"{direction}load", str(trial.seconds)))
        used = chain.costs()["reader"].since(before)
        figures[f"{direction}, Mbit/s"] = flow.mbit_s(trial.skip_s, trial.seconds)
        figures[f"reader {direction}, CPU s/GiB"] = used * _GIB / max(flow.size, 1)
    trips = chain.run("echo", "40", "0.02", "100")["round_trips_s"]
    figures["100 B there and back, p50, ms"] = percentile(trips, 0.5) * 1000
    figures["of 50 connections at once, each second"] = chain.run("many", "50", "100", "3")["per_s"]
    return figures
