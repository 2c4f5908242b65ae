"""What several brokers of one operator would share, behind one interface, and the embedded store for a single one.

A shared store (Redis, Valkey) fits the same interface and has to pass the same tests; whatever must be one step here
(``reserve``, ``first_sight``, ``take``) is one script there. Two things are not the store's: bringing a match to
a bridge whose socket another broker holds, and telling who waits that a bridge came. The server does both for its own
bridges. A shared store must also release what a broker that died had reserved or had let in.

``now`` is the monotonic time in seconds. No method waits for anything but the store itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Protocol

from unwalled.broker.bounds import HARVEST, STANDING, SWARM, HarvestLimits, StandingLimits, SwarmLimits
from unwalled.broker.limits import Asker, Buckets, Prefixes, PrefixLimiter, Rate
from unwalled.broker.matching import Matching, Outcome, Reservation, WaitingBridge, Wanted
from unwalled.errors import UnwalledError
from unwalled.settings import BROKER, BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Report


class StoreFull(UnwalledError):
    """A table of the store has reached its bound; the asker should come back later."""

    def __init__(self) -> None:
        super().__init__("The broker has no room just now.", "Try again later.")


class StoreAway(UnwalledError):
    """A store that is another program's cannot be reached; nobody knows whether what was asked of it has happened."""

    def __init__(self) -> None:
        super().__init__("The broker cannot reach its store just now.", "Try again later.")


class Action(Enum):
    """What is limited by address prefix."""

    MATCH = "match"
    JOIN = "join"


def prefix_rates(action: Action, limits: BrokerLimits) -> tuple[Rate, Rate]:
    """How often an action is allowed to a narrow prefix, and to a wide one."""
    match action:
        case Action.MATCH:
            narrow = Rate(limits.matches_per_s, limits.match_burst)
            return narrow, Rate(limits.wide_matches_per_s, limits.wide_match_burst)
        case Action.JOIN:
            return Rate(limits.joins_per_s, limits.join_burst), Rate(limits.wide_joins_per_s, limits.wide_join_burst)


class Store(Protocol):
    """See the module's head."""

    async def join(self, bridge: WaitingBridge, now: float) -> bool:
        """Lists a bridge; False when the list is full."""

    async def leave(self, bridge: str) -> None:
        """Takes a bridge off the list, with what was reserved at it. An unknown name does nothing."""

    async def set_free(self, bridge: str, free: int, readers: int, now: float) -> None:
        """What the bridge says it could take now."""

    async def reserve(self, wanted: Wanted, now: float) -> list[Reservation]:
        """Places a reader's offers on fitting bridges, in one step; each reservation must be settled."""

    async def settle(self, match: str, outcome: Outcome, now: float) -> None:
        """Ends a reservation. An unknown one does nothing."""

    async def lane_reported(self, report: LaneReport, now: float) -> None:
        """The gateway's word about a lane, in one step. One with an unknown or old ticket does nothing."""

    async def reader_reported(self, invite: bytes, reports: Sequence[Report], now: float) -> None:
        """A reader's words about earlier bridges."""

    async def first_sight(self, enc: bytes, now: float) -> bool:
        """Remembers a request's encapsulated key; False when it was seen in the last ten minutes. Raises StoreFull."""

    async def take_for_prefixes(self, action: Action, prefixes: Prefixes, now: float) -> float:
        """Counts one action of an address; 0.0, or the seconds to wait when it is one too many."""

    async def take_for_invite(self, invite: bytes, now: float) -> float:
        """Counts one request with an invite; 0.0, or the seconds to wait when it is one too many."""

    async def keep_ticket(self, ticket: str, bridge: str, asker: Asker, now: float) -> None:
        """Remembers to which bridge a ticket was given, and for whom."""

    async def bridge_of_ticket(self, ticket: str, now: float) -> str | None:
        """The bridge that was given the ticket, or None for an unknown or old one."""

    async def waiting(self) -> int:
        """How many bridges have room, for the numbers."""


@dataclass(frozen=True, slots=True)
class _Ticket:
    bridge: str
    asker: Asker
    since: float


class EmbeddedStore:
    """The store of a single broker, in its memory. Its methods never wait."""

    def __init__(
        self,
        rng: Random,
        limits: BrokerLimits = BROKER,
        swarm_limits: SwarmLimits = SWARM,
        harvest_limits: HarvestLimits = HARVEST,
        learning: StandingLimits = STANDING,
    ) -> None:
        """``rng`` breaks ties between bridges and names matches."""
        self._limits = limits
        self._matching = Matching(rng, limits, swarm_limits, harvest_limits, learning)
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._tickets: OrderedDict[str, _Ticket] = OrderedDict()
        entries = limits.limiter_entries
        self._prefixes = {action: PrefixLimiter(*prefix_rates(action, limits), entries) for action in Action}
        self._invites = Buckets(Rate(limits.invite_matches_per_s, limits.invite_match_burst), entries)

    async def join(self, bridge: WaitingBridge, now: float) -> bool:
        """See Store."""
        return self._matching.join(bridge, now)

    async def leave(self, bridge: str) -> None:
        """See Store."""
        self._matching.leave(bridge)

    async def set_free(self, bridge: str, free: int, readers: int, now: float) -> None:
        """See Store."""
        self._matching.set_free(bridge, free, readers, now)

    async def reserve(self, wanted: Wanted, now: float) -> list[Reservation]:
        """See Store."""
        return self._matching.reserve(wanted, now)

    async def settle(self, match: str, outcome: Outcome, now: float) -> None:
        """See Store."""
        self._matching.settle(match, outcome, now)

    async def lane_reported(self, report: LaneReport, now: float) -> None:
        """See Store."""
        if (held := self._ticket(report.ticket, now)) is not None:
            self._matching.gateway_reported(held.bridge, report, held.asker, now)

    async def reader_reported(self, invite: bytes, reports: Sequence[Report], now: float) -> None:
        """See Store."""
        self._matching.reader_reported(invite, reports, now)

    async def first_sight(self, enc: bytes, now: float) -> bool:
        """See Store."""
        while self._seen and next(iter(self._seen.values())) <= now - self._limits.replay_s:
            self._seen.popitem(last=False)
        if enc in self._seen:
            return False
        if len(self._seen) >= self._limits.max_replays:
            raise StoreFull
        self._seen[enc] = now
        return True

    async def take_for_prefixes(self, action: Action, prefixes: Prefixes, now: float) -> float:
        """See Store."""
        return self._prefixes[action].take(prefixes, now)

    async def take_for_invite(self, invite: bytes, now: float) -> float:
        """See Store."""
        return self._invites.take(invite, now)

    async def keep_ticket(self, ticket: str, bridge: str, asker: Asker, now: float) -> None:
        """See Store."""
        self._tickets[ticket] = _Ticket(bridge, asker, now)
        if len(self._tickets) > self._limits.max_tickets:
            self._tickets.popitem(last=False)

    async def bridge_of_ticket(self, ticket: str, now: float) -> str | None:
        """See Store."""
        held = self._ticket(ticket, now)
        return None if held is None else held.bridge

    async def waiting(self) -> int:
        """See Store."""
        return self._matching.waiting()

    def _ticket(self, ticket: str, now: float) -> _Ticket | None:
        held = self._tickets.get(ticket)
        return held if held is not None and now - held.since < self._limits.ticket_s else None
