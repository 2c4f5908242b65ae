"""How much memory a program and those that it has started take."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.programs import left_of


def memory_of(group: int) -> int:
    """Bytes of all processes of a group; what several share is counted once (PSS). Only where there is /proc."""
    total = 0
    for pid in left_of([group]):
        try:
            found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        except OSError:
            continue
        if found is not None:
            total += int(found[1]) * 1024
    return total
