"""A data folder in one file, and back: keys, invites, state, the history, and the versions of the widget.

    "unwalled backup 1", line feed, 0; SHA-256 of the rest; MessagePack {"made": seconds, "files": {name: content}}

A name is one of those that an operator writes, or nothing is restored: no file can come to lie anywhere else. What is
read is checked as the operator would at its start, before the first file is touched.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.crypto.identity import KEYS_FILE, OperatorKeys
from unwalled.datafolder import (
    create_private,
    locked,
    make_folder_within,
    make_private_folder,
    read_private,
    replace_private,
)
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.admin.admintoken import LOCK_FILE as ADMIN_LOCK
from unwalled.operator.blocks import BLOCKS_FILE, BlockBook
from unwalled.operator.blocks import LOCK_FILE as BLOCKS_LOCK
from unwalled.operator.bounds import OPERATOR
from unwalled.operator.invites.book import BOOK_FILE, LOCK_FILE, InviteBook
from unwalled.operator.invites.quotas import USAGE_FILE, USAGE_LOCK
from unwalled.operator.livekeys import KEYS_LOCK
from unwalled.operator.numbers.history import HISTORY_FILE, SIDE_FILES, copy_of
from unwalled.operator.state import STATE_FILE, OperatorState
from unwalled.operator.versions import FOLDER as WIDGETS

_MAGIC = b"unwalled backup 1\n\0"
_ANY_MAGIC = re.compile(rb"unwalled backup (\d{1,4})\n")
_HASH_BYTES = 32
_LAST_SECOND = 253_402_300_799
"""Of the year 9999: no date can be shown after it."""
_WIDGET = re.compile(rf"{WIDGETS}/[0-9a-f]{{8,64}}\.msgpack")
# The state first: the invite that it names is in the book by then.
_FILES = (STATE_FILE, BOOK_FILE, BLOCKS_FILE, KEYS_FILE)
_KNOWN = frozenset({*_FILES, HISTORY_FILE})
# What was used today is nothing to bring back on another day.
_LEFT_OUT = frozenset({LOCK_FILE, ADMIN_LOCK, BLOCKS_LOCK, KEYS_LOCK, USAGE_FILE, USAGE_LOCK, WIDGETS, *SIDE_FILES})
_ASIDE = "before-restore"


class _Body(msgspec.Struct, frozen=True):
    made: Annotated[int, msgspec.Meta(ge=0, le=_LAST_SECOND)]
    files: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Backup:
    """What a file of a backup holds."""

    made_s: int
    """Seconds since 1970."""
    files: dict[str, bytes]
    """Contents by name; a name has at most one slash."""

    def __repr__(self) -> str:
        return f"Backup({len(self.files)} files)"


def take_backup(folder: Path, now_wall_s: float) -> tuple[bytes, list[str]]:
    """The backup of a data folder as bytes, and the names in the folder that are not part of it.

    The operator may run meanwhile, and others may make invites: they wait. Raises ConfigurationError when there is no
    folder of an operator, or when something in it is damaged.
    """
    if not (folder / KEYS_FILE).is_file():
        raise ConfigurationError(
            "There is no operator's data folder of that name.", "Give the one of `unwalled operate` with --data."
        )
    files: dict[str, bytes] = {}
    with locked(folder / LOCK_FILE):
        for name in (*_FILES, *_widgets_in(folder)):
            content = read_private(folder / name, OPERATOR.backup_bytes)
            if content is not None:
                files[name] = content
        _check_whole(folder)
    try:
        history = copy_of(folder)
    except ConfigurationError:
        # Keys and invites are worth more than numbers: it is told among the names that are not part.
        history = None
    if history is not None:
        files[HISTORY_FILE] = history
    encoded = msgspec.msgpack.encode(_Body(int(now_wall_s), files))
    if len(encoded) > OPERATOR.backup_bytes:
        raise ConfigurationError("The data folder is too large for a backup.", f"Take away some of its {WIDGETS}.")
    others = sorted(path.name for path in folder.iterdir() if path.name not in {*files, *_FILES, *_LEFT_OUT})
    return _MAGIC + hashlib.sha256(encoded).digest() + encoded, others


def read_backup(content: bytes) -> Backup:
    """Raises UsageError for what is no whole backup of a version that this program knows."""
    known = _ANY_MAGIC.match(content)
    if known is not None and int(known[1]) > 1:
        raise UsageError("The backup was made by a newer Unwalled.", "Restore it with that version.")
    head = len(_MAGIC) + _HASH_BYTES
    body = content[head:]
    digest = content[len(_MAGIC) : head]
    if not content.startswith(_MAGIC) or not hmac.compare_digest(digest, hashlib.sha256(body).digest()):
        raise _not_whole()
    try:
        decoded = msgspec.msgpack.decode(body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _not_whole() from None
    if KEYS_FILE not in decoded.files or not all(name in _KNOWN or _WIDGET.fullmatch(name) for name in decoded.files):
        raise _not_whole()
    return Backup(decoded.made, decoded.files)


def restore_backup(backup: Backup, folder: Path, *, replace: bool = False) -> Path | None:
    """Puts the files into a data folder. What was there goes into a folder inside it, which is given back.

    Raises UsageError when the folder has keys or invites and ``replace`` is not set, and ConfigurationError when the
    files are not what an operator can start with; nothing has changed then. Stop the operator before.
    """
    with tempfile.TemporaryDirectory(prefix="unwalled-") as trial:
        _put(backup, Path(trial))
        _check_whole(Path(trial))
    make_private_folder(folder)
    held = [name for name in (*_FILES, HISTORY_FILE, *SIDE_FILES, WIDGETS) if (folder / name).exists()]
    if held and not replace:
        raise UsageError(
            "The data folder is in use already.", "Give another one with --data, or --replace to put it aside."
        )
    aside = None
    if held:
        aside = Path(tempfile.mkdtemp(prefix=f"{_ASIDE}-", dir=folder))
        make_folder_within(aside)
        # The keys first: whoever starts in between shall not mix the old ones with new invites.
        for name in reversed(held):
            (folder / name).rename(aside / name)
    _put(backup, folder)
    return aside


def write_backup(content: bytes, path: Path, *, replace: bool = False) -> None:
    """Writes the file, readable by its owner only. Raises UsageError when it is there and ``replace`` is not set."""
    try:
        if replace:
            replace_private(path, content, is_own=True)
            return
        is_new = create_private(path, content, is_own=True)
    except ConfigurationError:
        raise UsageError(
            f"{path} cannot be written.", "Check that its folder is there and yours, and that the disk is not full."
        ) from None
    if not is_new:
        raise UsageError(f"{path} is there already.", "Give another name, or --replace.")


def _put(backup: Backup, folder: Path) -> None:
    make_folder_within(folder / WIDGETS)
    for name in sorted(backup.files, key=lambda name: name == KEYS_FILE):
        replace_private(folder / name, backup.files[name])


def _widgets_in(folder: Path) -> list[str]:
    found = sorted(f"{WIDGETS}/{path.name}" for path in (folder / WIDGETS).glob("*.msgpack"))
    return [name for name in found if _WIDGET.fullmatch(name)]


def _check_whole(folder: Path) -> None:
    OperatorKeys.load(folder)
    OperatorState.load(folder)
    InviteBook(folder).entries()
    BlockBook(folder).entries()


def _not_whole() -> UsageError:
    return UsageError("This is no backup of an operator, or it is damaged.", "Take another copy of it.")
