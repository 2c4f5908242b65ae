"""What was counted in the last minutes, hour and day, out of a bounded number of moments."""

from __future__ import annotations

from unwalled.operator.numbers.counts import Counts
from unwalled.operator.numbers.trail import STEPS, Highest, Moment, Trail


def trail_of(seconds: int, step: int = 10) -> Trail:
    """One more each second, and as many bridges as hours have passed."""
    trail = Trail(Moment(1000.0, Counts()))
    for second in range(step, seconds + 1, step):
        trail.add(Moment(1000.0 + second, Counts({"n": second}, {"bridges.kind.page": second // 3600})))
    return trail


def test_a_span_since_the_start_is_as_long_as_it_is() -> None:
    assert trail_of(40).grown(300.0) == ({"n": 40}, 40.0)


def test_minutes_and_an_hour_are_told_to_their_step() -> None:
    trail = trail_of(7200)
    assert trail.grown(10.0) == ({"n": 10}, 10.0)
    assert trail.grown(300.0) == ({"n": 300}, 300.0)
    assert trail.grown(3600.0) == ({"n": 3600}, 3600.0)


def test_a_day_is_told_to_a_quarter_of_an_hour_and_no_more_is_remembered() -> None:
    trail = trail_of(3 * 86_400)
    grown, span_s = trail.grown(86_400.0)
    assert 86_400 - 900 <= span_s <= 86_400
    assert grown == {"n": int(span_s)}
    assert trail.grown(10 * 86_400.0)[1] <= STEPS[-1][0] * STEPS[-1][1]


def test_the_latest_moment_counts_though_it_comes_before_its_time() -> None:
    trail = trail_of(60)
    trail.add(Moment(1061.0, Counts({"n": 500})))
    assert trail.latest.counts.grown == {"n": 500}
    assert trail.grown(10.0) == ({"n": 440}, 1.0)


def test_after_a_long_sleep_nothing_is_said_of_the_time_before() -> None:
    trail = trail_of(3600)
    trail.add(Moment(1000.0 + 20 * 86_400, Counts({"n": 9999})))
    assert trail.grown(300.0) == ({}, 0.0)


def test_the_most_of_a_span_counts_all_its_moments() -> None:
    trail = trail_of(3 * 3600)
    assert trail.most("bridges.", 1800.0) == 3
    trail.add(Moment(1000.0 + 3 * 3600 + 10, Counts({}, {})))
    assert trail.most("bridges.", 1800.0) == 3
    assert trail.most("bridges.", 0.0) == 0


def test_the_highest_value_is_forgotten_after_its_span() -> None:
    highest = Highest()
    assert highest.most(3600.0, 0.0) == 0.0
    highest.see(5.0, 0.0)
    highest.see(9.0, 10.0)
    highest.see(2.0, 20.0)
    highest.see(3.0, 2000.0)
    assert highest.most(3600.0, 2000.0) == 9.0
    assert highest.most(3600.0, 3600.0 + 2000.0) == 3.0
