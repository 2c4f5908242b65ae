"""Processes that a measurement starts, in namespaces or not; what they cost; and their certain end.

Whatever is started through a `Processes` is ended by its ``close``: by pid, with all its descendants.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from bench.machine import ROOT

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_END_WAIT_S = 5.0


class BenchError(Exception):
    """A measurement could not be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and its descendants have used."""

    cpu_s: float
    rss_bytes: int

    def since(self, before: Cost) -> float:
        """CPU seconds between two looks."""
        return self.cpu_s - before.cpu_s


class Process:
    """One child. ``name`` is for messages and log files."""

    def __init__(self, name: str, popen: subprocess.Popen[str], log: Path) -> None:
        self.name = name
        self.popen = popen
        self.log = log
        self._stopped = False

    @property
    def pid(self) -> int:
        """Of the child itself; ``ip netns exec`` becomes the program, so this is the program's."""
        return self.popen.pid

    def tell(self, line: str) -> None:
        """Writes a line to its standard input."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def line(self, timeout_s: float = 30.0) -> str:
        """The next line of its standard output. Raises BenchError when none comes in time."""
        watchdog = _Watchdog(self, timeout_s)
        try:
            assert self.popen.stdout is not None
            line = self.popen.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise BenchError(f"{self.name} ended or said nothing for {timeout_s:g} s:\n{self.last_words()}")
        return line.rstrip("\n")

    def ignore_output(self) -> None:
        """Reads what it writes from now on and forgets it, so that it never waits for us."""
        assert self.popen.stdout is not None
        threading.Thread(target=_drain, args=(self.popen.stdout,), daemon=True).start()

    def last_words(self) -> str:
        """The end of what it wrote to its log."""
        try:
            return self.log.read_text(errors="replace")[-2000:]
        except OSError:
            return ""

    def cost(self) -> Cost:
        """Of the child and all its descendants that live."""
        return cost_of(self.pid)

    def kill(self, number: int) -> None:
        """To the child and all its descendants."""
        for pid in family(self.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def freeze(self) -> None:
        """Lets it and its descendants fall silent: their sockets stay, and the kernel goes on to ack."""
        self._stopped = True
        self.kill(signal.SIGSTOP)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ends it with its descendants, and waits for it."""
        pids = family(self.pid)
        if self.popen.poll() is None:
            self.kill(number)
            if self._stopped:
                self.kill(signal.SIGCONT)
            try:
                self.popen.wait(_END_WAIT_S)
            except subprocess.TimeoutExpired:
                pass
        for pid in pids:
            if pid == self.pid and self.popen.poll() is not None:
                continue
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.popen.wait(_END_WAIT_S)
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    pass


def _drain(stream: IO[str]) -> None:
    try:
        while stream.readline():
            pass
    except (OSError, ValueError):
        pass


class _Watchdog:
    """Kills a process whose next line does not come, so that reading it ends."""

    def __init__(self, process: Process, timeout_s: float) -> None:
        self._timer = threading.Timer(timeout_s, process.kill, (signal.SIGKILL,))
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()


class Processes:
    """Starts processes, and ends all of them when the ``with`` block is left. Logs go to ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Process] = []
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        namespace: str | None = None,
        fds: Iterable[tuple[int, int]] = (),
        environment: dict[str, str] | None = None,
    ) -> Process:
        """Starts a program with pipes for standard input and output; errors go to its log.

        ``fds``: pairs (own descriptor, its number in the child).
        """
        pairs = tuple(fds)

        def place() -> None:
            for own, number in pairs:
                os.dup2(own, number, inheritable=True)

        log = self._folder / f"{name}-{len(self._running)}.log"
        with log.open("w") as errors:
            popen = subprocess.Popen(
                in_namespace(namespace, command),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **(environment or {})},
                pass_fds=[number for _, number in pairs],
                preexec_fn=place if pairs else None,
                start_new_session=True,
            )
        process = Process(name, popen, log)
        self._running.append(process)
        return process

    def python(self, name: str, module: str, *arguments: str, namespace: str | None = None) -> Process:
        """Starts a module of the bench with this Python."""
        return self.start(name, [sys.executable, "-m", module, *arguments], namespace=namespace)

    def end(self, process: Process, number: int = signal.SIGTERM) -> None:
        """Ends one of them now."""
        if process in self._running:
            self._running.remove(process)
            process.end(number)

    def close(self) -> None:
        """Ends all of them, the youngest first."""
        while self._running:
            self._running.pop().end()


def in_namespace(namespace: str | None, command: Sequence[str]) -> list[str]:
    """The command that runs ``command`` inside a network namespace."""
    return list(command) if namespace is None else ["ip", "netns", "exec", namespace, *command]


def family(pid: int) -> list[int]:
    """A process and all its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cost_of(pid: int) -> Cost:
    """CPU and resident memory of a process and its living descendants."""
    cpu = rss = 0
    for member in family(pid):
        fields = _stat(member)
        if fields is not None:
            # Field numbers of proc(5) minus 3: utime 14, stime 15, rss 24.
            cpu += int(fields[11]) + int(fields[12])
            rss += int(fields[21])
    return Cost(cpu / _TICKS_PER_S, rss * _PAGE_BYTES)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third one (state) on."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
