"""Unwalled: read freely through volunteers' browsers.

For programs: `Reader` (docs/reference/library.md), and the errors that it raises. They are loaded when they are asked
for, since every command of Unwalled begins with this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unwalled.app.library import Datagrams, Reader
    from unwalled.app.snapshot import AppSnapshot, State, Trouble
    from unwalled.errors import (
        ConfigurationError,
        InviteError,
        OpenFailed,
        SignalingFailed,
        StreamReset,
        UnwalledError,
        UsageError,
    )
    from unwalled.wire.codes import Code
    from unwalled.wire.invite import Invite

_PLACES = {
    "unwalled.app.library": ("Datagrams", "Reader"),
    "unwalled.app.snapshot": ("AppSnapshot", "State", "Trouble"),
    "unwalled.errors": (
        "ConfigurationError",
        "InviteError",
        "OpenFailed",
        "SignalingFailed",
        "StreamReset",
        "UnwalledError",
        "UsageError",
    ),
    "unwalled.wire.codes": ("Code",),
    "unwalled.wire.invite": ("Invite",),
}

__all__ = [
    "AppSnapshot",
    "Code",
    "ConfigurationError",
    "Datagrams",
    "Invite",
    "InviteError",
    "OpenFailed",
    "Reader",
    "SignalingFailed",
    "State",
    "StreamReset",
    "Trouble",
    "UnwalledError",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for place, names in _PLACES.items():
        if name in names:
            return getattr(import_module(place), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
