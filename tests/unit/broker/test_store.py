"""What every store must do, the embedded one and that of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any

import pytest

from tests.support.redis_server import RedisProcess
from tests.support.redis_store import redis_store
from unwalled.broker.bounds import HarvestLimits
from unwalled.broker.harvest import most_learned
from unwalled.broker.limits import Asker, prefixes_of
from unwalled.broker.matching import Outcome, WaitingBridge, Wanted
from unwalled.broker.store import Action, EmbeddedStore, Store, StoreFull
from unwalled.settings import BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Report, Verdict

Make = Callable[..., AbstractAsyncContextManager[Store]]


@asynccontextmanager
async def embedded(limits: BrokerLimits, **bounds: Any) -> AsyncIterator[Store]:
    yield EmbeddedStore(Random(1), limits, **bounds)


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
    return lambda limits, **bounds: redis_store(process.url, limits, **bounds)


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


def asking(invite: bytes, address: str, avoid: frozenset[str] = frozenset()) -> Wanted:
    return Wanted(Nat.UNKNOWN, (0,), 1, avoid, invite, prefixes=prefixes_of(address, b"k"))


async def ask(store: Store, wanted: Wanted, now: float) -> str | None:
    """Which bridge one lane is placed on; its room is given back at once."""
    held = await store.reserve(wanted, now)
    for one in held:
        await store.settle(one.match, Outcome(), now)
    return held[0].bridge if held else None


NARROW = HarvestLimits(narrow_burst=4.0, narrow_per_h=2.0, narrow_earned_per_h=3.0, bytes_per_bridge=1000.0)
INVITES = HarvestLimits(invite_burst=5.0, invite_per_h=2.0, invite_earned_per_h=3.0)
WIDE = HarvestLimits(wide_burst=6.0, wide_per_h=2.0, wide_earned_per_h=3.0)


@pytest.mark.parametrize("bounds", [NARROW, INVITES, WIDE])
def test_who_asks_again_and_again_never_learns_more_than_its_budget(make: Make, bounds: HarvestLimits) -> None:
    async def main() -> None:
        async with make(BrokerLimits(), harvest_limits=bounds) as store:
            for number in range(40):
                await store.join(bridge(f"b{number}"), float(number))
            learned: set[str] = set()
            for number in range(200):
                # Whoever shares only what is bounded here: a network, an invite, or a provider's block.
                invite = b"same" if bounds is INVITES else b"invite%d" % number
                address = {NARROW: f"192.0.2.{number}", INVITES: f"10.{number}.0.1", WIDE: f"192.0.{number}.1"}[bounds]
                now = 100.0 + number * 36.0
                given = await ask(store, asking(invite, address, frozenset(learned)), now)
                if given is not None:
                    learned.add(given)
            burst, per_h = {
                NARROW: (bounds.narrow_burst, bounds.narrow_per_h),
                INVITES: (bounds.invite_burst, bounds.invite_per_h),
                WIDE: (bounds.wide_burst, bounds.wide_per_h),
            }[bounds]
            most = most_learned(burst, per_h, 0.0, 199 * 36.0 / 3600.0)
            # All of it, and no bridge more.
            assert len(learned) == int(most)

    asyncio.run(main())


def test_who_carries_earns_more_up_to_so_much_in_an_hour(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits(), harvest_limits=NARROW) as store:
            for number in range(20):
                await store.join(bridge(f"b{number}"), float(number))
            learned: set[str] = set()

            async def learn() -> int:
                while (given := await ask(store, asking(b"i", "192.0.2.1", frozenset(learned)), 100.0)) is not None:
                    learned.add(given)
                return len(learned)

            assert await learn() == 4
            prefixes = prefixes_of("192.0.2.9", b"k")
            await store.keep_ticket("ticket", "b1", Asker(b"i", prefixes.narrow, prefixes.wide), 100.0)
            await store.lane_reported(LaneReport("ticket", Verdict.GOOD, 2000), 100.0)
            assert await learn() == 6
            await store.lane_reported(LaneReport("ticket", Verdict.GOOD, 1 << 40), 100.0)
            assert await learn() == 7

    asyncio.run(main())


def test_an_asker_meets_the_bridges_that_its_network_was_given_before(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits()) as store:
            for number in range(30):
                await store.join(bridge(f"b{number}"), float(number))
            first = await ask(store, asking(b"i", "192.0.2.1"), 100.0)
            assert first is not None
            for number in range(20):
                # Others in the meantime are given theirs.
                await ask(store, asking(b"j", f"198.{number}.100.1"), 101.0 + number)
                assert await ask(store, asking(b"i", f"192.0.2.{number}"), 101.0 + number) == first
            await store.leave(first)
            second = await ask(store, asking(b"i", "192.0.2.1"), 130.0)
            assert second not in (None, first)

    asyncio.run(main())


def test_a_bridge_that_changed_records_is_out_at_once_and_coming_back_does_not_help(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits(aside_first_s=60.0, aside_max_s=3600.0)) as store:
            await store.join(bridge("a"), 100.0)
            await store.keep_ticket("ticket", "a", Asker(b"i", b"n", b"w"), 100.0)
            await store.lane_reported(LaneReport("ticket", Verdict.BAD), 101.0)
            assert await ask(store, asking(b"j", "192.0.2.1"), 101.0) is None
            # Nor does a good word, nor another name from the same network.
            await store.lane_reported(LaneReport("ticket", Verdict.GOOD, 1000), 102.0)
            await store.leave("a")
            await store.join(WaitingBridge("again", "net-a", Client.PAGE, Nat.UNKNOWN, 4, 4), 103.0)
            assert await ask(store, asking(b"j", "192.0.2.1"), 103.0) is None
            await store.keep_ticket("new", "again", Asker(b"j", b"n", b"w"), 104.0)
            await store.lane_reported(LaneReport("new", Verdict.GOOD, 1000), 104.0)
            assert await ask(store, asking(b"j", "192.0.2.1"), 580.0) is None
            assert await ask(store, asking(b"j", "192.0.2.1"), 582.0) == "again"

    asyncio.run(main())


def test_a_further_word_of_the_same_asker_weighs_half(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits(aside_first_s=64.0, aside_max_s=64.0)) as store:
            for name in ("same", "several"):
                await store.join(bridge(name), 100.0)
                await store.keep_ticket(f"{name}0", name, Asker(b"i", b"n"), 100.0)
                await store.keep_ticket(f"{name}1", name, Asker(b"i" if name == "same" else b"j", b"n"), 100.0)
                await store.lane_reported(LaneReport(f"{name}0", Verdict.DEAD), 100.0)
                await store.lane_reported(LaneReport(f"{name}1", Verdict.DEAD), 200.0)
            both = [await ask(store, asking(b"k", "192.0.2.1"), at) for at in (231.0, 233.0)]
            assert both == [None, "same"]
            assert await ask(store, asking(b"k", "192.0.2.1", frozenset(("same",))), 263.0) is None
            assert await ask(store, asking(b"k", "192.0.2.1", frozenset(("same",))), 265.0) == "several"

    asyncio.run(main())


def test_the_faster_of_two_bridges_comes_first(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits()) as store:
            for at, (name, rate) in enumerate((("fast", 4e5), ("slow", 1e5))):
                await store.join(bridge(name), 100.0 + at)
                for word in range(3):
                    await store.keep_ticket(f"{name}{word}", name, Asker(b"i%d" % word, b"n"), 102.0)
                    report = LaneReport(f"{name}{word}", Verdict.GOOD, 1000, rate_bytes_s=rate, peers_bytes_s=2e5)
                    await store.lane_reported(report, 102.0)
            # The slow one was heard of last; without what the gateway measured it would come first.
            assert await ask(store, Wanted(Nat.UNKNOWN, (0,), 1), 103.0) == "fast"

    asyncio.run(main())


def test_one_asker_alone_moves_a_bridges_speed_only_so_far(make: Make) -> None:
    async def main() -> None:
        async with make(BrokerLimits()) as store:
            await store.join(bridge("slandered"), 100.0)
            await store.join(bridge("half-used"), 101.0)
            await store.set_free("half-used", 2, 4, 101.0)
            await store.keep_ticket("ticket", "slandered", Asker(b"i", b"n"), 101.0)
            report = LaneReport("ticket", Verdict.GOOD, 1000, rate_bytes_s=5e4, peers_bytes_s=4e5)
            for _ in range(50):
                await store.lane_reported(report, 102.0)
            assert await ask(store, Wanted(Nat.UNKNOWN, (0,), 1), 102.0) == "slandered"

    asyncio.run(main())
