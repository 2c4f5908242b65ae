from __future__ import annotations

from dataclasses import replace

from tests.support.app_world import invite
from unwalled.app.invites import StoredInvite
from unwalled.app.snapshot import BridgeView, InviteView, LaneView, Trouble
from unwalled.app.views import bridge_views, invite_view
from unwalled.reader.status import LaneFacts


def test_bridges_are_shown_by_number_with_their_lanes() -> None:
    lanes = [
        LaneFacts(1, 2, 0.05, 10, 20, False),
        LaneFacts(2, 1, None, 0, 0, True),
        LaneFacts(3, 2, 0.1, 0, 0, False),
    ]
    assert bridge_views(lanes, {1: (8.0, 16.0)}) == (
        BridgeView(1, (LaneView(None, 0.0, 0.0, True),)),
        BridgeView(2, (LaneView(50.0, 8.0, 16.0, False), LaneView(100.0, 0.0, 0.0, False))),
    )


def test_an_invites_own_state_is_shown() -> None:
    entry = StoredInvite("1", invite(1, expires_s=50), "a friend's")

    def shown(entry: StoredInvite, trouble: Trouble, now_wall_s: float) -> InviteView:
        return invite_view(entry, is_active=False, trouble=trouble, now_wall_s=now_wall_s)

    assert shown(entry, Trouble.NONE, 49.0) == InviteView("1", "a friend's", 50.0, False, Trouble.NONE)
    assert shown(entry, Trouble.NO_BRIDGE, 50.0).trouble is Trouble.INVITE_EXPIRED
    refused = replace(entry, is_refused=True)
    assert shown(refused, Trouble.NONE, 49.0).trouble is Trouble.INVITE_REFUSED
    assert shown(refused, Trouble.NO_BRIDGE, 49.0).trouble is Trouble.NO_BRIDGE
