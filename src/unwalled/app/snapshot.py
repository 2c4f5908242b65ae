"""How things are with the reader's program, as one value: what the panel, the tray and the library show.

Nothing in it names a site, an address or a key. Numbers are since the program's start unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from unwalled.rules.modes import RuleMode as RuleMode


class State(StrEnum):
    """What a person sees first."""

    OFF = "off"
    """Switched off: connections are refused, with a page that says so; nothing goes out."""
    SEARCHING = "searching"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"
    """Nothing gets through just now, for a cause in ``trouble``; it is tried again by itself."""
    STOPPED = "stopped"
    """Nothing will get through before the person does something; ``trouble`` says what."""


class Trouble(StrEnum):
    """Why nothing, or little, gets through. The panel has words for each: the cause, then what to do."""

    NONE = "none"
    NO_INVITE = "no-invite"
    INVITE_EXPIRED = "invite-expired"
    INVITE_REFUSED = "invite-refused"
    NO_BRIDGE = "no-bridge"
    """The operator answers, and has no bridge for us just now."""
    NO_HELPER = "no-helper"
    """The invite is for the bridges of some people only, and none of them is there."""
    SHARE_USED = "share-used"
    """The invite has used up its share, of today or at once."""
    OPERATOR_FULL = "operator-full"
    OPERATOR_UNREACHABLE = "operator-unreachable"
    """Other networks work, or nothing is known of them; no door of the invite answers."""
    OFFLINE = "offline"
    """No network at all."""
    CAPTIVE_PORTAL = "captive-portal"
    """The network answers in the operator's place: most often a hotel that wants a log-in first."""
    UDP_BLOCKED = "udp-blocked"
    """Bridges were found, and no packet of UDP reached one."""
    CLOCK_WRONG = "clock-wrong"
    """This computer's clock is off by more than invites and certificates forgive; ``clock_error_s`` has by how much."""
    DISK_FULL = "disk-full"
    """Nothing can be remembered; reading goes on."""
    NO_WEBRTC = "no-webrtc"
    """This computer cannot make WebRTC connections."""


@dataclass(frozen=True, slots=True)
class LaneView:
    """One lane, for the picture."""

    round_trip_ms: float | None
    up_bps: float
    down_bps: float
    is_silent: bool
    """It owes an answer for too long."""


@dataclass(frozen=True, slots=True)
class BridgeView:
    """One bridge. ``number`` counts from 1 in the order in which this run met them; a bridge has no other name here."""

    number: int
    lanes: tuple[LaneView, ...]


@dataclass(frozen=True, slots=True)
class InviteView:
    """One invite that is remembered."""

    id: str
    """A random name that this computer gave it; tells nothing."""
    label: str
    """What the person called it, or ""."""
    expires_at: float
    """Unix time, seconds."""
    is_active: bool
    """The one in use."""
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class AppSnapshot:
    """Everything at one moment."""

    state: State
    trouble: Trouble
    clock_error_s: float
    """How far ahead this computer's clock is of the operator's, in seconds; 0 when it is not known to be wrong."""
    bridges: tuple[BridgeView, ...]
    up_bps: float
    down_bps: float
    bytes_up: int
    bytes_down: int
    seconds_connected: float
    connections: int
    """Of programs on this computer, open now."""
    through_bridges: int
    """Connections that went through bridges."""
    went_direct: int
    """Connections that the rules let go directly."""
    rules: RuleMode
    proxy: str
    """Where the proxy listens, as HOST:PORT on this computer; "" while it does not."""
    is_system_proxy: bool
    """Whether the system's settings point at the proxy, set by us."""
    starts_at_login: bool
    invites: tuple[InviteView, ...]
