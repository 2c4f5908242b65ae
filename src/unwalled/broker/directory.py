"""The list of gateways that brokers share, behind one interface, and the one inside a single process.

What is chosen, and why: broker/gateways.py. A list in a shared store: broker/redis. Readers are known in it by keyed
hashes, which end after an hour and from which nobody learns who they are.
"""

from __future__ import annotations

import hmac
import math
from typing import Protocol

from unwalled.broker.gateways import GatewayPlace, GatewayTable
from unwalled.clock import Clock

_READER_BYTES = 12


class Directory(Protocol):
    """See the module's head."""

    async def announce(self, place: GatewayPlace) -> bool:
        """A gateway lives, and is as it says; False when there are too many already. May raise StoreAway."""

    async def leave(self, gateway: str) -> None:
        """A gateway has ended: it is chosen no more. An unknown one does nothing. May raise StoreAway."""

    async def choose(self, reader: bytes) -> GatewayPlace | None:
        """Where a reader's lanes go, the same place for an hour; None when no gateway takes it. May raise StoreAway."""

    async def places(self) -> list[GatewayPlace]:
        """All that live. May raise StoreAway."""


def reader_key(naming_key: bytes, reader: bytes) -> bytes:
    """The name under which it is remembered where a reader was sent."""
    return hmac.digest(naming_key, b"gateway of reader" + reader, "sha256")[:_READER_BYTES]


class EmbeddedDirectory:
    """The list of one process, which sees for itself when a gateway ends. Its methods never wait."""

    def __init__(self, clock: Clock, naming_key: bytes, lease_s: float = math.inf) -> None:
        self._clock = clock
        self._naming_key = naming_key
        self._table = GatewayTable(lease_s)

    async def announce(self, place: GatewayPlace) -> bool:
        """See Directory."""
        return self._table.announce(place, self._clock.monotonic())

    async def leave(self, gateway: str) -> None:
        """See Directory."""
        self._table.leave(gateway)

    async def choose(self, reader: bytes) -> GatewayPlace | None:
        """See Directory."""
        return self._table.choose(reader_key(self._naming_key, reader), self._clock.monotonic())

    async def places(self) -> list[GatewayPlace]:
        """See Directory."""
        return self._table.places(self._clock.monotonic())
