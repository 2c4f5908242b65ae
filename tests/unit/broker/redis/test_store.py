"""What only a shared store does: brokers that die, memory that is lost, keys that end. The rest: ../test_store.py."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.broker_scene import eventually
from tests.support.redis_server import RedisProcess
from tests.support.redis_store import redis_store
from unwalled.broker.bounds import HARVEST, HarvestLimits
from unwalled.broker.limits import Asker, prefixes_of
from unwalled.broker.matching import Outcome, WaitingBridge, Wanted
from unwalled.broker.redis.bounds import REDIS, RedisLimits
from unwalled.broker.redis.store import RedisStore
from unwalled.broker.store import Action, StoreAway
from unwalled.settings import BrokerLimits
from unwalled.wire import b64
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Report, Verdict

WANTED = Wanted(Nat.UNKNOWN, (0, 1), 1, frozenset(), b"invite", b"reader")
LEASES = RedisLimits(lease_s=5.0, reservation_s=20.0, swept_bridges=2, first_pause_s=0.01, longest_pause_s=0.02)
# All that stays when everybody has gone is of a known number: a swarm's pools, which go with its bridges.
Act = Callable[[RedisStore, RedisStore], Coroutine[Any, Any, None]]


@pytest.fixture(name="process")
def _process() -> Iterator[RedisProcess]:
    process = RedisProcess()
    yield process
    process.close()


def bridge(name: str, swarm: str = "") -> WaitingBridge:
    return WaitingBridge(name, f"net-{name}", Client.PAGE, Nat.UNKNOWN, 4, 4, swarm)


def play(process: RedisProcess, act: Act) -> None:
    """Two brokers over one server, at the time that the test says."""

    async def main() -> None:
        base = f"{{unwalled:{os.urandom(6).hex()}}}"
        async with (
            redis_store(process.url, BrokerLimits(), base=base, home="near", redis_limits=LEASES) as near,
            redis_store(process.url, BrokerLimits(), base=base, home="far", seed=2, redis_limits=LEASES) as far,
        ):
            async with asyncio.timeout(60):
                await act(near, far)

    asyncio.run(main())


def test_a_reservation_tells_where_its_bridge_hangs(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await far.join(bridge("a"), 1.0)
        (held,) = await near.reserve(WANTED, 1.0)
        assert (held.bridge, held.home) == ("a", "far")
        await near.settle(held.match, Outcome(), 1.0)
        (held,) = await far.reserve(WANTED, 1.0)
        assert (held.bridge, held.home) == ("a", "")

    play(process, act)


def test_a_dead_brokers_bridges_leave_with_its_lease(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.beat(100.0)
        await far.beat(100.0)
        await near.join(bridge("stays"), 100.0)
        for number in range(5):
            await far.join(bridge(f"dies{number}"), 100.0)
        await near.beat(104.0)
        assert await near.waiting() == 6
        await near.beat(105.5)
        assert await near.waiting() == 1
        # It was only away: it finds out, and lists again what it still holds.
        await far.leave("dies0")
        await far.beat(106.0)
        assert await near.waiting() == 5

    play(process, act)


def test_a_broker_that_nobody_hears_at_loses_its_bridges_now(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.beat(100.0)
        await far.beat(100.0)
        await far.join(bridge("dies"), 100.0)
        near.broker_is_gone("far")
        near.broker_is_gone("unknown")
        await near.beat(100.5)
        assert await near.waiting() == 0
        await far.beat(101.0)
        assert await near.waiting() == 1

    play(process, act)


def test_what_a_dead_broker_reserved_is_free_again(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.join(bridge("a"), 100.0)
        assert len(await far.reserve(Wanted(Nat.UNKNOWN, (0, 1, 2, 3), 1), 100.0)) == 1
        assert await near.reserve(WANTED, 119.0) == []
        (held,) = await near.reserve(WANTED, 120.5)
        assert held.bridge == "a"

    play(process, act)


def test_a_server_that_lost_its_memory_is_told_all_again(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.beat(100.0)
        for number in range(3):
            await near.join(bridge(f"b{number}"), 100.0)
        await near.set_free("b1", 0, 4, 100.0)
        process.say("FLUSHALL")
        assert await near.waiting() == 0
        await near.beat(101.0)
        # The one without room is known, too, and gets it back.
        assert await near.waiting() == 2
        await near.set_free("b1", 1, 4, 101.0)
        assert await near.waiting() == 3

    play(process, act)


def test_while_the_server_is_gone_what_can_wait_waits(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.join(bridge("before"), 100.0)
        await near.keep_ticket("mine", "before", Asker(), 100.0)
        process.kill()
        with pytest.raises(StoreAway):
            await near.reserve(WANTED, 101.0)
        with pytest.raises(StoreAway):
            await near.first_sight(b"request", 101.0)
        with pytest.raises(StoreAway):
            await near.take_for_invite(b"invite", 101.0)
        assert await near.join(bridge("meanwhile"), 101.0)
        assert not await near.join(bridge("meanwhile"), 101.0)
        await near.set_free("before", 2, 4, 101.0)
        await near.settle("match", Outcome(), 101.0)
        await near.lane_reported(LaneReport("mine", Verdict.BAD), 101.0)
        await near.reader_reported(b"invite", [Report("before", Verdict.BAD)], 101.0)
        assert await near.waiting() == 0
        assert await near.bridge_of_ticket("mine", 101.0) == "before"
        assert await near.bridge_of_ticket("another's", 101.0) is None
        prefixes = prefixes_of("192.0.2.1", b"k")
        waits = [await near.take_for_prefixes(Action.MATCH, prefixes, 101.0) for _ in range(101)]
        assert (waits[99], waits[100] > 0.0) == (0.0, True)
        process.start()
        await eventually(lambda: near._server.is_up)
        await near.beat(102.0)
        assert await near.waiting() == 2

    play(process, act)


def test_a_bridge_that_leaves_while_all_are_listed_again_is_not_listed(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.beat(100.0)
        await near.join(bridge("stays"), 100.0)
        await near.join(bridge("leaves"), 100.0)
        near._unsaid.update(("stays", "leaves"))
        async with asyncio.TaskGroup() as group:
            group.create_task(near._say_again(101.0), name="list all")
            group.create_task(near.leave("leaves"), name="leave")
        assert await near.waiting() == 1

    play(process, act)


def test_what_changed_while_the_server_was_away_is_told_when_it_is_back(
    process: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreAway

    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.beat(100.0)
        await near.join(bridge("stays"), 100.0)
        await near.join(bridge("leaves"), 100.0)
        await near.join(bridge("full"), 100.0)
        # Cut off for so short a time that its lease does not end, and the server keeps its memory.
        with monkeypatch.context() as patched:
            patched.setattr(near._server, "run", away)
            await near.leave("leaves")
            await near.set_free("full", 0, 4, 100.5)
            assert await near.join(bridge("comes"), 100.5)
            with pytest.raises(StoreAway):
                await near.beat(100.6)
        await near.beat(101.0)
        held = await near.reserve(Wanted(Nat.UNKNOWN, (0, 1, 2, 3), 4), 101.0)
        assert sorted(one.bridge for one in held) == ["comes", "stays"]

    play(process, act)


def test_all_that_is_kept_ends_by_itself(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.join(bridge("a"), 100.0)
        await near.join(bridge("b", "family"), 100.0)
        (held,) = await near.reserve(WANTED, 100.0)
        await near.settle(held.match, Outcome(answered=1), 100.0)
        await near.reserve(replace(WANTED, prefixes=prefixes_of("192.0.2.1", b"k")), 100.0)
        await near.reader_reported(b"invite", [Report("a", Verdict.BAD)], 100.0)
        await near.keep_ticket("ticket", "a", Asker(b"invite", b"narrow"), 100.0)
        await near.lane_reported(LaneReport("ticket", Verdict.GOOD, 1000, rate_bytes_s=1e5), 100.0)
        await near.lane_reported(LaneReport("ticket", Verdict.BAD), 100.0)
        await near.first_sight(b"request", 100.0)
        await near.take_for_invite(b"invite", 100.0)
        await near.take_for_prefixes(Action.JOIN, prefixes_of("192.0.2.1", b"k"), 100.0)
        await near.beat(100.0)
        server = near._server
        keys = [key.decode() for key in await server.command("KEYS", "*")]
        assert len(keys) > 25
        forever = [key for key in keys if await server.command("PTTL", key) < 0]
        assert [key.partition(":pool:")[2].partition(":")[0] for key in forever] == ["unknown"]
        await near.leave("a")
        await near.leave("b")
        left = [key.decode().removeprefix(near.base) for key in await server.command("KEYS", "*")]
        # What fits no bridge any more has gone with it; a network that failed is remembered for a while.
        assert not [key for key in left if key.endswith((":a", ":b"))]
        assert ":network:net-a" in left

    play(process, act)


def test_budgets_are_full_again_before_what_was_given_is_forgotten() -> None:
    harvest = HARVEST
    rates = (
        (harvest.narrow_burst, harvest.narrow_per_h),
        (harvest.invite_burst, harvest.invite_per_h),
        (harvest.wide_burst, harvest.wide_per_h),
    )
    assert all(burst / per_h * 3600.0 < REDIS.book_s for burst, per_h in rates)


@pytest.mark.parametrize(("entries", "known_in_all"), [(9, 1000), (1000, 7)])
def test_what_askers_were_given_is_bounded_and_forgotten_when_unused(
    process: RedisProcess, entries: int, known_in_all: int
) -> None:
    async def main() -> None:
        bounds = HarvestLimits(known_bridges=2, known_in_all=known_in_all)
        async with redis_store(process.url, BrokerLimits(limiter_entries=entries), harvest_limits=bounds) as store:
            for number in range(12):
                await store.join(bridge(f"b{number}"), 100.0 + number)

            async def count(what: str) -> list[str]:
                found = [key.decode() for key in await store._server.command("KEYS", f"*:{what}:*")]
                # The names that stand in all books are counted rightly.
                sizes = [int(await store._server.command("SCARD", key)) for key in found if what == "book"]
                assert what != "book" or sum(sizes) == int(await store._server.command("GET", f"{store.base}:known"))
                return found

            for number in range(40):
                avoid = frozenset(f"b{other}" for other in range(12) if other != number % 12)
                wanted = Wanted(Nat.UNKNOWN, (0,), 1, avoid, b"i%d" % (number % 5))
                wanted = replace(wanted, prefixes=prefixes_of(f"10.{number % 3}.{number % 7}.1", b"k"))
                for held in await store.reserve(wanted, 200.0 + number):
                    await store.settle(held.match, Outcome(), 200.0 + number)
                books = await count("book")
                assert len(books) <= entries
                # What this asker was given comes on top.
                known = sum([int(await store._server.command("SCARD", key)) for key in books])
                assert known <= known_in_all + 3
                assert all([int(await store._server.command("SCARD", key)) <= 2 for key in books])
            await store.beat(240.0 + REDIS.book_s)
            assert await count("book") == await count("level") == []

    asyncio.run(main())


def test_nobody_who_reads_the_store_learns_who_asked(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await near.join(bridge("a"), 100.0)
        prefixes = prefixes_of("192.0.2.1", b"k")
        await near.reserve(Wanted(Nat.UNKNOWN, (0,), 1, frozenset(), b"the-invite", b"the-reader", "", prefixes), 100.0)
        await near.keep_ticket("the-ticket", "a", Asker(b"the-invite", prefixes.narrow, prefixes.wide), 100.0)
        await near.lane_reported(LaneReport("the-ticket", Verdict.GOOD, 1 << 23, rate_bytes_s=1e5), 100.0)
        reads = {b"string": ("GET",), b"hash": ("HGETALL",), b"set": ("SMEMBERS",), b"list": ("LRANGE", "0", "-1")}
        seen = []
        for key in await near._server.command("KEYS", "*"):
            kind = await near._server.command("TYPE", key)
            read, *rest = reads.get(kind, ("ZRANGE", "0", "-1"))
            seen.append(repr((key, await near._server.command(read, key, *rest))))
        everything = " ".join(seen)
        assert [text for text in (":level:n", ":voices:a", ":typical") if text not in everything] == []
        names = [b"the-invite", b"the-reader", b"the-ticket", b"192.0.2", prefixes.narrow, prefixes.wide]
        texts = [repr(name)[2:-1] for name in names] + [b64.encode(name) for name in names]
        assert [text for text in texts if text in everything] == []

    play(process, act)


def test_a_dead_broker_that_comes_back_under_another_name_finds_a_clean_list(process: RedisProcess) -> None:
    async def act(near: RedisStore, far: RedisStore) -> None:
        await far.beat(100.0)
        await far.join(bridge("a", "family"), 100.0)
        await far.close()
        await near.beat(100.1)
        assert await near.reserve(Wanted(Nat.UNKNOWN, (0,), swarm="family"), 100.1) == []
        assert await near.join(bridge("a", "family"), 100.1)
        (held,) = await near.reserve(Wanted(Nat.UNKNOWN, (0,), swarm="family"), 100.1)
        assert held.home == ""

    play(process, act)
