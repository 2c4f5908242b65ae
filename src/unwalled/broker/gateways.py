"""Which gateways live, and which of them a reader's lanes go to. Pure: ``now`` comes in, in seconds of one clock.

A session lives in one process, so all its lanes have to meet there. A reader is sent to the gateway with the least
load, and to the same one again for an hour after the last time. A gateway that drains keeps its readers and gets no new
ones; one that left, or whose lease ran out, is forgotten at once, and its readers go to another.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated

import msgspec

from unwalled.broker.gatewaybounds import GATEWAYS, GatewayListLimits
from unwalled.settings import SIGNALLING

TAG = r"^(?:[a-z0-9]{1,16})?\Z"
_BETWEEN = "-"


class GatewayPlace(msgspec.Struct, frozen=True):
    """One process that holds sessions, as brokers see it. Its repr hides where it is."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
    """Another one at each start of the process."""
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=SIGNALLING.max_url_chars)]
    """Bridges open its lanes at this, a slash, and a ticket. Several processes may share it."""
    tag: Annotated[str, msgspec.Meta(pattern=TAG)] = ""
    """Its tickets begin with it, so that whoever takes a lane for several processes knows whose it is."""
    load: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)] = 0
    """Sessions that it holds."""
    draining: bool = False
    """It takes no new readers."""

    def __repr__(self) -> str:
        return f"GatewayPlace({self.id}, …)"

    def ticket(self, name: str) -> str:
        """A ticket of this gateway, for a new random name."""
        return f"{self.tag}{_BETWEEN}{name}" if self.tag else name

    def lane_url(self, ticket: str) -> str:
        """Where a bridge opens the lanes of a match."""
        return f"{self.url}/{ticket}"


def tag_of(ticket: str) -> str:
    """The tag with which a ticket begins, if it was made for one of several processes; anything otherwise."""
    return ticket.partition(_BETWEEN)[0]


class _Listed:
    __slots__ = ("lease_ends", "place", "sent", "since")

    def __init__(self, place: GatewayPlace, since: float, lease_ends: float) -> None:
        self.place = place
        self.since = since
        self.lease_ends = lease_ends
        self.sent = 0
        """New readers that were sent there since it told its load."""


class GatewayTable:
    """All gateways of one operator, and the readers of the last hour, by names that say nothing."""

    def __init__(self, lease_s: float, limits: GatewayListLimits = GATEWAYS) -> None:
        """``lease_s``: how long a gateway counts as alive after it announced itself; infinite where its end is seen."""
        self._lease_s = lease_s
        self._limits = limits
        self._gateways: dict[str, _Listed] = {}
        self._readers: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def announce(self, place: GatewayPlace, now: float) -> bool:
        """It lives, and is as it says; False when there are too many already."""
        self._forget_dead(now)
        before = self._gateways.get(place.id)
        if before is None and len(self._gateways) >= self._limits.most:
            return False
        since = before.since if before is not None else now
        self._gateways[place.id] = _Listed(place, since, now + self._lease_s)
        return True

    def leave(self, gateway: str) -> None:
        """It has ended. An unknown one does nothing."""
        self._gateways.pop(gateway, None)

    def places(self, now: float) -> list[GatewayPlace]:
        """Those that live, in the order in which they came."""
        self._forget_dead(now)
        return [listed.place for listed in self._gateways.values()]

    def choose(self, reader: bytes, now: float) -> GatewayPlace | None:
        """Where a reader's lanes go; None when no gateway takes it. Any bytes name a reader."""
        self._forget_dead(now)
        while self._readers and next(iter(self._readers.values()))[1] <= now:
            self._readers.popitem(last=False)
        gateway, _ = self._readers.get(reader, ("", 0.0))
        listed = self._gateways.get(gateway)
        if listed is None:
            open_ones = [one for one in self._gateways.values() if not one.place.draining]
            if not open_ones:
                return None
            # One that only just came waits until every broker can tell bridges of it, if others are there.
            known = [one for one in open_ones if one.since + self._limits.settle_s <= now]
            listed = min(known or open_ones, key=lambda one: one.place.load + one.sent)
            listed.sent += 1
        self._readers[reader] = (listed.place.id, now + self._limits.sticky_s)
        self._readers.move_to_end(reader)
        if len(self._readers) > self._limits.remembered_readers:
            self._readers.popitem(last=False)
        return listed.place

    def _forget_dead(self, now: float) -> None:
        for gateway in [gateway for gateway, one in self._gateways.items() if one.lease_ends <= now]:
            del self._gateways[gateway]
