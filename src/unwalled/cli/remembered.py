"""What is remembered for a reader, from the command line: shown, taken out, wiped."""

from __future__ import annotations

import os
import shutil
import signal
import time

from unwalled.app.home import SYSTEM_PROXY, Home, NotRemembered
from unwalled.app.instance import Instance, running_pid
from unwalled.app.invites import InviteBook, StoredInvite
from unwalled.cli.output import say, warn
from unwalled.cli.units import show_expiry
from unwalled.clock import SystemClock
from unwalled.desktop import autostart
from unwalled.desktop.browsers import find_browsers
from unwalled.desktop.machine import Machine
from unwalled.desktop.system_proxy import SystemProxy
from unwalled.errors import UsageError
from unwalled.settings import PROGRAM

_LOOK_AGAIN_S = 0.05


def show_list(home: Home | None) -> None:
    """Prints the invites, best one first: id, state, when it ends, label."""
    now_wall_s = SystemClock().wall()
    for entry in InviteBook(home).entries:
        say(_line(entry, now_wall_s))
    _tell_notices(home)


def _line(entry: StoredInvite, now_wall_s: float) -> str:
    state = "expired" if entry.is_over(now_wall_s) else "refused" if entry.is_refused else "good"
    return f"{entry.id}  {state:7}  ends {show_expiry(entry.invite.expires_s)}  {entry.label}".rstrip()


def forget_one(home: Home | None, invite_id: str) -> None:
    """Takes an invite out; a reader that runs leaves it within seconds. Raises UsageError for an unknown one."""
    book = InviteBook(home)
    _tell_notices(home)
    entry = book.find(invite_id.strip().lower())
    book.remove(entry.id)
    book.save()
    if not book.could_save:
        raise NotRemembered
    say(f"forgotten {entry.id}  {entry.label}".rstrip())


def _tell_notices(home: Home | None) -> None:
    for notice in home.take_notices() if home is not None else ():
        warn(notice)


def forget_all(home: Home) -> None:
    """Wipes the folder. Raises NotRemembered when something stays, UsageError when a reader does not stop."""
    was_there = home.folder.exists()
    if was_there:
        claim = _claimed(home)
        try:
            # How it was set is known here only.
            SystemProxy(home.path(SYSTEM_PROXY)).restore()
        finally:
            claim.release()
        home.wipe()
    # These are elsewhere, and stay when a person removes the folder by hand.
    at_login = autostart.login_start()
    was_there |= at_login.is_enabled
    at_login.disable()
    # A browser that is kept from other folders has its profiles in one of its own.
    for folder in {browser.folder for browser in find_browsers(Machine.here()) if browser.folder is not None}:
        if folder.exists():
            try:
                shutil.rmtree(folder)
            except OSError:
                raise NotRemembered from None
            was_there = True
    say("forgotten" if was_there else "nothing was remembered")


def _claimed(home: Home) -> Instance:
    """The claim to the folder; a reader that runs is told to stop."""
    claim = Instance.take(home)
    if claim is not None:
        return claim
    pid = running_pid(home)
    if pid is not None:
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError:
            pass
    clock = SystemClock()
    until = clock.monotonic() + 2 * PROGRAM.end_s
    while (claim := Instance.take(home)) is None:
        if clock.monotonic() >= until:
            raise UsageError("Unwalled still runs.", "Stop it, and run this again.")
        time.sleep(_LOOK_AGAIN_S)
    return claim
