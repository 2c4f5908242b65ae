"""A reader's first request, which leaves before the reader itself is loaded.

A start is waited for, and half of a reader's modules are wanted only once bridges have answered. So whoever starts a
reader makes offers and begins the request; the reader, when it is there, asks as it always does, and gets the answer
to what is under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from unwalled.crypto.identity import KeyBundle
from unwalled.errors import SignalingFailed
from unwalled.signaling.client import MatchResult, SignalingClient
from unwalled.tasks import TaskOwner
from unwalled.wire.description import LaneDescription
from unwalled.wire.signalling import Nat, Report

_log = logging.getLogger(__name__)


class BegunLane(Protocol):
    """A lane that was offered (`unwalled.lanes.webrtc.BegunLane`)."""

    @property
    def description(self) -> LaneDescription:
        """The offer for the other end."""

    async def begin(self, answer: LaneDescription, /) -> None:
        """Begins to open the lane; it never raises but when cancelled."""


class FirstMatch:
    """A `SignalingClient` whose first match may have begun. It does not own the client."""

    def __init__(self, client: SignalingClient) -> None:
        self._client = client
        self._tasks = TaskOwner()
        self._begun: asyncio.Task[None] | None = None
        self._descriptions: list[LaneDescription] = []
        self._offered = asyncio.Event()
        self._spread = 0
        self._outcome: MatchResult | SignalingFailed | None = None

    def begin(self, make_offers: Callable[[], Awaitable[Sequence[BegunLane]]], spread: int) -> None:
        """Asks for lanes as soon as there are offers, and lets those begin to open that are answered.

        The next ``match`` gives the broker's answer, if it is for the same offers.
        """
        self._spread = spread
        self._begun = self._tasks.start(self._match(make_offers), "first match")

    async def offered(self) -> None:
        """Waits until the request is about to leave. Cancelling is safe."""
        await self._offered.wait()

    async def _match(self, make_offers: Callable[[], Awaitable[Sequence[BegunLane]]]) -> None:
        try:
            offers = await make_offers()
            self._descriptions = [offer.description for offer in offers]
        finally:
            self._offered.set()
        if not offers:
            return
        try:
            result = await self._client.match(self._descriptions, spread=self._spread)
        except SignalingFailed as failed:
            self._outcome = failed
            return
        _log.debug("The first request is answered.")
        self._outcome = result
        for matched in result.lanes:
            self._tasks.start(offers[matched.offer].begin(matched.answer), "begin to open a lane")

    async def match(
        self,
        offers: Sequence[LaneDescription],
        *,
        nat: Nat,
        spread: int,
        avoid: Sequence[str],
        reports: Sequence[Report],
        held_bundle: KeyBundle | None,
    ) -> MatchResult:
        """See SignalingClient."""
        begun, self._begun = self._begun, None
        if begun is not None:
            try:
                await self._offered.wait()
                if list(offers) == self._descriptions and spread == self._spread and not avoid and not reports:
                    await asyncio.wait((begun,))
            finally:
                begun.cancel()
            match self._outcome:
                case SignalingFailed() as failed:
                    raise failed
                case MatchResult() as result:
                    return result
                case None:
                    pass
        return await self._client.match(
            offers, nat=nat, spread=spread, avoid=avoid, reports=reports, held_bundle=held_bundle
        )

    async def aclose(self) -> None:
        """Withdraws the first request, if nobody has asked for its answer."""
        await self._tasks.close()
