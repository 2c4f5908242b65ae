"""The embedded store and that of Redis decide the same: each step of a random course is made in
both.

No two things happen at the same time here, so that chance, the last rule of matching, never has to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.support.redis_server import RedisProcess
from tests.support.redis_store import redis_store
from unwalled.broker.bounds import HarvestLimits, StandingLimits, SwarmLimits
from unwalled.broker.limits import Asker, Prefixes, prefixes_of
from unwalled.broker.matching import Outcome, Reservation, WaitingBridge, Wanted
from unwalled.broker.redis.bounds import RedisLimits
from unwalled.broker.redis.store import RedisStore
from unwalled.broker.store import Action, EmbeddedStore, StoreFull
from unwalled.settings import BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Refusal, Report, Verdict

BRIDGES = [f"bridge{number}" for number in range(7)]
INVITES = [b"first", b"second", b"third"]
# Small, so that every bound is reached.
LIMITS = BrokerLimits(
    max_bridges=6,
    max_reservations=6,
    pending_per_bridge=2,
    reports_per_invite=2,
    report_window_s=40.0,
    doubters=2,
    served_invites=2,
    aside_first_s=1.0,
    aside_max_s=9.0,
    max_replays=3,
    replay_s=30.0,
    max_tickets=3,
    ticket_s=50.0,
    match_burst=2.0,
    wide_match_burst=3.0,
    matches_per_s=0.1,
    wide_matches_per_s=0.2,
    invite_match_burst=2.0,
    invite_matches_per_s=0.25,
    default_spread=2,
)
# What is never settled is never given back here, as in the embedded store.
PATIENT = RedisLimits(reservation_s=1e9)
SWARMS = SwarmLimits(max_swarms=1, bridges_per_swarm=2)
# So that budgets are spent, grow again, and are earned.
HARVEST = HarvestLimits(
    narrow_burst=3.0,
    narrow_per_h=20.0,
    narrow_earned_per_h=50.0,
    wide_burst=5.0,
    wide_per_h=40.0,
    wide_earned_per_h=70.0,
    invite_burst=4.0,
    invite_per_h=60.0,
    invite_earned_per_h=90.0,
    bytes_per_bridge=700.0,
)
# No whole number of steps, so that no sum comes out at a bound.
LEARNING = StandingLimits(half_life_s=77.7, voices=3, promises=3.0, promises_at_most=5.0, rest_max_s=60.0)
ADDRESSES = ("192.0.2.1", "192.0.3.1", "198.51.100.1")

COURSES = 3
STEPS = 800


def course(rng: Random) -> Iterator[tuple[Any, ...]]:
    """Steps of which most do something: few bridges, few readers, matches that are mostly settled with lanes."""
    kinds = ("join", "reserve", "settle", "set_free", "leave", "gateway", "readers", "sight", "prefix", "invite")
    weights = (12, 25, 25, 20, 2, 4, 14, 3, 5, 3)
    nats = (Nat.UNKNOWN, Nat.UNKNOWN, Nat.UNKNOWN, Nat.UNRESTRICTED, Nat.RESTRICTED)
    swarms = ("",) * 12 + ("family", "friends")
    for _ in range(STEPS):
        bridge, nat, swarm, invite = (rng.choice(list(one)) for one in (BRIDGES, nats, swarms, INVITES))
        match rng.choices((*kinds, "ticket", "later"), (*weights, 4, 5))[0]:
            case "join":
                yield "join", bridge, rng.randrange(3), nat, rng.randint(1, 8), rng.randint(1, 4), swarm
            case "reserve":
                avoid = frozenset(rng.sample(BRIDGES, rng.choice((0, 0, 1, 2))))
                reader = rng.choice((b"", b"ann", b"bob", b"eve"))
                spread, address = rng.choice((0, 0, 1, 2, 3)), rng.choice(("", *ADDRESSES))
                yield "reserve", nat, rng.randint(1, 4), spread, avoid, invite, reader, swarm, address
            case "settle":
                refusals = frozenset(rng.sample(list(Refusal), rng.choice((0, 0, 0, 1, 2))))
                yield "settle", rng.randrange(9), Outcome(rng.choice((0, 1, 1, 2)), refusals, rng.random() < 0.05)
            case "set_free":
                yield "set_free", bridge, rng.randint(2, 8), rng.randint(1, 4)
            case "leave":
                yield "leave", bridge
            case "gateway":
                verdict = rng.choice((Verdict.GOOD, Verdict.GOOD, Verdict.DEAD, Verdict.BAD))
                rates = rng.choice(((0.0, 0.0), (0.0, 0.0), (5e4, 1e5), (2e5, 0.0), (1e3, 1e5), (900.0, 0.0)))
                measured = (rng.choice((0, 1000, 1000)), rng.random() < 0.1, *rates, rng.choice((0.0, 9.0)))
                yield "gateway", bridge, verdict, *measured, invite, rng.choice(ADDRESSES)
            case "readers":
                words = [(rng.choice(BRIDGES), rng.choice((Verdict.GOOD, Verdict.BAD))) for _ in range(3)]
                yield "readers", invite, words
            case "sight":
                yield "sight", rng.randrange(6)
            case "prefix":
                yield "prefix", rng.choice(list(Action)), rng.choice(("192.0.2.1", "192.0.3.1", "10.0.0.1"))
            case "invite":
                yield "invite", invite
            case "ticket":
                yield "ticket", rng.randrange(6), bridge
            case _:
                yield "later", rng.choice((0.5, 2.0, 8.0, 25.0))


@pytest.fixture(scope="module", name="process")
def _process() -> Iterator[RedisProcess]:
    process = RedisProcess()
    yield process
    process.close()


class Both:
    """Does each step in both stores and compares what they say."""

    def __init__(self, embedded: EmbeddedStore, redis: RedisStore) -> None:
        self.embedded = embedded
        self.redis = redis
        self.now = 1000.0
        self.reserved = 0
        self.open: list[tuple[str, str]] = []

    async def step(self, kind: str, words: list[Any]) -> None:
        self.now += 0.25
        now = self.now
        match kind:
            case "join":
                name, network, nat, capacity, readers, swarm = words
                about = WaitingBridge(name, f"net{network}", Client.PAGE, nat, capacity, readers, swarm)
                assert await self.redis.join(about, now) == await self.embedded.join(about, now)
            case "reserve":
                nat, count, spread, avoid, invite, reader, swarm, address = words
                prefixes = prefixes_of(address, b"k") if address else Prefixes(b"", b"")
                wanted = Wanted(nat, tuple(range(count)), spread, avoid, invite, reader, swarm, prefixes)
                await self.reserve(wanted)
            case "settle" if self.open:
                ours, theirs = self.open.pop(words[0] % len(self.open))
                await self.embedded.settle(ours, words[1], now)
                await self.redis.settle(theirs, words[1], now)
            case "set_free":
                await self.embedded.set_free(words[0], words[1], words[2], now)
                await self.redis.set_free(words[0], words[1], words[2], now)
            case "leave":
                await self.embedded.leave(words[0])
                await self.redis.leave(words[0])
            case "gateway":
                ticket = f"of-{words[0]}"
                _, verdict, carried, early, rate, peers, limited_s, invite, address = words
                report = LaneReport(ticket, verdict, carried, True, early, rate, limited_s, peers)
                prefixes = prefixes_of(address, b"k")
                asker = Asker(invite, prefixes.narrow, prefixes.wide)
                for store in (self.embedded, self.redis):
                    await store.keep_ticket(ticket, words[0], asker, now)
                    await store.lane_reported(report, now)
            case "readers":
                reports = [Report(*pair) for pair in words[1]]
                await self.embedded.reader_reported(words[0], reports, now)
                await self.redis.reader_reported(words[0], reports, now)
            case "sight":
                assert await self.sight(self.redis, words[0]) == await self.sight(self.embedded, words[0])
            case "prefix":
                prefixes = prefixes_of(words[1], b"k")
                waits_s = await self.embedded.take_for_prefixes(words[0], prefixes, now)
                assert await self.redis.take_for_prefixes(words[0], prefixes, now) == pytest.approx(waits_s, abs=1e-3)
            case "invite":
                waits_s = await self.embedded.take_for_invite(words[0], now)
                assert await self.redis.take_for_invite(words[0], now) == pytest.approx(waits_s, abs=1e-3)
            case "ticket":
                ticket = f"ticket{words[0]}"
                held = await self.embedded.bridge_of_ticket(ticket, now)
                assert await self.redis.bridge_of_ticket(ticket, now) == held
                if held is None:
                    await self.embedded.keep_ticket(ticket, words[1], Asker(), now)
                    await self.redis.keep_ticket(ticket, words[1], Asker(), now)
            case "later":
                self.now += words[0]
        assert await self.redis.waiting() == await self.embedded.waiting()

    async def reserve(self, wanted: Wanted) -> None:
        ours = await self.embedded.reserve(wanted, self.now)
        theirs = await self.redis.reserve(wanted, self.now)
        assert [_place(one) for one in theirs] == [_place(one) for one in ours]
        self.reserved += len(ours)
        self.open += [(one.match, other.match) for one, other in zip(ours, theirs, strict=True)]

    async def sight(self, store: EmbeddedStore | RedisStore, name: int) -> bool | None:
        try:
            return await store.first_sight(b"%d" % name, self.now)
        except StoreFull:
            return None


def _place(reservation: Reservation) -> tuple[str, str, tuple[int, ...]]:
    return reservation.bridge, reservation.network, reservation.offers


@pytest.mark.parametrize("explores", [False, True])
@pytest.mark.parametrize("seed", range(COURSES))
def test_both_stores_decide_the_same(process: RedisProcess, seed: int, explores: bool) -> None:
    learning = replace(LEARNING, explore_share=float(explores))
    bounds: dict[str, Any] = {"swarm_limits": SWARMS, "harvest_limits": HARVEST, "learning": learning}

    async def main() -> int:
        async with redis_store(process.url, LIMITS, redis_limits=PATIENT, **bounds) as redis:
            both = Both(EmbeddedStore(Random(1), LIMITS, **bounds), redis)
            for kind, *words in course(Random(seed)):
                await both.step(kind, words)
            return both.reserved

    # That they agree says something only if there was something to say.
    assert asyncio.run(main()) > 100
