"""Asking a bridge by its name, wherever it hangs, and news of bridges with room, wherever they came.

A single broker has all bridges itself (``LocalPeers``). Several brokers over one store tell each other: broker/redis.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from unwalled.broker.bridges import BridgeGone, BridgeHub
from unwalled.broker.matching import Reservation
from unwalled.broker.naming import reader_name
from unwalled.wire.signalling import Answers, Match


class Peers(Protocol):
    """The way to all bridges of the store."""

    async def ask(self, reservation: Reservation, match: Match, reader: bytes) -> Answers:
        """Brings a match to the reserved bridge and waits for its answers; the caller bounds the time.

        ``reader`` tells readers apart (b"" = another each time); the bridge hears the name that it has there. Raises
        BridgeGone. Call ``settled`` in the end, whatever came of it; when it was cancelled, ``cancel`` before that.
        """

    def cancel(self, reservation: Reservation) -> None:
        """Tells the bridge, soon, that the reader of a match is gone."""

    def settled(self, reservation: Reservation) -> None:
        """What the bridge answered has been counted: what it says next may be heard."""

    def next_supply(self) -> asyncio.Event:
        """Set when next a bridge may have room. Take it before looking into the store, so that nothing is missed."""


class LocalPeers:
    """The bridges of this broker."""

    def __init__(self, hub: BridgeHub) -> None:
        self._hub = hub

    async def ask(self, reservation: Reservation, match: Match, reader: bytes) -> Answers:
        """See Peers."""
        link = self._hub.link(reservation.bridge)
        if link is None:
            raise BridgeGone("The bridge left.")
        return await link.ask(msgspec.structs.replace(match, reader=reader_name(link.naming_secret, reader)))

    def cancel(self, reservation: Reservation) -> None:
        """See Peers."""
        if (link := self._hub.link(reservation.bridge)) is not None:
            link.cancel(reservation.match)

    def settled(self, reservation: Reservation) -> None:
        """See Peers."""
        if (link := self._hub.link(reservation.bridge)) is not None:
            link.settled(reservation.match)

    def next_supply(self) -> asyncio.Event:
        """See Peers."""
        return self._hub.next_supply()
