"""The history stays, whatever becomes of the machine, the disk, the clock or the file."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import NUMBERS
from unwalled.operator.numbers.history import DAMAGED, HISTORY_FILE, History, HistoryView, Span, copy_of
from unwalled.operator.numbers.rows import DAY_S, HOUR_S, MINUTE_S, Row

BEGAN = 20_000 * DAY_S


def minute(number: int, ok: int = 20) -> Row:
    """A minute with so many matches."""
    return Row(
        BEGAN + 60 * number,
        up_s=60.0,
        bridges=5.0,
        bridges_least=4,
        bridges_most=6,
        ok=ok,
        connect=[0.0, float(ok)] + 8 * [0.0],
        sessions=10.0,
        sessions_most=12,
        down_bytes=10**9,
        people=number,
    )


def play(folder: Path, work: Callable[[History], Coroutine[None, None, None]], limits: object = NUMBERS) -> History:
    """Works with a history, which is closed at the end."""
    assert isinstance(limits, type(NUMBERS))
    history = History(folder, limits)

    async def main() -> None:
        try:
            await work(history)
        finally:
            await history.close()

    asyncio.run(main())
    return history


def keep_all(rows: Sequence[Row]) -> Callable[[History], Coroutine[None, None, None]]:
    async def work(history: History) -> None:
        for row in rows:
            await history.keep([row])

    return work


def rows_of(folder: Path, span_s: int) -> list[tuple[int, str]]:
    with sqlite3.connect(folder / HISTORY_FILE) as database:
        found = database.execute("SELECT at, row FROM rows WHERE span = ? ORDER BY at", (span_s,)).fetchall()
    database.close()
    return found


def view(folder: Path, span: Span, now_s: float) -> HistoryView:
    """What a process that has just been started tells."""
    seen: list[HistoryView] = []

    async def work(history: History) -> None:
        seen.append(await history.view(span, now_s))

    play(folder, work)
    return seen[0]


def test_minutes_make_hours_and_days(tmp_path: Path) -> None:
    play(tmp_path, keep_all([minute(number) for number in range(120)]))
    assert len(rows_of(tmp_path, MINUTE_S)) == 120
    assert [at for at, _ in rows_of(tmp_path, HOUR_S)] == [BEGAN, BEGAN + HOUR_S]
    (day,) = view(tmp_path, "year", BEGAN + 2 * HOUR_S).points
    assert (day.ok, day.up_s, day.bridges, day.success, day.people) == (2400, 7200, 5.0, 1.0, 110)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    async def work(history: History) -> None:
        await history.keep([minute(0)])
        assert modes() == {0o600}

    def modes() -> set[int]:
        return {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    play(tmp_path, work)


def test_the_last_day_is_exact_in_memory_and_rounded_on_the_disk(tmp_path: Path) -> None:
    exact: list[int] = []

    async def work(history: History) -> None:
        await keep_all([minute(number, ok=3) for number in range(30)])(history)
        exact.extend(point.ok for point in (await history.view("day", BEGAN + 1800)).points)

    play(tmp_path, work)
    assert exact == [30, 30, 30]
    assert [point.ok for point in view(tmp_path, "day", BEGAN + 1800).points] == [0, 0, 0]
    assert '"ok"' not in "".join(row for _, row in rows_of(tmp_path, MINUTE_S))
    assert [point.ok for point in view(tmp_path, "year", BEGAN + 1800).points] == [90]


def test_a_restart_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    play(tmp_path, keep_all([minute(number) for number in range(10)]))
    play(tmp_path, keep_all([minute(number) for number in range(10, 20)]))
    (day,) = view(tmp_path, "year", BEGAN + HOUR_S).points
    assert (day.ok, day.up_s) == (400, 1200)
    assert day.connect_p50_s == pytest.approx(0.175, abs=0.001)


def test_a_step_that_began_before_this_process_is_taken_from_the_disk(tmp_path: Path) -> None:
    play(tmp_path, keep_all([minute(number) for number in range(8)]))
    seen: list[HistoryView] = []

    async def work(history: History) -> None:
        await keep_all([minute(number) for number in range(8, 12)])(history)
        seen.append(await history.view("day", BEGAN + 720))

    play(tmp_path, work)
    assert [(point.at_s - BEGAN, point.up_s) for point in seen[0].points] == [(0, 600), (600, 120)]


def test_no_more_rows_are_kept_than_there_may_be(tmp_path: Path) -> None:
    limits = replace(NUMBERS, minute_rows=30, hour_rows=2, day_rows=2)
    rows = [minute(number) for number in range(0, 4 * 24 * 60, 7)]
    play(tmp_path, keep_all(rows[:100]), limits)

    async def work(history: History) -> None:
        await history.keep(rows[100:])

    play(tmp_path, work, replace(limits, waiting_rows=2000))
    assert len(rows_of(tmp_path, MINUTE_S)) == 30
    assert len(rows_of(tmp_path, HOUR_S)) == 2
    assert len(rows_of(tmp_path, DAY_S)) == 2
    assert rows_of(tmp_path, MINUTE_S)[-1][0] == rows[-1].at_s


def test_years_take_a_megabyte_or_two(tmp_path: Path) -> None:
    play(tmp_path, keep_all([minute(0)]))
    (_, row), *_ = rows_of(tmp_path, DAY_S)
    most = NUMBERS.minute_rows + NUMBERS.hour_rows + NUMBERS.day_rows
    assert (len(row) + 16) * most < 4 * 1024 * 1024
    assert NUMBERS.history_bytes > 8 * (len(row) + 16) * most


@pytest.mark.parametrize("jump_s", [40 * 365 * DAY_S, -30 * 365 * DAY_S])
def test_a_clock_that_is_wrong_for_an_hour_deletes_nothing(tmp_path: Path, jump_s: int) -> None:
    wrong = [Row(BEGAN + jump_s + 60 * number, up_s=60.0, ok=20) for number in range(60)]
    right = [minute(number) for number in range(100)]
    limits = replace(NUMBERS, minute_rows=500)
    play(tmp_path, keep_all([*right[:50], *wrong, *right[50:]]), limits)
    assert sum(point.ok for point in view(tmp_path, "day", BEGAN + 6000).points) == 2000
    assert sum(point.ok for point in view(tmp_path, "month", BEGAN + 6000).points) == 2000


def test_a_minute_that_comes_again_is_added(tmp_path: Path) -> None:
    play(tmp_path, keep_all([minute(0), minute(1), minute(0)]))
    assert sum(point.ok for point in view(tmp_path, "day", BEGAN + 600).points) == 60


@pytest.mark.parametrize("where", ["head", "middle", "rows"])
def test_a_damaged_file_is_put_aside_and_a_new_one_begun(tmp_path: Path, where: str) -> None:
    play(tmp_path, keep_all([minute(number) for number in range(300)]))
    path = tmp_path / HISTORY_FILE
    if where == "rows":
        with sqlite3.connect(path) as database:
            database.execute("UPDATE rows SET row = '{' WHERE span = 86400")
        database.close()
    else:
        content = bytearray(path.read_bytes())
        begin = 0 if where == "head" else 4096
        content[begin : begin + 4096] = os.urandom(4096)
        path.write_bytes(content)
    history = play(tmp_path, keep_all([minute(301)]))
    assert history.was_damaged
    assert history.trouble == ""
    assert (tmp_path / DAMAGED).exists()
    assert len(rows_of(tmp_path, MINUTE_S)) == 1


def test_reading_a_damaged_file_puts_it_aside_as_well(tmp_path: Path) -> None:
    (tmp_path / HISTORY_FILE).write_bytes(b"no database" * 1000)
    assert view(tmp_path, "day", BEGAN).points == []
    assert (tmp_path / DAMAGED).exists()


def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    play(tmp_path, keep_all([minute(0)]))
    with sqlite3.connect(tmp_path / HISTORY_FILE) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    before = (tmp_path / HISTORY_FILE).read_bytes()
    history = play(tmp_path, keep_all([minute(1)]))
    assert "newer" in history.trouble
    assert (tmp_path / HISTORY_FILE).read_bytes() == before


def test_what_could_not_be_written_waits_and_is_written_later(tmp_path: Path) -> None:
    """Another program's lock stands for a full disk: the write fails, and works again later."""
    troubles: list[str] = []

    async def work(history: History) -> None:
        await history.keep([minute(0)])
        holder = sqlite3.connect(tmp_path / HISTORY_FILE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        await history.keep([minute(1)])
        troubles.append(history.trouble)
        holder.execute("ROLLBACK")
        holder.close()
        await history.keep([minute(2)])
        troubles.append(history.trouble)

    play(tmp_path, work)
    assert troubles == ["Another program holds the file.", ""]
    assert len(rows_of(tmp_path, MINUTE_S)) == 3
    assert [point.ok for point in view(tmp_path, "year", BEGAN + 600).points] == [60]


def test_minutes_whose_keeper_is_cancelled_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the end of a program: the thread goes on, and the last minute comes after what it writes."""
    has_begun, may_write = threading.Event(), threading.Event()

    async def work(history: History) -> None:
        write = history._write

        def write_late(*arguments: object) -> None:
            has_begun.set()
            assert may_write.wait(10.0)
            write(*arguments)

        monkeypatch.setattr(history, "_write", write_late)
        leaving = asyncio.create_task(history.keep([minute(0)]))
        await asyncio.to_thread(has_begun.wait)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        may_write.set()
        await history.keep([minute(1)])

    play(tmp_path, work)
    assert [(point.ok, point.up_s) for point in view(tmp_path, "year", BEGAN + 600).points] == [(40, 120)]


def test_a_file_that_can_grow_no_more_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    limits = replace(NUMBERS, history_bytes=4 * 4096, waiting_rows=3)
    history = play(tmp_path, keep_all([minute(number) for number in range(80)]), limits)
    assert history.trouble == "The disk is full, or it fails."
    assert len(history._waiting) == 3
    assert 0 < len(rows_of(tmp_path, MINUTE_S)) < 80


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    history = play(tmp_path / "none", keep_all([minute(0)]))
    assert history.trouble == "No such file or directory."


def test_a_kill_costs_no_more_than_the_minute_that_runs(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from unwalled.operator.numbers.history import History
from unwalled.operator.numbers.rows import Row

async def main():
    history = History(Path(sys.argv[1]))
    for number in range(100000):
        await history.keep([Row(60 * number, up_s=60.0, ok=20)])
        print(number, flush=True)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if int(line) >= 50:
                break
        running.send_signal(signal.SIGKILL)
        last = max([50, *(int(line) for line in running.stdout.read().split())])
    assert len(rows_of(tmp_path, MINUTE_S)) >= last + 1
    history = play(tmp_path, keep_all([minute(0)]))
    assert not history.was_damaged


def test_a_copy_is_whole_while_it_is_written(tmp_path: Path) -> None:
    assert copy_of(tmp_path) is None
    copies: list[bytes | None] = []

    async def work(history: History) -> None:
        await history.keep([minute(0)])
        copies.append(copy_of(tmp_path))
        await history.keep([minute(1)])

    play(tmp_path, work)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / HISTORY_FILE).write_bytes(copies[0] or b"")
    assert len(rows_of(elsewhere, MINUTE_S)) == 1
    (elsewhere / HISTORY_FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        copy_of(elsewhere)


def test_sqlite_is_not_loaded_before_there_is_something_to_keep() -> None:
    program = "import sys, unwalled.operator.server; raise SystemExit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
