"""A day of a swarm on a simulated clock, around the real Matching: bridges and readers come and go, some do harm.

The course follows what has been published of Snowflake (Bocovich et al., USENIX Security 2024): half of the bridges are
gone within 20 hours and others come, both swing with the hour of the day, most bridges sit behind a restricted NAT, and
news brings many readers at once. What is not published is set here, in ``Plan``, and said beside the results.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from unwalled.broker.bounds import HARVEST
from unwalled.broker.limits import Asker, Prefixes
from unwalled.broker.matching import Matching, Outcome, WaitingBridge, Wanted
from unwalled.broker.standing import Grade
from unwalled.settings import MIB, BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Refusal, Verdict

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
_BRIDGE_NATS = ((Nat.RESTRICTED, 0.65), (Nat.UNRESTRICTED, 0.25), (Nat.UNKNOWN, 0.10))
_READER_NATS = ((Nat.RESTRICTED, 0.60), (Nat.UNRESTRICTED, 0.20), (Nat.UNKNOWN, 0.20))
_RETRY_S = 5.0
_PATIENCE_S = 60.0
_REPORT_S = 300.0


class Harm(Enum):
    """What a hostile bridge does."""

    TAMPERS = "changes records"
    DIES = "joins and falls silent"
    TRICKLES = "trickles"
    REFUSES = "refuses what it offered"
    CLOSES = "closes at once"
    SWALLOWS = "answers and never joins"


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens. Rates are for each second."""

    bridges: int = 100_000
    duration_s: float = DAY_S
    sessions: int = 200_000
    """Readers' sessions, the burst of the news event not counted."""
    hostile_share: float = 0.01
    half_gone_s: float = 20 * HOUR_S
    event_at: float = 14 * HOUR_S
    event_s: float = 1200.0
    event_readers: float = 20.0
    """How many times as many readers come during the event."""
    event_bridges: float = 5.0
    """The same for bridges."""
    crowd_share: float = 0.05
    """The part of the readers that is behind one carrier's address, with the public invite."""
    session_median_s: float = 480.0
    session_bytes: float = 20.0 * MIB
    attacker_every_s: float = 10.0


@dataclass(slots=True)
class _Bridge:
    about: WaitingBridge
    speed: float
    harm: Harm | None
    joined_at: float
    readers: int = 0
    lanes: int = 0
    matches: int = 0
    lane_s: float = 0.0
    first_match: float | None = None
    out_at: float | None = None


@dataclass(slots=True)
class _Session:
    asker: Asker
    nat: Nat
    reader: bytes
    began: float
    ends: float
    is_in_crowd: bool
    held: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Attacker:
    """Asks for as many bridges as it may, and only notes them."""

    name: str
    askers: list[Asker]
    allowed: int
    """What the threat model says it learns in a day."""
    learned: set[str] = field(default_factory=set)
    asked: int = 0


def attackers(hours: float) -> list[Attacker]:
    """Three who pose as many readers, with what the threat model allows them in so many hours."""
    invite = HARVEST.invite_burst + hours * HARVEST.invite_per_h
    narrow = HARVEST.narrow_burst + hours * HARVEST.narrow_per_h
    wide = HARVEST.wide_burst + hours * HARVEST.wide_per_h
    block = [Asker(b"leak-%d" % (n % 10), b"x-%d" % n, b"x") for n in range(256)]
    botnet = [Asker(b"leak", b"y-%d" % n, b"y-%d" % (n % 500)) for n in range(1000)]
    return [
        Attacker("one invite, one network", [Asker(b"lost", b"z", b"z")], int(min(invite, narrow))),
        Attacker("ten invites, a whole block", block, int(min(10 * invite, 256 * narrow, wide))),
        Attacker("one invite, a botnet", botnet, int(invite)),
    ]


@dataclass(slots=True)
class Results:
    """What came of it."""

    waits_s: list[float] = field(default_factory=list)
    crowd_waits_s: list[float] = field(default_factory=list)
    unserved: Counter[str] = field(default_factory=Counter)
    """Readers without a bridge within a minute: ``all``, ``crowd``, ``event``."""
    asked: Counter[str] = field(default_factory=Counter)
    matches: int = 0
    harmed: Counter[str] = field(default_factory=Counter)
    """Matches with a hostile bridge, by kind."""
    harm_by_hour: Counter[int] = field(default_factory=Counter)
    matches_by_hour: Counter[int] = field(default_factory=Counter)
    out_after_s: dict[str, list[float]] = field(default_factory=dict)
    never_out: Counter[str] = field(default_factory=Counter)
    harmed_by_bridge: list[int] = field(default_factory=list)
    served_by_bridge: list[float] = field(default_factory=list)
    """Of honest bridges that were there for an hour: lane-seconds in each second, over capacity and speed."""
    peak_loads: list[float] = field(default_factory=list)
    """Lanes in use over capacity of all bridges with any, during the event."""
    reserve_s: list[float] = field(default_factory=list)
    attackers: list[Attacker] = field(default_factory=list)
    series: list[tuple[float, int, int, int]] = field(default_factory=list)
    """(time, bridges there, sessions, of them in the last interval without bridge)."""

    def jain(self) -> float:
        """Jain's index of fairness over ``served_by_bridge`` (1 = all alike)."""
        loads = self.served_by_bridge
        squares = sum(load * load for load in loads)
        return sum(loads) ** 2 / (len(loads) * squares) if squares else 1.0


class SwarmWorld:
    """Runs a plan."""

    def __init__(
        self,
        plan: Plan,
        seed: int,
        attackers: list[Attacker] | None = None,
        stopwatch: Callable[[], float] | None = None,
    ) -> None:
        self._plan = plan
        self._rng = Random(seed)
        self._stopwatch = stopwatch
        most = plan.bridges * 2 + 1000
        self.matching = Matching(Random(seed + 1), BrokerLimits(max_bridges=most, max_reservations=most))
        self._bridges: dict[str, _Bridge] = {}
        self._sessions = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.now = 0.0
        self.results = Results(attackers=attackers or [])
        self._unserved_before = 0

    def run(self) -> Results:
        """The whole course."""
        plan = self._plan
        for _ in range(plan.bridges):
            self._bridge_comes()
        self._at(self._gap(self._bridge_rate()), self._next_bridge)
        self._at(self._gap(self._reader_rate()), self._next_reader)
        for attacker in self.results.attackers:
            self._at(self._rng.random() * plan.attacker_every_s, lambda one=attacker: self._attack(one))  # type: ignore[misc]
        self._at(0.0, self._sample)
        while self._events and self._events[0][0] <= plan.duration_s:
            self.now, _, event = heapq.heappop(self._events)
            event()
        for bridge in self._bridges.values():
            self._account(bridge)
        return self.results

    # Time.

    def _at(self, delay_s: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + delay_s, self._count, event))

    def _gap(self, rate: float) -> float:
        return self._rng.expovariate(rate)

    def _swing(self) -> float:
        """The hour of the day: least at four, most at sixteen o'clock."""
        return 1.0 - 0.5 * math.cos((self.now - 4 * HOUR_S) * 2 * math.pi / DAY_S)

    @property
    def _is_event(self) -> bool:
        return 0.0 <= self.now - self._plan.event_at < self._plan.event_s

    # Bridges.

    def _bridge_rate(self) -> float:
        usual = self._plan.bridges * math.log(2) / self._plan.half_gone_s
        return usual * self._swing() * (self._plan.event_bridges if self._is_event else 1.0)

    def _next_bridge(self) -> None:
        self._bridge_comes()
        self._at(self._gap(self._bridge_rate()), self._next_bridge)

    def _bridge_comes(self, again: _Bridge | None = None) -> None:
        rng = self._rng
        self._count += 1
        if again is None:
            is_headless = rng.random() < 0.1
            harm = rng.choice(list(Harm)) if rng.random() < self._plan.hostile_share else None
            network = f"n{rng.randrange(self._plan.bridges)}"
            nat = self._draw(_BRIDGE_NATS)
            lanes, readers = (64, 16) if is_headless else (16, 4)
            about = WaitingBridge(
                f"b{self._count}", network, Client.HEADLESS if is_headless else Client.PAGE, nat, lanes, readers
            )
            speed = min(max(rng.lognormvariate(0.0, 0.7), 0.1), 8.0)
        else:
            about = WaitingBridge(
                f"b{self._count}",
                again.about.network,
                again.about.client,
                again.about.nat,
                again.about.capacity,
                again.about.readers,
            )
            speed, harm = again.speed, again.harm
        bridge = _Bridge(about, speed, harm, self.now)
        if self.matching.join(about, self.now):
            self._bridges[about.name] = bridge
            stays_s = self._gap(math.log(2) / self._plan.half_gone_s)
            self._at(stays_s, lambda: self._bridge_goes(bridge))

    def _bridge_goes(self, bridge: _Bridge) -> None:
        if self._bridges.pop(bridge.about.name, None) is not None:
            self.matching.leave(bridge.about.name)
            self._account(bridge)

    def _account(self, bridge: _Bridge) -> None:
        results, alive_s = self.results, self.now - bridge.joined_at
        if bridge.harm is not None:
            if bridge.first_match is not None:
                results.harmed_by_bridge.append(bridge.matches)
                if bridge.out_at is None:
                    results.never_out[bridge.harm.value] += 1
                else:
                    found = results.out_after_s.setdefault(bridge.harm.value, [])
                    found.append(bridge.out_at - bridge.first_match)
        elif alive_s >= min(HOUR_S, self._plan.duration_s / 2):
            results.served_by_bridge.append(
                (bridge.lane_s + self.now * bridge.lanes) / alive_s / (bridge.about.capacity * bridge.speed)
            )

    def _says_capacity(self, bridge: _Bridge) -> None:
        if bridge.about.name in self._bridges:
            about = bridge.about
            self.matching.set_free(
                about.name, max(0, about.capacity - bridge.lanes), max(0, about.readers - bridge.readers), self.now
            )

    # Readers.

    def _reader_rate(self) -> float:
        usual = self._plan.sessions / self._plan.duration_s * self._swing()
        return usual * (self._plan.event_readers if self._is_event else 1.0)

    def _next_reader(self) -> None:
        rng = self._rng
        is_in_crowd = rng.random() < self._plan.crowd_share
        if is_in_crowd:
            asker = Asker(b"public", b"carrier", b"carrier-block")
        else:
            network = rng.randrange(20_000)
            invite = b"public" if rng.random() < 0.6 else b"friend-%d" % (network % 2000)
            asker = Asker(invite, b"net-%d" % network, b"block-%d" % (network % 500))
        length_s = rng.lognormvariate(math.log(self._plan.session_median_s), 1.0)
        reader = rng.getrandbits(64).to_bytes(8, "big")
        session = _Session(asker, self._draw(_READER_NATS), reader, self.now, self.now + length_s, is_in_crowd)
        self.results.asked["all"] += 1
        self.results.asked["crowd"] += is_in_crowd
        self.results.asked["event"] += self._is_event
        self._sessions += 1
        self._at(length_s, lambda: self._session_ends(session))
        self._ask(session, self.now, is_first=True)
        self._at(self._gap(self._reader_rate()), self._next_reader)

    def _session_ends(self, session: _Session) -> None:
        self._sessions -= 1
        for name in list(session.held):
            self._lane_ends(session, name)

    def _reserve(self, wanted: Wanted) -> list[tuple[str, _Bridge, int]]:
        began = self._stopwatch() if self._stopwatch else 0.0
        held = self.matching.reserve(wanted, self.now)
        if self._stopwatch:
            self.results.reserve_s.append(self._stopwatch() - began)
        return [(one.match, self._bridges[one.bridge], len(one.offers)) for one in held]

    def _ask(self, session: _Session, since: float, *, is_first: bool) -> None:
        lanes = 8 if is_first else 2
        avoid = frozenset(session.held)
        wanted = Wanted(
            session.nat,
            tuple(range(lanes)),
            0 if is_first else 1,
            avoid,
            session.asker.invite,
            session.reader,
            prefixes=Prefixes(session.asker.narrow, session.asker.wide),
        )
        served = False
        for match, bridge, offers in self._reserve(wanted):
            served |= self._bridge_answers(session, match, bridge, offers)
        if not is_first or session.ends <= self.now:
            return
        if served:
            wait_s = self.now - since + 0.2 + self._rng.expovariate(2.0)
            (self.results.crowd_waits_s if session.is_in_crowd else self.results.waits_s).append(wait_s)
        elif self.now - since < _PATIENCE_S:
            self._at(_RETRY_S, lambda: self._ask(session, since, is_first=True))
        else:
            self.results.unserved["all"] += 1
            self.results.unserved["crowd"] += session.is_in_crowd
            self.results.unserved["event"] += self._is_event

    def _bridge_answers(self, session: _Session, match: str, bridge: _Bridge, offers: int) -> bool:
        """What becomes of one reservation; True when the reader has a lane that carries."""
        rng, hour = self._rng, int(self.now // HOUR_S)
        self.results.matches += 1
        self.results.matches_by_hour[hour] += 1
        bridge.matches += 1
        if bridge.harm is not None:
            if bridge.first_match is None:
                bridge.first_match = self.now
            self.results.harmed[bridge.harm.value] += 1
            self.results.harm_by_hour[hour] += 1
        if bridge.harm is Harm.REFUSES:
            self.matching.settle(match, Outcome(refusals=frozenset({Refusal.FAILED})), self.now)
            self._look_at(bridge)
            return False
        if bridge.harm is None and rng.random() < 0.02:
            self.matching.settle(match, Outcome(silent=True), self.now)
            return False
        self.matching.settle(match, Outcome(answered=offers), self.now)
        if bridge.harm is Harm.SWALLOWS or (bridge.harm is None and rng.random() < 0.05):
            # Its lanes never open; it says so that it is free, and the reader looks elsewhere.
            self._at(10.0, lambda: self._says_capacity(bridge))
            self._look_at(bridge)
            return False
        session.held[bridge.about.name] = offers
        bridge.lanes += offers
        bridge.readers += 1
        bridge.lane_s -= self.now * offers
        delay_s = {Harm.TAMPERS: 5.0, Harm.DIES: 15.0, Harm.TRICKLES: 20.0, Harm.CLOSES: 3.0}
        if bridge.harm is not None:
            self._at(delay_s[bridge.harm], lambda: self._harms(session, bridge))
            return False
        self._at(10.0, lambda: self._reports(session, bridge, 10.0))
        return True

    def _harms(self, session: _Session, bridge: _Bridge) -> None:
        if bridge.about.name not in session.held:
            return
        harm, report = bridge.harm, LaneReport("t", Verdict.GOOD, 5000)
        if harm is Harm.TAMPERS:
            report = LaneReport("t", Verdict.BAD, 5000)
        elif harm is Harm.DIES:
            report = LaneReport("t", Verdict.DEAD)
        elif harm is Harm.TRICKLES:
            report = LaneReport("t", Verdict.GOOD, 5000, rate_bytes_s=1000.0, limited_s=10.0, peers_bytes_s=200_000.0)
        else:
            report = LaneReport("t", Verdict.GOOD, 5000, closed_early=True)
        self.matching.gateway_reported(bridge.about.name, report, session.asker, self.now)
        self._look_at(bridge)
        self._lane_ends(session, bridge.about.name)
        if session.ends > self.now:
            self._ask(session, self.now, is_first=False)

    def _look_at(self, bridge: _Bridge) -> None:
        held = self.matching.standing(bridge.about.name)
        if bridge.harm is None or bridge.out_at is not None or held is None:
            return
        if held.is_aside(self.now) or held.grade(self.now) is not Grade.FIT or held.burden >= 0.5:
            bridge.out_at = self.now
            if self._rng.random() < 0.25:
                # It tries to wash it off.
                self._at(30.0, lambda: self._comes_back(bridge))

    def _comes_back(self, bridge: _Bridge) -> None:
        if bridge.about.name in self._bridges:
            self._bridge_goes(bridge)
            self._bridge_comes(bridge)

    def _reports(self, session: _Session, bridge: _Bridge, since_s: float) -> None:
        name = bridge.about.name
        if name not in session.held or name not in self._bridges:
            if session.held.pop(name, None) is not None and session.ends > self.now:
                self._ask(session, self.now, is_first=False)
            return
        shares = max(1, len(session.held))
        length_s = max(session.ends - session.began, 60.0)
        carried = int(self._plan.session_bytes * min(1.0, since_s / length_s) / shares) + 1
        crowding = max(1, bridge.readers)
        rate = 150_000.0 * bridge.speed / crowding * self._rng.lognormvariate(0.0, 0.3)
        report = LaneReport(
            "t", Verdict.GOOD, carried, ended=False, rate_bytes_s=rate, limited_s=3.0, peers_bytes_s=150_000.0
        )
        self.matching.gateway_reported(name, report, session.asker, self.now)
        self._at(_REPORT_S, lambda: self._reports(session, bridge, _REPORT_S))

    def _lane_ends(self, session: _Session, name: str) -> None:
        offers = session.held.pop(name, 0)
        bridge = self._bridges.get(name)
        if bridge is not None and offers:
            bridge.lanes -= offers
            bridge.readers -= 1
            bridge.lane_s += self.now * offers
            self._says_capacity(bridge)

    # Attackers, and what is looked at.

    def _attack(self, attacker: Attacker) -> None:
        asker = attacker.askers[attacker.asked % len(attacker.askers)]
        attacker.asked += 1
        wanted = Wanted(
            self._draw(_READER_NATS),
            tuple(range(16)),
            16,
            frozenset(),
            asker.invite,
            prefixes=Prefixes(asker.narrow, asker.wide),
        )
        for match, bridge, offers in self._reserve(wanted):
            attacker.learned.add(bridge.about.name)
            self.matching.settle(match, Outcome(answered=offers), self.now)
            self._at(10.0, lambda one=bridge: self._says_capacity(one))  # type: ignore[misc]
        self._at(self._plan.attacker_every_s, lambda: self._attack(attacker))

    def _sample(self) -> None:
        unserved = self.results.unserved["all"]
        self.results.series.append((self.now, len(self._bridges), self._sessions, unserved - self._unserved_before))
        self._unserved_before = unserved
        if self._is_event:
            self.results.peak_loads = [
                bridge.lanes / bridge.about.capacity for bridge in self._bridges.values() if bridge.harm is None
            ]
        self._at(min(300.0, self._plan.event_s / 2), self._sample)

    def _draw(self, mix: tuple[tuple[Nat, float], ...]) -> Nat:
        place = self._rng.random()
        for nat, share in mix:
            place -= share
            if place < 0.0:
                return nat
        return mix[-1][0]
