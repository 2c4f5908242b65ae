"""Buckets, budgets and counters."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.proxy_bench import until
from unwalled.gateway import limits
from unwalled.gateway.buckets import TokenBucket
from unwalled.gateway.counters import DIAL_BOUNDS_S, EgressCounters
from unwalled.gateway.egress import Egress
from unwalled.gateway.limits import GatewayShare, SessionBudget
from unwalled.gateway.policy import EgressLimits, EgressPolicy, GatewayCeiling
from unwalled.network.addresses import IPAddress
from unwalled.settings import GATEWAY
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class FakeClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def test_a_bucket_without_a_rate_has_no_limit() -> None:
    bucket = TokenBucket(0, 0, 0.0)
    bucket.take(1e12, 0.0)
    assert not bucket.limited
    assert bucket.delay(0.0) == 0
    assert bucket.try_take(1e12, 0.0)


def test_a_bucket_lets_its_burst_go_and_then_its_rate() -> None:
    bucket = TokenBucket(10, 20, 0.0)
    assert bucket.limited
    assert bucket.delay(0.0) == 0
    bucket.take(50, 0.0)  # into a debt of 30
    assert 3.0 < bucket.delay(0.0) < 3.01
    assert bucket.delay(2.0) > 0
    assert bucket.delay(3.001) == 0


def test_a_bucket_that_rested_holds_no_more_than_its_burst_and_time_never_goes_back() -> None:
    bucket = TokenBucket(10, 20, 0.0)
    assert bucket.try_take(20, 1000.0)
    assert not bucket.try_take(1, 1000.0)
    assert not bucket.try_take(1, 0.0)
    assert bucket.try_take(1, 1000.1)


def test_a_budget_counts_streams() -> None:
    budget = SessionBudget(EgressLimits(streams=2), FakeClock())
    assert [budget.take_stream() for _ in range(3)] == [None, None, Code.LIMIT_REACHED]
    assert budget.open_streams == 2
    budget.give_back_stream()
    assert budget.take_stream() is None


def test_a_budget_of_zero_streams_means_no_limit() -> None:
    budget = SessionBudget(EgressLimits(streams=0), FakeClock())
    assert {budget.take_stream() for _ in range(5000)} == {None}


def test_streams_read_less_at_once_when_there_are_many() -> None:
    budget = SessionBudget(EgressLimits(streams=0), FakeClock())
    assert budget.chunk_bytes == GATEWAY.copy_chunk_bytes
    taken = []
    for _ in range(1024):
        assert budget.take_stream() is None
        taken.append(budget.chunk_bytes)
    assert taken[127] == GATEWAY.copy_chunk_bytes
    assert taken[1023] == GATEWAY.session_chunks_bytes // 1024


def test_sessions_of_one_invite_share_its_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GATEWAY", replace(GATEWAY, sockets_per_invite=2))
    egress = Egress(EgressPolicy(), clock=FakeClock())
    first, second, other = egress.new_budget(b"a"), egress.new_budget(b"a"), egress.new_budget(b"b")
    assert [budget.take_stream() for budget in (first, second, first)] == [None, None, Code.LIMIT_REACHED]
    assert other.take_stream() is None
    second.give_back_stream()
    assert first.take_stream() is None


def test_the_share_of_an_invite_ends_with_its_last_session() -> None:
    egress = Egress(EgressPolicy(), clock=FakeClock())
    first, second = egress.new_budget(b"a"), egress.new_budget(b"a")
    assert first.share is second.share
    del first
    gc.collect()
    assert list(egress._shares) == [b"a"]
    del second
    gc.collect()
    assert list(egress._shares) == []


def test_slow_names_of_one_invite_do_not_hold_up_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GATEWAY", replace(GATEWAY, lookups_per_invite=2))
    asked: list[str] = []

    class NeverResolver:
        async def resolve(self, name: str) -> Sequence[IPAddress]:
            asked.append(name)
            await asyncio.get_running_loop().create_future()
            return []

    async def main() -> None:
        egress = Egress(EgressPolicy(), NeverResolver(), FakeClock())
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(egress.addresses_of(Target.parse(f"{name}.example", 80), egress.new_budget(invite)))
                for name, invite in (("a1", b"a"), ("a2", b"a"), ("a3", b"a"), ("b1", b"b"))
            ]
            await until(lambda: len(asked) >= 3)
            assert sorted(asked) == ["a1.example", "a2.example", "b1.example"]
            tasks[0].cancel()
            await until(lambda: "a3.example" in asked)
            for task in tasks:
                task.cancel()

    asyncio.run(main())


def test_connects_come_back_over_a_minute() -> None:
    clock = FakeClock()
    budget = SessionBudget(EgressLimits(connects_per_minute=6), clock)
    assert [budget.take_connect() for _ in range(7)] == [None] * 6 + [Code.LIMIT_REACHED]
    clock.now += 10.01
    assert [budget.take_connect() for _ in range(2)] == [None, Code.LIMIT_REACHED]


def test_used_up_bytes_end_a_session() -> None:
    budget = SessionBudget(EgressLimits(total_bytes=100), FakeClock())
    assert budget.use_bytes(99)
    assert not budget.spent
    assert not budget.use_bytes(2)
    assert budget.spent
    assert budget.used_bytes == 101
    assert budget.take_stream() is Code.LIMIT_REACHED
    assert SessionBudget(EgressLimits(), FakeClock()).use_bytes(1 << 60)


def test_a_pace_lets_through_what_it_has_and_datagrams_do_not_wait() -> None:
    async def main() -> None:
        clock = FakeClock()
        pace = SessionBudget(EgressLimits(bytes_per_second=400), clock).down
        await pace.wait()
        assert pace.try_take(300)
        assert not pace.try_take(1)
        waiting = asyncio.create_task(pace.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        clock.now += 1
        await pace.wait()
        unlimited = SessionBudget(EgressLimits(), clock).down
        unlimited.take(1 << 40)
        await unlimited.wait()
        assert unlimited.try_take(1)

    asyncio.run(main())


def test_those_who_wait_for_a_pace_go_in_order() -> None:
    async def main() -> None:
        class LoopClock(FakeClock):
            def monotonic(self) -> float:
                return asyncio.get_running_loop().time()

        pace = SessionBudget(EgressLimits(bytes_per_second=100_000), LoopClock()).up
        order: list[int] = []

        async def send(number: int) -> None:
            await pace.wait()
            pace.take(1000)
            order.append(number)

        pace.take(25_500)
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(send(number))
        assert order == [0, 1, 2, 3, 4]

    asyncio.run(main())


def test_sessions_take_turns_at_the_gateway_however_many_streams_they_have() -> None:
    async def main() -> None:
        class LoopClock(FakeClock):
            def monotonic(self) -> float:
                return asyncio.get_running_loop().time()

        clock = LoopClock()
        gateway = GatewayShare(GatewayCeiling(bytes_per_second=1_000_000), clock)
        greedy, modest = (SessionBudget(EgressLimits(), clock, None, gateway) for _ in range(2))
        order: list[str] = []

        async def send(name: str, session: SessionBudget, times: int) -> None:
            for _ in range(times):
                await session.down.wait()
                session.down.take(1000)
                order.append(name)

        gateway.down.take(260_000)
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(send("greedy", greedy, 5))
            group.create_task(send("modest", modest, 5))
        # In turns the modest one has its five among the first ten or so; stream by stream it would wait for all.
        assert order[:50].count("modest") == 5

    asyncio.run(main())


def test_a_gateway_that_has_used_up_its_month_says_so_to_all() -> None:
    clock = FakeClock()
    gateway = GatewayShare(GatewayCeiling(bytes_per_month=1000), clock)
    one, other = (SessionBudget(EgressLimits(), clock, None, gateway) for _ in range(2))
    assert one.use_bytes(999)
    assert other.take_stream() is None
    assert not other.use_bytes(1)
    assert (one.spent, one.why_spent, one.take_stream()) == (True, Code.USED_UP, Code.USED_UP)
    gateway.change(GatewayCeiling(bytes_per_month=2000))
    assert (one.spent, one.why_spent, one.take_stream()) == (False, Code.LIMIT_REACHED, None)


def test_datagrams_go_by_the_gateways_rate_too_which_can_be_changed() -> None:
    async def main() -> None:
        clock = FakeClock()
        gateway = GatewayShare(GatewayCeiling(bytes_per_second=400), clock)
        session = SessionBudget(EgressLimits(), clock, None, gateway)
        assert session.up.try_take(300)
        assert not session.up.try_take(1)
        waiting = asyncio.create_task(session.up.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        gateway.change(GatewayCeiling())
        assert session.up.try_take(1 << 30)
        await session.up.wait()

    asyncio.run(main())


def test_counters_have_every_number_once() -> None:
    counters = EgressCounters()
    counters.dialled(0.02)
    counters.dialled(99.0)
    counters.refused(Code.NOT_ALLOWED)
    counters.refused(Code.NOT_ALLOWED)
    counters.cut(Code.CONNECTION_RESET)
    samples = {(name, *labels.values()): value for name, labels, value in counters.samples()}
    assert len(samples) == len(list(counters.samples()))
    assert samples["streams_opened",] == 2
    assert samples["streams_refused", "not_allowed"] == 2
    assert samples["streams_cut", "connection_reset"] == 1
    assert samples["dial_seconds_bucket", "0.01"] == 0
    assert samples["dial_seconds_bucket", str(DIAL_BOUNDS_S[-1])] == 1
    assert samples["dial_seconds_bucket", "+Inf"] == 2
    assert samples["dial_seconds",] == 99.02
