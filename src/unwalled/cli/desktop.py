"""``unwalled desktop``: Unwalled in the menu of a Linux desktop, and its start at login."""

from __future__ import annotations

import shutil

from unwalled.cli.output import say
from unwalled.desktop import autostart
from unwalled.desktop.entry import MenuEntry
from unwalled.desktop.machine import Machine
from unwalled.errors import UsageError


def install() -> None:
    """Puts Unwalled into the menu. Raises UsageError or ConfigurationError."""
    entry = MenuEntry(_linux())
    program = shutil.which("unwalled")
    entry.install([program] if program else autostart.own_command())
    say(f"Unwalled is in the menu: {entry.entry}")


def remove() -> None:
    """Takes it out of the menu, and ends its start at login. Raises UsageError or ConfigurationError."""
    autostart.disable()
    was_there = MenuEntry(_linux()).remove()
    say("Unwalled is not in the menu any more." if was_there else "Unwalled was not in the menu.")


def _linux() -> Machine:
    machine = Machine.here()
    if machine.is_windows or machine.is_mac:
        raise UsageError("There is no such menu on this system.", "Its installer has put Unwalled where programs are.")
    return machine
