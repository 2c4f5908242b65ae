"""What a figure is worth depends on where it was measured: machine, commit, who else was busy."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and with what a run was made."""

    cpu: str
    cores: int
    memory_mib: int
    kernel: str
    python: str
    commit: str
    changed_files: int
    """Files under src/ that differ from the commit: a figure with some is nobody's but the author's."""

    def to_dict(self) -> dict[str, object]:
        """For the results file."""
        return asdict(self)

    def __str__(self) -> str:
        dirty = f" + {self.changed_files} changed files" if self.changed_files else ""
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_mib} MiB, Linux {self.kernel}, "
            f"Python {self.python}, commit {self.commit}{dirty}"
        )


def this_machine() -> Machine:
    """Reads /proc and asks git."""
    changed = _output("git", "status", "--porcelain", "--", "src").splitlines()
    return Machine(
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        kernel=platform.release(),
        python=platform.python_version(),
        commit=_output("git", "rev-parse", "--short", "HEAD").strip() or "unknown",
        changed_files=len(changed),
    )


def busy_cores(seconds: float = 1.0) -> float:
    """How many cores are busy for ``seconds`` from now: asked while nothing is measured, what others take away."""
    before = _processor_times()
    time.sleep(seconds)
    busy, idle = (after - first for after, first in zip(_processor_times(), before, strict=True))
    return len(os.sched_getaffinity(0)) * busy / max(busy + idle, 1)


def _processor_times() -> tuple[int, int]:
    """Busy and idle ticks of all cores since the start of the machine (proc(5), /proc/stat)."""
    user, nice, system, idle, waiting, *rest = (int(word) for word in _first_line("/proc/stat").split()[1:9])
    return user + nice + system + sum(rest), idle + waiting


def _first_line(path: str) -> str:
    with open(path) as file:
        return file.readline()


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False).stdout
    except OSError:
        return ""
