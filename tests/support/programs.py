"""Unwalled's commands as real processes, for tests: their lines, waited for within a bound, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType

PATIENCE_S = 30.0
END_S = 2.5
"""The two seconds in which a program has to end, and a little for a loaded machine to notice it."""


class Command:
    """One running command. As a context it is killed at the end, if it still runs."""

    def __init__(
        self,
        *arguments: str,
        stdin: str | None = None,
        environment: dict[str, str] | None = None,
        module: str = "unwalled.cli",
        within: Sequence[str] = (),
        is_stdin_kept: bool = False,
    ) -> None:
        """``within``: a command that becomes the program, as ``ip netns exec NAME`` does. ``is_stdin_kept``: standard
        input does not end before ``close_stdin``."""
        self._news = threading.Condition()
        self.out: list[str] = []
        self.err: list[str] = []
        self._open_streams = 2
        self._home = tempfile.TemporaryDirectory(prefix="unwalled-home-")
        clean = {name: value for name, value in os.environ.items() if name != "UNWALLED_INVITE"}
        # Each command has a folder of its own, unless a test says otherwise: a reader would find another one running.
        clean["UNWALLED_HOME"] = self._home.name
        self.process = subprocess.Popen(
            [*within, sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**clean, **(environment or {})},
            start_new_session=True,
        )
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()
        assert self.process.stdin is not None
        if stdin is not None:
            self.process.stdin.write(stdin)
        if not is_stdin_kept:
            self.close_stdin()

    def close_stdin(self) -> None:
        """Ends its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.close_stdin()
        self.process.wait(PATIENCE_S)
        with self._news:
            self._news.wait_for(lambda: self._open_streams == 0, PATIENCE_S)
        self._home.cleanup()

    def line(self, wanted: Callable[[str], bool] | str, *, after: int = 0) -> str:
        """The first line of standard output, from number ``after`` on, that is wanted or begins so."""
        matches = (lambda line: line.startswith(wanted)) if isinstance(wanted, str) else wanted
        with self._news:

            def found() -> bool:
                return any(map(matches, self.out[after:])) or self._open_streams == 0

            self._news.wait_for(found, PATIENCE_S)
            for line in self.out[after:]:
                if matches(line):
                    return line
        raise AssertionError(f"no such line; out {self.out}, err {self.err}")

    def warned(self, part: str) -> bool:
        """Whether some line of standard error has ``part`` in it; it may come after one of standard output."""
        with self._news:
            return self._news.wait_for(lambda: any(part in line for line in self.err), PATIENCE_S)

    def ended(self, within_s: float = PATIENCE_S) -> int:
        """The exit code, once it has ended and all its lines are read."""
        code = self.process.wait(within_s)
        with self._news:
            assert self._news.wait_for(lambda: self._open_streams == 0, PATIENCE_S)
        return code

    def stopped(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C (or another signal); the exit code. Fails when it takes longer than it may."""
        self.process.send_signal(number)
        return self.ended(END_S)

    def _read(self, stream: object, lines: list[str]) -> None:
        with stream:  # type: ignore[attr-defined]
            for line in stream:  # type: ignore[attr-defined]
                with self._news:
                    lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._open_streams -= 1
            self._news.notify_all()


def failed(
    *arguments: str, stdin: str | None = None, environment: dict[str, str] | None = None
) -> tuple[int, list[str]]:
    """Runs a command that ends by itself; its exit code and the lines on standard error."""
    with Command(*arguments, stdin=stdin, environment=environment) as command:
        return command.ended(), command.err


def words(ready: str) -> dict[str, str]:
    """``ready url=… invite=…`` as a table."""
    return dict(word.split("=", 1) for word in ready.split()[1:])


def children(pid: int) -> dict[int, str]:
    """Programs that a process has started and that still run, with their command lines; only where there is /proc."""
    found: dict[int, str] = {}
    for other, (parent, _) in _table().items():
        if parent == pid:
            try:
                found[other] = Path(f"/proc/{other}/cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
    return found


def left_of(groups: Collection[int]) -> list[int]:
    """What still runs of some process groups; only where there is /proc."""
    return [pid for pid, (_, group) in _table().items() if group in groups]


def _table() -> dict[int, tuple[int, int]]:
    """Of each process that is no zombie: its parent and its group."""
    table: dict[int, tuple[int, int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in brackets may hold anything, so it is the last bracket that ends it.
            state, parent, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if state != "Z":
            table[int(folder.name)] = (int(parent), int(group))
    return table
