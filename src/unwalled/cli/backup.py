"""``unwalled backup`` and ``unwalled restore``."""

from __future__ import annotations

import sys
from pathlib import Path

from unwalled.cli.output import note, say, warn
from unwalled.cli.units import show_count, show_expiry
from unwalled.clock import SystemClock
from unwalled.errors import UsageError
from unwalled.operator.backup import read_backup, restore_backup, take_backup, write_backup
from unwalled.operator.bounds import OPERATOR


def back_up(file: str, data: Path, *, replace: bool) -> None:
    """Writes a backup to a file, or to standard output with ``-``. Raises UsageError."""
    content, others = take_backup(data, SystemClock().wall())
    if file == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_backup(content, Path(file), replace=replace)
        say(f"written {file}: keep it secret, who has it can be you")
    if others:
        note(f"Not part of it: {', '.join(others)}.")


def restore(file: str, data: Path, *, replace: bool) -> None:
    """Puts a backup from a file, or from standard input with ``-``, into a data folder. Raises UsageError."""
    try:
        if file == "-":
            content = sys.stdin.buffer.read(OPERATOR.backup_bytes + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(OPERATOR.backup_bytes + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}).", "Check the path and its permissions.") from None
    backup = read_backup(content)
    aside = restore_backup(backup, data, replace=replace)
    say(f"restored {show_count(len(backup.files), 'file')} of {show_expiry(backup.made_s)} to {data}")
    if aside is not None:
        warn(f"What was there is in {aside}. Delete it when all is well: it holds keys.")
