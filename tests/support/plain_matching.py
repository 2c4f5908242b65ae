"""The rules that the store of Redis goes by, in Python: the reference beside which the scripts are tested.

They are those of broker/matching.py without what is learned (speeds, expectations, budgets of bridges):

1. Only bridges that fit: the two NATs can meet, lanes and readers are free, the reader did not ask to avoid it, and
   it is not put aside.
2. NAT class, in the reader's order (``NAT_ORDER``). A reader without a NAT in its way takes the bridges that few
   others can use, so that the best ones stay for readers behind a restricted NAT.
3. A bridge in a network from which this reader has none yet, nor one that it asks to avoid: it avoids those that it
   has already, and those that failed.
4. Room for a whole share of the offers.
5. The least used, as a share of its capacity; doubt of readers counts a little against it.
6. The one heard of last, and then chance.

A bridge that fails is put aside, each time for twice as long; leaving and coming back does not wash that off. The
gateway's word is trusted. A reader's word only moves a bridge back in the order, never out of it, is heard only from
who was matched with that bridge, and each invite can spend only so many.

Room is counted in lanes and in readers: what the bridge said last, less what was answered since, less what is
reserved. A reservation holds room from the offer to its ``settle``.

A private bridge has the tag of its swarm. It is in the pools of that swarm alone, so that nobody else ever gets it, and
who wants that swarm gets nothing else.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from unwalled.broker.bounds import SWARM, SwarmLimits
from unwalled.broker.limits import Asker
from unwalled.broker.matching import FAULTS, NAT_ORDER, Outcome, Reservation, WaitingBridge, Wanted
from unwalled.settings import BROKER, BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Nat, Refusal, Report, Verdict

_DOUBT_WEIGHT = 0.25
_BAD_FAILURES = 4


@dataclass(slots=True)
class _Bridge:
    about: WaitingBridge
    free: int
    free_readers: int
    heard_at: float
    reserved: int = 0
    pending: int = 0
    failures: int = 0
    aside_until: float = 0.0
    busy_until: float = 0.0
    served: deque[bytes] = field(default_factory=deque)
    readers: deque[bytes] = field(default_factory=deque)
    doubters: set[bytes] = field(default_factory=set)
    slot: int = -1

    @property
    def room(self) -> int:
        if self.free_readers <= self.pending:
            return 0
        return max(0, self.free - self.reserved)

    @property
    def used(self) -> float:
        capacity = max(1, self.about.capacity)
        return 1.0 - min(self.room, capacity) / capacity + _DOUBT_WEIGHT * len(self.doubters)

    def is_aside(self, now: float) -> bool:
        return now < self.aside_until or now < self.busy_until


class _Pool:
    """The bridges of one NAT class that have room; a draw and a removal take the same time for any size."""

    def __init__(self) -> None:
        self._bridges: list[_Bridge] = []

    def file(self, bridge: _Bridge, has_room: bool) -> None:
        if has_room and bridge.slot < 0:
            bridge.slot = len(self._bridges)
            self._bridges.append(bridge)
        elif not has_room and bridge.slot >= 0:
            last = self._bridges.pop()
            if last is not bridge:
                self._bridges[bridge.slot] = last
                last.slot = bridge.slot
            bridge.slot = -1

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


class PlainMatching:
    """The table of waiting bridges and open reservations. Every table is bounded by ``limits`` and ``swarm_limits``."""

    def __init__(self, rng: Random, limits: BrokerLimits = BROKER, swarm_limits: SwarmLimits = SWARM) -> None:
        self._swarm_limits = swarm_limits
        self._rng = rng
        self._limits = limits
        self._bridges: dict[str, _Bridge] = {}
        self._public = _Pools()
        self._swarms: dict[str, _Pools] = {}
        self._reservations: dict[str, tuple[Reservation, Wanted]] = {}
        self._networks: OrderedDict[str, tuple[int, float]] = OrderedDict()
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

    def join(self, about: WaitingBridge, now: float) -> bool:
        """Takes a bridge in; False when the table, or its swarm, is full. A name must not be there twice."""
        if len(self._bridges) >= self._limits.max_bridges or about.name in self._bridges:
            return False
        if about.swarm and not self._has_place_in_swarm(about.swarm):
            return False
        most = self._limits.served_invites
        served: deque[bytes] = deque(maxlen=most)
        bridge = _Bridge(about, about.capacity, about.readers, now, served=served, readers=deque(maxlen=most))
        failures, until = self._networks.get(about.network, (0, 0.0))
        if now < until + self._limits.aside_max_s:
            bridge.failures, bridge.aside_until = failures, until
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
        if bridge.failures:
            self._networks[bridge.about.network] = (bridge.failures, bridge.aside_until)
            self._networks.move_to_end(bridge.about.network)
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
            bridge.free = max(0, bridge.free - outcome.answered)
            if wanted.reader not in bridge.readers:
                bridge.free_readers = max(0, bridge.free_readers - 1)
                if wanted.reader:
                    bridge.readers.append(wanted.reader)
            if wanted.invite not in bridge.served:
                bridge.served.append(wanted.invite)
        if outcome.silent or outcome.refusals & FAULTS:
            self._fail(bridge, 1, now)
        elif Refusal.BUSY in outcome.refusals:
            bridge.busy_until = now + self._limits.aside_busy_s
        self._file(bridge)

    def gateway_reported(self, name: str, report: LaneReport, asker: Asker, now: float) -> None:
        """The gateway's word about a lane of this bridge that ``asker`` was matched with.

        A good lane that carried nothing proves nothing. Otherwise it ends or begins a time aside.
        """
        bridge = self._bridges.get(name)
        verdict = report.verdict
        if bridge is None or (verdict is Verdict.GOOD and report.carried_bytes == 0):
            return
        if verdict is Verdict.GOOD:
            bridge.failures, bridge.aside_until = 0, 0.0
            bridge.doubters.clear()
        else:
            self._fail(bridge, _BAD_FAILURES if verdict is Verdict.BAD else 1, now)

    def reader_reported(self, invite: bytes, reports: Iterable[Report], now: float) -> None:
        """Readers' words; see the module's head for how little they weigh. ``good`` takes one's own doubt back."""
        for report in reports:
            bridge = self._bridges.get(report.bridge)
            if bridge is None or invite not in bridge.served:
                continue
            if report.verdict is Verdict.GOOD:
                bridge.doubters.discard(invite)
            elif (
                invite not in bridge.doubters
                and len(bridge.doubters) < self._limits.doubters
                and self._spend(invite, now)
            ):
                bridge.doubters.add(invite)

    def _pick(self, wanted: Wanted, now: float) -> list[_Bridge]:
        count = len(wanted.offers)
        least = min(count, wanted.spread or self._limits.default_spread)
        most = least if wanted.spread else count
        share = -(-count // max(1, least))
        picked: list[_Bridge] = []
        held = (self._bridges.get(name) for name in wanted.avoid)
        known = {bridge.about.network for bridge in held if bridge is not None}
        pools = self._pools_of(wanted.swarm)
        for nat in NAT_ORDER[wanted.nat]:
            ranked = self._ranked(pools.of_nat[nat], wanted.avoid, most, share, now)
            networks = known | {bridge.about.network for bridge in picked}
            repeated: list[_Bridge] = []
            for bridge in ranked:
                if _is_enough(picked, least, most, count):
                    return picked
                if bridge.about.network in networks:
                    repeated.append(bridge)
                else:
                    networks.add(bridge.about.network)
                    picked.append(bridge)
            for bridge in repeated:
                if _is_enough(picked, least, most, count):
                    return picked
                picked.append(bridge)
        return picked

    def _ranked(self, pool: _Pool, avoid: frozenset[str], wanted: int, share: int, now: float) -> list[_Bridge]:
        drawn = pool.draw(self._limits.candidates, self._rng)
        fitting = _fitting(drawn, avoid, now)
        networks = {bridge.about.network for bridge in fitting}
        if len(networks) < wanted and len(drawn) < len(pool.all()):
            fitting = _fitting(pool.all(), avoid, now)
        keys = {
            bridge.about.name: (bridge.room < share, bridge.used, -bridge.heard_at, self._rng.random())
            for bridge in fitting
        }
        return sorted(fitting, key=lambda bridge: keys[bridge.about.name])

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

    def _fail(self, bridge: _Bridge, weight: int, now: float) -> None:
        if now < bridge.aside_until:
            # Several lanes of one match die together; that is one failure.
            return
        bridge.failures += weight
        # Past this the doubling has long reached its bound, and a float would overflow.
        exponent = min(bridge.failures - 1, 30)
        bridge.aside_until = now + min(self._limits.aside_max_s, self._limits.aside_first_s * 2.0**exponent)

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


def _fitting(bridges: list[_Bridge], avoid: frozenset[str], now: float) -> list[_Bridge]:
    return [bridge for bridge in bridges if bridge.about.name not in avoid and not bridge.is_aside(now)]
