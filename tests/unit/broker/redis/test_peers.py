"""Brokers that ask each other for bridges, over channels that a test holds. Whole brokers: tests/integration."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.descriptions import offer
from unwalled.broker.bridges import BridgeGone
from unwalled.broker.matching import Reservation
from unwalled.broker.redis.peers import RedisPeers
from unwalled.settings import BrokerLimits
from unwalled.wire.signalling import Match, Offer


class Channels:
    """Holds what is published until it is delivered, all in one turn of the event loop."""

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[[bytes], None]] = {}
        self._held: list[tuple[str, bytes]] = []

    def subscribe(self, channel: str, handler: Callable[[bytes], None]) -> None:
        self._handlers[channel] = handler

    async def publish(self, channel: str, message: bytes) -> int:
        self._held.append((channel, message))
        return 1

    def deliver(self) -> None:
        while self._held:
            channel, message = self._held.pop(0)
            self._handlers[channel](message)


@dataclass
class NoBridges:
    """The hub of a broker at which no bridge hangs."""

    on_supply: Callable[[], None] = lambda: None

    def link(self, name: str) -> None:
        return None


def peers(channels: Channels, home: str, **limits: Any) -> RedisPeers:
    return RedisPeers(
        cast(Any, NoBridges()),
        cast(Any, channels),
        cast(Any, SimpleNamespace(base="{test}", home=home)),
        key=b"k" * 32,
        random_bytes=os.urandom,
        limits=BrokerLimits(**limits),
    )


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_match_that_is_taken_back_at_once_holds_no_place_of_others() -> None:
    async def main() -> None:
        channels = Channels()
        near, far = peers(channels, "near"), peers(channels, "far", max_reservations=1)

        def ask(name: str) -> tuple[Reservation, asyncio.Task[Any]]:
            reservation = Reservation(name, "bridge", "net", (0,), "far")
            match = Match(name, "wss://news.example/v1/lane/T", (Offer(0, offer()),))
            return reservation, asyncio.create_task(near.ask(reservation, match, b""), name=name)

        # After a while in which nothing was heard, a match and its end come together.
        reservation, asking = ask("first")
        await turns()
        near.cancel(reservation)
        asking.cancel()
        await turns()
        channels.deliver()
        await turns()
        _, asking = ask("second")
        await turns()
        channels.deliver()
        await turns()
        channels.deliver()
        with pytest.raises(BridgeGone):
            async with asyncio.timeout(5):
                await asking
        await near.close()
        await far.close()

    asyncio.run(main())
