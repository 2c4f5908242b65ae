"""One reader's program for each folder: a second start finds the first one.

A lock that the system releases with the program, however it ends, says whether one runs; its file says which process
that is. (Where its panel is says a file of the panel's: `unwalled.panel.opening`.) Where the folder cannot be written
to, or cannot be locked, several may run. This is done before the first packet leaves, so it has to be quick.
"""

from __future__ import annotations

import os
import sys

from unwalled.app.home import Home, NotRemembered

LOCK_FILE = "instance.lock"
_LOCKED_AT = 1 << 20
"""Windows locks bytes, which nobody can read meanwhile: one behind those that are there."""
_MAX_DIGITS = 10


class Instance:
    """The claim of this program to be the one of its folder, until ``release`` or the program's end."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, home: Home) -> Instance | None:
        """The claim; None when another program has it."""
        try:
            home.make()
            descriptor = os.open(home.path(LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o600)
        except (NotRemembered, OSError):
            return cls(None)
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        except OSError:
            # A file system without locks.
            os.close(descriptor)
            return cls(None)
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d\n" % os.getpid())
        except OSError:
            # On a full disk only `unwalled forget` misses it.
            pass
        return cls(descriptor)

    def release(self) -> None:
        """Gives the claim back. Safe to call again."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":  # pragma: no cover
        import msvcrt

        os.lseek(descriptor, _LOCKED_AT, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def running_pid(home: Home) -> int | None:
    """The process that has the claim, if one has it, or had it last; None when that is not known."""
    text = (home.untouched().read(LOCK_FILE) or b"").strip()
    return int(text) or None if text.isdigit() and len(text) <= _MAX_DIGITS else None
