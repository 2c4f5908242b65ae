"""The totals for everybody are told to other sites too, and asked for seldom however many look."""

from __future__ import annotations

import asyncio

from aiohttp.test_utils import make_mocked_request

from tests.unit.operator.numbers.test_watch import SetClock
from unwalled.operator.bounds import NUMBERS
from unwalled.operator.numbers.totals import Totals, totals
from unwalled.operator.numbers.totalsroute import totals_route


def test_many_who_look_cost_one_look() -> None:
    asked = 0

    async def take() -> Totals:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return totals([], 0.0)

    async def play() -> None:
        clock = SetClock()
        route = totals_route(take, clock)
        request = make_mocked_request("GET", "/totals.json")
        answers = await asyncio.gather(*(route.handler(request) for _ in range(50)))
        assert asked == 1
        assert {answer.status for answer in answers} == {200}
        assert answers[0].headers["Access-Control-Allow-Origin"] == "*"
        clock.now += NUMBERS.totals_s
        await route.handler(request)
        assert asked == 2

    asyncio.run(play())
