"""``make bench`` and ``make bench-net``: measures, and prints a table with each figure beside its ceiling."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bench.broker import RATES, broker
from bench.cases import CASES, Case
from bench.chain import Chain
from bench.chaos import chaos
from bench.machine import ROOT, this_machine
from bench.processes import BenchError
from bench.profile import ROLES, profile
from bench.runs import Result, run_case
from bench.scale import scale
from bench.soak import soak
from bench.swarm import swarm
from bench.table import as_markdown
from bench.tuning import TRIALS, tuning

RESULTS = ROOT / "bench" / "results"


def number(text: str) -> float:
    """An amount; the name is what argparse calls it in its error."""
    if not 0 < (value := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be more than 0")
    return value


def count(text: str) -> int:
    """How many, one at least."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return value


def main(arguments: list[str]) -> int:
    """The exit code: 0 when everything was measured, whatever the figures; 1 when something could not be."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--net", action="store_true", help="the cases with an emulated link (root, Linux)")
    parser.add_argument("--runs", type=count, default=5, help="how often each case is run (default 5)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this case; may come again")
    parser.add_argument("--quick", action="store_true", help="one short run of each, to see that all works")
    parser.add_argument(
        "--gigabytes", type=number, default=1, help="through one connection in the case `memory` (default 1)"
    )
    parser.add_argument("--no-ceilings", action="store_true", help="only the chain, for work on the code")
    parser.add_argument("--trace", type=Path, metavar="DIR", help="keep traces there, for `unwalled trace`")
    parser.add_argument("--list", action="store_true", help="the cases, one in each line")
    commands = parser.add_subparsers(
        dest="command", metavar="profile ROLE | scale | swarm | tuning | chaos | soak | broker"
    )
    profiler = commands.add_parser("profile", help="where one part spends its time in a download")
    profiler.add_argument("role", choices=ROLES)
    profiler.add_argument("--through", choices=("chromium", "headless"), default="headless")
    profiler.add_argument("--direction", choices=("down", "up"), default="down")
    profiler.add_argument("--seconds", type=number, default=10)
    scaler = commands.add_parser("scale", help="very many lanes, and hostile bridges, on a simulated clock")
    scaler.add_argument("--seeds", type=count, default=20)
    scaler.add_argument("--lanes", type=count, default=100)
    days = commands.add_parser("swarm", help="a day of 100,000 bridges around the real matching, simulated")
    days.add_argument("--bridges", type=count, default=100_000)
    days.add_argument("--hours", type=number, default=24.0)
    days.add_argument("--sessions", type=count, default=100_000, help="of readers, beside those of the news event")
    days.add_argument("--seed", type=int, default=1)
    days.add_argument("--svg", type=Path, metavar="FILE", help="draw the day there")
    tuner = commands.add_parser("tuning", help="other settings beside the program's own (root for those over a link)")
    tuner.add_argument("trials", nargs="*", metavar="TRIAL", help=f"of {', '.join(TRIALS)} (default: all)")
    tuner.add_argument("--rounds", type=count, default=3)
    chaotic = commands.add_parser("chaos", help="kill, pause, part, fill, set clocks: a random series (root, Linux)")
    chaotic.add_argument("--minutes", type=number, default=10)
    chaotic.add_argument("--seed", type=int, default=1)
    chaotic.add_argument("--seconds", type=number, default=20, help="how long most troubles last (default 20)")
    soaker = commands.add_parser("soak", help="memory and open files over a long run at load, with a picture")
    soaker.add_argument("--minutes", type=number, default=30)
    soaker.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="for soak.json and soak.svg")
    crowd = commands.add_parser("broker", help="very many idle bridges at one broker, and matches a second")
    crowd.add_argument("--bridges", type=count, default=10_000)
    crowd.add_argument("--seconds", type=number, default=5, help="of each rate")
    crowd.add_argument("--rates", type=count, nargs="+", default=list(RATES))
    crowd.add_argument("--redis", action="store_true", help="keep them in a Redis server, which is started for it")
    options = parser.parse_args(arguments)

    if options.command == "profile":
        print(profile(options.role, options.through, options.direction, options.seconds))
        return 0
    if options.command == "broker":
        broker(options.bridges, options.seconds, options.redis, tuple(options.rates))
        return 0
    if options.command == "scale":
        print(scale(options.seeds, options.lanes))
        return 0
    if options.command == "swarm":
        if options.svg is not None and not options.svg.parent.is_dir():
            parser.error(f"--svg: there is no folder {options.svg.parent}")
        print(swarm(options.bridges, options.hours, options.sessions, options.seed, options.svg))
        return 0
    if options.command == "tuning":
        print(f"{this_machine()}\npython -m bench {' '.join(sys.argv[1:])}\n\n{tuning(options.trials, options.rounds)}")
        return 0
    if options.command == "chaos":
        text, is_well = chaos(options.minutes, options.seed, options.seconds, RESULTS)
        print(f"{this_machine()}\npython -m bench {' '.join(sys.argv[1:])}\n\n{text}")
        return 0 if is_well else 1
    if options.command == "soak":
        with tempfile.TemporaryDirectory(prefix="unwalled-bench-logs-") as logs:
            text, is_flat = soak(options.minutes, options.out, Path(logs))
        print(f"{this_machine()}\npython -m bench {' '.join(sys.argv[1:])}\n\n{text}")
        return 0 if is_flat else 1
    if options.list:
        for case in CASES:
            print(f"{case.name:26} {'--net  ' if case.needs_namespaces else '       '}{case.about}")
        return 0
    if options.trace is not None:
        options.trace.mkdir(parents=True, exist_ok=True)
        Chain.traces = options.trace
    cases = _chosen(options.only, options.net)
    if options.net and os.geteuid():
        raise BenchError("--net makes network namespaces: run it as root")
    return _measure(cases, options)


def _chosen(names: list[str], net: bool) -> list[Case]:
    known = {case.name: case for case in CASES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BenchError(f"there is no case {unknown[0]!r}: python -m bench --list shows them")
    if names:
        return [known[name] for name in names]
    return [case for case in CASES if case.needs_namespaces is net]


def _measure(cases: list[Case], options: argparse.Namespace) -> int:
    machine = this_machine()
    runs = 1 if options.quick else options.runs
    print(f"{machine}\npython -m bench {' '.join(sys.argv[1:])}\n{runs} runs", flush=True)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="unwalled-bench-logs-") as logs:
        for case in cases:
            started = time.monotonic()
            result = run_case(
                case,
                runs,
                namespaces=case.needs_namespaces,
                quick=options.quick,
                gigabytes=options.gigabytes,
                ceilings=not options.no_ceilings,
                logs=Path(logs),
            )
            results.append(result)
            print(f"\n{as_markdown(result)}\n({time.monotonic() - started:.0f} s)", flush=True)
    if not options.quick:
        _save(machine.to_dict(), results, options)
    return 1 if any(result.failures for result in results) else 0


def _save(machine: dict[str, object], results: list[Result], options: argparse.Namespace) -> None:
    RESULTS.mkdir(exist_ok=True)
    moment = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    name = f"{moment:%Y%m%d-%H%M%S}-{'net' if options.net else 'local'}.json"
    command = "python -m bench " + " ".join(sys.argv[1:])
    content = {
        "machine": machine,
        "command": command,
        "at": moment.isoformat(),
        "cases": [result.to_dict() for result in results],
    }
    (RESULTS / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(f"\nAll values: bench/results/{name}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (BenchError, pytest.skip.Exception) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
