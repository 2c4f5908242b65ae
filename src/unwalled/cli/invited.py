"""Where a reader's invite comes from: the command line, standard input, the environment, or the reader's folder."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from unwalled.clock import SystemClock
from unwalled.errors import UsageError
from unwalled.settings import SIGNALLING
from unwalled.wire.invite import Invite

if TYPE_CHECKING:
    from unwalled.app.home import Home

VARIABLE = "UNWALLED_INVITE"


class NoInvite(UsageError):
    """Nobody has given one, and none is remembered that has not expired."""

    def __init__(self) -> None:
        super().__init__("There is no invite.", f"Give it as an argument, as - on standard input, or in ${VARIABLE}.")


def find_invite(argument: str | None, home: Home | None, *, may_lack: bool = False) -> tuple[Invite | None, bool]:
    """The invite, checked as far as that goes without a packet, and whether somebody gave it now.

    ``-`` keeps it out of the list of processes, which every user of the machine can see. ``home`` None = none is
    remembered. Without any: None if it ``may_lack``, else NoInvite. Raises UsageError or one of its InviteErrors.
    """
    if argument == "-":
        text = sys.stdin.read(SIGNALLING.max_invite_chars + 1)
    elif argument is not None:
        text = argument
    else:
        text = os.environ.get(VARIABLE, "")
        if not text:
            remembered = best_remembered(home)
            if remembered is not None:
                warn_of_open_doors(remembered)
            elif not may_lack:
                raise NoInvite
            return remembered, False
    invite = Invite.parse(text, SystemClock().wall())
    warn_of_open_doors(invite)
    return invite, True


def need_invite(argument: str | None, home: Home | None) -> Invite:
    """The same, where there has to be one."""
    invite, _ = find_invite(argument, home)
    assert invite is not None
    return invite


def best_remembered(home: Home | None) -> Invite | None:
    """The one that a reader would begin with; None without any. The folder is only looked at."""
    from unwalled.app.invites import InviteBook

    best = None if home is None else InviteBook(home.untouched()).best(SystemClock().wall())
    return None if best is None else best.invite


def warn_of_open_doors(invite: Invite) -> None:
    """Says it when a door of the invite is plain http."""
    if invite.open_doors:
        from unwalled.cli.output import warn

        warn("A door of the invite is plain http: who watches the network can see that you use Unwalled.")
