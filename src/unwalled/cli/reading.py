"""What the status line of a reader says."""

from __future__ import annotations

from unwalled.app.snapshot import AppSnapshot, State, Trouble
from unwalled.cli.output import Status
from unwalled.cli.units import show_count, show_rate
from unwalled.reader.status import Phase, ReaderStatus

_WORDS = {
    Phase.SEARCHING: "looking for a bridge",
    Phase.NO_BRIDGE: "no bridge just now",
    Phase.NO_BROKER: "the operator cannot be reached",
    Phase.CONNECTING: "a bridge is found, connecting",
    Phase.CONNECTED: "connected",
    Phase.REFUSED: "the operator refuses",
}


def describe(status: ReaderStatus, up_bps: float, down_bps: float) -> Status:
    """The status line of a reader."""
    state = _WORDS[status.phase]
    if status.detail and status.phase is not Phase.CONNECTED:
        state = f"{state}: {status.detail}"
    if not status.lanes:
        return Status(state)
    return Status(
        state,
        f"{show_count(status.bridges, 'bridge')}, {show_count(status.lanes, 'lane')} · down {show_rate(down_bps)}, "
        f"up {show_rate(up_bps)}",
    )


def describe_service(shown: AppSnapshot, status: ReaderStatus) -> Status:
    """The status line of the reader's program; ``status`` is what its reader says of itself."""
    if shown.state is State.OFF:
        return Status("switched off")
    if shown.trouble is Trouble.NO_INVITE:
        return Status("there is no invite: paste one into the panel, or give it to `unwalled connect`")
    return describe(status, shown.up_bps, shown.down_bps)
