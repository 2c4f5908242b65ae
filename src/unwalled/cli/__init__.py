"""The command line: ``unwalled operate | invite | bridge | connect | get | demo``."""

from __future__ import annotations

import signal


def main() -> int:
    """The program: runs the command that the system was given; gives the exit code."""
    # Until a command takes Ctrl-C over, it ends the process silently instead of showing where an import just was.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from unwalled.cli.app import run_program

    return run_program()
