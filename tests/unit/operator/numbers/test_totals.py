"""What everybody may know: late, rounded down, and never more than was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.operator.numbers.rows import DAY_S, Row
from unwalled.operator.numbers.totals import Totals, rounded, totals

DAY = 20_000


def a_day(number: int, people: int = 120) -> Row:
    return Row(
        (DAY + number) * DAY_S, up_s=float(DAY_S), bridges=12.5, people=people, up_bytes=10**9, down_bytes=2 * 10**9
    )


def test_totals_are_sums_of_days_rounded_down() -> None:
    told = totals([a_day(number) for number in range(40)], (DAY + 41) * DAY_S)
    assert told == Totals(
        v=1,
        since="2024-10-04",
        until="2024-11-12",
        days=40,
        people_a_day=120,
        people_days=4800,
        carried_bytes=120 * 10**9,
        bridges=12,
        bridge_hours=12_000,
        error_percent=1.6,
    )


def test_a_day_is_told_when_it_has_been_over_for_a_day() -> None:
    days = [a_day(0), a_day(1)]
    assert totals(days, (DAY + 2) * DAY_S - 1).days == 0
    assert totals(days, (DAY + 2) * DAY_S).days == 1
    assert totals(days, (DAY + 3) * DAY_S).days == 2


def test_an_ordinary_day_is_one_of_the_last_thirty() -> None:
    days = [a_day(number, 1000) for number in range(10)] + [a_day(number, 50) for number in range(10, 40)]
    assert totals(days, (DAY + 50) * DAY_S).people_a_day == 50


def test_nothing_to_tell_is_told_as_nothing() -> None:
    assert totals([], 0.0) == Totals(1, "", "", 0, 0, 0, 0, 0, 0, 1.6)
    assert totals([Row(DAY * DAY_S)], (DAY + 9) * DAY_S).days == 0


@pytest.mark.parametrize(
    ("value", "told"), [(0, 0), (9.9, 0), (10, 10), (19, 10), (99, 90), (100, 100), (129, 120), (98_765, 98_000)]
)
def test_rounding_keeps_two_digits_and_hides_what_is_below_ten(value: float, told: int) -> None:
    assert rounded(value) == told


def test_bridges_are_told_one_by_one() -> None:
    assert rounded(7.9, least=1) == 7


@given(st.integers(0, 10**15))
def test_never_more_than_was_and_never_less_than_nine_tenths_of_much(value: int) -> None:
    told = rounded(value)
    assert told <= value
    assert value < 100 or told > 0.9 * value
