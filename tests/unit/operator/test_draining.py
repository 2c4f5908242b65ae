"""When a gateway that goes away may end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from unwalled.operator.bounds import DrainLimits
from unwalled.operator.draining import Carried, until_quiet

LIMITS = DrainLimits(quiet_s=0.05, look_s=0.001)


def drained(states: Iterator[Carried], within_s: float) -> bool:
    return asyncio.run(until_quiet(lambda: next(states), within_s, LIMITS))


def moving() -> Iterator[Carried]:
    carried = 0
    while True:
        carried += 1
        yield Carried(1, carried)


def test_nothing_under_way_is_not_waited_for() -> None:
    assert drained(iter([Carried(0, 7)]), 0.0)


def test_it_waits_until_the_last_stream_is_over() -> None:
    states = iter([Carried(2, 0), Carried(2, 5), Carried(1, 9), Carried(0, 9)])
    assert drained(states, 60.0)
    assert next(states, None) is None


def test_streams_that_are_only_kept_open_are_not_waited_for() -> None:
    def kept_open() -> Iterator[Carried]:
        yield Carried(3, 1)
        while True:
            yield Carried(3, 2)

    assert drained(kept_open(), 60.0)


def test_what_never_ends_is_cut_after_its_time() -> None:
    assert not drained(moving(), 0.03)
