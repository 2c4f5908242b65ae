"""Where a reader's invite comes from: the command line, standard input, or the environment."""

from __future__ import annotations

import os
import sys

from unwalled.clock import SystemClock
from unwalled.errors import UsageError
from unwalled.settings import SIGNALLING
from unwalled.wire.invite import Invite

VARIABLE = "UNWALLED_INVITE"


def read_invite(argument: str | None) -> Invite:
    """The invite, checked as far as that goes without a packet. Raises UsageError or one of its InviteErrors.

    ``-`` keeps it out of the list of processes, which every user of the machine can see.
    """
    if argument == "-":
        text = sys.stdin.read(SIGNALLING.max_invite_chars + 1)
    elif argument is not None:
        text = argument
    else:
        text = os.environ.get(VARIABLE, "")
        if not text:
            raise UsageError(
                "There is no invite.", f"Give it as an argument, as - on standard input, or in ${VARIABLE}."
            )
    invite = Invite.parse(text, SystemClock().wall())
    warn_of_open_doors(invite)
    return invite


def warn_of_open_doors(invite: Invite) -> None:
    """Says it when a door of the invite is plain http."""
    if invite.open_doors:
        from unwalled.cli.output import warn

        warn("A door of the invite is plain http: who watches the network can see that you use Unwalled.")
