"""One reader's program for each folder: a second start finds the first one.

A lock that the system releases with the program, however it ends, says whether one runs; beside it a private file says
where its panel is. Where the folder cannot be written to, or cannot be locked, several may run.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import msgspec

from unwalled.app.home import Home, NotRemembered

_LOCK_FILE = "instance.lock"
_ABOUT_FILE = "instance.json"
_MAX_PID = 2**31 - 1


class Running(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """What a running program says of itself."""

    pid: Annotated[int, msgspec.Meta(ge=1, le=_MAX_PID)]
    panel: Annotated[str, msgspec.Meta(max_length=1024, pattern=r"^(http://127\.0\.0\.1:[0-9]+/\S*)?\Z")] = ""
    """Where its panel is, with the token: a secret. "" when it has none."""

    def __repr__(self) -> str:
        return "Running(…)"


class Instance:
    """The claim of this program to be the one of its folder, until ``release`` or the program's end."""

    def __init__(self, home: Home, descriptor: int | None) -> None:
        self._home = home
        self._descriptor = descriptor

    @classmethod
    def take(cls, home: Home) -> Instance | None:
        """The claim; None when another program has it."""
        try:
            home.make()
            descriptor = os.open(home.path(_LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o600)
        except (NotRemembered, OSError):
            return cls(home, None)
        try:
            if sys.platform == "win32":  # pragma: no cover
                import msvcrt

                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return None
        except OSError:
            # A file system without locks.
            os.close(descriptor)
            return cls(home, None)
        return cls(home, descriptor)

    def publish(self, panel: str = "") -> None:
        """Tells later starts of this program, and where its panel is (``http://127.0.0.1:PORT/…``)."""
        try:
            self._home.write(_ABOUT_FILE, msgspec.json.encode(Running(os.getpid(), panel)))
        except NotRemembered:
            pass

    def release(self) -> None:
        """Gives the claim back. Safe to call again."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                self._home.remove(_ABOUT_FILE)
            except NotRemembered:
                pass
            os.close(descriptor)


def running(home: Home) -> Running | None:
    """What the program says of itself that has the claim; None when it has not said anything, or nonsense."""
    content = home.read(_ABOUT_FILE)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Running)
    except msgspec.DecodeError:
        return None
