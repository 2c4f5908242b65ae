"""``unwalled admin``."""

from __future__ import annotations

import os
from pathlib import Path

from unwalled.cli.output import note, say
from unwalled.errors import UsageError
from unwalled.operator.admin.admintoken import AdminToken
from unwalled.operator.state import need_folder


def token(folder: Path, *, replace: bool, remove: bool) -> None:
    """Makes a token and prints it, for the only time; or removes it. Raises UsageError."""
    need_folder(folder)
    if replace and remove:
        raise UsageError("A token cannot be replaced and removed.", "Leave --replace or --remove out.")
    held = AdminToken(folder)
    if remove:
        say("removed: nobody can use /admin now" if held.remove() else "there was no token")
        return
    say(held.make(os.urandom, replace=replace))
    note("Keep it: it cannot be shown again. Whoever has it can do everything that /admin can.")
