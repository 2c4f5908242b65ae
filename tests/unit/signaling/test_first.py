"""A first request that leaves before there is a reader to ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import pytest

from tests.support.descriptions import answer, offer
from tests.support.proxy_bench import until
from unwalled.crypto.identity import KeyBundle
from unwalled.errors import SignalingFailed
from unwalled.signaling.client import MatchedLane, MatchResult, SignalingClient
from unwalled.signaling.errors import NoBridge
from unwalled.signaling.first import FirstMatch
from unwalled.wire.description import LaneDescription
from unwalled.wire.signalling import Nat

OFFERS = [offer(0), offer(1)]
RESULT = MatchResult((MatchedLane(0, "bridge", "net", answer(0)),), KeyBundle(1, bytes(1216), 0, (), b""))


class Broker:
    """A signalling client that is asked; ``answers`` holds it back."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[LaneDescription], int]] = []
        self.withdrawn = 0
        self.failure: SignalingFailed | None = None
        self.answers = asyncio.Event()

    async def match(self, offers: Sequence[LaneDescription], *, spread: int, **_: Any) -> MatchResult:
        self.asked.append((list(offers), spread))
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise
        if self.failure is not None:
            raise self.failure
        return RESULT

    def first(self) -> FirstMatch:
        return FirstMatch(cast(SignalingClient, self))


class Begun:
    """An offer that notes its answer."""

    def __init__(self, description: LaneDescription) -> None:
        self.description = description
        self.answers: list[LaneDescription] = []

    async def begin(self, answer: LaneDescription, /) -> None:
        self.answers.append(answer)


async def made() -> list[Begun]:
    await asyncio.sleep(0)
    return [Begun(offer) for offer in OFFERS]


async def ask(first: FirstMatch, offers: list[LaneDescription] = OFFERS, spread: int = 2) -> MatchResult:
    return await first.match(offers, nat=Nat.UNKNOWN, spread=spread, avoid=(), reports=(), held_bundle=None)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 20))


def test_what_is_under_way_is_not_asked_again_and_the_next_is() -> None:
    async def main() -> None:
        broker = Broker()
        first = broker.first()
        first.begin(made, 2)
        await first.offered()
        asking = asyncio.create_task(ask(first))
        await asyncio.sleep(0)
        broker.answers.set()
        assert await asking is RESULT
        assert broker.asked == [(OFFERS, 2)]
        await ask(first)
        assert broker.asked == [(OFFERS, 2)] * 2
        await first.aclose()

    run(main)


def test_an_answered_lane_begins_to_open_before_anybody_asks() -> None:
    async def main() -> None:
        broker = Broker()
        broker.answers.set()
        first = broker.first()
        lanes = await made()

        async def give() -> list[Begun]:
            return lanes

        first.begin(give, 2)
        await until(lambda: bool(lanes[0].answers))
        assert [lane.answers for lane in lanes] == [[answer(0)], []]
        assert await ask(first) is RESULT

    run(main)


def test_its_failure_is_the_readers() -> None:
    async def main() -> None:
        broker = Broker()
        broker.failure = NoBridge(1.0)
        broker.answers.set()
        first = broker.first()
        first.begin(made, 2)
        with pytest.raises(NoBridge):
            await ask(first)
        assert len(broker.asked) == 1

    run(main)


@pytest.mark.parametrize(("offers", "spread"), [(OFFERS[:1], 2), (OFFERS, 1)])
def test_another_wish_withdraws_it(offers: list[LaneDescription], spread: int) -> None:
    async def main() -> None:
        broker = Broker()
        first = broker.first()
        first.begin(made, 2)
        asking = asyncio.create_task(ask(first, offers, spread))
        await until(lambda: len(broker.asked) == 2 and broker.withdrawn == 1)
        assert broker.asked[1] == (offers, spread)
        broker.answers.set()
        assert await asking is RESULT

    run(main)


@pytest.mark.parametrize("has_asked", [True, False])
def test_whoever_gives_up_withdraws_it(has_asked: bool) -> None:
    async def main() -> None:
        broker = Broker()
        first = broker.first()
        first.begin(made, 2)
        await until(lambda: len(broker.asked) == 1)
        if has_asked:
            asking = asyncio.create_task(ask(first))
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait((asking,))
        await first.aclose()
        assert broker.withdrawn == 1

    run(main)


def test_without_offers_nothing_is_asked_ahead() -> None:
    async def none() -> list[Begun]:
        return []

    async def main() -> None:
        broker = Broker()
        broker.answers.set()
        first = broker.first()
        first.begin(none, 2)
        await first.offered()
        assert broker.asked == []
        assert await ask(first) is RESULT

    run(main)
