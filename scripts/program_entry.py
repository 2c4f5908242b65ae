"""Where the one-file program begins (scripts/program)."""

import sys

from unwalled.cli import main

sys.exit(main())
