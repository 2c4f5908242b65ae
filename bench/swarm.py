"""``python -m bench swarm``: a day of very many bridges on a simulated clock, around the real Matching.

Prints a table, and draws a picture of the day when it is told where (``--svg``). The course of the day is set in
tests/support/swarm_world.py; the same seed gives the same day, processor times apart.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.flow import percentile
from tests.support.swarm_world import HOUR_S, Plan, Results, SwarmWorld, attackers
from unwalled.trace.svg import Canvas, Point, ticks, upper

_HOSTILE = (0.01, 0.10)
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _GAP = 860, 84, 20, 54, 104, 44
_COLOURS = ("#2563a8", "#c2410c")
_DARK = (
    "<style>@media (prefers-color-scheme: dark) { svg > rect:first-of-type { fill: #16181d } "
    "text { fill: #d6d9e0 !important } .grid { stroke: #3a3f4b !important } "
    ".c0 { stroke: #6ea8e8 !important } .c1 { stroke: #f0935c !important } }</style>"
)


def swarm(bridges: int, hours: float, sessions: int, seed: int, svg: Path | None) -> str:
    """Runs the day once for each share of hostile bridges; gives the table as Markdown."""
    found = []
    for share in _HOSTILE:
        plan = Plan(
            bridges=bridges,
            duration_s=hours * HOUR_S,
            sessions=sessions,
            hostile_share=share,
            event_at=hours * HOUR_S * 14 / 24,
            event_s=min(1200.0, hours * HOUR_S / 20),
        )
        found.append(SwarmWorld(plan, seed, attackers(hours), time.process_time).run())
    if svg is not None:
        svg.write_text(picture(found, hours), "utf-8")
    return table(found)


def table(found: list[Results]) -> str:
    """One column for each run."""
    rows = [_figures(results) for results in found]
    lines = [
        f"| | {' | '.join(f'{share:.0%} hostile' for share in _HOSTILE)} |",
        f"| --- |{' ---: |' * len(rows)}",
    ]
    lines += [f"| {name} | {' | '.join(row[name] for row in rows)} |" for name in rows[0]]
    return "\n".join(lines)


def _figures(results: Results) -> dict[str, str]:
    asked, unserved = results.asked, results.unserved
    figures = {
        "readers' sessions; of them in the 20 minutes of news": f"{asked['all']:,}; {asked['event']:,}",
        "bridges given": f"{results.matches:,}",
        "time to a match, median and p99": _two(results.waits_s, "s"),
        "the same behind one carrier's NAT": _two(results.crowd_waits_s, "s"),
        "without a bridge within a minute": f"{unserved['all'] / asked['all']:.3%}",
        "the same, during the news": f"{unserved['event'] / max(asked['event'], 1):.3%}",
        "the same, behind one carrier's NAT": f"{unserved['crowd'] / max(asked['crowd'], 1):.3%}",
        "bridges given that did harm, first hour; last hour": f"{_harm(results, 0):.2%}; {_harm(results, -2):.2%}",
        "readers harmed by one hostile bridge: median, p99, most": _three([float(n) for n in results.harmed_by_bridge]),
    }
    for kind in sorted({*results.out_after_s, *results.never_out}):
        times, never = results.out_after_s.get(kind, []), results.never_out[kind]
        told = _two(times, "s") if times else "–"
        figures[f"out after its first reader: one that {kind}"] = f"{told}; {never} were not seen enough"
    loads = results.served_by_bridge
    figures["load of the whole course, share of capacity × speed: median, p99, most"] = _three(loads, 3)
    figures["Jain's index of it"] = f"{results.jain():.2f}"
    figures["lanes in use at the height of the news, share of capacity: median, p99, most"] = _three(
        results.peak_loads, 2
    )
    for attacker in results.attackers:
        figures[f"bridges learned: {attacker.name}"] = f"{len(attacker.learned):,} of {attacker.allowed:,} allowed"
    micros = [1e6 * taken for taken in results.reserve_s]
    figures["processor time of one choice (`reserve`): median, p99"] = _two(micros, "µs", 0)
    return figures


def _harm(results: Results, place: int) -> float:
    hours = sorted(results.matches_by_hour)
    hour = hours[max(place, -len(hours))]
    return results.harm_by_hour[hour] / results.matches_by_hour[hour]


def _two(values: list[float], unit: str, digits: int = 1) -> str:
    return f"{percentile(values, 0.5):.{digits}f}, {percentile(values, 0.99):.{digits}f} {unit}" if values else "–"


def _three(values: list[float], digits: int = 0) -> str:
    if not values:
        return "–"
    return f"{percentile(values, 0.5):.{digits}f}, {percentile(values, 0.99):.{digits}f}, {max(values):.{digits}f}"


def picture(found: list[Results], hours: float) -> str:
    """The day as curves: bridges, sessions, and what share of the bridges given did harm."""
    canvas = Canvas(_WIDTH)
    canvas.text(_LEFT, 22, "A day of the swarm, simulated", font_size=16, fill="#1f2430", font_weight="600")
    for number, share in enumerate(_HOSTILE):
        x = _LEFT + 190 * number
        canvas.line(x, 38, x + 22, 38, stroke=_COLOURS[number], stroke_width=2, **{"class": f"c{number}"})
        canvas.text(x + 28, 42, f"{share:.0%} of bridges hostile", fill="#1f2430")
    panels: list[tuple[str, list[list[Point]]]] = [
        ("bridges there", [[(at / HOUR_S, float(there)) for at, there, _, _ in one.series] for one in found]),
        ("sessions", [[(at / HOUR_S, float(sessions)) for at, _, sessions, _ in one.series] for one in found]),
        (
            "bridges given that did harm, %",
            [
                [
                    (hour + 0.5, 100 * one.harm_by_hour[hour] / given)
                    for hour, given in sorted(one.matches_by_hour.items())
                ]
                for one in found
            ],
        ),
    ]
    top = float(_TOP)
    for name, curves in panels:
        top += 16
        _panel(canvas, name, curves, top, hours)
        top += _ROW + _GAP - 16
    canvas.text(_LEFT, top + 8, "hours since the start", fill="#1f2430")
    return canvas.render(int(top) + 20, "A day of the swarm, simulated", _DARK)


def _panel(canvas: Canvas, name: str, curves: list[list[Point]], top: float, hours: float) -> None:
    width = _WIDTH - _LEFT - _RIGHT
    highest = upper([value for curve in curves for _, value in curve], 1.0)
    canvas.text(_LEFT, top - 6, name, fill="#1f2430", font_weight="600")
    for value in ticks(highest, 4):
        y = top + _ROW * (1 - value / highest)
        canvas.line(_LEFT, y, _LEFT + width, y, stroke="#dfe3ea", **{"class": "grid"})
        canvas.text(_LEFT - 8, y + 4, f"{value:,.10g}", text_anchor="end", fill="#1f2430")
    for hour in ticks(hours, 8):
        canvas.text(_LEFT + width * hour / hours, top + _ROW + 16, f"{hour:g}", text_anchor="middle", fill="#1f2430")
    for number, curve in enumerate(curves):
        points = [(_LEFT + width * min(at / hours, 1.0), top + _ROW * (1 - value / highest)) for at, value in curve]
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        look = {"fill": "none", "stroke": _COLOURS[number], "stroke_width": "1.6", "class": f"c{number}"}
        canvas.add("polyline", points=steps, **look)
