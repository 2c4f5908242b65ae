"""Profile folders of browsers that we start: each for one browser at a time, and the temporary ones gone afterwards.

::

    FOLDER/lock                  held for a moment by whoever makes or removes one
    FOLDER/temporary-…/lock      held by us and by the browser, for as long as one of both runs
    FOLDER/temporary-…/profile
    FOLDER/kept-NAME/…           the same, and it stays

A lock is the system's, so that it ends with its programs however they end. What nobody holds any more is a leftover of
a run that was killed, or of a power cut, and is removed at the next start. Blocking: a profile has some hundred files.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unwalled.datafolder import locked
from unwalled.errors import ConfigurationError
from unwalled.settings import DESKTOP

_TEMPORARY = "temporary-"


class ProfileInUse(ConfigurationError):
    """A browser has this profile open already."""

    def __init__(self) -> None:
        super().__init__(
            "The kept profile is open in a browser already.",
            "Go on in that window, or close it first; without --keep-profile a second browser can be open beside it.",
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile's folder, and its lock. End it with ``release``."""

    folder: Path
    """Where the browser keeps its things."""
    lock: int
    """The descriptor that holds the lock; a browser that inherits it holds it, too."""
    is_kept: bool

    def write(self, name: str, content: bytes) -> None:
        """Puts a file into the profile. Raises ConfigurationError."""
        path = self.folder / name
        with _explained():
            _make(path.parent)
            path.write_bytes(content)

    def read(self, name: str) -> bytes | None:
        """A file of the profile, or None when it is not there."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def release(self) -> bool:
        """Lets go of it, and removes a temporary one. False when something of that is left, for the next start."""
        is_gone = self.is_kept or _removed(self.folder.parent)
        os.close(self.lock)
        # Windows keeps an open file's folder.
        return is_gone or _removed(self.folder.parent)


class Profiles:
    """All profiles below one folder."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is made when it is wanted."""
        self._folder = folder

    def temporary(self) -> Profile:
        """A fresh one that is removed at its end. Raises ConfigurationError."""
        with self._alone():
            holder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self._folder))
            return self._take(holder, is_kept=False)

    def kept(self, name: str) -> Profile:
        """The one that stays, of the browser called ``name``. Raises ProfileInUse or ConfigurationError."""
        with self._alone():
            holder = self._folder / f"kept-{name}"
            _make(holder)
            return self._take(holder, is_kept=True)

    def sweep(self) -> int:
        """Removes what runs that were killed have left; how many that were. Raises ConfigurationError."""
        if not self._folder.is_dir():
            return 0
        removed = 0
        with self._alone():
            for holder in sorted(self._folder.glob(f"{_TEMPORARY}*")):
                lock = _locked_at_once(holder / "lock")
                if lock is None:
                    continue
                os.close(lock)
                removed += _removed(holder)
        return removed

    def vanish(self) -> None:
        """Removes the folder when nothing is in it but its lock, and the folder around it when that was all."""
        try:
            with locked(self._folder / "lock"):
                if os.listdir(self._folder) != ["lock"]:
                    return
                (self._folder / "lock").unlink()
            self._folder.rmdir()
            self._folder.parent.rmdir()
        except OSError:
            # What else is remembered is around it.
            pass

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Makes the folder, and keeps other programs from changing it meanwhile. Raises ConfigurationError."""
        with _explained():
            _make(self._folder)
            with locked(self._folder / "lock"):
                yield

    def _take(self, holder: Path, *, is_kept: bool) -> Profile:
        lock = _locked_at_once(holder / "lock")
        if lock is None:
            raise ProfileInUse
        profile = holder / "profile"
        _make(profile)
        return Profile(profile, lock, is_kept)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"The browser's profile cannot be written ({error.strerror}).",
            "Check that the disk is not full and that you may write there.",
        ) from None


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _locked_at_once(path: Path) -> int | None:
    """The descriptor that holds the lock, or None when somebody else does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        if sys.platform == "win32":  # pragma: no cover
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _removed(folder: Path) -> bool:
    """Removes a folder; the last processes of a browser may still write into it for a moment."""
    for _ in range(DESKTOP.removal_tries):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return True
        time.sleep(DESKTOP.removal_pause_s)
    return False
