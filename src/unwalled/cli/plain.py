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

from unwalled.app.home import Home
from unwalled.app.instance import Instance
from unwalled.cli.invited import VARIABLE, best_remembered
from unwalled.cli.places import check_places
from unwalled.clock import SystemClock
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.options import ListenAddress
from unwalled.signaling.ahead import EarlyConnection
from unwalled.wire.invite import Invite

_FLAGS = frozenset({"--allow-remote", "--exact", "--no-remember", "--no-panel"})
_VALUED = frozenset({"--listen", "--trace", "--label"})


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """What ``unwalled connect`` is told. Raises UsageError for a label that cannot be shown."""

    invite: Invite | None
    """None = there is none; the panel may be given one."""
    is_given: bool
    """Whether a person gave it now; else it is the best one of the folder."""
    home: Home | None
    """The reader's folder; None = nothing is to be left on the disk."""
    listen: ListenAddress | None = None
    """None = where a person has set it, or the usual place."""
    label: str = ""
    allow_remote: bool = False
    is_exact: bool = False
    trace: Path | None = None
    has_panel: bool = True
    is_debug: bool = False

    def __post_init__(self) -> None:
        if self.label:
            from unwalled.app.invites import check_label

            check_label(self.label)


def read_plain(arguments: Sequence[str]) -> ConnectOptions | None:
    """Everything that a plain ``unwalled connect`` is told, checked as far as that goes without a packet.

    ``arguments``: without the program's name. None = not plain, or wrong, or without an invite.
    """
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
    home = None if "--no-remember" in given else Home.usual()
    text = given.get("invite", os.environ.get(VARIABLE, ""))
    is_given = "invite" in given or bool(text)
    try:
        listen = ListenAddress.parse(given["--listen"]) if "--listen" in given else None
        invite = Invite.parse(text, SystemClock().wall()) if is_given else best_remembered(home)
        options = ConnectOptions(
            invite=invite,
            is_given=is_given,
            home=home,
            listen=listen,
            label=given.get("--label", ""),
            allow_remote="--allow-remote" in given,
            is_exact="--exact" in given,
            trace=Path(given["--trace"]) if "--trace" in given else None,
            has_panel="--no-panel" not in given,
            is_debug=is_debug,
        )
    except UsageError:
        return None
    if invite is None or (listen is not None and not listen.is_loopback and not options.allow_remote):
        return None
    return options


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


def run_plain(options: ConnectOptions) -> int:
    """Does it; gives the exit code, or ends the process with it."""
    assert options.invite is not None
    ahead = claim = None
    if (options.home is None or (claim := Instance.take(options.home)) is not None) and _has_places(options):
        ahead = EarlyConnection(options.invite.doors[0])
        ahead.begin()
    from unwalled.cli.ending import end, explained, set_debug

    def work() -> int:
        set_debug(options.is_debug)
        from unwalled.cli.connect import run_reader
        from unwalled.cli.invited import warn_of_open_doors

        assert options.invite is not None
        warn_of_open_doors(options.invite)
        return run_reader(options, claim, ahead)

    return end(explained(work))


def _has_places(options: ConnectOptions) -> bool:
    """Otherwise nothing may leave; what is wrong is said later, by ``run_reader``."""
    try:
        check_places(options.listen, options.trace, allow_remote=options.allow_remote)
    except ConfigurationError:
        return False
    return True
