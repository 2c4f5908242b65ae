"""What the system knows of this process and of the disk under its data. Each answer is None where it does not tell."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

_PROCESS = Path("/proc/self")


def memory_bytes() -> int | None:
    """The process's memory that is in RAM."""
    try:
        pages = int((_PROCESS / "statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int | None:
    """Open files and sockets."""
    folder = _PROCESS / "fd"
    try:
        # Linux tells their number as the folder's size since 6.2; before, they must be counted.
        return folder.stat().st_size or len(os.listdir(folder))
    except OSError:
        return None


def max_descriptors() -> int | None:
    """How many there may be."""
    if sys.platform == "win32":  # pragma: no cover
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def disk(folder: Path) -> tuple[int, int] | None:
    """Bytes that we may still write, and all bytes, of the disk with this folder. Blocking."""
    try:
        status = os.statvfs(folder)
    except (OSError, AttributeError):
        return None
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def processor_s() -> float:
    """Processor time that this process has used."""
    return time.process_time()
