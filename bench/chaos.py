"""A random series of troubles for a whole chain, the same for each seed, and what the household behind the reader saw.

The troubles are in `tests.support.chaos_deeds`, the chain in `tests.support.chaos_world`: with a Redis server and two
gateway workers.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from bench.processes import BenchError
from tests.support.chaos_deeds import EVERY_DEED, Deed, done, wrongs
from tests.support.chaos_world import ChaosWorld, Seen
from tests.support.namespaces import Internet

REST_S = (3.0, 15.0)
"""Between two troubles; after a longer rest all counts as it did before."""


def chaos(minutes: float, seed: int, seconds: float, folder: Path) -> tuple[str, bool]:
    """The table, and whether nothing was lost that should not be and everybody came back. Writes ``chaos.json``."""
    if sys.platform != "linux" or os.geteuid():
        raise BenchError("chaos needs network namespaces: run it as root on Linux")
    rng = random.Random(seed)
    rows: list[tuple[Deed, float, Seen]] = []
    wrong: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="unwalled-chaos-") as place,
        Internet() as internet,
        ChaosWorld(internet, Path(place), shared=True) as world,
    ):
        until = time.monotonic() + minutes * 60
        # Each of them before one comes again.
        series: list[Deed] = []
        while time.monotonic() < until:
            series = series or rng.sample(EVERY_DEED, len(EVERY_DEED))
            deed = series.pop()
            lasts_s = rng.uniform(0.5, 1.0) * seconds
            try:
                seen = done(world, deed, rng, lasts_s)
            except AssertionError as error:
                wrong.append(f"{deed.name}: {error}")
                break
            rows.append((deed, lasts_s, seen))
            wrong += [f"{deed.name}: {word}" for word in wrongs(deed, seen)]
            print(_row(deed, lasts_s, seen), file=sys.stderr, flush=True)
            time.sleep(rng.uniform(*REST_S))
        wrong += world.complaints()
    folder.mkdir(parents=True, exist_ok=True)
    told = [
        {
            "what": deed.name,
            "seconds": round(lasts_s, 1),
            "downloads": seen.done,
            "pages": seen.pages,
            "wrong": seen.wrong,
            "cut": dict(seen.cut),
            "gap_s": round(seen.gap_s, 2),
            "back_s": round(seen.back_s, 2),
        }
        for deed, lasts_s, seen in rows
    ]
    (folder / "chaos.json").write_text(json.dumps({"seed": seed, "done": told, "wrong": wrong}, indent=1) + "\n")
    return _table(rows, wrong), not wrong


def _table(rows: list[tuple[Deed, float, Seen]], wrong: list[str]) -> str:
    lines = [
        "| what was done | s | downloads | pages | cut | longest gap, s | all well after, s |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: |",
        *(_row(*row) for row in rows),
        "",
    ]
    if rows:
        deed, _, seen = max(rows, key=lambda row: row[2].gap_s - (row[1] if row[0].is_whole else 0))
        lines.append(
            f"{len(rows)} troubles; the longest gap beyond the trouble itself: {deed.name}, {seen.gap_s:.1f} s."
        )
    return "\n".join([*lines, f"Wrong: {'; '.join(wrong) or 'nothing'}."])


def _row(deed: Deed, lasts_s: float, seen: Seen) -> str:
    by_which = sorted({why.partition(":")[0] for why in seen.cut})
    cut = ", ".join(by_which) or "–"
    return (
        f"| {deed.name} | {lasts_s:.0f} | {seen.done} | {seen.pages} | {cut} | {seen.gap_s:.1f} | {seen.back_s:.1f} |"
    )
