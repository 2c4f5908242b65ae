"""Results as a table that can stand in the documentation as it is."""

from __future__ import annotations

from statistics import median

from bench.runs import Result

_QUIET_CORES = 0.2


def as_markdown(result: Result) -> str:
    """One case: medians, ranges, and what was to be reached."""
    case = result.case
    targets = dict(case.targets)
    lines = [
        f"### {case.about} (`{case.name}`)",
        f"cores busy with other things before each run: {', '.join(f'{cores:g}' for cores in result.others)}",
        "",
        "| figure | median | range | runs | to reach |",
        "| --- | ---: | --- | ---: | --- |",
    ]
    for name, values in result.figures.items():
        target = targets.get(name)
        wanted = "" if target is None else f"{target}: {'yes' if target.met(median(values)) else '**no**'}"
        lines.append(_row(name, values, wanted))
    for name, values in result.ceilings.items():
        lines.append(_row(f"ceiling: {name}, Mbit/s", values, ""))
    if max(result.others, default=0) > _QUIET_CORES:
        lines.append("\nNot on a quiet machine: these figures are no measurement of the program.")
    lines += [f"\nfailed: {failure.splitlines()[0]}" for failure in result.failures]
    return "\n".join(lines)


def _row(name: str, values: list[float], wanted: str) -> str:
    return (
        f"| {name} | {_show(median(values))} | {_show(min(values))}–{_show(max(values))} | {len(values)} | {wanted} |"
    )


def _show(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
