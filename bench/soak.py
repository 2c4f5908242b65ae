"""A long run at load: whether memory and open files of each part stay what they are. Makes a table, JSON and a picture.

Operator, two bridges and a reader for the whole time; a third bridge that comes and goes; behind the reader what
`bench.crowd` does: downloads, short pages, a long talk, datagrams.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.chain import Chain
from bench.machine import this_machine
from bench.network import NO_DELAY, Network
from bench.processes import BenchError, Process, Processes, cost_of, family
from tests.support.chaos_world import NEVER
from unwalled.trace.svg import Canvas, ticks

SAMPLE_EVERY_S = 10.0
BRIDGE_EVERY_S = 45.0
"""A third bridge comes; half of that later it is killed or, every other time, told to end."""
WARM_UP = 0.25
"""Of the whole time: caches fill, and allocators find out what they need."""
LEAST_WARM_UP_S = 60.0
MOST_GROWTH = 0.05
MOST_GROWTH_BYTES = 3_000_000
"""Memory may grow by the greater of both from the first third after the warm-up to the last: what is noise."""
MOST_FILES = 8
"""The same for open files: connections that are under way when it is looked."""
DOWNLOAD_BYTES = 8_000_000
_COLOURS = {"operator": "#0072B2", "bridge 1": "#E69F00", "bridge 2": "#009E73", "reader": "#CC79A7"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process: seconds since the start, resident bytes, open descriptors, tasks of the kernel."""

    at_s: float
    rss_bytes: int
    files: int
    threads: int


@dataclass(slots=True)
class Soak:
    """All that was seen."""

    seconds: float
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """What the programs behind the reader told, by its kind."""
    sent: int = 0
    came: int = 0
    joined: int = 0
    left: int = 0
    why_cut: Counter[str] = field(default_factory=Counter)

    @property
    def warm_up_s(self) -> float:
        """What before this moment does not count."""
        return min(max(self.seconds * WARM_UP, LEAST_WARM_UP_S), self.seconds / 2)


@dataclass(frozen=True, slots=True)
class Trend:
    """How a process was in the first and in the last third after the warm-up: medians."""

    rss_before: float
    rss_after: float
    files_before: float
    files_after: float

    @property
    def is_flat(self) -> bool:
        """Whether it has neither grown in memory nor in open files."""
        room = max(self.rss_before * MOST_GROWTH, MOST_GROWTH_BYTES)
        return self.rss_after - self.rss_before <= room and self.files_after - self.files_before <= MOST_FILES


def trend(samples: list[Sample], warm_up_s: float) -> Trend:
    """Raises BenchError when there are too few to tell."""
    counted = [sample for sample in samples if sample.at_s >= warm_up_s]
    third = len(counted) // 3
    if not third:
        raise BenchError("the run was too short to see a trend: give it more minutes")
    before, after = counted[:third], counted[-third:]
    return Trend(
        statistics.median(sample.rss_bytes for sample in before),
        statistics.median(sample.rss_bytes for sample in after),
        statistics.median(sample.files for sample in before),
        statistics.median(sample.files for sample in after),
    )


def soak(minutes: float, folder: Path, logs: Path) -> tuple[str, bool]:
    """The table, and whether all stayed flat and nothing was lost. Writes ``soak.json`` and ``soak.svg``."""
    seen = Soak(minutes * 60)
    with (
        Processes(logs) as processes,
        Network(NO_DELAY, processes, namespaces=False) as network,
        Chain(network, processes) as chain,
    ):
        _run(chain, processes, seen)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": this_machine().to_dict(),
        "minutes": minutes,
        "samples": {name: [asdict(sample) for sample in samples] for name, samples in seen.samples.items()},
        "counts": dict(seen.counts),
        "datagrams": {"sent": seen.sent, "came": seen.came},
        "third bridge": {"joined": seen.joined, "left": seen.left},
        "cut": dict(seen.why_cut),
    }
    (folder / "soak.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "soak.svg").write_text(draw(seen), encoding="utf-8")
    trends = {name: trend(samples, seen.warm_up_s) for name, samples in seen.samples.items()}
    wrong = [f"{name} has grown" for name, found in trends.items() if not found.is_flat]
    wrong += [f"{name} ended" for name, samples in seen.samples.items() if samples[-1].at_s < seen.seconds * 0.9]
    wrong += ["a byte was wrong"] if seen.counts["wrong"] else []
    wrong += _complaints(logs)
    return _table(seen, trends, wrong), not wrong


def _run(chain: Chain, processes: Processes, seen: Soak) -> None:
    bridges = [chain.add_bridge("headless") for _ in range(2)]
    chain.start_reader()
    chain.connected()
    assert chain.reader is not None
    watched = {
        "operator": chain.operator,
        "bridge 1": bridges[0].process,
        "bridge 2": bridges[1].process,
        "reader": chain.reader,
    }
    crowd = processes.python("crowd", "bench.crowd", chain.proxy, chain.site, str(DOWNLOAD_BYTES))
    listening = threading.Thread(target=_listen, args=(crowd, seen), daemon=True)
    listening.start()
    began = time.monotonic()
    coming = _Third(chain, processes, seen)
    while (now := time.monotonic() - began) < seen.seconds:
        for name, process in watched.items():
            if (sample := look(process.pid, now)) is not None:
                seen.samples.setdefault(name, []).append(sample)
        coming.step(now)
        time.sleep(max(min(SAMPLE_EVERY_S, seen.seconds - now), 0.0))
    coming.end()
    processes.end(crowd)
    listening.join(5)


class _Third:
    """The bridge that comes and goes."""

    def __init__(self, chain: Chain, processes: Processes, seen: Soak) -> None:
        self._chain = chain
        self._processes = processes
        self._seen = seen
        self._changes_at = BRIDGE_EVERY_S / 2
        self._is_here = False

    def step(self, now: float) -> None:
        """Lets it come or go when it is time for that."""
        if now < self._changes_at:
            return
        self._changes_at += BRIDGE_EVERY_S / 2
        if self._is_here:
            self.end(signal.SIGKILL if self._seen.left % 2 else signal.SIGTERM)
        else:
            self._chain.add_bridge("headless")
            self._seen.joined += 1
            self._is_here = True

    def end(self, number: int = signal.SIGTERM) -> None:
        """It goes, if it is here."""
        if self._is_here:
            self._processes.end(self._chain.bridges.pop().process, number)
            self._seen.left += 1
            self._is_here = False


def _listen(crowd: Process, seen: Soak) -> None:
    assert crowd.popen.stdout is not None
    try:
        for line in crowd.popen.stdout:
            told: dict[str, Any] = json.loads(line)
            seen.counts[told["what"]] += 1
            if told["what"] == "datagrams":
                seen.sent += told["sent"]
                seen.came += told["came"]
            elif told["what"] == "cut":
                seen.why_cut[f"{told['which']}: {told['why']}"] += 1
    except ValueError:
        # The pipe was closed under it, or a last line came half: the run is over.
        pass


def look(pid: int, at_s: float) -> Sample | None:
    """A process as it is now, with its children; None when it has ended."""
    files = threads = 0
    for member in family(pid):
        try:
            files += len(os.listdir(f"/proc/{member}/fd"))
            threads += len(os.listdir(f"/proc/{member}/task"))
        except OSError:
            continue
    return Sample(round(at_s, 1), cost_of(pid).rss_bytes, files, threads) if files else None


def _complaints(logs: Path) -> list[str]:
    """What no program may ever say."""
    return [
        f"{file.stem} says {word!r}"
        for file in sorted(logs.glob("*.log"))
        for word in NEVER
        if word in file.read_text()
    ]


def _table(seen: Soak, trends: dict[str, Trend], wrong: list[str]) -> str:
    lines = [
        f"{seen.seconds / 60:g} minutes; the first {seen.warm_up_s / 60:.1f} are the warm-up",
        "",
        "| part | memory, MB: first third | last third | open files: first third | last third |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, found in trends.items():
        figures = (found.rss_before / 1e6, found.rss_after / 1e6, found.files_before, found.files_after)
        lines.append(f"| {name} | {figures[0]:.1f} | {figures[1]:.1f} | {figures[2]:.0f} | {figures[3]:.0f} |")
    counts = seen.counts
    lines += [
        "",
        f"{counts['done']} downloads of {DOWNLOAD_BYTES // 1_000_000} MB, {counts['page']} pages, "
        f"{counts['talk']} words of the long talk, {seen.came} of {seen.sent} datagrams; "
        f"{counts['cut']} cut, {counts['wrong']} wrong; "
        f"a third bridge came {seen.joined} times and went {seen.left} times.",
        *(f"cut {number} times: {why}" for why, number in seen.why_cut.most_common(8)),
        "",
        f"Flat: {'yes' if not wrong else 'NO: ' + '; '.join(wrong)}",
    ]
    return "\n".join(lines)


_WIDTH, _LEFT, _RIGHT, _PANEL = 960, 64, 96, 180
_INK, _GREY, _GRID, _PALE = "#222222", "#666666", "#dddddd", "#f3f3f3"


def draw(seen: Soak) -> str:
    """Memory and open files over time, as SVG."""
    canvas = Canvas(_WIDTH)
    canvas.text(
        _LEFT, 24, f"Memory and open files of each part, {seen.seconds / 60:g} minutes at load", fill=_INK, font_size=15
    )
    y = 48.0
    for title, value in (
        ("memory, MB", lambda sample: sample.rss_bytes / 1e6),
        ("open files", lambda sample: float(sample.files)),
    ):
        _panel(canvas, y, title, seen, value)
        y += _PANEL + 44
    canvas.text(_LEFT, y - 8, "Grey: the warm-up, which does not count.", fill=_GREY)
    return canvas.render(int(y + 8), "Memory and open files of operator, bridges and reader over time")


def _panel(canvas: Canvas, top: float, title: str, seen: Soak, value: Any) -> None:
    width = _WIDTH - _LEFT - _RIGHT
    highest = max((value(sample) for samples in seen.samples.values() for sample in samples), default=1.0) * 1.1

    def place(at_s: float, height: float) -> tuple[float, float]:
        return _LEFT + width * at_s / seen.seconds, top + _PANEL * (1 - height / highest)

    canvas.rect(_LEFT, top, width * seen.warm_up_s / seen.seconds, _PANEL, fill=_PALE)
    for tick in ticks(highest, 4):
        y = place(0, tick)[1]
        canvas.line(_LEFT, y, _LEFT + width, y, stroke=_GRID)
        canvas.text(_LEFT - 8, y + 4, f"{tick:g}", text_anchor="end", fill=_GREY)
    for tick in ticks(seen.seconds / 60, 6):
        x = place(tick * 60, 0)[0]
        canvas.text(x, top + _PANEL + 16, f"{tick:g} min", text_anchor="middle", fill=_GREY)
    canvas.text(_LEFT, top - 6, title, fill=_INK)
    labels: list[float] = []
    for name, samples in sorted(seen.samples.items(), key=lambda item: -value(item[1][-1])):
        points = [place(sample.at_s, value(sample)) for sample in samples]
        canvas.path(points, fill="none", stroke=_COLOURS[name], stroke_width=2)
        # Names stand beside the ends of their lines, one below the other where these meet.
        y = max([points[-1][1] + 4, *(label + 14 for label in labels[-1:])])
        labels.append(y)
        canvas.text(_LEFT + width + 8, y, name, fill=_COLOURS[name])
