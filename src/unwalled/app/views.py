"""Makes the snapshot's parts from what the reader knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unwalled.app.invites import StoredInvite
from unwalled.app.meter import Rates
from unwalled.app.snapshot import BridgeView, InviteView, LaneView, State, Trouble
from unwalled.reader.status import Cause, LaneFacts, Phase

_STATES = {
    Phase.SEARCHING: State.SEARCHING,
    Phase.NO_BRIDGE: State.WAITING,
    Phase.NO_BROKER: State.WAITING,
    Phase.CONNECTING: State.CONNECTING,
    Phase.CONNECTED: State.CONNECTED,
    Phase.REFUSED: State.STOPPED,
}
_TROUBLES = {
    Cause.NONE: Trouble.NONE,
    Cause.NO_BRIDGE: Trouble.NO_BRIDGE,
    Cause.BUSY: Trouble.OPERATOR_FULL,
    Cause.FULL: Trouble.OPERATOR_FULL,
    Cause.EXPIRED: Trouble.INVITE_EXPIRED,
    Cause.NOT_TAKEN: Trouble.INVITE_REFUSED,
    Cause.UNREACHABLE: Trouble.OPERATOR_UNREACHABLE,
    Cause.NONSENSE: Trouble.OPERATOR_UNREACHABLE,
    Cause.STRANGER: Trouble.CAPTIVE_PORTAL,
    Cause.OUT_OF_DATE: Trouble.CLOCK_WRONG,
    Cause.NO_WEBRTC: Trouble.NO_WEBRTC,
}


def state_of(phase: Phase) -> State:
    """What a person sees of a reader's phase."""
    return _STATES[phase]


def trouble_of(cause: Cause) -> Trouble:
    """What a reader's own word means for a person."""
    return _TROUBLES[cause]


def bridge_views(lanes: Sequence[LaneFacts], rates: Mapping[int, Rates]) -> tuple[BridgeView, ...]:
    """Bridges by number, each with its lanes in the order in which they opened. ``rates``: by the lanes' keys."""
    of_bridge: dict[int, list[LaneView]] = {}
    for lane in lanes:
        up_bps, down_bps = rates.get(lane.key, (0.0, 0.0))
        round_trip_ms = None if lane.round_trip_s is None else lane.round_trip_s * 1000
        of_bridge.setdefault(lane.bridge, []).append(LaneView(round_trip_ms, up_bps, down_bps, lane.is_silent))
    return tuple(BridgeView(number, tuple(of_bridge[number])) for number in sorted(of_bridge))


def invite_view(entry: StoredInvite, *, is_active: bool, trouble: Trouble, now_wall_s: float) -> InviteView:
    """One invite. ``trouble``: what its last try came to, if it was tried."""
    if entry.is_over(now_wall_s):
        trouble = Trouble.INVITE_EXPIRED
    elif entry.is_refused and trouble is Trouble.NONE:
        trouble = Trouble.INVITE_REFUSED
    return InviteView(entry.id, entry.label, float(entry.invite.expires_s), is_active, trouble)
