"""What an operator looks like now: one value, for the admin's page, the API and ``unwalled top``. Pure.

Countries are those of the operator's own file, and small counts are put together: of bridges from ``FLOOR`` on, of
readers' requests as sums of a day, rounded down to tens, and only where readers of several networks asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from unwalled.broker.metrics import MATCH_BOUNDS_S
from unwalled.operator.numbers.alarms import Alarm, sentence
from unwalled.operator.numbers.counts import buckets, fold, quantile, under
from unwalled.operator.numbers.trail import Highest, Trail

FLOOR = 5
"""The fewest bridges of a country that are shown under its name."""
READERS_FLOOR = 20
"""The same for a day's requests of readers."""
READERS_STEP = 10
MINUTES_S, HOUR_S, DAY_S = 300.0, 3600.0, 86_400.0
_RATE_S = 10.0
"""What "now" means for a rate."""

State = Literal["good", "look", "bad"]


class Connecting(msgspec.Struct, frozen=True):
    """Seconds from a reader's request to its reply, for those that got lanes: half of them took at most ``p50_s``."""

    p50_s: float
    p90_s: float
    p99_s: float


class Requests(msgspec.Struct, frozen=True):
    """Readers' requests of a span by what became of them."""

    span_s: float
    """How long the span really is: less than asked for after a start."""
    ok: int
    none: int
    """No bridge fitted."""
    failed: int
    """Bridges were asked, and none answered."""
    gone: int
    """The reader left."""
    refused: int
    success: float | None
    """``ok`` as a share of those that did not leave, 0 to 1; None when nobody asked."""
    connecting: Connecting | None


class Readers(msgspec.Struct, frozen=True):
    """``asking``: requests in progress."""

    asking: int
    minutes: Requests
    hour: Requests
    day: Requests
    refused: dict[str, int]
    """In the last day, by reason."""
    offers_refused: dict[str, int]
    """Offers that bridges did not answer in the last day, by reason."""
    country: dict[str, int]
    """Requests of the last day; see the module's head."""


class Bridges(msgspec.Struct, frozen=True):
    """Bridges that are connected."""

    connected: int
    with_room: int
    kind: dict[str, int]
    nat: dict[str, int]
    country: dict[str, int]
    came_hour: int
    went_hour: int


class Traffic(msgspec.Struct, frozen=True):
    """Bits each second of the last ten, and the most of the last day; payload, both ways apart."""

    up_bps: float
    down_bps: float
    peak_bps: float
    """Up and down together."""
    up_day_bytes: int
    down_day_bytes: int


class Gateway(msgspec.Struct, frozen=True):
    """Sessions, their lanes, and the sites' side."""

    sessions: int
    max_sessions: int
    lanes: int
    streams: int
    sessions_opened_hour: int
    sessions_refused_hour: int
    lanes_misbehaved_hour: int
    streams_opened_hour: int
    egress_refused: dict[str, int]
    """Connections to sites of the last hour that were not opened, by code."""
    stun: dict[str, int]
    """STUN requests of the last hour by what became of them; empty when it answers none."""


class Machine(msgspec.Struct, frozen=True):
    """This process and its disk; None where the system does not tell."""

    memory_bytes: int | None
    descriptors: int | None
    max_descriptors: int | None
    processor_share: float | None
    """Of one core, in the last minutes."""
    disk_free_bytes: int | None
    disk_bytes: int | None


class LiveView(msgspec.Struct, frozen=True):
    """See the module's head. ``at_s`` is in seconds since 1970."""

    v: int
    at_s: int
    state: State
    sentence: str
    alarms: list[Alarm]
    version: str
    uptime_s: int
    roles: list[str]
    bridges: Bridges
    readers: Readers
    traffic: Traffic
    gateway: Gateway
    machine: Machine


VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a view holds beside counts."""

    at_s: int
    version: str
    uptime_s: float
    roles: list[str]
    machine: Machine
    max_sessions: int


def view(trail: Trail, peaks: Highest, alarms: list[Alarm], about: About) -> LiveView:
    """The state at the trail's latest moment."""
    held = trail.latest.counts.held
    hour, hour_s = trail.grown(HOUR_S)
    day, day_s = trail.grown(DAY_S)
    kinds = under("bridges.kind.", held)
    connected = sum(kinds.values())
    second, span_s = trail.grown(_RATE_S)
    up, down = (8 * second.get(f"bytes.{way}", 0) / span_s if span_s else 0.0 for way in ("up", "down"))
    bridges = Bridges(
        connected=connected,
        with_room=held.get("room", 0),
        kind=kinds,
        nat=under("bridges.nat.", held),
        country=fold(under("bridges.country.", held), FLOOR),
        came_hour=hour.get("bridges.came", 0),
        went_hour=hour.get("bridges.went", 0),
    )
    readers = Readers(
        asking=held.get("requests", 0),
        minutes=requests(*trail.grown(MINUTES_S)),
        hour=requests(hour, hour_s),
        day=requests(day, day_s),
        refused=under("refused.", day),
        offers_refused=under("offers_refused.", day),
        country=fold(under("asked_from.", day), READERS_FLOOR, READERS_STEP),
    )
    gateway = Gateway(
        sessions=held.get("sessions", 0),
        max_sessions=about.max_sessions,
        lanes=held.get("lanes", 0),
        streams=held.get("streams", 0),
        sessions_opened_hour=hour.get("sessions.opened", 0),
        sessions_refused_hour=hour.get("sessions.refused", 0),
        lanes_misbehaved_hour=hour.get("lanes.misbehaved", 0),
        streams_opened_hour=hour.get("streams.opened", 0),
        egress_refused=under("egress_refused.", hour),
        stun=under("stun.", hour),
    )
    return LiveView(
        v=VERSION,
        at_s=about.at_s,
        state=alarms[0].level if alarms else "good",
        sentence=sentence(alarms, connected),
        alarms=alarms,
        version=about.version,
        uptime_s=int(about.uptime_s),
        roles=about.roles,
        bridges=bridges,
        readers=readers,
        traffic=Traffic(
            up_bps=up,
            down_bps=down,
            peak_bps=max(up + down, peaks.most(DAY_S, trail.latest.now)),
            up_day_bytes=day.get("bytes.up", 0),
            down_day_bytes=day.get("bytes.down", 0),
        ),
        gateway=gateway,
        machine=about.machine,
    )


def requests(grown: dict[str, int], span_s: float) -> Requests:
    """Readers' requests by what became of them, from the counts that grew in a span."""
    ok, none, failed, gone = (grown.get(f"matches.{word}", 0) for word in ("ok", "none", "failed", "gone"))
    asked = ok + none + failed
    counts = buckets("connect.", grown, len(MATCH_BOUNDS_S) + 1)
    took = [quantile(MATCH_BOUNDS_S, counts, share) for share in (0.5, 0.9, 0.99)]
    return Requests(
        span_s=round(span_s, 1),
        ok=ok,
        none=none,
        failed=failed,
        gone=gone,
        refused=sum(under("refused.", grown).values()),
        success=round(ok / asked, 4) if asked else None,
        connecting=None if None in took else Connecting(*(round(value or 0.0, 3) for value in took)),
    )
