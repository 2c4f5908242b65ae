"""A state machine over the matching: bridges come, speak, fail, leave; readers ask; a simple model keeps the books."""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from unwalled.broker.limits import Asker
from unwalled.broker.matching import Matching, Outcome, Reservation, WaitingBridge, Wanted
from unwalled.settings import BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Refusal, Report, Verdict

LIMITS = BrokerLimits(max_bridges=12, max_reservations=40, candidates=2, pending_per_bridge=6, default_spread=3)
NATS = st.sampled_from(list(Nat))
IMPOSSIBLE = {(Nat.RESTRICTED, Nat.RESTRICTED)}


class Model:
    """One bridge as it would keep its own books."""

    def __init__(self, about: WaitingBridge) -> None:
        self.about = about
        self.told_free, self.told_readers = about.capacity, about.readers
        self.answered_lanes = self.answered_readers = 0
        self.open: dict[str, Reservation] = {}
        self.trusted = True
        """Never failed and not reported: it cannot be put aside."""

    @property
    def room(self) -> int:
        if self.told_readers - self.answered_readers - len(self.open) <= 0 or len(self.open) >= 6:
            return 0
        reserved = sum(len(one.offers) for one in self.open.values())
        return max(0, self.told_free - self.answered_lanes - reserved)


class MatchingMachine(RuleBasedStateMachine):
    names = Bundle("names")
    matches = Bundle("matches")

    def __init__(self) -> None:
        super().__init__()
        self.matching = Matching(Random(5), LIMITS)
        self.bridges: dict[str, Model] = {}
        self.now = 0.0
        self.count = 0
        self.failed: set[str] = set()

    @initialize(
        target=names,
        crowd=st.lists(st.tuples(NATS, st.sampled_from("ABC"), st.integers(1, 4)), min_size=3, max_size=10),
    )
    def bridges_are_there(self, crowd: list[tuple[Nat, str, int]]) -> object:
        return multiple(*(self.a_bridge_joins_with(nat, network, lanes, 4) for nat, network, lanes in crowd))

    @rule(target=names, nat=NATS, network=st.sampled_from("ABC"), lanes=st.integers(0, 5), readers=st.integers(0, 4))
    def a_bridge_joins(self, nat: Nat, network: str, lanes: int, readers: int) -> str:
        return self.a_bridge_joins_with(nat, network, lanes, readers)

    def a_bridge_joins_with(self, nat: Nat, network: str, lanes: int, readers: int) -> str:
        self.count += 1
        about = WaitingBridge(f"b{self.count}", network, Client.PAGE, nat, lanes, readers)
        has_place = len(self.bridges) < LIMITS.max_bridges
        assert self.matching.join(about, self.now) == has_place
        if has_place:
            model = self.bridges[about.name] = Model(about)
            # It may come from a network that failed, and then starts aside.
            model.trusted = network not in self.failed
        return about.name

    @rule(name=consumes(names))
    def a_bridge_leaves(self, name: str) -> None:
        self.matching.leave(name)
        self.bridges.pop(name, None)

    @rule(name=names, free=st.integers(0, 6), readers=st.integers(0, 4))
    def a_bridge_tells_its_capacity(self, name: str, free: int, readers: int) -> None:
        self.matching.set_free(name, free, readers, self.now)
        if model := self.bridges.get(name):
            model.told_free, model.told_readers = free, readers
            model.answered_lanes = model.answered_readers = 0

    @rule(
        target=matches,
        nat=NATS,
        offers=st.integers(0, 8),
        spread=st.integers(0, 4),
        avoid=st.sets(st.integers(1, 12), max_size=3),
    )
    def a_reader_asks(self, nat: Nat, offers: int, spread: int, avoid: set[int]) -> object:
        avoided = frozenset(f"b{number}" for number in avoid)
        rooms = {name: model.room for name, model in self.bridges.items()}
        sure = {
            name: model.about.network
            for name, model in self.bridges.items()
            if model.trusted and model.room and name not in avoided and (nat, model.about.nat) not in IMPOSSIBLE
        }
        held = self.matching.reserve(Wanted(nat, tuple(range(offers)), spread, avoided, b"i"), self.now)
        used = [one.bridge for one in held]
        placed = [offer for one in held for offer in one.offers]
        assert len(used) == len(set(used))
        assert len(placed) == len(set(placed))
        assert not avoided & set(used)
        assert len(used) <= (spread or offers)
        for one in held:
            assert one.offers
            assert len(one.offers) <= rooms[one.bridge]
            assert (nat, self.bridges[one.bridge].about.nat) not in IMPOSSIBLE
            self.bridges[one.bridge].open[one.match] = one
        self.every_wish_was_met_that_could_be(avoided, offers, spread, used, placed, sure, rooms)
        return multiple(*(one.match for one in held))

    def every_wish_was_met_that_could_be(
        self,
        avoided: frozenset[str],
        offers: int,
        spread: int,
        used: list[str],
        placed: list[int],
        sure: dict[str, str],
        rooms: dict[str, int],
    ) -> None:
        if sum(len(model.open) for model in self.bridges.values()) + offers > LIMITS.max_reservations:
            return
        wish = min(offers, spread or LIMITS.default_spread)
        assert len(used) >= min(wish, len(sure))
        if not spread:
            assert len(placed) >= min(offers, sum(rooms[name] for name in sure))
        # No bridge of a network comes twice while another network has one of the same NAT class to give. A reader has
        # been in the networks of bridges that it avoids.
        known = {self.bridges[name].about.network for name in avoided if name in self.bridges}
        for kind in Nat:
            networks = [self.bridges[name].about.network for name in used if self.bridges[name].about.nat is kind]
            unused = {
                network for name, network in sure.items() if self.bridges[name].about.nat is kind and name not in used
            } - {self.bridges[name].about.network for name in used}
            unused -= known
            if len(networks) > len(set(networks)):
                assert not unused

    @rule(
        match=consumes(matches),
        answered=st.integers(0, 8),
        refusals=st.frozensets(st.sampled_from(list(Refusal)), max_size=2),
        silent=st.booleans(),
    )
    def a_match_ends(self, match: str, answered: int, refusals: frozenset[Refusal], silent: bool) -> None:
        model = next((model for model in self.bridges.values() if match in model.open), None)
        reservation = model.open.pop(match) if model else None
        answered = min(answered, len(reservation.offers)) if reservation else 0
        self.matching.settle(match, Outcome(answered, refusals, silent and not answered), self.now)
        if model:
            model.answered_lanes += answered
            model.answered_readers += bool(answered)
            if refusals or (silent and not answered):
                model.trusted = False
                self.failed.add(model.about.network)

    @rule(name=names, verdict=st.sampled_from(list(Verdict)))
    def the_gateway_reports(self, name: str, verdict: Verdict) -> None:
        self.matching.gateway_reported(name, LaneReport("ticket", verdict, 1), Asker(b"i"), self.now)
        if (model := self.bridges.get(name)) and verdict is not Verdict.GOOD:
            model.trusted = False
            self.failed.add(model.about.network)

    @rule(name=names, verdict=st.sampled_from(list(Verdict)), invite=st.sampled_from([b"i", b"j"]))
    def a_reader_reports(self, name: str, verdict: Verdict, invite: bytes) -> None:
        # Whatever readers say, ``trusted`` stays: the bridge must still be given out.
        self.matching.reader_reported(invite, [Report(name, verdict)], self.now)

    @rule(pause=st.floats(0.0, 4000.0))
    def time_passes(self, pause: float) -> None:
        self.now += pause

    @invariant()
    def the_books_agree(self) -> None:
        assert len(self.matching) == len(self.bridges)
        assert self.matching.waiting() == sum(model.room > 0 for model in self.bridges.values())

    def teardown(self) -> None:
        """All room that was reserved comes back."""
        for model in self.bridges.values():
            for match in model.open:
                self.matching.settle(match, Outcome(), self.now)
            model.open.clear()
        self.the_books_agree()
        for name in list(self.bridges):
            self.matching.leave(name)
        assert self.matching.waiting() == 0


MatchingMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestMatching = MatchingMachine.TestCase
