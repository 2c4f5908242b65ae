"""Private files in an operator's data folder: written whole or not at all, readable by the owner only.

Every write goes to a file beside the target, is flushed to the disk, and is then put in its place in one step,
so that neither a crash nor a second program can leave half a file. Blocking; the files are small.

Where root works in a folder of another user (`unwalled invite` while the operator runs as one), what it writes is that
user's: else the operator could not read its own invites any more.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from unwalled.errors import ConfigurationError

_POSIX = os.name == "posix"
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600

Stamp = tuple[int, int, int, int]
NO_FILE: Stamp = (0, 0, 0, 0)


def make_private_folder(folder: Path) -> None:
    """Makes the folder (0700) if it is not there. Raises ConfigurationError when it cannot be used."""
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigurationError("The data folder is a file.", "Give another folder with --data.") from None
    except OSError as error:
        raise ConfigurationError(
            f"The data folder cannot be made ({error.strerror}).", "Give a folder that you may write to with --data."
        ) from None


def make_folder_within(folder: Path) -> None:
    """The same for one inside a data folder: it is its owner's."""
    make_private_folder(folder)
    if _POSIX:
        # Not by its name, in whose place the owner of the folder above could put another one.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _give(descriptor, folder.parent)
        finally:
            os.close(descriptor)


def _give(descriptor: int, folder: Path) -> None:
    """What root has just made in the folder of another user is that user's."""
    if _POSIX and os.geteuid() == 0:
        owner = os.stat(folder)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def read_private(path: Path, max_bytes: int) -> bytes | None:
    """The file's content, or None when there is no such file.

    Raises ConfigurationError when others may read or change it, or when it is larger than ``max_bytes``.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if _POSIX and stat.S_IMODE(mode) & 0o077:
                raise ConfigurationError(
                    f"Other users of this machine may read or change {path.name} in the data folder.",
                    f"Run: chmod 600 {path}. If strangers have accounts here, make new keys and new invites.",
                )
            content = file.read(max_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{path.name} in the data folder cannot be read ({error.strerror}).",
            "Run this as the user who owns the data folder.",
        ) from None
    if len(content) > max_bytes:
        raise damaged(path)
    return content


def stamp_of(path: Path) -> Stamp:
    """Differs once a file has been changed, given away, or put in another's place; NO_FILE when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return NO_FILE
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def create_private(path: Path, content: bytes, *, is_own: bool = False) -> bool:
    """Puts a new file in place; False, and nothing changed, when there is one already (a second program won).

    ``is_own``: see ``replace_private``.
    """
    with _written_beside(path, content, is_own) as beside:
        try:
            os.link(beside, path)
        except FileExistsError:
            return False
        except OSError as error:
            raise ConfigurationError(
                f"The data folder's file system cannot hold {path.name} safely ({error.strerror}).",
                "Give a folder on a local disk with --data.",
            ) from None
    _flush_folder(path.parent)
    return True


def replace_private(path: Path, content: bytes, *, is_own: bool = False) -> None:
    """Puts ``content`` in place of the file, or makes it. Readers see the old or the new one, never a part.

    ``is_own``: it is no file of a data folder, and belongs to whoever writes it.
    """
    with _written_beside(path, content, is_own) as beside:
        os.replace(beside, path)
    _flush_folder(path.parent)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock between programs, for as long as the block runs; waits for whoever has it.

    ``path`` is a file for the lock alone. The lock ends with the program, however that ends.
    """
    descriptor = _opened(path)
    try:
        if sys.platform == "win32":  # pragma: no cover
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    except FileExistsError:
        return os.open(path, os.O_RDWR)
    _give(descriptor, path.parent)
    return descriptor


def damaged(path: Path) -> ConfigurationError:
    """The error for a file that cannot be understood. Such a file is never overwritten."""
    return ConfigurationError(
        f"{path.name} in the data folder is damaged.",
        "Put a backup in its place, or move it away to start with a new one.",
    )


def newer(path: Path) -> ConfigurationError:
    """The error for a file of a later program. Nothing is wrong with it, so nobody shall be told to move it away."""
    return ConfigurationError(
        f"{path.name} in the data folder was written by a newer Unwalled.",
        "Install that version again, or restore the backup from before the upgrade.",
    )


@contextlib.contextmanager
def _written_beside(path: Path, content: bytes, is_own: bool) -> Iterator[Path]:
    beside = None
    try:
        try:
            # It makes the file with mode 0600, and never one that is there already.
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            beside = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                if not is_own:
                    _give(descriptor, path.parent)
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigurationError(
                f"{path.name} cannot be written to the data folder ({error.strerror}).",
                "Check that the disk is not full and that you may write there.",
            ) from None
        yield beside
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    if not _POSIX:  # pragma: no cover
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
