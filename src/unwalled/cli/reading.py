"""What the status line of a reader says."""

from __future__ import annotations

from unwalled.app.snapshot import AppSnapshot, State, Trouble
from unwalled.cli.output import Status
from unwalled.cli.units import show_count, show_rate, show_span
from unwalled.reader.status import Phase, ReaderStatus

_WORDS = {
    Phase.SEARCHING: "looking for a bridge",
    Phase.NO_BRIDGE: "no bridge just now",
    Phase.NO_BROKER: "the operator cannot be reached",
    Phase.CONNECTING: "a bridge is found, connecting",
    Phase.CONNECTED: "connected",
    Phase.REFUSED: "the operator refuses",
}
_INSTEAD = {
    Trouble.NO_INVITE: "there is no invite: paste one into the panel, or give it to `unwalled connect`",
    Trouble.NO_WEBRTC: "this computer cannot make WebRTC connections: start Unwalled anew, or install it anew",
    Trouble.OFFLINE: "this computer has no network: connect it, and Unwalled goes on by itself",
    Trouble.CAPTIVE_PORTAL: "this network wants a log-in first: open any page in your usual browser, and do as it says",
    Trouble.UDP_BLOCKED: "this network lets no connection to a bridge through: try another one, such as a phone's",
}
"""What a person needs to hear in place of what the reader says of itself."""
_BESIDE = {Trouble.DISK_FULL: "nothing new can be remembered: is the disk full?"}


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
    if shown.trouble in _INSTEAD:
        return Status(_INSTEAD[shown.trouble])
    usual = describe(status, shown.up_bps, shown.down_bps)
    beside = _BESIDE.get(shown.trouble, "")
    if shown.trouble is Trouble.CLOCK_WRONG:
        side = "ahead" if shown.clock_error_s > 0 else "behind"
        beside = f"this computer's clock is {show_span(abs(shown.clock_error_s))} {side}: set it right"
    return Status(f"{usual.state}; {beside}", usual.numbers) if beside else usual
