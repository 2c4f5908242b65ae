"""So that ``python -m unwalled.cli`` is the same program."""

import sys

from unwalled.cli import main

sys.exit(main())
