"""The command line: ``unwalled connect | get | forget | operate | invite | bridge | pt | trace | demo``."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """The program: runs the command that the system was given; gives the exit code."""
    _open_standard_streams()
    if getattr(sys, "frozen", False):
        _restore_library_path()
    # Until a command takes Ctrl-C over, it ends the process silently instead of showing where an import just was.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from unwalled.cli.plain import read_plain, run_plain

    if (plain := read_plain(sys.argv[1:])) is not None:
        return run_plain(plain)
    from unwalled.cli.app import run_program

    return run_program()


def _restore_library_path() -> None:
    """Lets browsers and other programs that we start use the system's libraries and not those in our one file.

    PyInstaller's loader has put its own folder first, and kept what was there before.
    """
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        before = os.environ.pop(f"{name}_ORIG", None)
        if before is not None:
            os.environ[name] = before
        else:
            os.environ.pop(name, None)


def _open_standard_streams() -> None:
    """Gives a process that was started with closed standard streams (``>&-``) ones that lead nowhere.

    Its first sockets and files would get their numbers otherwise, and libuv ends the process when it meets one.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, which is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
