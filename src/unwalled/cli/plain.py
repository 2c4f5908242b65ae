"""``unwalled connect`` as it is mostly written, read without the library that reads all command lines.

That library takes longer to load than the first packet to travel. What is not understood here, or cannot work, is left
to it and to what it says; no packet has left by then. So this may understand too little, but never anything else than
the options in app.py: a test compares both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unwalled.cli.invited import VARIABLE
from unwalled.clock import SystemClock
from unwalled.errors import UsageError
from unwalled.operator.options import ListenAddress
from unwalled.signaling.ahead import EarlyConnection
from unwalled.wire.invite import Invite

DEFAULT_PROXY = "127.0.0.1:1080"
_FLAGS = frozenset({"--allow-remote", "--exact"})
_VALUED = frozenset({"--listen", "--trace"})


@dataclass(frozen=True, slots=True)
class PlainConnect:
    """Everything that a plain ``unwalled connect`` is told, checked as far as that goes without a packet."""

    invite: Invite
    listen: ListenAddress
    allow_remote: bool
    is_exact: bool
    trace: Path | None
    is_debug: bool

    @classmethod
    def read(cls, arguments: Sequence[str]) -> PlainConnect | None:
        """``arguments``: without the program's name. None = not plain, or wrong."""
        is_debug = arguments[:1] == ["--debug"]
        words = list(arguments[is_debug:])
        if words[:1] != ["connect"]:
            return None
        given: dict[str, str] = {}
        for name, value in _pairs(words[1:]):
            # What is given twice, or looks like an option and is none of ours.
            if name in given or value.startswith("-"):
                return None
            given[name] = value
        text = given.get("invite", os.environ.get(VARIABLE, ""))
        try:
            listen = ListenAddress.parse(given.get("--listen", DEFAULT_PROXY))
            invite = Invite.parse(text, SystemClock().wall())
        except UsageError:
            return None
        allow_remote = "--allow-remote" in given
        if not listen.is_loopback and not allow_remote:
            return None
        trace = Path(given["--trace"]) if "--trace" in given else None
        return cls(invite, listen, allow_remote, "--exact" in given, trace, is_debug)


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """Each option with its value, "" for a flag; what stands alone as "invite"."""
    pairs = []
    rest = iter(words)
    for word in rest:
        if word in _FLAGS:
            pairs.append((word, ""))
        elif word in _VALUED:
            pairs.append((word, next(rest, "-")))
        else:
            pairs.append(("invite", word))
    return pairs


def run_plain(plain: PlainConnect) -> int:
    """Does it; gives the exit code, or ends the process with it."""
    ahead = EarlyConnection(plain.invite.doors[0])
    ahead.begin()
    from unwalled.cli.ending import end, explained, set_debug

    def work() -> int:
        set_debug(plain.is_debug)
        from unwalled.cli.connect import run_reader
        from unwalled.cli.invited import warn_of_open_doors

        warn_of_open_doors(plain.invite)
        return run_reader(
            plain.invite,
            plain.listen,
            allow_remote=plain.allow_remote,
            is_exact=plain.is_exact,
            trace=plain.trace,
            ahead=ahead,
        )

    return end(explained(work))
