"""What an admin sees at once, made of counts."""

from __future__ import annotations

import msgspec

from unwalled.operator.numbers.alarms import Alarm
from unwalled.operator.numbers.counts import Counts
from unwalled.operator.numbers.live import About, Connecting, LiveView, Machine, requests, view
from unwalled.operator.numbers.trail import Highest, Moment, Trail

ABOUT = About(
    at_s=1_800_000_000,
    version="1.2",
    uptime_s=120.7,
    roles=["broker", "gateway"],
    machine=Machine(50_000_000, 40, 1024, 0.02, 10**10, 10**11),
    max_sessions=10_000,
)
COUNTS = Counts(
    {
        "matches.ok": 30,
        "matches.none": 6,
        "matches.failed": 4,
        "matches.gone": 2,
        "connect.1": 15,
        "connect.2": 15,
        "refused.limited": 3,
        "offers_refused.busy": 2,
        "asked_from.IR": 29,
        "asked_from.DE": 3,
        "asked_from.other": 10,
        "bridges.came": 14,
        "bridges.went": 2,
        "bytes.up": 1000,
        "bytes.down": 9000,
        "sessions.opened": 9,
        "sessions.refused": 1,
        "lanes.misbehaved": 1,
        "streams.opened": 50,
        "egress_refused.denied": 5,
        "stun.answered": 70,
    },
    {
        "bridges.kind.page": 11,
        "bridges.kind.headless": 1,
        "bridges.nat.restricted": 7,
        "bridges.nat.unknown": 5,
        "bridges.nat.unrestricted": 0,
        "bridges.country.DE": 8,
        "bridges.country.CH": 3,
        "bridges.country.AT": 2,
        "room": 10,
        "requests": 1,
        "sessions": 8,
        "lanes": 32,
        "streams": 21,
    },
)


def the_view(alarms: list[Alarm] | None = None) -> LiveView:
    trail = Trail(Moment(0.0, Counts()))
    trail.add(Moment(100.0, Counts()))
    trail.add(Moment(110.0, COUNTS))
    return view(trail, Highest(), alarms or [], ABOUT)


def test_bridges_are_told_by_kind_nat_and_country_with_small_countries_together() -> None:
    bridges = the_view().bridges
    assert (bridges.connected, bridges.with_room, bridges.came_hour, bridges.went_hour) == (12, 10, 14, 2)
    assert bridges.kind == {"page": 11, "headless": 1}
    assert bridges.nat == {"restricted": 7, "unknown": 5}
    assert bridges.country == {"DE": 8, "other": 5}


def test_readers_requests_are_told_with_their_success_and_time() -> None:
    readers = the_view().readers
    assert readers.hour.success == 0.75
    assert (readers.hour.ok, readers.hour.none, readers.hour.failed, readers.hour.gone) == (30, 6, 4, 2)
    assert readers.hour.connecting == Connecting(0.25, 0.45, 0.495)
    assert readers.hour.refused == 3
    assert readers.hour.span_s == 110.0
    assert readers.refused == {"limited": 3}
    assert readers.offers_refused == {"busy": 2}


def test_readers_countries_are_rounded_and_small_ones_are_not_told() -> None:
    assert the_view().readers.country == {"IR": 20}


def test_traffic_is_that_of_the_last_ten_seconds() -> None:
    traffic = the_view().traffic
    assert (traffic.up_bps, traffic.down_bps) == (800.0, 7200.0)
    assert traffic.peak_bps == 8000.0
    assert traffic.down_day_bytes == 9000


def test_the_gateway_tells_sessions_and_what_was_refused() -> None:
    gateway = the_view().gateway
    assert (gateway.sessions, gateway.lanes, gateway.streams) == (8, 32, 21)
    assert gateway.egress_refused == {"denied": 5}
    assert gateway.stun == {"answered": 70}


def test_the_worst_alarm_is_the_state() -> None:
    alarm = Alarm("disk_full", "bad", "The disk is full.", "Make room.", 5)
    assert the_view([alarm]).state == "bad"
    assert the_view().state == "good"


def test_nobody_asked_is_no_success_and_no_failure() -> None:
    nothing = requests({}, 60.0)
    assert nothing.success is None
    assert nothing.connecting is None


def test_right_after_the_start_there_is_no_rate() -> None:
    trail = Trail(Moment(5.0, COUNTS))
    assert view(trail, Highest(), [], ABOUT).traffic.down_bps == 0.0


def test_it_is_json_and_back() -> None:
    seen = the_view([Alarm("x", "look", "A.", "B.", 5)])
    assert msgspec.json.decode(msgspec.json.encode(seen), type=LiveView) == seen
