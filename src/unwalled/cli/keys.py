"""``unwalled keys``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from unwalled.cli.output import note, say, warn
from unwalled.cli.units import parse_expiry, show_expiry, show_span
from unwalled.clock import SystemClock
from unwalled.crypto.identity import KeyKind, OperatorKeys
from unwalled.crypto.rotation import renewed
from unwalled.datafolder import locked
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.livekeys import KEYS_LOCK
from unwalled.operator.state import require_state

_KINDS = {"broker": KeyKind.BROKER, "gateway": KeyKind.GATEWAY, "invites": KeyKind.INVITES}
_BREAKS = {
    KeyKind.BROKER: "Every invite of before is cut off: its readers are told to ask for a new one.",
    KeyKind.GATEWAY: "Readers get the new key with their next request for bridges; what they read now goes on.",
    KeyKind.INVITES: "Every invite of before, private links among them, is refused from now on.",
}


def show(folder: Path) -> None:
    """Prints how old each key is, and the older ones that still count."""
    keys, _ = require_state(folder)
    now = SystemClock().wall()
    say("identity  from the first start; it cannot be renewed: invites begin with it")
    for word, kind in _KINDS.items():
        made = keys.dates[kind]
        say(f"{word:8}  {f'made {show_expiry(made)}, {show_span(now - made)} ago' if made else 'from the first start'}")
        for past in reversed(keys.past):
            if past.kind is kind:
                state = "still counts until" if past.holds(now) else "ended"
                when = f"replaced {show_expiry(past.replaced_s)}, {state} {show_expiry(past.ends_s)}"
                say(f"{'':8}  the one before: {when}")


def rotate(folder: Path, words: Sequence[str], *, grace: str, now: bool) -> None:
    """Renews keys. The old ones count for ``grace``, or no more at all with ``now``. Raises UsageError."""
    kinds = _kinds(words)
    wall = SystemClock().wall()
    ends_s = int(wall) if now else end_of(grace, wall)
    require_state(folder)
    with locked(folder / KEYS_LOCK):
        held = OperatorKeys.load(folder)
        assert held is not None, "require_state has read it"
        renewed(held, kinds, int(wall), ends_s, os.urandom).save(folder)
    for kind in kinds:
        say(f"renewed {kind.name.lower()}")
        if now:
            warn(_BREAKS[kind])
    if not now:
        say(f"The old ones count until {show_expiry(ends_s)}.")
        if KeyKind.BROKER in kinds or KeyKind.INVITES in kinds:
            note("Until then give new links to your readers: `unwalled invite --again ID` makes one for an invite.")
    note("A running operator takes them within seconds. Make a new backup: readers refuse the keys of an old one.")


def end_of(grace: str, now_wall_s: float) -> int:
    """When old keys end, in seconds since 1970. Raises UsageError."""
    try:
        ends_s = parse_expiry(grace, now_wall_s)
    except ConfigurationError:
        raise UsageError(f"{grace!r} is no span of time.", "Give --grace a span such as 90d, or --now.") from None
    if not ends_s:
        raise UsageError("An old key has to end some day.", "Give --grace a span such as 90d.")
    if ends_s <= now_wall_s:
        raise UsageError("That day is over.", "Give --grace a span such as 30d, or --now.")
    return ends_s


def _kinds(words: Sequence[str]) -> list[KeyKind]:
    for word in words:
        if word not in (*_KINDS, "all"):
            raise UsageError(f"{word!r} is no key that can be renewed.", "Name broker, gateway, invites or all.")
    return [kind for word, kind in _KINDS.items() if word in words or "all" in words or not words]
