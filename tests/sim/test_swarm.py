"""An hour of a thousand bridges, a twentieth of them hostile, with news in it: what readers get, and what attackers."""

from __future__ import annotations

from functools import cache

from bench.flow import percentile
from tests.support.swarm_world import HOUR_S, Harm, Plan, Results, SwarmWorld, attackers

PLAN = Plan(
    bridges=1000,
    duration_s=HOUR_S,
    sessions=600,
    hostile_share=0.05,
    event_at=0.6 * HOUR_S,
    event_s=60.0,
    crowd_share=0.1,
)


@cache
def played() -> Results:
    return SwarmWorld(PLAN, 1, attackers(1.0)).run()


def test_readers_get_bridges_soon_also_those_behind_one_carriers_nat() -> None:
    results = played()
    assert results.asked["event"] > 100
    assert results.unserved["all"] <= 0.01 * results.asked["all"]
    assert percentile(results.waits_s, 0.5) < 1.0
    assert results.asked["crowd"] > 30
    assert results.unserved["crowd"] <= 0.01 * results.asked["crowd"]
    assert percentile(results.crowd_waits_s, 0.9) < 5.0


def test_bridges_that_harm_are_out_within_minutes() -> None:
    results = played()
    assert len(results.out_after_s) >= 5
    for kind, times in results.out_after_s.items():
        if kind != Harm.SWALLOWS.value:
            assert percentile(times, 0.5) <= 180.0, kind
    # Less than their share, which they would have if nothing were learned.
    assert sum(results.harmed.values()) < 0.75 * PLAN.hostile_share * results.matches
    assert max(results.harmed_by_bridge) < 30


def test_no_bridge_gets_all() -> None:
    results = played()
    usual = sum(results.served_by_bridge) / len(results.served_by_bridge)
    assert max(results.served_by_bridge) < 30 * usual
    assert percentile(results.peak_loads, 0.99) <= 1.0


def test_attackers_learn_no_more_than_is_published() -> None:
    for attacker in played().attackers:
        assert 0 < len(attacker.learned) <= attacker.allowed
