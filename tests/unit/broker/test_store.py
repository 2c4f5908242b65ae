"""What every store must do, the embedded one and that of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random

import pytest

from tests.support.redis_server import RedisProcess
from tests.support.redis_store import redis_store
from unwalled.broker.limits import Asker, prefixes_of
from unwalled.broker.matching import Outcome, WaitingBridge, Wanted
from unwalled.broker.store import Action, EmbeddedStore, Store, StoreFull
from unwalled.settings import BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Report, Verdict

Make = Callable[[BrokerLimits], AbstractAsyncContextManager[Store]]


@asynccontextmanager
async def embedded(limits: BrokerLimits) -> AsyncIterator[Store]:
    yield EmbeddedStore(Random(1), limits)


@pytest.fixture(scope="module", name="process")
def _process() -> Iterator[RedisProcess]:
    process = RedisProcess()
    yield process
    process.close()


@pytest.fixture(params=["embedded", "redis"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a store of a kind; in that of Redis each has keys of its own, and goes by the time that it is told."""
    if request.param == "embedded":
        return embedded
    process: RedisProcess = request.getfixturevalue("process")
    return lambda limits: redis_store(process.url, limits)


WANTED = Wanted(Nat.UNKNOWN, (0, 1), 1, frozenset(), b"invite")


def bridge(name: str) -> WaitingBridge:
    return WaitingBridge(name, f"net-{name}", Client.PAGE, Nat.UNKNOWN, 4, 4)


def test_a_bridge_is_listed_reserved_settled_and_leaves(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits()) as store:
            assert await store.join(bridge("a"), 0.0)
            assert await store.waiting() == 1
            (held,) = await store.reserve(WANTED, 0.0)
            assert held.offers == (0, 1)
            await store.settle(held.match, Outcome(answered=2), 0.0)
            await store.set_free("a", 0, 4, 0.0)
            assert await store.reserve(WANTED, 0.0) == []
            await store.leave("a")
            assert await store.waiting() == 0

    asyncio.run(main())


def test_reports_reach_the_matching(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits()) as store:
            await store.join(bridge("a"), 1.0)
            (held,) = await store.reserve(WANTED, 1.0)
            await store.settle(held.match, Outcome(answered=2), 1.0)
            await store.set_free("a", 4, 4, 1.0)
            await store.join(bridge("b"), 0.0)
            await store.reader_reported(b"invite", [Report("a", Verdict.BAD)], 1.0)
            (held,) = await store.reserve(WANTED, 1.0)
            assert held.bridge == "b"
            await store.settle(held.match, Outcome(answered=1), 1.0)
            await store.set_free("b", 4, 4, 1.0)
            await store.keep_ticket("ticket", "b", Asker(b"invite"), 1.0)
            await store.lane_reported(LaneReport("unknown", Verdict.BAD), 1.0)
            await store.lane_reported(LaneReport("ticket", Verdict.BAD), 1.0)
            (held,) = await store.reserve(WANTED, 1.0)
            assert held.bridge == "a"

    asyncio.run(main())


def test_a_request_is_new_once_in_ten_minutes(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits(replay_s=600.0)) as store:
            assert await store.first_sight(b"e", 0.0)
            assert not await store.first_sight(b"e", 599.0)
            assert await store.first_sight(b"e", 600.0)

    asyncio.run(main())


def test_a_full_replay_table_forgets_nothing(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits(max_replays=1)) as store:
            assert await store.first_sight(b"e", 0.0)
            with pytest.raises(StoreFull):
                await store.first_sight(b"f", 1.0)
            assert not await store.first_sight(b"e", 1.0)
            assert await store.first_sight(b"f", 600.0)

    asyncio.run(main())


def test_rates_are_counted_by_action_prefix_and_invite(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits(match_burst=1.0, join_burst=1.0, invite_match_burst=1.0)) as store:
            near, far = prefixes_of("192.0.2.1", b"k"), prefixes_of("198.51.100.1", b"k")
            assert await store.take_for_prefixes(Action.MATCH, near, 0.0) == 0.0
            assert await store.take_for_prefixes(Action.MATCH, near, 0.0) > 0.0
            assert await store.take_for_prefixes(Action.JOIN, near, 0.0) == 0.0
            assert await store.take_for_prefixes(Action.MATCH, far, 0.0) == 0.0
            assert await store.take_for_invite(b"i", 0.0) == 0.0
            assert await store.take_for_invite(b"i", 0.0) > 0.0
            assert await store.take_for_invite(b"j", 0.0) == 0.0

    asyncio.run(main())


def test_tickets_are_found_for_a_while_and_bounded(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits(max_tickets=2, ticket_s=100.0)) as store:
            for ticket in "xyz":
                await store.keep_ticket(ticket, f"bridge-{ticket}", Asker(), 0.0)
            assert await store.bridge_of_ticket("x", 0.0) is None
            assert await store.bridge_of_ticket("z", 99.0) == "bridge-z"
            assert await store.bridge_of_ticket("z", 100.0) is None

    asyncio.run(main())
