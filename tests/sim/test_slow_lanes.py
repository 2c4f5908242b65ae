"""Lanes that are slow, or became slow: they add what they can, and nobody waits for them."""

from __future__ import annotations

from tests.support.rough_lanes import MBIT_S, RoughShape, RoughWorld
from tests.support.scale import ScalePlan, ScaleRun
from tests.support.transfers import Plan, Transfers
from unwalled.settings import MIB

FAST = RoughShape(latency_s=0.02, rate=20 * MBIT_S)


def test_a_page_does_not_wait_for_lanes_that_turn_out_to_be_slow() -> None:
    world = RoughWorld(1)
    transfers = Transfers(world, 1)
    world.open_rough(FAST)
    world.run(0.5)
    for _ in range(7):
        world.open_rough(RoughShape(latency_s=0.1, rate=0.1 * MBIT_S))
    world.run(1.5)
    sid = transfers.start(Plan(100, MIB))
    world.run(31.5, lambda: transfers.reader[sid].is_over)
    assert transfers.reader[sid].got == MIB
    # The fast lane alone takes 0.4 s; each slow one needs 5 s for what a new lane is trusted with.
    assert world.now - 1.5 < 1.5


def test_one_stream_gets_what_very_different_lanes_give_together() -> None:
    plan = ScalePlan(lanes=24, most_mbit_s=5.0, streams=1, measured_s=4.0)
    for seed in range(2):
        # One lane of those is kept free for what is urgent.
        assert ScaleRun(seed, plan).run().share > 0.75, seed


def test_the_sum_of_many_lanes_that_change_stall_and_die() -> None:
    plan = ScalePlan(lanes=24, most_mbit_s=10.0, streams=8, death_every_s=2.0, measured_s=5.0)
    for seed in range(3):
        result = ScaleRun(seed, plan).run()
        # One lane of those is kept free for what is urgent.
        assert result.share > 0.8, seed
        assert result.gap_s < 0.5, seed
        assert result.stream_gap_s < 2.0, seed
        assert result.deaths > 0
