"""Tunnels that outlive the readers behind them: they wait within a bound, hand on, or fail; never another way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.fake_streams import FakeFlow
from unwalled.app.gate import BridgesGate, ProxyGate
from unwalled.clock import SystemClock
from unwalled.errors import OpenFailed
from unwalled.settings import READER
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

SITE = Target("site.example", 443)
BRIEF = replace(READER, open_wait_s=0.02)


class Keeper:
    is_on = True
    is_stopped = False
    is_about_to_turn = False


class Opened:
    """A stream that notes how it was reset."""

    def __init__(self) -> None:
        self.reset_by: Code | None = None

    def reset(self, code: Code) -> None:
        self.reset_by = code


class Reader:
    """Opens streams and flows, or fails with a code; waits for ``may_answer`` first."""

    def __init__(self, failure: Code | None = None) -> None:
        self.failure = failure
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked: list[bool] = []
        self.made: list[Any] = []

    async def _answer(self, made: Any) -> Any:
        await self.may_answer.wait()
        if self.failure is not None:
            raise OpenFailed(self.failure)
        self.made.append(made)
        return made

    async def open(self, target: Target, *, at_once: bool = False) -> Any:
        assert target == SITE
        self.asked.append(at_once)
        return await self._answer(Opened())

    async def open_datagrams(self) -> Any:
        self.asked.append(False)
        return await self._answer(FakeFlow())


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 20))


Ask = Callable[[BridgesGate], Awaitable[Any]]
ASKS: list[Ask] = [lambda gate: gate.open(SITE), lambda gate: gate.open_datagrams()]
both = pytest.mark.parametrize("ask", ASKS, ids=["stream", "datagrams"])


async def failure(awaited: Awaitable[object]) -> Code:
    with pytest.raises(OpenFailed) as failed:
        await awaited
    return failed.value.code


@both
def test_what_comes_before_a_reader_waits_for_it(ask: Ask) -> None:
    async def main() -> None:
        gate, reader = BridgesGate(Keeper(), SystemClock()), Reader()
        waiting = asyncio.ensure_future(ask(gate))
        await asyncio.sleep(0)
        gate.put(reader)
        assert await waiting is reader.made[0]
        assert gate.opened == 1

    run(main)


@both
def test_without_a_reader_it_fails_when_the_time_is_over_or_waiting_is_of_no_use(ask: Ask) -> None:
    async def main() -> None:
        keeper = Keeper()
        gate = BridgesGate(keeper, SystemClock(), BRIEF)
        assert await failure(ask(gate)) is Code.NO_BRIDGE
        gate = BridgesGate(keeper, SystemClock(), replace(READER, open_wait_s=1000.0))
        waiting = asyncio.ensure_future(failure(ask(gate)))
        await asyncio.sleep(0)
        keeper.is_stopped = True
        gate.look()
        assert await waiting is Code.NO_BRIDGE
        keeper.is_on = False
        assert await failure(ask(gate)) is Code.SWITCHED_OFF
        assert gate.opened == 0

    run(main)


@both
def test_a_readers_own_answer_is_passed_on(ask: Ask) -> None:
    async def main() -> None:
        gate = BridgesGate(Keeper(), SystemClock())
        gate.put(Reader(Code.CONNECTION_REFUSED))
        assert await failure(ask(gate)) is Code.CONNECTION_REFUSED
        assert gate.opened == 0

    run(main)


@both
def test_what_waited_at_a_reader_that_goes_is_handed_on_to_the_next(ask: Ask) -> None:
    async def main() -> None:
        gate, first, second = BridgesGate(Keeper(), SystemClock()), Reader(Code.NO_BRIDGE), Reader()
        gate.put(first)
        first.may_answer.clear()
        waiting = asyncio.ensure_future(ask(gate))
        await asyncio.sleep(0)
        gate.put(None)
        first.may_answer.set()
        await asyncio.sleep(0)
        gate.put(second)
        assert await waiting is second.made[0]

    run(main)


@both
def test_a_reader_that_is_about_to_go_is_not_asked_twice(ask: Ask) -> None:
    async def main() -> None:
        keeper = Keeper()
        gate, first, second = BridgesGate(keeper, SystemClock()), Reader(Code.NO_BRIDGE), Reader()
        gate.put(first)
        keeper.is_about_to_turn = True
        waiting = asyncio.ensure_future(ask(gate))
        for _ in range(3):
            await asyncio.sleep(0)
            gate.look()
        assert len(first.asked) == 1
        gate.put(second)
        assert await waiting is second.made[0]
        # And when no other one comes, the wait has its bound.
        gate = BridgesGate(keeper, SystemClock(), BRIEF)
        gate.put(first)
        assert await failure(ask(gate)) is Code.NO_BRIDGE

    run(main)


def test_the_wish_to_write_at_once_is_passed_on() -> None:
    async def main() -> None:
        keeper, reader = Keeper(), Reader()
        gate = BridgesGate(keeper, SystemClock())
        gate.put(reader)
        await ProxyGate(keeper, gate).open(SITE, at_once=True)
        await ProxyGate(keeper, gate).open(SITE)
        assert reader.asked == [True, False]

    run(main)


def test_nothing_passes_the_proxys_gate_while_it_is_off() -> None:
    async def main() -> None:
        keeper, behind = Keeper(), Reader()
        gate = ProxyGate(keeper, behind)
        keeper.is_on = False
        assert await failure(gate.open(SITE)) is Code.SWITCHED_OFF
        assert await failure(gate.open_datagrams()) is Code.SWITCHED_OFF
        assert behind.asked == []

    run(main)


def test_what_was_under_way_when_it_was_switched_off_is_cut() -> None:
    async def main() -> None:
        keeper, behind = Keeper(), Reader()
        gate = ProxyGate(keeper, behind)
        behind.may_answer.clear()
        asking = [
            asyncio.ensure_future(failure(gate.open(SITE))),
            asyncio.ensure_future(failure(gate.open_datagrams())),
        ]
        await asyncio.sleep(0)
        keeper.is_on = False
        behind.may_answer.set()
        assert await asyncio.gather(*asking) == [Code.SWITCHED_OFF, Code.SWITCHED_OFF]
        stream, flow = behind.made
        assert stream.reset_by is Code.CANCELLED
        assert flow.closed.is_set()

    run(main)
