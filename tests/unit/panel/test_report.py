"""A report for help: it tells much, and nothing that names somebody."""

from __future__ import annotations

from dataclasses import replace

from tests.support.panel_double import INVITE, OFF
from unwalled.app.snapshot import AppSnapshot, BridgeView, LaneView, State, Trouble
from unwalled.panel.ports import ListView, RulesView
from unwalled.panel.report import Change, Chronicle, write
from unwalled.settings import PANEL

LANE = LaneView(round_trip_ms=84.4, up_bps=1.0, down_bps=2.0, is_silent=False)
CONNECTED = replace(
    OFF,
    state=State.CONNECTED,
    bridges=(
        BridgeView(1, (LANE, replace(LANE, round_trip_ms=None, is_silent=True))),
        BridgeView(2, (replace(LANE, round_trip_ms=None),)),
    ),
    bytes_down=12_345_678,
    proxy="127.0.0.1:1080",
    is_system_proxy=True,
    invites=(INVITE, replace(INVITE, id="second", label="From Mina", expires_at=0.0, is_active=False)),
)
RULES = RulesView(
    own=("news.example",),
    lists=(ListView("list-id", "My list of sites", 120, 2, 0.0, False),),
    learned=4,
    names=121,
)
SYSTEM = {"Unwalled": "1.0", "System": "Linux"}
WALL_S = 1_800_000_000.0


def report(snapshot: AppSnapshot, rules: RulesView | None = RULES, changes: tuple[Change, ...] = ()) -> str:
    return write(snapshot, rules, changes, SYSTEM, now=100.0, now_wall_s=WALL_S)


def test_it_tells_how_things_are() -> None:
    text = report(CONNECTED)
    for part in (
        "Unwalled: 1.0",
        "State: connected; trouble: none",
        "12345678 bytes",
        "Proxy: listens; set in the system: yes; starts at login: no",
        "121 names; 1 own patterns, 1 lists, 2 lines not understood, 4 learned",
        "- 1: in use, ends in 1157 days, trouble: none",
        "- 2: kept, never ends, trouble: none",
        "Bridges: 2, lanes: 3",
        "- bridge 1: 2 lanes, 1 silent, round trips in ms: 84",
        "- bridge 2: 1 lanes, 0 silent, round trips in ms: not known",
    ):
        assert part in text, text


def test_it_names_nobody_and_no_place() -> None:
    text = report(CONNECTED)
    for secret in ("127.0.0.1", "1080", "Spring", "Mina", "first", "news.example", "My list", "list-id", "1900000000"):
        assert secret not in text


def test_it_tells_what_is_not_there() -> None:
    ended = replace(INVITE, expires_at=WALL_S - 90_000.0, trouble=Trouble.INVITE_EXPIRED)
    text = report(replace(OFF, invites=(ended,)), None)
    assert "Proxy: does not listen" in text
    assert "Rules hold" not in text
    assert "has ended, trouble: invite-expired" in text


def test_it_tells_what_happened_latest_first() -> None:
    chronicle = Chronicle()
    for at, snapshot in enumerate([OFF, OFF, replace(OFF, bytes_down=5), CONNECTED, OFF]):
        chronicle.note(snapshot, float(at))
    text = report(OFF, changes=chronicle.changes)
    assert text.endswith(
        "- 96: off, none, 0 bridges, 0 lanes\n"
        "- 97: connected, none, 2 bridges, 3 lanes\n"
        "- 100: off, none, 0 bridges, 0 lanes\n"
    )


def test_only_the_latest_changes_are_kept() -> None:
    chronicle = Chronicle()
    for at in range(PANEL.report_changes * 3):
        chronicle.note(replace(OFF, state=State.SEARCHING if at % 2 else State.OFF), float(at))
    assert len(chronicle.changes) == PANEL.report_changes
    assert chronicle.changes[-1].at == PANEL.report_changes * 3 - 1
