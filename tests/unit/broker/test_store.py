"""What every store must do. A further store is added to ``STORES``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from unwalled.broker.limits import Asker, prefixes_of
from unwalled.broker.matching import Outcome, WaitingBridge, Wanted
from unwalled.broker.store import Action, EmbeddedStore, Store, StoreFull
from unwalled.settings import BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Report, Verdict

STORES: list[Callable[[BrokerLimits], Store]] = [lambda limits: EmbeddedStore(Random(1), limits)]
WANTED = Wanted(Nat.UNKNOWN, (0, 1), 1, frozenset(), b"invite")


def bridge(name: str) -> WaitingBridge:
    return WaitingBridge(name, f"net-{name}", Client.PAGE, Nat.UNKNOWN, 4, 4)


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest) -> Callable[[BrokerLimits], Store]:
    found: Callable[[BrokerLimits], Store] = request.param
    return found


def test_a_bridge_is_listed_reserved_settled_and_leaves(make: Callable[[BrokerLimits], Store]) -> None:
    async def main() -> None:
        store = make(BrokerLimits())
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


def test_reports_reach_the_matching(make: Callable[[BrokerLimits], Store]) -> None:
    async def main() -> None:
        store = make(BrokerLimits())
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


def test_a_request_is_new_once_in_ten_minutes(make: Callable[[BrokerLimits], Store]) -> None:
    async def main() -> None:
        store = make(BrokerLimits(replay_s=600.0))
        assert await store.first_sight(b"e", 0.0)
        assert not await store.first_sight(b"e", 599.0)
        assert await store.first_sight(b"e", 600.0)

    asyncio.run(main())


def test_a_full_replay_table_forgets_nothing(make: Callable[[BrokerLimits], Store]) -> None:
    async def main() -> None:
        store = make(BrokerLimits(max_replays=1))
        assert await store.first_sight(b"e", 0.0)
        with pytest.raises(StoreFull):
            await store.first_sight(b"f", 1.0)
        assert not await store.first_sight(b"e", 1.0)
        assert await store.first_sight(b"f", 600.0)

    asyncio.run(main())


def test_rates_are_counted_by_action_prefix_and_invite(make: Callable[[BrokerLimits], Store]) -> None:
    async def main() -> None:
        store = make(BrokerLimits(match_burst=1.0, join_burst=1.0, invite_match_burst=1.0))
        near, far = prefixes_of("192.0.2.1", b"k"), prefixes_of("198.51.100.1", b"k")
        assert await store.take_for_prefixes(Action.MATCH, near, 0.0) == 0.0
        assert await store.take_for_prefixes(Action.MATCH, near, 0.0) > 0.0
        assert await store.take_for_prefixes(Action.JOIN, near, 0.0) == 0.0
        assert await store.take_for_prefixes(Action.MATCH, far, 0.0) == 0.0
        assert await store.take_for_invite(b"i", 0.0) == 0.0
        assert await store.take_for_invite(b"i", 0.0) > 0.0
        assert await store.take_for_invite(b"j", 0.0) == 0.0

    asyncio.run(main())


def test_tickets_are_found_for_a_while_and_bounded(make: Callable[[BrokerLimits], Store]) -> None:
    async def main() -> None:
        store = make(BrokerLimits(max_tickets=2, ticket_s=100.0))
        for ticket in "xyz":
            await store.keep_ticket(ticket, f"bridge-{ticket}", Asker(), 0.0)
        assert await store.bridge_of_ticket("x", 0.0) is None
        assert await store.bridge_of_ticket("z", 99.0) == "bridge-z"
        assert await store.bridge_of_ticket("z", 100.0) is None

    asyncio.run(main())
