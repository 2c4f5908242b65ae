"""Start at login on this computer: what `LoginStart` does, for callers that do not care where they are."""

from __future__ import annotations

import sys

from unwalled.desktop.entry import RUN_KEY, LoginStart
from unwalled.desktop.machine import Machine


def disable() -> None:
    """From now on nothing of ours is. Blocking. Raises ConfigurationError."""
    login_start().disable()


def own_command(*arguments: str) -> list[str]:
    """How this very program is called, from wherever it was installed."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "unwalled.cli", *arguments]


def login_start() -> LoginStart:
    """The one of this computer."""
    machine = Machine.here()
    if machine.is_windows:  # pragma: no cover
        from unwalled.desktop import windows

        return LoginStart(machine, windows.UserRegistry(RUN_KEY))  # type: ignore[attr-defined,unused-ignore]
    return LoginStart(machine)
