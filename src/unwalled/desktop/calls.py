"""Calls programs of the system, each within a bound; and the type of such calls, so that a test can record them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import TypeAlias

from unwalled.desktop.proxy_settings import ProxySettingFailed
from unwalled.settings import DESKTOP

Run: TypeAlias = Callable[[Sequence[str]], str]
"""Calls a program; what it has printed. Raises ProxySettingFailed."""


def call(command: Sequence[str]) -> str:
    """See `Run`. Blocking."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DESKTOP.call_s, stdin=subprocess.DEVNULL, check=False
        )
    except FileNotFoundError:
        raise ProxySettingFailed(f"The program {command[0]} is missing.", "It belongs to this desktop.") from None
    except (OSError, subprocess.TimeoutExpired):
        raise ProxySettingFailed(f"The program {command[0]} does not answer.", "Try again.") from None
    if done.returncode != 0:
        raise ProxySettingFailed(
            f"The program {command[0]} of this desktop did not do what it was asked for.",
            "Set the proxy by hand, or use `unwalled browse`.",
        )
    return done.stdout
