"""Every bound of the program, in one place. docs/reference/limits.md lists them with their reasons.

Sizes are bytes, times are seconds, unless the name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Bounds that every lane keeps, whoever runs it."""

    max_message_bytes: int = 64 * KIB
    """One WebSocket message = one data-channel message, binary."""
    default_message_bytes: int = 16 * KIB
    open_timeout_s: float = 20.0
    """From the offer to an open data channel."""
    receive_queue_bytes: int = 8 * MIB
    """Messages that have arrived from the transport and were not handled yet; past it the lane is closed."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bounds of one session, the same names at both ends."""

    stream_window_bytes: int = 256 * KIB
    """What a new stream may send before the other end has read any of it."""
    max_stream_window_bytes: int = 8 * MIB
    """How far a stream's window grows while its reader keeps up."""
    session_window_bytes: int = 32 * MIB
    """What all streams together may have in flight or unread, in one direction."""
    send_buffer_bytes: int = 1 * MIB
    """What a stream holds for an application beyond what is in flight; then ``write`` waits."""
    max_streams: int = 1024
    max_lanes: int = 64
    lanes_per_life: int = 1 << 20
    handshake_timeout_s: float = 5.0
    idle_ping_s: float = 15.0
    ack_delay_s: float = 0.01
    ack_every_records: int = 4
    silence_floor_s: float = 0.25
    """The least silence of a lane that owes acks before its records are sent again elsewhere."""
    lane_dead_s: float = 20.0
    """A lane that is silent for so long, though it was asked, is closed."""
    orphan_lifetime_s: float = 120.0
    """How long a session without any lane is kept for its reader to come back."""
    unconfirmed_lifetime_s: float = 15.0
    """The same, before the reader has proved that it holds the keys."""
    records_per_key: int = 1 << 20
    max_datagram_bytes: int = 65_507
    datagram_queue_bytes: int = 256 * KIB
    datagram_flows: int = 64
    bad_records_per_lane: int = 1
    """Records of a lane that may fail before the lane is left. A lane is reliable, so one is enough."""


@dataclass(frozen=True, slots=True)
class BridgeLimits:
    """What a bridge holds and allows."""

    max_lane_buffer_bytes: int = 8 * MIB
    max_lanes: int = 64
    max_readers: int = 8
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 60.0


@dataclass(frozen=True, slots=True)
class SignallingLimits:
    """Bounds of the hop between readers, broker and bridges."""

    max_request_bytes: int = 64 * KIB
    max_reply_bytes: int = 256 * KIB
    max_bridge_message_bytes: int = 128 * KIB
    max_offers: int = 16
    max_candidates: int = 24
    max_sdp_bytes: int = 16 * KIB


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """What the broker holds and allows."""

    match_wait_s: float = 10.0
    """How long a reader's request may wait for a bridge to appear."""
    answer_timeout_s: float = 10.0
    max_bridges: int = 20_000


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """What the gateway holds and allows."""

    connect_timeout_s: float = 15.0
    max_sessions: int = 10_000
    streams_per_session: int = 1024
    idle_stream_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """What the reader's program holds and allows."""

    max_connections: int = 2048
    request_head_bytes: int = 64 * KIB
    open_wait_s: float = 20.0
    """How long an application's connection waits for a bridge before it gets the proxy protocol's error."""


LANE = LaneLimits()
SESSION = SessionLimits()
BRIDGE = BridgeLimits()
SIGNALLING = SignallingLimits()
BROKER = BrokerLimits()
GATEWAY = GatewayLimits()
READER = ReaderLimits()
