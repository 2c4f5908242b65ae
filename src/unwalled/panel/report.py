"""A report for whoever helps a reader: how things are and were, with nothing in it that names a person, a site or an
address. Pure; the person sees it whole before it is saved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from unwalled.app.snapshot import AppSnapshot, InviteView, State, Trouble
from unwalled.panel.ports import RulesView
from unwalled.settings import PANEL

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Change:
    """From ``at`` (seconds of a clock that never goes back) on it was so."""

    at: float
    state: State
    trouble: Trouble
    bridges: int
    lanes: int


class Chronicle:
    """What the state has been, in a bounded number of changes."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=PANEL.report_changes)

    def note(self, snapshot: AppSnapshot, now: float) -> None:
        """Takes down what differs from the last time."""
        change = Change(now, snapshot.state, snapshot.trouble, len(snapshot.bridges), _lanes(snapshot))
        last = self._changes[-1] if self._changes else None
        if last is None or _of(last) != _of(change):
            self._changes.append(change)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Oldest first."""
        return tuple(self._changes)


def write(
    snapshot: AppSnapshot,
    rules: RulesView | None,
    changes: tuple[Change, ...],
    system: Mapping[str, str],
    *,
    now: float,
    now_wall_s: float,
) -> str:
    """The report, in English, which whoever helps can read. ``system``: what the program runs on, name → version."""
    lines = ["Unwalled: a report for help", "It holds no address, no name of a site, and no invite.", ""]
    lines += [f"{name}: {value}" for name, value in system.items()]
    lines += [
        "",
        f"State: {snapshot.state}; trouble: {snapshot.trouble}",
        f"Clock ahead of the operator's by: {round(snapshot.clock_error_s)} s",
        f"Connected for: {round(snapshot.seconds_connected)} s",
        f"Down: {snapshot.bytes_down} bytes, {round(snapshot.down_bps)} bit/s now",
        f"Up: {snapshot.bytes_up} bytes, {round(snapshot.up_bps)} bit/s now",
        f"Connections: {snapshot.connections} open; {snapshot.through_bridges} went through bridges, "
        f"{snapshot.went_direct} directly",
        f"Proxy: {'listens' if snapshot.proxy else 'does not listen'}; "
        f"set in the system: {_yes(snapshot.is_system_proxy)}; starts at login: {_yes(snapshot.starts_at_login)}",
        f"Rules: {snapshot.rules}",
    ]
    if rules is not None:
        problems = sum(one.problems for one in rules.lists)
        lines.append(
            f"Rules hold: {rules.names} names; {len(rules.own)} own patterns, {len(rules.lists)} lists, "
            f"{problems} lines not understood, {rules.learned} learned"
        )
    lines += ["", f"Invites: {len(snapshot.invites)}"]
    lines += [_invite(number, one, now_wall_s) for number, one in enumerate(snapshot.invites, 1)]
    lines += ["", f"Bridges: {len(snapshot.bridges)}, lanes: {_lanes(snapshot)}"]
    for bridge in snapshot.bridges:
        times = [f"{lane.round_trip_ms:.0f}" for lane in bridge.lanes if lane.round_trip_ms is not None]
        silent = sum(lane.is_silent for lane in bridge.lanes)
        lines.append(
            f"- bridge {bridge.number}: {len(bridge.lanes)} lanes, {silent} silent, round trips in ms: "
            f"{' '.join(times) or 'not known'}"
        )
    lines += ["", "What happened, seconds ago:"]
    lines += [
        f"- {now - one.at:.0f}: {one.state}, {one.trouble}, {one.bridges} bridges, {one.lanes} lanes"
        for one in reversed(changes)
    ]
    return "\n".join(lines) + "\n"


def _invite(number: int, invite: InviteView, now_wall_s: float) -> str:
    days = (invite.expires_at - now_wall_s) / _DAY_S
    # Days only: to the second, the date would name the invite to its operator.
    ends = "never ends" if not invite.expires_at else f"ends in {days:.0f} days" if days > 0 else "has ended"
    return f"- {number}: {'in use' if invite.is_active else 'kept'}, {ends}, trouble: {invite.trouble}"


def _of(change: Change) -> tuple[State, Trouble, int, int]:
    return change.state, change.trouble, change.bridges, change.lanes


def _lanes(snapshot: AppSnapshot) -> int:
    return sum(len(bridge.lanes) for bridge in snapshot.bridges)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
