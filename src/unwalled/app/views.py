"""Makes the snapshot's parts from what the reader knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unwalled.app.invites import StoredInvite
from unwalled.app.meter import Rates
from unwalled.app.snapshot import BridgeView, InviteView, LaneView, Trouble
from unwalled.reader.status import LaneFacts


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
