"""``unwalled desktop``: Unwalled in the menu of a Linux desktop; the system's proxy as it was."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from unwalled.app.home import SYSTEM_PROXY, Home
from unwalled.app.instance import Instance
from unwalled.cli.output import say
from unwalled.desktop import autostart
from unwalled.desktop.entry import MenuEntry
from unwalled.desktop.machine import Machine
from unwalled.desktop.system_proxy import Restored, SystemProxy
from unwalled.errors import UsageError


def install() -> None:
    """Puts Unwalled into the menu. Raises UsageError or ConfigurationError."""
    entry = MenuEntry(_linux())
    program = shutil.which("unwalled")
    entry.install([program] if program else autostart.own_command())
    say(f"Unwalled is in the menu: {entry.entry}")
    if find_spec("jeepney") is None:
        say("For an icon in the tray as well: pipx inject unwalled jeepney, or install unwalled[tray].")


def remove() -> None:
    """Takes it out of the menu, and ends its start at login. Raises UsageError or ConfigurationError."""
    autostart.disable()
    was_there = MenuEntry(_linux()).remove()
    say("Unwalled is not in the menu any more." if was_there else "Unwalled was not in the menu.")


def restore() -> None:
    """Puts the system's proxy back as it was before a run that was killed. Raises UsageError or ConfigurationError."""
    home = Home.usual()
    proxy = SystemProxy(home.path(SYSTEM_PROXY))
    claim = Instance.take(home) if proxy.is_set else None
    if claim is None and proxy.is_set:
        raise UsageError(
            "Unwalled runs, and would set the system's proxy again.", "Switch that off in its panel, or end Unwalled."
        )
    try:
        restored = proxy.restore()
    finally:
        if claim is not None:
            claim.release()
    match restored:
        case Restored.NOTHING:
            say("Unwalled has not changed the system's proxy.")
        case Restored.AS_BEFORE:
            say("The system's proxy is set as it was before.")
        case Restored.PARTLY_THEIRS:
            say("The system's proxy is set as it was before, but for what somebody else has changed meanwhile.")


def _linux() -> Machine:
    machine = Machine.here()
    if machine.is_windows or machine.is_mac:
        raise UsageError("There is no such menu on this system.", "Its installer has put Unwalled where programs are.")
    return machine
