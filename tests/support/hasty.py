"""`unwalled`, with shorter waits for what does not come: ``python -m tests.support.hasty ARGUMENT…``.

A person waits some seconds for a bridge before a program hears that there is none; a test has many programs and cases.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from unwalled import settings


def hurry(open_wait_s: float) -> None:
    """Call it before anything is loaded that reads the settings."""
    settings.READER = replace(settings.READER, open_wait_s=open_wait_s, answer_wait_s=2 * open_wait_s, retry_max_s=2.0)
    settings.LANE = replace(settings.LANE, open_timeout_s=4.0)
    settings.APP = replace(settings.APP, network_look_s=0.5, sleep_s=2.0)


if __name__ == "__main__":
    hurry(1.0)
    from unwalled.cli import main

    sys.exit(main())
