"""`unwalled`, with shorter waits for what does not come: ``python -m tests.support.hasty ARGUMENT…``.

A person waits some seconds for a bridge before a program hears that there is none; a test has many programs and cases.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from unwalled import settings

WAIT_S = 1.0
settings.READER = replace(settings.READER, open_wait_s=WAIT_S, answer_wait_s=2 * WAIT_S, retry_max_s=2.0)

if __name__ == "__main__":
    from unwalled.cli import main

    sys.exit(main())
