"""What an admin should look at, in words: each alarm has a cause, a remedy, and since when it is so. Pure.

    facts ─► rules (alarmrules.py) ─► Board.look ─► alarms, the worst first

An alarm begins only when its rule has held for a while, and ends only when a milder condition has held for a while: so
one that stands on the edge does not come and go. A rule that cannot be judged (nothing counted, file unknown) is calm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

Level = Literal["bad", "look"]
"""``bad``: people are not served, or soon will not be. ``look``: it works, and should be looked at."""

_DAY_S = 86_400.0


class Alarm(msgspec.Struct, frozen=True):
    """``code`` names it for programs; ``since_s`` is in seconds since 1970."""

    code: str
    level: Level
    cause: str
    remedy: str
    since_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules judge. The defaults are those of an operator that is well."""

    uptime_s: float = _DAY_S
    bridges: int = 1
    bridges_before: int = 1
    """The most at one time in the last half an hour."""
    asked_hour: int = 0
    """Readers' requests of the last hour that got lanes, or could have."""
    ok_hour: int = 0
    asked_day: int = 0
    ok_day: int = 0
    certificate_left_s: float | None = None
    certificate_trouble: str = ""
    """Why a newer file could not be taken."""
    disk_free_bytes: int | None = None
    disk_bytes: int | None = None
    clock_jump_s: float = 0.0
    """By how much the clock was set, at most, in the last hour; negative = back."""
    descriptors: int = 0
    max_descriptors: int | None = None
    turned_away: int = 0
    """Requests, bridges and connections that found no place in the last five minutes."""
    sessions: int = 0
    max_sessions: int | None = None
    store_gone_s: float = 0.0
    """For how long the store shared by several processes has not answered."""
    history_trouble: str = ""
    """Why the history cannot be written now."""
    history_damaged: bool = False
    """Whether a damaged file was put aside at this start."""
    old_widgets_day: int = 0
    """How often in the last day a page loaded a version of the widget that is not the newest."""
    lanes_misbehaved_hour: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """``begins`` must hold for ``after_s``, then ``ends`` for ``calm_s``."""

    code: str
    level: Level
    begins: Callable[[Facts], bool]
    ends: Callable[[Facts], bool]
    cause: Callable[[Facts], str]
    remedy: str
    after_s: float = 0.0
    calm_s: float = 60.0


@dataclass(slots=True)
class _Watched:
    rule: Rule
    edge_at: float | None = None
    """Since when the condition holds that would begin or end the alarm (monotonic)."""
    since_s: int | None = None
    """Since when it is raised (wall), None = calm."""
    cause: str = ""


@dataclass(slots=True)
class Board:
    """The alarms of one operator over time."""

    rules: tuple[Rule, ...]
    _watched: list[_Watched] = field(init=False)

    def __post_init__(self) -> None:
        self._watched = [_Watched(rule) for rule in self.rules]

    def look(self, facts: Facts, now: float, wall_s: float) -> list[Alarm]:
        """Judges the facts of this moment (``now`` monotonic) and gives what is raised, the worst and oldest first."""
        for watched in self._watched:
            _judge(watched, facts, now, wall_s)
        return self.raised()

    def raised(self) -> list[Alarm]:
        """The alarms as they were judged last."""
        alarms = [
            Alarm(one.rule.code, one.rule.level, one.cause, one.rule.remedy, one.since_s)
            for one in self._watched
            if one.since_s is not None
        ]
        return sorted(alarms, key=lambda alarm: (alarm.level != "bad", alarm.since_s))


def _judge(watched: _Watched, facts: Facts, now: float, wall_s: float) -> None:
    rule = watched.rule
    is_raised = watched.since_s is not None
    if not (rule.ends if is_raised else rule.begins)(facts):
        watched.edge_at = None
    else:
        watched.edge_at = now if watched.edge_at is None else watched.edge_at
        if now - watched.edge_at >= (rule.calm_s if is_raised else rule.after_s):
            watched.since_s = None if is_raised else int(wall_s - (now - watched.edge_at))
            watched.edge_at = None
    # The numbers in its words stay those of now, as long as they still tell of the trouble.
    if watched.since_s is not None and rule.begins(facts):
        watched.cause = rule.cause(facts)


def sentence(alarms: list[Alarm], bridges: int) -> str:
    """The state of the operator in one sentence."""
    bad = [alarm for alarm in alarms if alarm.level == "bad"]
    if len(bad) == 1:
        return f"Something is wrong: {bad[0].cause[0].lower()}{bad[0].cause[1:]}"
    if bad:
        return f"{len(bad)} things are wrong. Begin with the first one below."
    if alarms:
        return (
            f"Readers are served. {'One thing' if len(alarms) == 1 else f'{len(alarms)} things'} should be looked at."
        )
    if not bridges:
        return "All is well, and no bridge is connected yet: in the first minutes that is to be expected."
    return f"All is well: {'one bridge is' if bridges == 1 else f'{bridges} bridges are'} ready to help readers."
