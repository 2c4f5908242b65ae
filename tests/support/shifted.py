"""`unwalled`, with a clock on the wall that somebody sets: ``python -m tests.support.shifted FILE ARGUMENT…``.

FILE holds by how many seconds it is ahead, and is read at each look; without it the clock is right. Nothing else moves:
the monotonic clock, by which everything that runs is timed, is not one that a person can set.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from unwalled import clock


def shift(file: Path) -> None:
    """From now on the wall's clock is what the file says."""

    def wall(_: clock.SystemClock) -> float:
        try:
            return time.time() + float(file.read_text())
        except (OSError, ValueError):
            return time.time()

    setattr(clock.SystemClock, "wall", wall)  # noqa: B010 - mypy takes no method for another one


if __name__ == "__main__":
    shift(Path(sys.argv.pop(1)))
    from unwalled.cli import main

    sys.exit(main())
