"""Runs a case and its ceilings in turns, several times, and keeps every value."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.cases import Case, Figures, Setting, run_ceiling
from bench.ceiling.run import tcp
from bench.machine import busy_cores
from bench.processes import BenchError, Processes


@dataclass(slots=True)
class Result:
    """All values of one case, by figure, in the order of the runs."""

    case: Case
    figures: dict[str, list[float]] = field(default_factory=dict)
    ceilings: dict[str, list[float]] = field(default_factory=dict)
    """In Mbit/s."""
    others: list[float] = field(default_factory=list)
    """Cores that other programs kept busy in the second before each run."""
    failures: list[str] = field(default_factory=list)

    def ceiling_of(self, direction: str) -> tuple[str, float] | None:
        """The bare relay that a direction is compared with, and its median. Over a link throughput grows with lanes, so
        only one with about as many of them says anything; None without one within a factor of 1.5."""
        chosen = [c for c in self.case.ceilings if c.direction == direction and self.ceilings.get(c.name)]
        if self.case.needs_namespaces:
            lanes = self.figures.get(f"{direction}, lanes at its end")
            if not lanes:
                return None
            count = median(lanes)
            chosen = [c for c in chosen if count / 1.5 <= c.lanes <= count * 1.5]
        best = max(chosen, key=lambda c: median(self.ceilings[c.name]), default=None)
        return None if best is None else (best.name, median(self.ceilings[best.name]))

    def to_dict(self) -> dict[str, object]:
        """For the results file."""
        return {
            "case": self.case.name,
            "about": self.case.about,
            "link": self.case.link.name,
            "figures": self.figures,
            "ceilings_mbit_s": self.ceilings,
            "cores_busy_with_other_things": self.others,
            "failures": self.failures,
        }


def run_case(
    case: Case, runs: int, *, namespaces: bool, quick: bool, gigabytes: float, ceilings: bool, logs: Path
) -> Result:
    """Measures. A run that fails is noted and told on standard error; the others go on."""
    result = Result(case)
    for number in range(runs):
        result.others.append(round(busy_cores(), 2))

        def setting(processes: Processes, seed: int = number + 1) -> Setting:
            return Setting(processes, namespaces, seed, quick, gigabytes, case.link)

        def attempt(what: str, job: Callable[[Processes], None], number: int = number) -> None:
            try:
                with Processes(logs / f"{case.name}-{number}-{what.replace(' ', '-')}") as processes:
                    job(processes)
            except (BenchError, ValueError, KeyError) as error:
                result.failures.append(f"run {number + 1}, {what}: {error}")
                print(f"bench: {case.name}, run {number + 1}, {what}: {error}", file=sys.stderr, flush=True)

        def chain(processes: Processes) -> None:
            _add(result.figures, case.run(setting(processes)))

        def bare(processes: Processes) -> None:
            for ceiling in case.ceilings:
                _add(result.ceilings, {ceiling.name: run_ceiling(ceiling, setting(processes))})

        def plain(processes: Processes) -> None:
            given = setting(processes)
            with given.network() as network:
                rate = tcp(network, processes, "down", given.seconds(20)).mbit_s(given.seconds(20) / 4)
            _add(result.ceilings, {"plain TCP (CUBIC) over the same link, down": rate})

        if ceilings and case.ceilings:
            attempt("ceilings", bare)

        def beside(processes: Processes) -> None:
            assert case.beside is not None
            _add(result.figures, case.beside(setting(processes)))

        if ceilings and case.beside is not None:
            attempt("beside", beside)
        if ceilings and case.tcp:
            attempt("plain tcp", plain)
        attempt("chain", chain)
    for direction in ("down", "up"):
        _share(result, direction)
    return result


def _share(result: Result, direction: str) -> None:
    ceiling = result.ceiling_of(direction)
    values = result.figures.get(f"{direction}, Mbit/s")
    if ceiling is not None and values:
        result.figures[f"{direction}, share of the ceiling"] = [round(value / ceiling[1], 4) for value in values]


def _add(values: dict[str, list[float]], figures: Figures) -> None:
    for name, value in figures.items():
        values.setdefault(name, []).append(round(value, 4))
