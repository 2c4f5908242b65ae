"""Alarms begin and end with their causes, do not flap, and say what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from unwalled.operator.numbers.alarmrules import RULES
from unwalled.operator.numbers.alarms import Alarm, Board, Facts, Rule, sentence

WALL_S = 1_800_000_000.0
DAY_S = 86_400.0

TROUBLES: dict[str, dict[str, Any]] = {
    "no_bridges": {"bridges": 0},
    "bridges_fell": {"bridges": 4, "bridges_before": 10},
    "success_fell": {"asked_hour": 20, "ok_hour": 9, "asked_day": 100, "ok_day": 60},
    "certificate_ends": {"certificate_left_s": 2 * DAY_S},
    "certificate_soon": {"certificate_left_s": 9 * DAY_S},
    "disk_full": {"disk_free_bytes": 1_000_000, "disk_bytes": 10**11},
    "disk_low": {"disk_free_bytes": 4 * 10**9, "disk_bytes": 10**11},
    "clock_jumped": {"clock_jump_s": -31.0},
    "files_near_bound": {"descriptors": 900, "max_descriptors": 1000},
    "turned_away": {"turned_away": 10},
    "sessions_near_bound": {"sessions": 9000, "max_sessions": 10_000},
    "store_gone": {"store_gone_s": 12.0},
    "history_not_kept": {"history_trouble": "The disk is full."},
    "history_damaged": {"history_damaged": True},
    "lanes_misbehave": {"lanes_misbehaved_hour": 20},
    "old_widgets": {"old_widgets_day": 20},
}


class Day:
    """A board, and a clock that goes on ten seconds at a time."""

    def __init__(self, rules: tuple[Rule, ...] = RULES) -> None:
        self.board = Board(rules)
        self.now = 5000.0

    def goes_on(self, facts: Facts, seconds: float) -> list[Alarm]:
        """The alarms after so many seconds with the same facts."""
        alarms = self.board.raised()
        for _ in range(int(seconds // 10)):
            self.now += 10.0
            alarms = self.board.look(facts, self.now, WALL_S + self.now)
        return alarms


def codes(alarms: list[Alarm]) -> list[str]:
    return [alarm.code for alarm in alarms]


def test_each_rule_has_a_trouble_here() -> None:
    assert set(TROUBLES) == {rule.code for rule in RULES}


@pytest.mark.parametrize("code", TROUBLES)
def test_a_trouble_raises_its_alarm_alone_and_well_ends_it(code: str) -> None:
    day = Day()
    assert codes(day.goes_on(Facts(), 600)) == []
    assert codes(day.goes_on(Facts(**TROUBLES[code]), 1200)) == [code]
    assert codes(day.goes_on(Facts(), 7200)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_words_are_whole_sentences(rule: Rule) -> None:
    cause = rule.cause(Facts(**TROUBLES[rule.code]))
    for text in (cause, rule.remedy):
        assert text[0].isupper() or text[0].isdigit()
        assert text[-1] in ".:)", text
        assert "  " not in text
        assert len(text) <= 330


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_no_facts_begin_and_end_an_alarm_at_once(rule: Rule) -> None:
    for trouble in TROUBLES.values():
        facts = Facts(**trouble)
        assert not (rule.begins(facts) and rule.ends(facts))


def test_no_bridge_is_told_after_ten_minutes_and_since_when() -> None:
    day = Day()
    began = day.now + 10
    assert codes(day.goes_on(Facts(bridges=0), 600)) == []
    alarms = day.goes_on(Facts(bridges=0), 10)
    assert codes(alarms) == ["no_bridges"]
    assert alarms[0].since_s == int(WALL_S + began)
    assert day.goes_on(Facts(bridges=0), 3600)[0].since_s == alarms[0].since_s


def test_a_start_is_given_time_for_bridges_to_come() -> None:
    day = Day()
    for uptime_s in range(0, 600, 10):
        assert codes(day.goes_on(Facts(bridges=0, uptime_s=uptime_s), 10)) == []


def test_one_bridge_for_a_moment_does_not_end_the_alarm() -> None:
    day = Day()
    day.goes_on(Facts(bridges=0), 700)
    assert codes(day.goes_on(Facts(bridges=1), 20)) == ["no_bridges"]
    assert codes(day.goes_on(Facts(bridges=0), 10)) == ["no_bridges"]
    assert codes(day.goes_on(Facts(bridges=1), 60)) == []


def test_what_stands_on_the_edge_does_not_flap() -> None:
    day = Day()
    changes, before = 0, False
    for step in range(500):
        is_raised = bool(day.goes_on(Facts(descriptors=849 + 2 * (step % 2), max_descriptors=1000), 10))
        changes += is_raised != before
        before = is_raised
    assert changes == 1


def test_success_that_fell_is_told_with_both_numbers() -> None:
    day = Day()
    facts = Facts(asked_hour=40, ok_hour=24, asked_day=1000, ok_day=950)
    assert "60 %" in day.goes_on(facts, 300)[0].cause
    assert "95 %" in day.goes_on(facts, 10)[0].cause


def test_few_requests_prove_nothing() -> None:
    assert Day().goes_on(Facts(asked_hour=19, ok_hour=0, asked_day=1000, ok_day=950), 3600) == []


def test_the_words_follow_the_numbers_while_the_trouble_lasts() -> None:
    day = Day()
    day.goes_on(Facts(turned_away=10), 10)
    assert "300 requests" in day.goes_on(Facts(turned_away=300), 10)[0].cause
    assert "300 requests" in day.goes_on(Facts(turned_away=3), 10)[0].cause


@pytest.mark.parametrize(
    ("left_s", "code", "words"),
    [
        (-5.0, "certificate_ends", "has ended"),
        (3600.0, "certificate_ends", "ends today"),
        (1.5 * DAY_S, "certificate_ends", "ends tomorrow"),
        (5.5 * DAY_S, "certificate_soon", "in 5 days"),
    ],
)
def test_the_end_of_a_certificate_is_told_in_days(left_s: float, code: str, words: str) -> None:
    (alarm,) = Day().goes_on(Facts(certificate_left_s=left_s), 10)
    assert alarm.code == code
    assert words in alarm.cause


def test_why_a_new_certificate_was_not_taken_is_told() -> None:
    facts = Facts(certificate_left_s=DAY_S, certificate_trouble="The key is not that of the certificate.")
    assert "The key is not" in Day().goes_on(facts, 10)[0].cause


@pytest.mark.parametrize(
    ("jump_s", "words"), [(3600.0, "forward by 60 minutes"), (-45.0, "back by 45 seconds"), (119.0, "119 seconds")]
)
def test_a_jump_of_the_clock_is_told_with_its_way(jump_s: float, words: str) -> None:
    assert words in Day().goes_on(Facts(clock_jump_s=jump_s), 10)[0].cause


def test_a_disk_of_which_nothing_is_known_is_no_alarm() -> None:
    assert Day().goes_on(Facts(disk_free_bytes=None, disk_bytes=None), 100) == []
    assert Day().goes_on(Facts(disk_free_bytes=10**10, disk_bytes=None), 100) == []


def test_the_worst_comes_first_and_then_the_oldest() -> None:
    day = Day()
    day.goes_on(Facts(old_widgets_day=30), 20)
    day.goes_on(Facts(old_widgets_day=30, lanes_misbehaved_hour=30), 20)
    alarms = day.goes_on(Facts(old_widgets_day=30, lanes_misbehaved_hour=30, turned_away=50), 20)
    assert codes(alarms) == ["turned_away", "old_widgets", "lanes_misbehave"]


def test_the_state_is_one_sentence() -> None:
    bad = Alarm("a", "bad", "The disk is full.", "Make room.", 0)
    look = Alarm("b", "look", "The clock jumped.", "Set it.", 0)
    assert sentence([], 12) == "All is well: 12 bridges are ready to help readers."
    assert sentence([], 1) == "All is well: one bridge is ready to help readers."
    assert sentence([], 0).startswith("All is well, and no bridge is connected yet")
    assert sentence([bad, look], 3) == "Something is wrong: the disk is full."
    assert sentence([bad, replace_code(bad)], 3).startswith("2 things are wrong.")
    assert sentence([look], 3) == "Readers are served. One thing should be looked at."
    assert sentence([look, look], 3) == "Readers are served. 2 things should be looked at."


def replace_code(alarm: Alarm) -> Alarm:
    return Alarm("other", alarm.level, alarm.cause, alarm.remedy, alarm.since_s)


def test_facts_of_an_operator_that_is_well_raise_nothing() -> None:
    assert Day().goes_on(replace(Facts(), bridges=50, bridges_before=60, asked_hour=500, ok_hour=480), 3600) == []
