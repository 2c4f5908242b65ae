"""Which waiting bridge gets which of a reader's offers. Pure: time and randomness come in from outside.

How a bridge is chosen, the first rule that tells two apart decides:

1. Only bridges that fit: the two NATs can meet, lanes and readers are free, the reader did not ask to avoid it, it is
   not put aside, and the budgets of the reader's invite and network allow it (broker/harvest.py).
2. NAT class, in the reader's order (``NAT_ORDER``). A reader without a NAT in its way takes the bridges that few
   others can use, so that the best ones stay for readers behind a restricted NAT.
3. What is expected of it (broker/standing.py): fit, doubtful, poor. A bridge of which nothing is known is fit, and in
   one match of eight it goes before all others, so that none is starved of the chance to show what it can.
4. A bridge in a network from which this reader has none yet, nor one that it asks to avoid: it avoids those that it
   has already, and those that failed.
5. Room for a whole share of the offers.
6. The least burdened: lanes that it would have, as a share of its capacity times the speed that the gateway measured.
   So faster bridges get more, in proportion, and none gets all. A bridge that the asker was not given before counts
   as a quarter of its capacity more burdened, so that an asker meets the same bridges again; doubt of readers, and
   answers of which nothing came, count a little, too.
7. The one heard of last, and then chance.

Of many bridges some are drawn by chance and compared; if too few of them fit, more are, up to a bound. So a match takes
as long with 100,000 bridges as with 1,000. A bridge that fails is put aside, each time for twice as long; leaving and
coming back does not wash that off.

Room is counted in lanes and in readers: what the bridge said last, less what was answered since, less what is
reserved. A reservation holds room from the offer to its ``settle``.

A private bridge has the tag of its swarm. It is in the pools of that swarm alone, so that nobody else ever gets it, and
who wants that swarm gets nothing else.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from unwalled.broker.bounds import HARVEST, STANDING, SWARM, HarvestLimits, StandingLimits, SwarmLimits
from unwalled.broker.harvest import Book, Harvest
from unwalled.broker.limits import Asker, Prefixes
from unwalled.broker.standing import Grade, Standing
from unwalled.settings import BROKER, BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Refusal, Report, Verdict

NAT_ORDER = {
    Nat.RESTRICTED: (Nat.UNRESTRICTED, Nat.UNKNOWN),
    Nat.UNKNOWN: (Nat.UNRESTRICTED, Nat.UNKNOWN, Nat.RESTRICTED),
    Nat.UNRESTRICTED: (Nat.RESTRICTED, Nat.UNKNOWN, Nat.UNRESTRICTED),
}
_DOUBT_WEIGHT = 0.5
_FURTHER = 8
"""How many times as many are looked at when too few were found."""
_RATE_GAIN = 0.02
FAULTS = frozenset((Refusal.GATEWAY, Refusal.FAILED))


@dataclass(frozen=True, slots=True)
class WaitingBridge:
    """A bridge as it came in. ``name`` and ``network`` are opaque; ``capacity`` counts lanes."""

    name: str
    network: str
    client: Client
    nat: Nat
    capacity: int
    readers: int
    swarm: str = ""
    """The tag of the only swarm that it helps; "" = everybody."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader asks for. ``offers`` are the indexes still to be placed; ``spread`` 0 = the broker's choice."""

    nat: Nat
    offers: tuple[int, ...]
    spread: int = 0
    avoid: frozenset[str] = frozenset()
    invite: bytes = field(default=b"", repr=False)
    reader: bytes = field(default=b"", repr=False)
    """Tells readers apart; b"" = counts as another each time."""
    swarm: str = ""
    """The tag of the only swarm that will do; "" = bridges for everybody."""
    prefixes: Prefixes = field(default=Prefixes(b"", b""), repr=False)
    """Where the reader asks from; b"" = not known."""

    @property
    def asker(self) -> Asker:
        """Whose budgets the match is taken from, and whose word its lanes' reports count as."""
        return Asker(self.invite, self.prefixes.narrow, self.prefixes.wide)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room held at one bridge for these offers, until it is settled. ``match`` names it."""

    match: str
    bridge: str
    network: str
    offers: tuple[int, ...]
    home: str = ""
    """The broker at which the bridge hangs; "" = this one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a reservation: lanes answered, reasons of refusals, and whether the bridge said nothing at all."""

    answered: int = 0
    refusals: frozenset[Refusal] = frozenset()
    silent: bool = False


@dataclass(slots=True, eq=False)
class _Bridge:
    about: WaitingBridge
    free: int
    free_readers: int
    heard_at: float
    standing: Standing
    reserved: int = 0
    pending: int = 0
    busy_until: float = 0.0
    # Tuples and a frozen set: a bridge that nobody has used yet shares the empty ones with all others like it.
    served: tuple[bytes, ...] = ()
    readers: tuple[bytes, ...] = ()
    doubters: frozenset[bytes] = frozenset()
    slot: int = -1

    @property
    def room(self) -> int:
        if self.free_readers <= self.pending:
            return 0
        return max(0, self.free - self.reserved)

    def burden(self, further: int, unproven_lanes: int) -> float:
        """How much of what it can it would do with so many lanes more, and what else counts against it."""
        standing = self.standing
        capacity = max(1, self.about.capacity)
        claimed = capacity if standing.is_proven else min(capacity, unproven_lanes)
        lanes = max(0, capacity - self.room) + further
        return lanes / (claimed * standing.speed) + standing.burden + _DOUBT_WEIGHT * len(self.doubters)

    def is_aside(self, now: float) -> bool:
        return now < self.busy_until or self.standing.is_aside(now)


class _Pool:
    """The bridges of one NAT class that have room; a draw and a removal take the same time for any size."""

    def __init__(self) -> None:
        self._bridges: list[_Bridge] = []
        self._networks: Counter[str] = Counter()

    def file(self, bridge: _Bridge, has_room: bool) -> None:
        if has_room and bridge.slot < 0:
            bridge.slot = len(self._bridges)
            self._bridges.append(bridge)
            self._networks[bridge.about.network] += 1
        elif not has_room and bridge.slot >= 0:
            last = self._bridges.pop()
            if last is not bridge:
                self._bridges[bridge.slot] = last
                last.slot = bridge.slot
            bridge.slot = -1
            self._networks[bridge.about.network] -= 1
            if not self._networks[bridge.about.network]:
                del self._networks[bridge.about.network]

    @property
    def networks(self) -> int:
        """From how many networks its bridges are."""
        return len(self._networks)

    def __contains__(self, bridge: _Bridge) -> bool:
        return 0 <= bridge.slot < len(self._bridges) and self._bridges[bridge.slot] is bridge

    def draw(self, count: int, rng: Random) -> list[_Bridge]:
        return self._bridges if len(self._bridges) <= count else rng.sample(self._bridges, count)

    def all(self) -> list[_Bridge]:
        return self._bridges


class _Pools:
    """The bridges of one swarm, or all that are for everybody, by NAT class."""

    def __init__(self) -> None:
        self.of_nat = {nat: _Pool() for nat in Nat}
        self.joined = 0
        """With and without room."""


_NOBODY = _Pools()


class Matching:
    """The table of waiting bridges and open reservations. Every table is bounded by the limits."""

    def __init__(
        self,
        rng: Random,
        limits: BrokerLimits = BROKER,
        swarm_limits: SwarmLimits = SWARM,
        harvest_limits: HarvestLimits = HARVEST,
        learning: StandingLimits = STANDING,
    ) -> None:
        self._harvest = Harvest(rng, harvest_limits, limits.limiter_entries)
        self._new_penalty = harvest_limits.new_penalty
        self._learning = learning
        self._typical_bytes_s = 0.0
        self._swarm_limits = swarm_limits
        self._rng = rng
        self._limits = limits
        self._bridges: dict[str, _Bridge] = {}
        self._public = _Pools()
        self._swarms: dict[str, _Pools] = {}
        self._reservations: dict[str, tuple[Reservation, Wanted]] = {}
        self._networks: OrderedDict[str, Standing] = OrderedDict()
        self._budgets: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._bridges)

    def waiting(self) -> int:
        """Bridges for everybody that have room; some of them may be put aside for now."""
        return sum(len(pool.all()) for pool in self._public.of_nat.values())

    @property
    def swarms(self) -> int:
        """Private swarms with a bridge that is here."""
        return len(self._swarms)

    def standing(self, name: str) -> Standing | None:
        """What is known of a bridge that is here."""
        bridge = self._bridges.get(name)
        return None if bridge is None else bridge.standing

    def join(self, about: WaitingBridge, now: float) -> bool:
        """Takes a bridge in; False when the table, or its swarm, is full. A name must not be there twice."""
        if len(self._bridges) >= self._limits.max_bridges or about.name in self._bridges:
            return False
        if about.swarm and not self._has_place_in_swarm(about.swarm):
            return False
        remembered = self._networks.get(about.network)
        is_known = remembered is not None and now < remembered.aside_until + self._limits.aside_max_s
        standing = remembered.again() if remembered and is_known else Standing(self._limits, self._learning)
        standing.most_promises = min(max(self._learning.promises, about.readers), self._learning.promises_at_most)
        bridge = _Bridge(about, about.capacity, about.readers, now, standing)
        self._bridges[about.name] = bridge
        pools = self._swarms.setdefault(about.swarm, _Pools()) if about.swarm else self._public
        pools.joined += 1
        self._file(bridge)
        return True

    def _has_place_in_swarm(self, swarm: str) -> bool:
        held = self._swarms.get(swarm)
        if held is None:
            return len(self._swarms) < self._swarm_limits.max_swarms
        return held.joined < self._swarm_limits.bridges_per_swarm

    def _pools_of(self, swarm: str) -> _Pools:
        return self._swarms.get(swarm, _NOBODY) if swarm else self._public

    def leave(self, name: str) -> None:
        """Forgets a bridge and its reservations; remembers its network when it had failed."""
        bridge = self._bridges.pop(name, None)
        if bridge is None:
            return
        pools = self._pools_of(bridge.about.swarm)
        pools.of_nat[bridge.about.nat].file(bridge, False)
        pools.joined -= 1
        if bridge.about.swarm and not pools.joined:
            del self._swarms[bridge.about.swarm]
        if bridge.pending:
            for match in [match for match, (held, _) in self._reservations.items() if held.bridge == name]:
                del self._reservations[match]
        self._remember(bridge.about.network, bridge.standing)

    def _remember(self, network: str, standing: Standing) -> None:
        held = self._networks.get(network)
        if not standing.is_worth_remembering or (held is not None and held.aside_until > standing.aside_until):
            return
        self._networks[network] = standing
        self._networks.move_to_end(network)
        if len(self._networks) > self._limits.remembered_networks:
            self._networks.popitem(last=False)

    def set_free(self, name: str, free: int, readers: int, now: float) -> None:
        """What the bridge says it could take now, lanes of answered matches taken off."""
        bridge = self._bridges.get(name)
        if bridge is not None:
            bridge.free, bridge.free_readers, bridge.heard_at = free, readers, now
            bridge.busy_until = 0.0
            self._file(bridge)

    def reserve(self, wanted: Wanted, now: float) -> list[Reservation]:
        """Places as many offers as it can, each on one bridge; an empty list when there is no fitting bridge."""
        if len(self._reservations) + len(wanted.offers) > self._limits.max_reservations:
            return []
        picked = self._pick(wanted, now)
        shares: list[list[int]] = [[] for _ in picked]
        rooms = [bridge.room for bridge in picked]
        offers = deque(wanted.offers)
        while offers and any(rooms):
            for index, share in enumerate(shares):
                if offers and rooms[index]:
                    share.append(offers.popleft())
                    rooms[index] -= 1
        return [self._hold(bridge, tuple(share), wanted) for bridge, share in zip(picked, shares, strict=True)]

    def settle(self, match: str, outcome: Outcome, now: float) -> None:
        """Gives the held room back, less the answered lanes. An unknown match (the bridge left) does nothing."""
        held = self._reservations.pop(match, None)
        if held is None:
            return
        reservation, wanted = held
        bridge = self._bridges[reservation.bridge]
        bridge.reserved -= len(reservation.offers)
        bridge.pending -= 1
        if outcome.answered:
            bridge.heard_at = now
            bridge.standing.promised(now)
            bridge.free = max(0, bridge.free - outcome.answered)
            if wanted.reader not in bridge.readers:
                bridge.free_readers = max(0, bridge.free_readers - 1)
                if wanted.reader:
                    bridge.readers = (*bridge.readers, wanted.reader)[-self._limits.served_invites :]
            if wanted.invite not in bridge.served:
                bridge.served = (*bridge.served, wanted.invite)[-self._limits.served_invites :]
        if outcome.silent or outcome.refusals & FAULTS:
            bridge.standing.failed(now)
        elif Refusal.BUSY in outcome.refusals:
            bridge.busy_until = now + self._limits.aside_busy_s
            # It had said that it was free: once is a race, always is a bridge that only wastes readers' time.
            bridge.standing.promised(now)
        self._file(bridge)

    def gateway_reported(self, name: str, report: LaneReport, asker: Asker, now: float) -> None:
        """The gateway's word about a lane of this bridge that ``asker`` was matched with.

        A good lane that carried nothing proves nothing.
        """
        bridge = self._bridges.get(name)
        is_good = report.verdict is Verdict.GOOD
        if is_good and report.carried_bytes == 0:
            return
        if bridge is not None and bridge.standing.heard(report, asker, self._typical_bytes_s, now):
            bridge.doubters = frozenset()
        if is_good:
            self._harvest.earn(asker, report.carried_bytes, now)
        if report.rate_bytes_s:
            held = self._typical_bytes_s or report.rate_bytes_s
            self._typical_bytes_s = held * (report.rate_bytes_s / held) ** _RATE_GAIN

    def reader_reported(self, invite: bytes, reports: Iterable[Report], now: float) -> None:
        """Readers' words; see the module's head for how little they weigh. ``good`` takes one's own doubt back."""
        for report in reports:
            bridge = self._bridges.get(report.bridge)
            if bridge is None or invite not in bridge.served:
                continue
            if report.verdict is Verdict.GOOD:
                bridge.doubters -= {invite}
            elif (
                invite not in bridge.doubters
                and len(bridge.doubters) < self._limits.doubters
                and self._spend(invite, now)
            ):
                bridge.doubters |= {invite}

    def _pick(self, wanted: Wanted, now: float) -> list[_Bridge]:
        count = len(wanted.offers)
        least = min(count, wanted.spread or self._limits.default_spread)
        most = least if wanted.spread else count
        share = -(-count // max(1, least))
        picked: list[_Bridge] = []
        held = (self._bridges.get(name) for name in wanted.avoid)
        pools = self._pools_of(wanted.swarm)
        networks = {bridge.about.network for bridge in held if bridge is not None}
        # Who holds a swarm's own link may know all its bridges.
        books = [] if wanted.swarm else self._harvest.books(wanted.asker, now)
        for nat in NAT_ORDER[wanted.nat]:
            for group in self._ranked(pools.of_nat[nat], books, wanted.avoid, least, share, now):
                for may_repeat in (False, True):
                    for bridge in group:
                        if _is_enough(picked, least, most, count):
                            return picked
                        if bridge in picked or (bridge.about.network in networks and not may_repeat):
                            continue
                        if self._harvest.take(books, bridge.about.name, now):
                            networks.add(bridge.about.network)
                            picked.append(bridge)
        return picked

    def _ranked(
        self, pool: _Pool, books: list[Book], avoid: frozenset[str], wanted: int, share: int, now: float
    ) -> list[list[_Bridge]]:
        """Bridges of a NAT class, the best first, in groups of those of which the same is expected."""
        # With a budget spent, only what stands in its book may be given; the smallest book has the least in vain.
        spent = sorted((book for book in books if book.level(now) < 1.0), key=len)
        there = len(spent[0]) if spent else len(pool.all())
        count = self._limits.candidates
        while True:
            fitting = self._candidates(pool, books, spent, count, avoid, now)
            networks = len({bridge.about.network for bridge in fitting})
            room = sum(bridge.room for bridge in fitting)
            is_scarce = len(fitting) < wanted or networks < min(wanted, pool.networks) or room < wanted * share
            if not is_scarce or count >= min(there, self._learning.most_candidates):
                break
            count *= _FURTHER
        explores = self._rng.random() < self._learning.explore_share
        groups: list[list[tuple[tuple[bool, bool, float, float, float], _Bridge]]] = [[] for _ in Grade]
        for bridge in fitting:
            # First, since it lets what was seen weigh less by now.
            group = groups[bridge.standing.grade(now)]
            is_new = any(bridge.about.name not in book for book in books)
            burden = bridge.burden(share, self._learning.unproven_lanes) + self._new_penalty * is_new
            is_later = explores and not bridge.standing.is_untried
            key = (is_later, bridge.room < share, burden, -bridge.heard_at, self._rng.random())
            group.append((key, bridge))
        return [[bridge for _, bridge in sorted(group, key=lambda one: one[0])] for group in groups]

    def _candidates(
        self, pool: _Pool, books: list[Book], spent: list[Book], count: int, avoid: frozenset[str], now: float
    ) -> list[_Bridge]:
        """Up to so many that the asker was given before, and so many of all, as far as its budgets allow those."""
        found = [] if spent else pool.draw(count, self._rng)
        for book in (spent or books)[:1]:
            found = found + self._known(book, pool, count)
        return [
            bridge
            for bridge in dict.fromkeys(found)
            if bridge.about.name not in avoid
            and not bridge.is_aside(now)
            and all(bridge.about.name in book for book in spent)
        ]

    def _known(self, book: Book, pool: _Pool, count: int) -> list[_Bridge]:
        known = []
        for name in book.sample(count, self._rng):
            bridge = self._bridges.get(name)
            if bridge is None:
                self._harvest.forget(book, name)
            elif bridge in pool:
                known.append(bridge)
        return known

    def _hold(self, bridge: _Bridge, offers: tuple[int, ...], wanted: Wanted) -> Reservation:
        reservation = Reservation(f"{self._rng.getrandbits(96):024x}", bridge.about.name, bridge.about.network, offers)
        self._reservations[reservation.match] = (reservation, wanted)
        bridge.reserved += len(offers)
        bridge.pending += 1
        self._file(bridge)
        return reservation

    def _file(self, bridge: _Bridge) -> None:
        has_room = bridge.room > 0 and bridge.pending < self._limits.pending_per_bridge
        self._pools_of(bridge.about.swarm).of_nat[bridge.about.nat].file(bridge, has_room)

    def _spend(self, invite: bytes, now: float) -> bool:
        since, spent = self._budgets.get(invite, (now, 0))
        if now - since >= self._limits.report_window_s:
            since, spent = now, 0
        if spent >= self._limits.reports_per_invite:
            return False
        self._budgets[invite] = (since, spent + 1)
        self._budgets.move_to_end(invite)
        if len(self._budgets) > self._limits.limiter_entries:
            self._budgets.popitem(last=False)
        return True


def _is_enough(picked: list[_Bridge], least: int, most: int, count: int) -> bool:
    if len(picked) >= most:
        return True
    return len(picked) >= least and sum(bridge.room for bridge in picked) >= count
