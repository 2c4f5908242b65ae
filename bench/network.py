"""Where a measurement runs: on this machine's own addresses, or in namespaces with an emulated link between them."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from types import TracebackType

from bench.machine import ROOT
from bench.processes import BenchError, Process, Processes


@dataclass(frozen=True, slots=True)
class Link:
    """An emulated link, the same in both directions."""

    name: str
    delay_ms: float = 0.0
    """One way."""
    loss_percent: float = 0.0
    """Each way."""
    rate_mbit: float = 0.0
    """0 = unlimited."""
    queue_ms: float = 100.0

    @property
    def round_trip_s(self) -> float:
        """Without queues."""
        return 2 * self.delay_ms / 1000

    @property
    def arguments(self) -> list[str]:
        """For netem.c."""
        given = ["-d", f"{self.delay_ms:g}", "-l", f"{self.loss_percent:g}"]
        return [*given, "-r", f"{self.rate_mbit:g}", "-q", f"{self.queue_ms:g}"] if self.rate_mbit else given


NO_DELAY = Link("no delay")
FAR = Link("RTT 100 ms", 50)
FAR_LOSSY = Link("RTT 100 ms, 1 % loss each way", 50, 1)
NARROW = Link("20 Mbit/s, RTT 100 ms, 0.1 % loss, queue 100 ms", 50, 0.1, 20, 100)
VERY_FAR = Link("RTT 300 ms, 3 % loss each way", 150, 3)


@dataclass(frozen=True, slots=True)
class Side:
    """One end of the link: its namespace (None = this machine's own) and the address by which it is reached."""

    namespace: str | None
    address: str


class Network:
    """The two sides, and the link between them. Use as a context manager: it leaves nothing behind.

    ``seed`` decides which packets are lost.
    """

    _serial = 0

    def __init__(self, link: Link, processes: Processes, *, namespaces: bool, seed: int = 1) -> None:
        self.link = link
        self._processes = processes
        self._seed = seed
        self._names: list[str] = []
        self.emulator: Process | None = None
        self.reader = self.far = Side(None, "127.0.0.1")
        if not namespaces and (link.delay_ms or link.loss_percent or link.rate_mbit):
            raise BenchError("an emulated link needs namespaces: run with --net as root")
        self._wanted = namespaces

    def __enter__(self) -> Network:
        if self._wanted:
            try:
                self._make()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make(self) -> None:
        emulator = ROOT / "build" / "netem"
        if not emulator.exists():
            raise BenchError("build/netem is missing: run make netem")
        Network._serial += 1
        serial = Network._serial
        for letter in "rb":
            name = f"uwbench{os.getpid()}{letter}{serial}"
            _run("ip", "netns", "add", name)
            self._names.append(name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        near, far = "10.78.0.1", "10.78.0.2"
        command = [str(emulator), "-n", ",".join(self._names), "-A", near, "-B", far, "-s", str(self._seed)]
        self.emulator = self._processes.start("netem", [*command, *self.link.arguments])
        if self.emulator.line() != "ready":
            raise BenchError("the link emulator did not start")
        # Offers of WebRTC name the address of the default route; without one they would name none.
        _run("ip", "-n", self._names[0], "route", "add", "default", "via", far)
        _run("ip", "-n", self._names[1], "route", "add", "default", "via", near)
        self.reader, self.far = Side(self._names[0], near), Side(self._names[1], far)

    def black_hole(self, on: bool) -> None:
        """From now on nothing passes the link, or everything again."""
        assert self.emulator is not None
        self.emulator.kill(signal.SIGUSR1 if on else signal.SIGUSR2)

    def close(self) -> None:
        """Ends the emulator and deletes the namespaces."""
        if self.emulator is not None:
            self._processes.end(self.emulator)
            self.emulator = None
        while self._names:
            subprocess.run(["ip", "netns", "del", self._names.pop()], capture_output=True, timeout=20, check=False)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command)}: {done.stderr.strip()}")
