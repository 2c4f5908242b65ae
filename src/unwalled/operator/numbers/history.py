"""The history of an operator's numbers: ``history.sqlite`` in the data folder (0600), written once a minute.

    minute rows for two days, rows of hours for 90 days, rows of days for ten years; never more, whatever the clock does

Rows are kept by number and not by age, so a clock that jumps forward for a moment deletes nothing. SQLite runs in a
thread of its own, and is loaded with the first row. A power cut or a kill costs the minute that runs. A full disk or a
file that may not be written costs the history and nothing else: what could not be written waits in memory, and an alarm
tells it. A damaged file is put aside, and a new one begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import NUMBERS, NumbersLimits
from unwalled.operator.numbers.rows import DAY_S, HOUR_S, MINUTE_S, Row, kept, merge, regrouped, taken_up

if TYPE_CHECKING:
    import sqlite3

HISTORY_FILE = "history.sqlite"
DAMAGED = f"{HISTORY_FILE}.damaged"
SIDE_FILES = (f"{HISTORY_FILE}-wal", f"{HISTORY_FILE}-shm")
_VERSION = 1
_RECENT_STEP_S = 600
_PAGE_BYTES = 4096

Span = Literal["day", "month", "year"]
_OF_SPAN: dict[Span, tuple[int, int, int]] = {
    # Which rows, how many of them, and to which step they are put together.
    "day": (MINUTE_S, DAY_S // MINUTE_S, _RECENT_STEP_S),
    "month": (HOUR_S, 31 * 24, 6 * HOUR_S),
    "year": (DAY_S, 366, DAY_S),
}


class Point(msgspec.Struct, frozen=True):
    """One step of a history. What is not known is None; counts of readers on the disk are rounded down to tens."""

    at_s: int
    up_s: int
    """For how much of the step the operator ran."""
    bridges: float
    bridges_least: int
    bridges_most: int
    ok: int
    none: int
    failed: int
    refused: int
    success: float | None
    connect_p50_s: float | None
    connect_p90_s: float | None
    sessions: float
    sessions_most: int
    up_bytes: int
    down_bytes: int
    peak_bps: int
    people: int
    memory_most: int
    descriptors_most: int
    alarms: list[str]


class HistoryView(msgspec.Struct, frozen=True):
    """A span of the history, the oldest step first; a step in which the operator did not run is left out."""

    v: int
    span: Span
    step_s: int
    at_s: int
    """When it was asked, in seconds since 1970."""
    trouble: str
    """Why the history cannot be written or read now, or ""."""
    points: list[Point]


class History:
    """Keeps rows and gives them back. Belongs to the event loop's thread; SQLite has its own."""

    def __init__(self, folder: Path, limits: NumbersLimits = NUMBERS) -> None:
        self.trouble = ""
        """Why the last write failed, or ""."""
        self.was_damaged = False
        """Whether the file was damaged and put aside."""
        self._path = folder / HISTORY_FILE
        self._limits = limits
        self._most = {MINUTE_S: limits.minute_rows, HOUR_S: limits.hour_rows, DAY_S: limits.day_rows}
        self._waiting: deque[Row] = deque(maxlen=limits.waiting_rows)
        self._recent: deque[Row] = deque(maxlen=DAY_S // _RECENT_STEP_S)
        self._running: dict[int, Row] = {}
        self._thread: ThreadPoolExecutor | None = None
        self._database: sqlite3.Connection | None = None

    async def keep(self, rows: Sequence[Row]) -> None:
        """Takes in the exact rows of minutes, in one step. Never raises; see ``trouble``.

        They are taken in, and once, also when whoever calls this is cancelled meanwhile.
        """
        for row in rows:
            step = row.at_s - row.at_s % _RECENT_STEP_S
            last = self._recent.pop() if self._recent and self._recent[-1].at_s == step else Row(step)
            self._recent.append(merge(last, row))
        await self._run(self._keep, rows)

    async def view(self, span: Span, now_wall_s: float) -> HistoryView:
        """The last day in steps of ten minutes, the last month in steps of six hours, or the last year in days."""
        rows_of, count, step_s = _OF_SPAN[span]
        rows = await self._rows(rows_of, count, now_wall_s)
        since_s = now_wall_s - count * rows_of
        rows = regrouped((row for row in rows if since_s < row.at_s <= now_wall_s), step_s)
        if span == "day" and self._recent:
            exact = {row.at_s: row for row in self._recent if since_s < row.at_s <= now_wall_s}
            known = {row.at_s: row for row in rows}
            # The first step may have begun before this process did: then the disk knows more of it.
            known |= {at_s: row for at_s, row in exact.items() if at_s not in known or row.up_s >= known[at_s].up_s}
            rows = [known[at_s] for at_s in sorted(known)]
        return HistoryView(1, span, step_s, int(now_wall_s), self.trouble, [_point(row) for row in rows])

    async def days(self, now_wall_s: float) -> list[Row]:
        """The rows of all days, as they lie on the disk."""
        return await self._rows(DAY_S, self._most[DAY_S], now_wall_s)

    async def close(self) -> None:
        """Closes the file. Safe to call again."""
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)
            self._thread = None

    async def _rows(self, span_s: int, count: int, now_wall_s: float) -> list[Row]:
        found: list[Row] = []
        await self._run(self._try, self._read, found, span_s, count, int(now_wall_s))
        return found

    async def _run(self, work: Callable[..., object], *arguments: object) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "history")
        # A thread cannot be stopped, so what it was given is done, whether or not somebody still waits for it.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments))

    # From here on in the thread.

    def _keep(self, rows: Sequence[Row]) -> None:
        self._waiting.extend(rows)
        if self._try(self._write):
            self._waiting.clear()

    def _try(self, work: Callable[..., None], *arguments: object) -> bool:
        import sqlite3

        try:
            try:
                work(*arguments)
            except sqlite3.OperationalError:
                raise
            except (sqlite3.DatabaseError, msgspec.MsgspecError, UnicodeDecodeError):
                self._put_aside()
                work(*arguments)
        except (sqlite3.Error, OSError) as error:
            self.trouble = _words(error)
            self._close()
            return False
        return True

    def _open(self) -> sqlite3.Connection:
        if self._database is not None:
            return self._database
        import sqlite3

        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(self._path, timeout=0.5, isolation_level=None)
        try:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise OSError("It was written by a newer Unwalled.")
            if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA journal_size_limit = {1024 * 1024}")
            database.execute(f"PRAGMA max_page_count = {self._limits.history_bytes // _PAGE_BYTES}")
            database.execute(
                "CREATE TABLE IF NOT EXISTS rows"
                " (span INTEGER NOT NULL, at INTEGER NOT NULL, row TEXT NOT NULL, PRIMARY KEY (span, at)) WITHOUT ROWID"
            )
            database.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            database.close()
            raise
        self._database = database
        return database

    def _write(self) -> None:
        database = self._open()
        running = dict(self._running)
        changed: dict[tuple[int, int], Row] = {}
        database.execute("BEGIN IMMEDIATE")
        try:
            for row in self._waiting:
                for span_s in self._most:
                    whole = self._joined(database, running, row, span_s)
                    running[span_s] = changed[span_s, whole.at_s] = whole
            database.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)",
                [
                    (span_s, at_s, msgspec.json.encode(kept(row, span_s)).decode())
                    for (span_s, at_s), row in changed.items()
                ],
            )
            for span_s, most in self._most.items():
                database.execute(
                    "DELETE FROM rows WHERE span = ?1 AND at <="
                    " (SELECT at FROM rows WHERE span = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
                    (span_s, most),
                )
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self._running = running
        self.trouble = ""

    def _joined(self, database: sqlite3.Connection, running: dict[int, Row], row: Row, span_s: int) -> Row:
        """The row of a span with one more minute: exact for as long as it runs here, else from what is on the disk."""
        at_s = row.at_s - row.at_s % span_s
        held = running.get(span_s)
        if held is None or held.at_s != at_s:
            found = database.execute("SELECT row FROM rows WHERE span = ? AND at = ?", (span_s, at_s)).fetchone()
            held = Row(at_s) if found is None else taken_up(msgspec.json.decode(found[0], type=Row))
        return merge(held, row)

    def _read(self, into: list[Row], span_s: int, count: int, until_s: int) -> None:
        if not self._path.exists():
            return
        into.clear()
        found = self._open().execute(
            "SELECT row FROM rows WHERE span = ? AND at <= ? ORDER BY at DESC LIMIT ?", (span_s, until_s, count)
        )
        into += [taken_up(msgspec.json.decode(row, type=Row)) for (row,) in found]
        into.reverse()

    def _put_aside(self) -> None:
        self._close()
        self._running.clear()
        self.was_damaged = True
        folder = self._path.parent
        os.replace(self._path, folder / DAMAGED)
        for name in SIDE_FILES:
            (folder / name).unlink(missing_ok=True)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def _words(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return "The disk is full, or it fails."
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")) or isinstance(error, PermissionError):
        return "The file may not be written."
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "Another program holds the file."
    if isinstance(error, OSError):
        return f"{error.strerror}." if error.strerror else str(error)
    return "The file does not take it."


def _point(row: Row) -> Point:
    return Point(
        at_s=row.at_s,
        up_s=round(row.up_s),
        bridges=round(row.bridges, 2),
        bridges_least=row.bridges_least,
        bridges_most=row.bridges_most,
        ok=row.ok,
        none=row.none,
        failed=row.failed,
        refused=row.refused,
        success=row.success,
        connect_p50_s=row.connect_s(0.5),
        connect_p90_s=row.connect_s(0.9),
        sessions=round(row.sessions, 2),
        sessions_most=row.sessions_most,
        up_bytes=row.up_bytes,
        down_bytes=row.down_bytes,
        peak_bps=row.peak_bps,
        people=row.people,
        memory_most=row.memory_most,
        descriptors_most=row.descriptors_most,
        alarms=row.alarms,
    )


def copy_of(folder: Path) -> bytes | None:
    """The file as one whole, also while an operator writes it; None when there is none. Blocking.

    Raises ConfigurationError when it is damaged or held.
    """
    path = folder / HISTORY_FILE
    if not path.exists():
        return None
    import sqlite3

    try:
        with (
            contextlib.closing(sqlite3.connect(path, timeout=5.0)) as held,
            contextlib.closing(sqlite3.connect(":memory:")) as copy,
        ):
            held.backup(copy)
            return copy.serialize()
    except sqlite3.Error:
        raise ConfigurationError(
            f"{HISTORY_FILE} in the data folder cannot be read.", "Move it away: it holds nothing but past numbers."
        ) from None
