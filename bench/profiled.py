"""``unwalled`` under cProfile: python -m bench.profiled FILE ARGUMENT …. The profile is written at the end."""

from __future__ import annotations

import cProfile
import sys

from unwalled.cli.app import run_command

if __name__ == "__main__":
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        run_command(sys.argv[2:])
    finally:
        profiler.disable()
        profiler.dump_stats(sys.argv[1])
