"""A reader's offers, and what they show of the network in which it is."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from enum import Enum, auto

from unwalled.errors import DescriptionError, LaneClosed
from unwalled.lanes.webrtc import OfferedLane, WebRtcStack
from unwalled.reader.status import OffersFailed
from unwalled.wire.description import varies_ports
from unwalled.wire.signalling import Nat


async def make_offers(stack: WebRtcStack, count: int) -> list[OfferedLane]:
    """All or none, in the order in which the stack gave them: a first request that has begun has the same one.

    Raises OffersFailed. When cancelled, those that were made are closed.
    """
    made: dict[int, OfferedLane] = {}

    async def make(number: int) -> None:
        made[number] = await stack.offer()

    try:
        # No TaskGroup: before Python 3.13 one that fails leaves its task half cancelled, and a time-out ends it.
        outcomes = await asyncio.gather(*(make(number) for number in range(count)), return_exceptions=True)
        failures = [outcome for outcome in outcomes if outcome is not None]
        if failures and all(isinstance(failure, (LaneClosed, DescriptionError)) for failure in failures):
            raise OffersFailed
        if failures:
            raise failures[0]
    except BaseException:
        for offer in made.values():
            offer.close()
        raise
    return [made[number] for number in range(count)]


class Stun(Enum):
    """What offers show of the STUN servers that were asked for them."""

    NOT_ASKED = auto()
    SILENT = auto()
    ANSWERED = auto()
    UNKNOWN = auto()
    """None need answer: this computer has a public address of its own, which they would only repeat."""


def stun_of(offers: Sequence[OfferedLane]) -> Stun:
    """Of offers for which servers were asked."""
    candidates = [candidate.split() for offer in offers for candidate in offer.description.candidates]
    if any(words[-1] == "srflx" for words in candidates):
        return Stun.ANSWERED
    if any(ipaddress.ip_address(words[4]).is_global for words in candidates):
        return Stun.UNKNOWN
    return Stun.SILENT


def nat_of(offers: Sequence[OfferedLane]) -> Nat:
    """What the offers show of the own network, for a reader who asked two STUN ports. Only the bad news can be told."""
    is_varying = any(varies_ports(offer.description.candidates) for offer in offers)
    return Nat.RESTRICTED if is_varying else Nat.UNKNOWN
