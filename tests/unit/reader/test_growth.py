"""How many lanes a reader takes."""

from __future__ import annotations

from unwalled.reader.growth import LaneGrowth
from unwalled.settings import READER

BASE = READER.base_lanes


def carry(growth: LaneGrowth, bytes_s: int, began: float, ended: float, carried: int = 0) -> int:
    """Samples of a steady rate; gives the count at the end."""
    for second in range(int(began), int(ended) + 1):
        growth.sample(carried + bytes_s * (second - int(began)), float(second))
    return carried + bytes_s * (int(ended) - int(began))


def test_the_rate_is_that_of_the_last_seconds() -> None:
    growth = LaneGrowth()
    assert growth.rate_bytes_s == 0.0
    growth.sample(0, 0.0)
    growth.sample(50, 0.0)
    assert growth.rate_bytes_s == 0.0
    carried = carry(growth, 1000, 1.0, 5.0, 50)
    carry(growth, 3000, 5.0, 10.0, carried)
    assert growth.rate_bytes_s == 3000.0


def test_lanes_are_added_when_they_hold_up_and_again_while_that_helps() -> None:
    growth = LaneGrowth()
    carried = carry(growth, 1000, 0.0, 5.0)
    added = growth.more(BASE, 2, 5.0)
    assert added > 0
    assert growth.more(BASE + added, 2, 6.0) == 0
    carry(growth, 2000, 6.0, 12.0, carried)
    assert growth.fewer(BASE + added, 12.0) == 0
    assert growth.more(BASE + added, 2, 12.0) == min(2 * (BASE + added), READER.max_lanes - BASE - added)
    assert growth.more(READER.max_lanes, 2, 30.0) == 0


def test_at_most_so_many_lanes() -> None:
    growth = LaneGrowth()
    assert growth.more(READER.lanes_through_bridge, 1, 5.0) == 0
    assert growth.more(READER.lanes_through_bridge - 1, 1, 5.0) == 1
    growth = LaneGrowth()
    assert growth.more(READER.max_lanes, 2, 5.0) == 0
    assert growth.more(READER.max_lanes - 1, 2, 5.0) == 1


def test_what_did_not_help_is_given_back_and_not_tried_again_for_a_while() -> None:
    growth = LaneGrowth()
    carried = carry(growth, 1000, 0.0, 5.0)
    lanes = BASE + growth.more(BASE, 2, 5.0)
    carry(growth, 1000, 6.0, 12.0, carried)
    assert growth.fewer(lanes, 12.0) == 0
    assert growth.more(lanes, 2, 12.0) == 0
    assert growth.fewer(lanes, 12.0) == lanes - BASE
    assert growth.fewer(BASE, 12.0) == 0
    assert growth.more(BASE, 2, 12.0 + READER.growth_hold_s - 1) == 0
    assert growth.more(BASE, 2, 12.0 + READER.growth_hold_s) > 0


def test_in_quiet_times_all_above_the_base_are_given_back() -> None:
    growth = LaneGrowth()
    carry(growth, 1000, 0.0, 5.0)
    lanes = BASE + growth.more(BASE, 2, 5.0)
    assert growth.fewer(lanes, 5.0 + READER.growth_hold_s - 1) == 0
    assert growth.fewer(lanes, 5.0 + READER.growth_hold_s) == lanes - BASE
    assert growth.fewer(BASE - 1, 5.0 + READER.growth_hold_s) == 0
