"""Everything that the panel can show of the program: one scene for each state and trouble, and for settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.support.panel_double import INVITE, OFF
from unwalled.app.snapshot import AppSnapshot, BridgeView, LaneView, RuleMode, State, Trouble
from unwalled.panel.ports import ListView

_INVITES = (INVITE, replace(INVITE, id="second", label="", is_active=False, expires_at=0.0))
_IDLE = replace(
    OFF,
    proxy="127.0.0.1:1080",
    invites=(INVITE,),
    bytes_down=48_200_000,
    bytes_up=3_100_000,
    through_bridges=1234,
)


def _bridge(number: int, lanes: int, down_bps: float = 0.0, *, silent: int = 0) -> BridgeView:
    def lane(index: int) -> LaneView:
        return LaneView(80.0 + 7 * index, down_bps / 20, down_bps * (1 - 0.13 * index), index < silent)

    return BridgeView(number, tuple(lane(index) for index in range(lanes)))


CONNECTED = replace(
    _IDLE,
    state=State.CONNECTED,
    bridges=(_bridge(1, 4, 1_900_000.0), _bridge(2, 4, 600_000.0)),
    down_bps=8_400_000.0,
    up_bps=420_000.0,
    seconds_connected=4_380.0,
    connections=17,
)


def _trouble(trouble: Trouble, state: State = State.WAITING, base: AppSnapshot = _IDLE) -> AppSnapshot:
    return replace(base, state=state, trouble=trouble)


@dataclass(frozen=True)
class Scene:
    """What the program says, and what is in its rules."""

    snapshot: AppSnapshot
    own: tuple[str, ...] = ()
    lists: tuple[ListView, ...] = field(default=())


_LISTS = (
    ListView("gfw", "GFWList", 6_218, 14, 1_795_000_000.0, True),
    ListView("mine", "فهرست من", 42, 0, 0.0, False),
)
_OWN = ("news.example", "*.example.org", "203.0.113.0/24")

SCENES: Mapping[str, Scene] = {
    "off": Scene(replace(_IDLE, proxy="")),
    "no-invite": Scene(_trouble(Trouble.NO_INVITE, State.STOPPED, replace(_IDLE, invites=(), proxy=""))),
    "searching": Scene(replace(_IDLE, state=State.SEARCHING)),
    "connecting": Scene(replace(_IDLE, state=State.CONNECTING)),
    "connected": Scene(CONNECTED),
    "connected-silent": Scene(
        replace(CONNECTED, bridges=(_bridge(3, 8, 300_000.0, silent=3), _bridge(4, 1), _bridge(5, 16, 90_000.0)))
    ),
    "disk-full": Scene(_trouble(Trouble.DISK_FULL, State.CONNECTED, CONNECTED)),
    **{
        str(trouble): Scene(_trouble(trouble))
        for trouble in (
            Trouble.NO_BRIDGE,
            Trouble.OPERATOR_FULL,
            Trouble.OPERATOR_UNREACHABLE,
            Trouble.OFFLINE,
            Trouble.CAPTIVE_PORTAL,
            Trouble.UDP_BLOCKED,
        )
    },
    "clock-wrong": Scene(replace(_trouble(Trouble.CLOCK_WRONG, State.STOPPED), clock_error_s=-200_000.0)),
    "invite-expired": Scene(
        replace(
            _trouble(Trouble.INVITE_EXPIRED, State.STOPPED),
            invites=(replace(INVITE, expires_at=1_700_000_000.0, trouble=Trouble.INVITE_EXPIRED),),
        )
    ),
    "invite-refused": Scene(_trouble(Trouble.INVITE_REFUSED, State.STOPPED)),
    "no-webrtc": Scene(_trouble(Trouble.NO_WEBRTC, State.STOPPED)),
    "rules-blocked": Scene(
        replace(CONNECTED, rules=RuleMode.BLOCKED, went_direct=5_311, is_system_proxy=True, starts_at_login=True),
        _OWN,
        _LISTS,
    ),
    "rules-listed": Scene(
        replace(CONNECTED, rules=RuleMode.LISTED, went_direct=12),
        (*_OWN, *(f"{name}.example" for name in "abcdefghijklmnopqrstuvwxyz")),
    ),
    "invites": Scene(replace(CONNECTED, invites=_INVITES)),
}
