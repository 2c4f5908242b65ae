from __future__ import annotations

import pytest

from unwalled.broker.bounds import STANDING, StandingLimits
from unwalled.broker.limits import Asker
from unwalled.broker.standing import Grade, Standing
from unwalled.settings import BROKER
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Verdict

HALF = STANDING.half_life_s


def asker(number: int) -> Asker:
    return Asker(b"invite-%d" % number, b"net-%d" % number)


def good(rate: float = 0.0, peers: float = 0.0, limited_s: float = 1.0) -> LaneReport:
    return LaneReport("t", Verdict.GOOD, 1_000_000, rate_bytes_s=rate, limited_s=limited_s, peers_bytes_s=peers)


BAD, DEAD = LaneReport("t", Verdict.BAD), LaneReport("t", Verdict.DEAD)
EARLY = LaneReport("t", Verdict.GOOD, 500, closed_early=True)


def told(report: LaneReport, askers: int = 1, now: float = 0.0, typical: float = 0.0) -> Standing:
    standing = Standing()
    for number in range(askers):
        standing.heard(report, asker(number), typical, now)
    return standing


def test_nothing_is_known_of_a_new_bridge() -> None:
    standing = Standing()
    assert (standing.grade(0.0), standing.is_untried, standing.is_proven) == (Grade.FIT, True, False)
    assert not standing.is_aside(0.0)
    assert not standing.is_worth_remembering


def test_a_bridge_that_carries_is_proven_and_that_is_forgotten_with_time() -> None:
    standing = told(good())
    assert (standing.is_proven, standing.is_untried) == (True, False)
    standing.grade(3 * HALF)
    assert (standing.is_proven, standing.is_untried) == (False, True)


def test_one_that_changes_records_is_out_at_once_and_no_good_word_brings_it_back_sooner() -> None:
    standing = told(BAD)
    assert standing.is_aside(79.0)
    assert standing.grade(0.0) is Grade.POOR
    standing.heard(good(), asker(7), 0.0, 10.0)
    assert standing.is_aside(79.0)
    assert not standing.is_aside(80.0)
    assert standing.grade(80.0) is not Grade.FIT
    standing.heard(good(), asker(8), 0.0, 81.0)
    standing.heard(DEAD, asker(9), 0.0, 82.0)
    assert standing.is_aside(83.0)
    standing.heard(good(), asker(10), 0.0, 83.0)
    assert not standing.is_aside(83.0), "after a mere silence a good word ends the time aside"


def test_every_bridge_gets_a_second_chance() -> None:
    standing = told(BAD, askers=5)
    assert standing.grade(60.0) is Grade.POOR
    assert standing.grade(4 * HALF) is Grade.FIT


def test_several_lanes_that_die_together_are_one_failure() -> None:
    standing = told(DEAD, askers=8)
    assert standing.failures == 1.0
    assert not standing.is_aside(BROKER.aside_first_s)


def test_one_asker_alone_cannot_keep_a_bridge_out() -> None:
    standing = Standing()
    aside_s = []
    now = 0.0
    for _ in range(6):
        standing.heard(BAD, asker(1), 0.0, now)
        aside_s.append(standing.aside_until - now)
        now = standing.aside_until
    assert aside_s[0] == 80.0
    assert aside_s[-1] < BROKER.aside_max_s / 16
    many = Standing()
    now = 0.0
    for number in range(6):
        many.heard(BAD, asker(number), 0.0, now)
        aside_s.append(many.aside_until - now)
        now = many.aside_until
    assert aside_s[-1] == BROKER.aside_max_s


def test_a_voice_that_was_silent_for_long_weighs_fully_again_and_voices_are_bounded() -> None:
    standing = Standing(learning=StandingLimits(voices=2))
    for at in (0.0, 1.0, 1.0 + HALF):
        before = standing.bad
        standing.heard(EARLY, asker(1), 0.0, at)
        assert standing.bad - before == pytest.approx({0.0: 0.5, 1.0: 0.25, 1.0 + HALF: 0.5 - before / 2}[at], abs=1e-3)
    for number in range(9):
        standing.heard(good(), asker(number), 0.0, 1.0 + HALF)
    assert len(standing.voices) == 2


def test_failures_long_past_do_not_count() -> None:
    standing = Standing()
    standing.failed(0.0)
    standing.failed(10.0)
    assert standing.aside_until == 30.0
    later = 10.0 + 2 * BROKER.aside_max_s
    standing.failed(later)
    assert standing.aside_until == later + BROKER.aside_first_s


@pytest.mark.parametrize(
    ("report", "is_slow"),
    [
        (good(10_000.0, 100_000.0), True),
        (good(20_000.0, 100_000.0), False),
        (good(1000.0, limited_s=STANDING.trickle_s), True),
        (good(1000.0, limited_s=STANDING.trickle_s / 2), False),
        (good(), False),
    ],
)
def test_one_that_trickles_is_no_good_one(report: LaneReport, is_slow: bool) -> None:
    assert told(report, askers=3).is_proven is not is_slow
    assert (told(report, askers=3).grade(0.0) is not Grade.FIT) is is_slow


@pytest.mark.parametrize("report", [EARLY, good(1000.0, 100_000.0)])
def test_one_that_disappoints_many_is_put_aside(report: LaneReport) -> None:
    assert not told(report).is_aside(0.0)
    assert told(report, askers=9).is_aside(0.0)
    standing = Standing()
    for _ in range(50):
        standing.heard(report, asker(1), 0.0, 0.0)
    assert not standing.is_aside(0.0), "but one asker alone cannot do that"


def test_speed_follows_what_is_delivered_beside_others_and_stays_in_bounds() -> None:
    fast, slow = told(good(800_000.0, 200_000.0), 20), told(good(50_000.0, 200_000.0), 20)
    assert 3.0 < fast.speed <= STANDING.most_speed
    assert STANDING.least_speed <= slow.speed < 0.35
    assert told(good(400_000.0), 20, typical=200_000.0).speed > 1.5
    assert told(good(400_000.0), 20).speed == 1.0, "with nothing to compare with it is as usual"


@pytest.mark.parametrize("rate", [50_000.0, 3_200_000.0])
def test_one_asker_alone_can_neither_slow_a_bridge_down_nor_speed_it_up_for_all(rate: float) -> None:
    standing = Standing()
    for _ in range(50):
        standing.heard(good(rate, 400_000.0), asker(1), 0.0, 0.0)
    assert 0.4 < standing.speed < 3.5


def test_answers_of_which_nothing_comes_make_it_rest_until_a_lane_carries_something() -> None:
    standing = Standing()
    for _ in range(int(STANDING.promises)):
        standing.promised(0.0)
    assert not standing.is_aside(0.0)
    assert standing.burden == 1.0
    for _ in range(20):
        standing.promised(0.0)
    assert standing.burden == 2.0
    assert standing.is_aside(STANDING.rest_max_s - 1.0)
    assert not standing.is_aside(STANDING.rest_max_s)
    assert standing.grade(0.0) is Grade.FIT
    standing.heard(good(), asker(1), 0.0, 1.0)
    assert not standing.is_aside(1.0)
    assert standing.burden == 0.0


def test_what_was_held_against_it_is_there_when_it_comes_back() -> None:
    standing = told(BAD)
    standing.heard(good(400_000.0, 100_000.0), asker(9), 0.0, 0.0)
    again = standing.again()
    assert again.is_aside(79.0)
    assert (again.good, again.speed, again.bad) == (0.0, 1.0, standing.bad)
    assert standing.is_worth_remembering
    assert again.voices == standing.voices
    assert again.voices is not standing.voices
    assert told(EARLY).is_worth_remembering
