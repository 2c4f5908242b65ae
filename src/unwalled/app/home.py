"""The reader's folder: the one place where this computer remembers anything. One command wipes it.

``$UNWALLED_HOME`` names it; else it is where the system keeps what programs remember (XDG's state folder on Linux,
``Library/Application Support`` on macOS, ``%LOCALAPPDATA%`` on Windows). Files are private, written whole or not at
all, and never trusted: what cannot be understood is put aside, and the reader goes on with the rest. Blocking; the
files are small.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from unwalled.errors import ConfigurationError, UnwalledError
from unwalled.settings import APP

VARIABLE = "UNWALLED_HOME"
ASIDE = ".damaged"
"""What the name of a file that was put aside ends with."""
_LOCK_FILE = "change.lock"
_SIGN_FILE = "unwalled-folder.txt"
_SIGN = """\
Unwalled keeps here what it remembers for a reader: invites, settings and lists.
The command `unwalled forget` removes this folder and all that is in it.
"""
BROWSERS = "browsers"
"""The folder of the profiles of browsers that we start."""
SYSTEM_PROXY = "system-proxy.json"
"""How the system's proxy was set before we have set it."""
_OWN_NAMES = frozenset(
    {_LOCK_FILE, "invites.json", "preferences.json", "instance.lock", "panel.html", BROWSERS, SYSTEM_PROXY}
    | {"rules.txt", "rules.json", "learned.json"}
)
_LIST = re.compile(r"list-[0-9a-f]{12}\.txt\Z")
_POSIX = os.name == "posix"


class NotRemembered(UnwalledError):
    """The folder cannot be written to. Reading goes on; only nothing new is remembered."""

    def __init__(self) -> None:
        super().__init__(
            "Unwalled cannot write to its folder, so nothing new is remembered.",
            "Make room on the disk, or let this user write to the folder.",
        )


def usual_folder(environment: Mapping[str, str], platform: str, user_home: Path) -> Path:
    """Where the folder is. ``platform`` as in ``sys.platform``."""
    if named := environment.get(VARIABLE, ""):
        return Path(named)
    if platform == "win32":
        local = environment.get("LOCALAPPDATA", "")
        return (Path(local) if local else user_home / "AppData" / "Local") / "Unwalled"
    if platform == "darwin":
        return user_home / "Library" / "Application Support" / "Unwalled"
    state = environment.get("XDG_STATE_HOME", "")
    # A relative one is to be ignored (XDG Base Directory Specification).
    return (Path(state) if os.path.isabs(state) else user_home / ".local" / "state") / "unwalled"


Stamp = tuple[tuple[int, int], ...]
"""Tells whether files have changed."""


class Home:
    """The folder, which is made when something is to be remembered. ``notices``: what a person should hear, once."""

    def __init__(self, folder: Path, *, is_untouched: bool = False) -> None:
        """``is_untouched``: it is only looked at, and nothing is mended, put aside or written."""
        self.folder = folder
        self.notices: list[str] = []
        self._is_untouched = is_untouched

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Home) and other.folder == self.folder

    def __repr__(self) -> str:
        return "Home(…)"

    def __hash__(self) -> int:
        return hash(self.folder)

    @classmethod
    def usual(cls) -> Home:
        """The one of this user."""
        return cls(usual_folder(os.environ, sys.platform, Path.home()))

    def untouched(self) -> Home:
        """The same folder, to be looked at only."""
        return Home(self.folder, is_untouched=True)

    def path(self, name: str) -> Path:
        """Where a file of the folder is, or would be."""
        return self.folder / name

    def stamp(self, *names: str) -> Stamp:
        """Differs once a program has changed one of these files."""
        found = []
        for name in names:
            try:
                known = self.path(name).stat()
            except OSError:
                found.append((0, 0))
            else:
                found.append((known.st_mtime_ns, known.st_size))
        return tuple(found)

    def read(self, name: str) -> bytes | None:
        """A file's content; None when there is none, or none that can be read, of which ``notices`` tells then."""
        path = self.path(name)
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(APP.max_state_file_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError:
            self.notices.append(f"{name} in Unwalled's folder cannot be read, so what it holds is not used.")
            return None
        if _POSIX and not self._is_untouched and stat.S_IMODE(mode) & 0o077:
            self._make_private(path)
        if len(content) > APP.max_state_file_bytes:
            self.put_aside(name)
            return None
        return content

    def _make_private(self, path: Path) -> None:
        try:
            path.chmod(0o600)
        except OSError:
            self.notices.append(f"Other users of this computer can read {path.name} in Unwalled's folder.")
        else:
            self.notices.append(f"Other users of this computer could read {path.name} in Unwalled's folder until now.")

    def put_aside(self, name: str) -> None:
        """Moves away a file that cannot be understood, in place of an earlier one, and says so in ``notices``."""
        if self._is_untouched:
            return
        path = self.path(name)
        try:
            path.replace(path.with_name(name + ASIDE))
        except OSError:
            self.notices.append(f"{name} in Unwalled's folder is damaged and cannot be used.")
        else:
            self.notices.append(f"{name} in Unwalled's folder was damaged. It is kept as {name}{ASIDE}.")

    def make(self) -> None:
        """Makes the folder, if it is not there. Raises NotRemembered."""
        if self._is_untouched:
            raise NotRemembered
        try:
            is_new = not self.folder.exists()
            # Not by `datafolder`, which loads more than may be loaded before the first packet has left.
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_new:
                self.path(_SIGN_FILE).write_text(_SIGN, encoding="utf-8")
        except OSError:
            raise NotRemembered from None

    def write(self, name: str, content: bytes) -> None:
        """Puts ``content`` in place of a file. Raises NotRemembered; then the file is as it was."""
        from unwalled.datafolder import replace_private

        self.make()
        try:
            replace_private(self.path(name), content)
        except (ConfigurationError, OSError):
            raise NotRemembered from None

    def remove(self, name: str) -> None:
        """Removes a file, if there is one. Raises NotRemembered."""
        try:
            self.path(name).unlink(missing_ok=True)
        except OSError:
            raise NotRemembered from None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keeps other programs from changing files, for as long as the block runs. Without a folder it does nothing."""
        from unwalled.datafolder import locked

        lock = locked(self.path(_LOCK_FILE))
        try:
            self.make()
            lock.__enter__()
        except (NotRemembered, OSError):
            yield
            return
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    def take_notices(self) -> list[str]:
        """What a person should hear; each is told once."""
        notices, self.notices = self.notices, []
        return notices

    def wipe(self) -> bool:
        """Removes the folder and all in it; False when there was none. Raises NotRemembered when something stays.

        Of a folder that is not ours alone, since it was there before us, only our own files go.
        """
        import shutil

        folder = self.folder.resolve()
        if not folder.is_dir():
            return False
        try:
            if (folder / _SIGN_FILE).exists():
                shutil.rmtree(folder)
            else:
                for path in folder.iterdir():
                    name = path.name.removesuffix(ASIDE)
                    if path.name in _OWN_NAMES or name in _OWN_NAMES or _LIST.match(name):
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError:
            raise NotRemembered from None
        return True
