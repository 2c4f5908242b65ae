"""Keeps the entries of this process's gateways in the directory, as they are now."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from unwalled.broker.directory import Directory
from unwalled.broker.gatewaybounds import GATEWAYS
from unwalled.broker.gateways import GatewayPlace
from unwalled.broker.store import StoreAway
from unwalled.wire import b64

_ID_BYTES = 9


def new_gateway_id() -> str:
    """A name for the directory, another one each time."""
    return b64.encode(os.urandom(_ID_BYTES))


class Announcer:
    """Announces what ``places`` gives, every ``GATEWAYS.renew_s`` and when told that something has changed."""

    def __init__(self, directory: Directory, places: Callable[[], Sequence[GatewayPlace]]) -> None:
        self._directory = directory
        self._places = places
        self._listed: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            await self.announce()
            await asyncio.sleep(GATEWAYS.renew_s)

    async def announce(self) -> None:
        """Says how things are now, and takes back what is no more. A store that is away hears it the next time."""
        async with self._one_at_a_time:
            places = self._places()
            try:
                for gone in self._listed - {place.id for place in places}:
                    await self._directory.leave(gone)
                    self._listed.discard(gone)
                for place in places:
                    self._listed.add(place.id)
                    await self._directory.announce(place)
            except StoreAway:
                pass

    async def leave(self) -> None:
        """Takes all entries back."""
        async with self._one_at_a_time:
            try:
                for gone in list(self._listed):
                    await self._directory.leave(gone)
                    self._listed.discard(gone)
            except StoreAway:
                # The leases run out.
                pass
