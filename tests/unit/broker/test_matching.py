from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from unwalled.broker.bounds import HarvestLimits, SwarmLimits
from unwalled.broker.limits import Asker, Prefixes
from unwalled.broker.matching import Matching, Outcome, Reservation, WaitingBridge, Wanted
from unwalled.settings import BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Refusal, Report, Verdict

ASKER = Asker(b"i")
OPEN, CLOSED, UNKNOWN = Nat.UNRESTRICTED, Nat.RESTRICTED, Nat.UNKNOWN


def table(limits: BrokerLimits | None = None) -> Matching:
    return Matching(Random(1), limits or BrokerLimits())


def join(
    matching: Matching,
    name: str,
    *,
    nat: Nat = OPEN,
    network: str = "",
    capacity: int = 8,
    readers: int = 8,
    now: float = 0.0,
) -> None:
    assert matching.join(WaitingBridge(name, network or f"net-{name}", Client.PAGE, nat, capacity, readers), now)


def wanted(count: int = 1, *, nat: Nat = OPEN, spread: int = 1, avoid: str = "", invite: bytes = b"i") -> Wanted:
    return Wanted(nat, tuple(range(count)), spread, frozenset(avoid.split()), invite)


def bridges(reservations: list[Reservation]) -> list[str]:
    return [reservation.bridge for reservation in reservations]


def hear(matching: Matching, name: str, verdict: Verdict, now: float, asker: Asker = ASKER) -> None:
    matching.gateway_reported(name, LaneReport("ticket", verdict, 100_000), asker, now)


def serve(matching: Matching, invite: bytes, now: float = 0.0) -> str:
    """One match that is answered; gives the bridge."""
    (held,) = matching.reserve(wanted(invite=invite), now)
    matching.settle(held.match, Outcome(answered=1), now)
    return held.bridge


@pytest.mark.parametrize(
    ("reader", "order"),
    [(OPEN, [CLOSED, UNKNOWN, OPEN]), (UNKNOWN, [OPEN, UNKNOWN, CLOSED]), (CLOSED, [OPEN, UNKNOWN])],
)
def test_nat_classes_are_taken_in_the_readers_order(reader: Nat, order: list[Nat]) -> None:
    matching = table()
    for nat in Nat:
        join(matching, nat.value, nat=nat, capacity=1)
    taken = [name for _ in Nat for name in bridges(matching.reserve(wanted(nat=reader), 0.0))]
    assert taken == [nat.value for nat in order]


def test_two_restricted_ends_are_never_matched() -> None:
    matching = table()
    join(matching, "a", nat=CLOSED)
    assert matching.reserve(wanted(nat=CLOSED), 0.0) == []


def test_the_least_used_comes_first() -> None:
    matching = table()
    join(matching, "busy", capacity=10)
    join(matching, "idle", capacity=4)
    matching.set_free("busy", 5, 8, 0.0)
    matching.set_free("idle", 3, 8, 0.0)
    assert bridges(matching.reserve(wanted(), 1.0)) == ["idle"]


def test_of_equally_used_ones_the_freshest_comes_first() -> None:
    matching = table()
    for at, name in enumerate(("old", "new", "mid")):
        join(matching, name, now={"old": 1.0, "new": 9.0, "mid": 5.0}[name] + at * 0.0)
    assert [bridges(matching.reserve(wanted(avoid=avoid), 9.0)) for avoid in ("", "new", "new mid")] == [
        ["new"],
        ["mid"],
        ["old"],
    ]


def test_chance_decides_between_equals() -> None:
    taken = set()
    for seed in range(20):
        matching = Matching(Random(seed))
        join(matching, "a")
        join(matching, "b")
        taken.add(matching.reserve(wanted(), 0.0)[0].bridge)
    assert taken == {"a", "b"}


def test_a_bridge_with_room_for_the_whole_share_is_preferred() -> None:
    matching = table()
    join(matching, "small", capacity=2, now=5.0)
    join(matching, "large", capacity=8)
    matching.set_free("large", 5, 8, 0.0)
    (held,) = matching.reserve(wanted(4), 5.0)
    assert (held.bridge, held.offers) == ("large", (0, 1, 2, 3))


def test_offers_are_spread_evenly_and_each_is_placed_once() -> None:
    matching = table()
    for name in "abc":
        join(matching, name)
    held = matching.reserve(wanted(8, spread=3), 0.0)
    assert sorted(len(one.offers) for one in held) == [2, 3, 3]
    assert sorted(offer for one in held for offer in one.offers) == list(range(8))


def test_no_more_bridges_than_the_reader_wants() -> None:
    matching = table()
    for name in "abcdef":
        join(matching, name, capacity=1)
    assert len(matching.reserve(wanted(6, spread=2), 0.0)) == 2


def test_the_brokers_own_choice_takes_more_bridges_when_they_are_small() -> None:
    matching = table(BrokerLimits(default_spread=2))
    for name in "abcdef":
        join(matching, name, capacity=1)
    assert len(matching.reserve(wanted(5, spread=0), 0.0)) == 5
    large = table(BrokerLimits(default_spread=2))
    for name in "abcdef":
        join(large, name)
    assert len(large.reserve(wanted(5, spread=0), 0.0)) == 2


def test_networks_are_spread_before_bridges_of_one_network() -> None:
    matching = table()
    for name, network, at in (("a1", "A", 9.0), ("a2", "A", 8.0), ("b1", "B", 1.0)):
        join(matching, name, network=network, now=at)
    assert bridges(matching.reserve(wanted(2, spread=2), 9.0)) == ["a1", "b1"]
    assert bridges(matching.reserve(wanted(3, spread=3), 9.0))[2:] in (["a1"], ["a2"])


def test_a_further_bridge_comes_from_a_network_that_the_reader_does_not_have() -> None:
    matching = table()
    for name, network, at in (("a1", "A", 9.0), ("a2", "A", 8.0), ("b1", "B", 1.0)):
        join(matching, name, network=network, now=at)
    assert bridges(matching.reserve(wanted(avoid="a1 gone"), 10.0)) == ["b1"]
    assert bridges(matching.reserve(wanted(avoid="a1 b1"), 10.0)) == ["a2"], "but better one from there than none"


def test_one_network_is_better_than_no_spread() -> None:
    matching = table()
    for name in ("a1", "a2"):
        join(matching, name, network="A")
    assert sorted(bridges(matching.reserve(wanted(2, spread=2), 0.0))) == ["a1", "a2"]


def test_a_better_nat_class_counts_more_than_another_network() -> None:
    matching = table()
    join(matching, "a1", network="A")
    join(matching, "a2", network="A")
    join(matching, "b", network="B", nat=UNKNOWN)
    assert sorted(bridges(matching.reserve(wanted(2, nat=CLOSED, spread=2), 0.0))) == ["a1", "a2"]
    assert "b" in bridges(matching.reserve(wanted(3, nat=CLOSED, spread=3), 0.0))


def test_avoided_bridges_are_not_given_again_even_when_alone() -> None:
    matching = table()
    join(matching, "a")
    assert matching.reserve(wanted(avoid="a"), 0.0) == []


def test_reserved_room_is_not_given_twice_and_comes_back() -> None:
    matching = table()
    join(matching, "a", capacity=3)
    (first,) = matching.reserve(wanted(2), 0.0)
    (second,) = matching.reserve(wanted(2), 0.0)
    assert (len(first.offers), len(second.offers)) == (2, 1)
    assert matching.reserve(wanted(), 0.0) == []
    assert matching.waiting() == 0
    matching.settle(first.match, Outcome(), 0.0)
    assert len(matching.reserve(wanted(5), 0.0)[0].offers) == 2


def test_answered_lanes_stay_taken_until_the_bridge_says_otherwise() -> None:
    matching = table()
    join(matching, "a", capacity=2)
    (held,) = matching.reserve(wanted(2), 0.0)
    matching.settle(held.match, Outcome(answered=2), 0.0)
    assert matching.reserve(wanted(), 0.0) == []
    matching.set_free("a", 1, 8, 0.0)
    assert bridges(matching.reserve(wanted(), 0.0)) == ["a"]


def test_readers_are_counted_like_lanes() -> None:
    matching = table()
    join(matching, "a", readers=2)
    (first,) = matching.reserve(wanted(), 0.0)
    matching.reserve(wanted(), 0.0)
    assert matching.reserve(wanted(), 0.0) == []
    matching.settle(first.match, Outcome(answered=1), 0.0)
    assert matching.reserve(wanted(), 0.0) == []
    matching.set_free("a", 7, 2, 0.0)
    assert len(matching.reserve(wanted(), 0.0)) == 1


def test_a_bridge_owes_only_so_many_answers() -> None:
    matching = table(BrokerLimits(pending_per_bridge=2))
    join(matching, "a")
    assert [len(matching.reserve(wanted(), 0.0)) for _ in range(3)] == [1, 1, 0]


def test_a_failing_bridge_is_put_aside_for_twice_as_long_each_time() -> None:
    limits = BrokerLimits(aside_first_s=10.0, aside_max_s=35.0)
    matching = table(limits)
    join(matching, "a")
    now = 0.0
    for length in (10.0, 20.0, 35.0, 35.0):
        (held,) = matching.reserve(wanted(), now)
        matching.settle(held.match, Outcome(silent=True), now)
        assert matching.reserve(wanted(), now + length - 0.1) == []
        now += length


@pytest.mark.parametrize("reason", [Refusal.FAILED, Refusal.GATEWAY])
def test_refusals_that_are_the_bridges_fault_put_it_aside(reason: Refusal) -> None:
    matching = table()
    join(matching, "a")
    (held,) = matching.reserve(wanted(), 0.0)
    matching.settle(held.match, Outcome(refusals=frozenset({reason})), 0.0)
    assert matching.reserve(wanted(), 9.0) == []
    assert matching.reserve(wanted(), 11.0) != []


def test_a_refused_description_is_not_held_against_the_bridge() -> None:
    matching = table()
    join(matching, "a")
    (held,) = matching.reserve(wanted(), 0.0)
    matching.settle(held.match, Outcome(refusals=frozenset({Refusal.DESCRIPTION})), 0.0)
    assert bridges(matching.reserve(wanted(), 0.0)) == ["a"]


def test_a_busy_bridge_is_left_alone_until_it_tells_its_capacity() -> None:
    matching = table()
    join(matching, "a")
    for _ in range(2):
        (held,) = matching.reserve(wanted(), 0.0)
        matching.settle(held.match, Outcome(refusals=frozenset({Refusal.BUSY})), 0.0)
        assert matching.reserve(wanted(), 1.9) == []
        matching.set_free("a", 8, 8, 1.9)
    assert bridges(matching.reserve(wanted(), 1.9)) == ["a"]


def test_lanes_of_one_match_that_die_together_are_one_failure() -> None:
    matching = table()
    join(matching, "a")
    for _ in range(8):
        hear(matching, "a", Verdict.DEAD, 0.0)
    assert matching.reserve(wanted(), 10.1) != []


def test_the_gateway_ends_a_time_aside() -> None:
    matching = table()
    join(matching, "a")
    hear(matching, "a", Verdict.DEAD, 0.0)
    assert matching.reserve(wanted(), 5.0) == []
    hear(matching, "a", Verdict.GOOD, 5.0)
    assert bridges(matching.reserve(wanted(), 5.0)) == ["a"]
    hear(matching, "nobody", Verdict.BAD, 0.0)


def test_leaving_and_coming_back_does_not_wash_a_failure_off() -> None:
    matching = table()
    join(matching, "a", network="A")
    hear(matching, "a", Verdict.BAD, 0.0)
    matching.leave("a")
    join(matching, "a-again", network="A", now=1.0)
    join(matching, "b", network="B", now=1.0)
    assert bridges(matching.reserve(wanted(2, spread=2), 2.0)) == ["b"]
    assert "a-again" in bridges(matching.reserve(wanted(2, spread=2), 90.0))


def test_a_network_is_forgiven_in_the_end() -> None:
    matching = table()
    join(matching, "a", network="A")
    hear(matching, "a", Verdict.DEAD, 0.0)
    matching.leave("a")
    join(matching, "b", network="A", now=5000.0)
    hear(matching, "b", Verdict.DEAD, 5000.0)
    assert matching.reserve(wanted(), 5011.0) != []


def test_only_so_many_networks_are_remembered() -> None:
    matching = table(BrokerLimits(remembered_networks=1))
    for name in "ab":
        join(matching, name, network=name)
        hear(matching, name, Verdict.BAD, 0.0)
        matching.leave(name)
    join(matching, "a", network="a")
    join(matching, "b", network="b")
    assert bridges(matching.reserve(wanted(2, spread=2), 1.0)) == ["a"]


def test_one_readers_further_lanes_take_no_further_reader_place() -> None:
    matching = table()
    join(matching, "a", readers=2)

    def match(reader: bytes) -> list[Reservation]:
        held = matching.reserve(replace(wanted(), reader=reader), 0.0)
        for one in held:
            matching.settle(one.match, Outcome(answered=1), 0.0)
        return held

    assert bridges(match(b"one") + match(b"one") + match(b"one") + match(b"two")) == ["a"] * 4
    assert match(b"three") == []
    matching.set_free("a", 4, 2, 0.0)
    assert bridges(match(b"") + match(b"")) == ["a", "a"]
    assert match(b"") == []


def test_a_readers_doubt_moves_a_bridge_back_but_never_out() -> None:
    matching = table()
    join(matching, "a", now=9.0)
    join(matching, "b", now=1.0)
    assert serve(matching, b"i") == "a"
    matching.set_free("a", 8, 8, 9.0)
    matching.reader_reported(b"i", [Report("a", Verdict.DEAD), Report("a", Verdict.BAD)], 9.0)
    assert bridges(matching.reserve(wanted(), 9.0)) == ["b"]
    assert bridges(matching.reserve(wanted(avoid="b"), 9.0)) == ["a"]


def test_doubt_is_taken_back_by_its_reader_or_by_the_gateway() -> None:
    for undo in ("reader", "gateway"):
        matching = table()
        join(matching, "a", now=9.0)
        join(matching, "b", now=1.0)
        serve(matching, b"i")
        matching.set_free("a", 8, 8, 9.0)
        matching.reader_reported(b"i", [Report("a", Verdict.DEAD)], 9.0)
        if undo == "reader":
            matching.reader_reported(b"i", [Report("a", Verdict.GOOD)], 9.0)
        else:
            hear(matching, "a", Verdict.GOOD, 9.0)
        assert bridges(matching.reserve(wanted(), 9.0)) == ["a"]


def test_only_who_was_matched_with_a_bridge_is_heard() -> None:
    matching = table()
    join(matching, "a", now=9.0)
    join(matching, "b", now=1.0)
    matching.reader_reported(b"stranger", [Report("a", Verdict.BAD), Report("nobody", Verdict.BAD)], 9.0)
    assert bridges(matching.reserve(wanted(), 9.0)) == ["a"]


def test_one_invite_can_doubt_only_so_many_bridges_in_a_while() -> None:
    matching = table(BrokerLimits(reports_per_invite=1, report_window_s=100.0, limiter_entries=1))
    join(matching, "a", now=9.0)
    join(matching, "b", now=8.0)
    join(matching, "c", now=7.0)
    for avoid in ("", "a"):
        (held,) = matching.reserve(wanted(avoid=avoid), 9.0)
        matching.settle(held.match, Outcome(answered=1), 9.0)
        matching.set_free(held.bridge, 8, 8, 9.0)
    doubts = [Report("a", Verdict.BAD), Report("b", Verdict.BAD)]
    matching.reader_reported(b"i", doubts, 9.0)
    assert bridges(matching.reserve(wanted(avoid="c"), 9.0)) == ["b"]
    matching.reader_reported(b"i", doubts, 109.0)
    assert bridges(matching.reserve(wanted(), 109.0)) == ["c"]


def test_doubts_and_budgets_are_bounded() -> None:
    matching = table(BrokerLimits(doubters=1, limiter_entries=1))
    join(matching, "a", now=9.0)
    join(matching, "b", now=8.0, capacity=2)
    matching.set_free("b", 1, 1, 8.0)
    for invite in (b"i", b"j"):
        assert serve(matching, invite, 9.0) == "a"
        matching.set_free("a", 8, 8, 9.0)
    for invite in (b"i", b"j"):
        matching.reader_reported(invite, [Report("a", Verdict.BAD)], 9.0)
    # One doubt weighs a quarter; the other bridge is half used.
    assert bridges(matching.reserve(wanted(), 9.0)) == ["a"]


def test_of_two_invites_budgets_the_longest_unused_is_forgotten() -> None:
    matching = table(BrokerLimits(reports_per_invite=1, limiter_entries=1))
    for name in "abc":
        join(matching, name)
        for invite in (b"i", b"j"):
            (held,) = matching.reserve(wanted(invite=invite, avoid=" ".join(set("abc") - {name})), 0.0)
            matching.settle(held.match, Outcome(answered=1), 0.0)
    matching.reader_reported(b"i", [Report("a", Verdict.BAD)], 0.0)
    matching.reader_reported(b"j", [Report("b", Verdict.BAD)], 0.0)
    matching.reader_reported(b"i", [Report("c", Verdict.BAD)], 0.0)
    join(matching, "d", capacity=7)
    matching.set_free("d", 5, 8, 0.0)
    assert bridges(matching.reserve(wanted(), 0.0)) == ["d"]


def test_a_served_reader_is_remembered_once() -> None:
    matching = table(BrokerLimits(served_invites=2))
    join(matching, "a")
    for invite in (b"i", b"j", b"j", b"j"):
        serve(matching, invite)
        matching.set_free("a", 8, 8, 0.0)
    join(matching, "b")
    matching.reader_reported(b"i", [Report("a", Verdict.BAD)], 0.0)
    assert bridges(matching.reserve(wanted(), 0.0)) == ["b"]


def test_a_bridge_that_leaves_takes_its_reservations_along() -> None:
    matching = table()
    join(matching, "a")
    join(matching, "b")
    held = matching.reserve(wanted(2, spread=2), 0.0)
    matching.leave("a")
    matching.leave("a")
    for one in held:
        matching.settle(one.match, Outcome(answered=1), 0.0)
    assert len(matching) == 1
    assert bridges(matching.reserve(wanted(2, spread=2), 0.0)) == ["b"]
    matching.set_free("a", 8, 8, 0.0)


def test_tables_are_bounded() -> None:
    matching = table(BrokerLimits(max_bridges=1, max_reservations=2))
    join(matching, "a")
    assert not matching.join(WaitingBridge("b", "n", Client.PAGE, OPEN, 1, 1), 0.0)
    assert not matching.join(WaitingBridge("a", "n", Client.PAGE, OPEN, 1, 1), 0.0)
    assert matching.reserve(wanted(3), 0.0) == []
    assert len(matching.reserve(wanted(2), 0.0)) == 1


def test_of_many_bridges_some_are_drawn_and_all_are_searched_when_those_do_not_fit() -> None:
    matching = table(BrokerLimits(candidates=4))
    names = [f"b{number}" for number in range(50)]
    for name in names:
        join(matching, name)
    taken = {bridges(matching.reserve(wanted(invite=b""), 0.0))[0] for _ in range(40)}
    assert len(taken) > 20
    assert bridges(matching.reserve(wanted(avoid=" ".join(names[1:])), 0.0)) == ["b0"]


def test_no_offers_are_no_match() -> None:
    matching = table()
    join(matching, "a")
    assert matching.reserve(wanted(0), 0.0) == []
    assert matching.reserve(wanted(0, spread=0), 0.0) == []


def test_a_bridge_without_capacity_is_not_offered_anything() -> None:
    matching = table()
    join(matching, "a", capacity=0)
    join(matching, "b", readers=0)
    assert matching.waiting() == 0
    assert matching.reserve(wanted(), 0.0) == []


def private(name: str, swarm: str = "family", nat: Nat = OPEN) -> WaitingBridge:
    return WaitingBridge(name, f"net-{name}", Client.PAGE, nat, 8, 8, swarm)


def test_a_private_bridge_is_for_its_swarm_alone_and_the_swarm_has_no_other() -> None:
    matching = table()
    join(matching, "public")
    assert matching.join(private("aunt"), 0.0)
    assert matching.join(private("stranger", "others"), 0.0)
    assert bridges(matching.reserve(wanted(4, spread=4), 0.0)) == ["public"]
    assert bridges(matching.reserve(replace(wanted(4, spread=4), swarm="family"), 0.0)) == ["aunt"]
    assert matching.reserve(replace(wanted(), swarm="nobody"), 0.0) == []
    assert matching.waiting() == 1
    assert matching.swarms == 2


def test_helpers_of_one_swarm_share_its_readers_by_the_rules_for_all() -> None:
    matching = table()
    assert matching.join(private("closed", nat=CLOSED), 0.0)
    assert matching.join(private("open"), 0.0)
    family = replace(wanted(2, spread=2), swarm="family")
    assert bridges(matching.reserve(family, 0.0)) == ["closed", "open"]
    assert bridges(matching.reserve(replace(family, nat=CLOSED), 0.0)) == ["open"]


def test_a_swarm_is_gone_with_its_last_bridge() -> None:
    matching = table()
    assert matching.join(private("one"), 0.0)
    assert matching.join(private("two"), 0.0)
    matching.leave("one")
    assert matching.swarms == 1
    matching.leave("two")
    assert matching.swarms == 0
    assert matching.reserve(replace(wanted(), swarm="family"), 0.0) == []


def test_swarms_and_their_bridges_are_bounded() -> None:
    matching = Matching(Random(1), BrokerLimits(), SwarmLimits(max_swarms=2, bridges_per_swarm=2))
    assert matching.join(private("a1", "a"), 0.0)
    assert matching.join(private("b1", "b"), 0.0)
    assert not matching.join(private("c1", "c"), 0.0)
    assert matching.join(private("a2", "a"), 0.0)
    assert not matching.join(private("a3", "a"), 0.0)
    join(matching, "public")
    matching.leave("b1")
    assert matching.join(private("c1", "c"), 0.0)


def tell(matching: Matching, name: str, report: LaneReport, askers: int = 1) -> None:
    for number in range(askers):
        matching.gateway_reported(name, report, Asker(b"i%d" % number, b"n%d" % number), 0.0)


def test_a_good_lane_that_carried_nothing_proves_nothing() -> None:
    matching = table()
    join(matching, "a")
    tell(matching, "a", LaneReport("t", Verdict.GOOD, 0))
    held = matching.standing("a")
    assert held is not None
    assert held.is_untried
    assert matching.standing("nobody") is None


def test_bridges_that_deliver_come_before_those_that_do_not() -> None:
    matching = table()
    for name in ("slow", "fast", "bad"):
        join(matching, name)
    tell(matching, "fast", LaneReport("t", Verdict.GOOD, 9_000_000, rate_bytes_s=400_000.0, peers_bytes_s=100_000.0), 9)
    tell(matching, "slow", LaneReport("t", Verdict.GOOD, 9_000_000, rate_bytes_s=50_000.0, peers_bytes_s=100_000.0), 9)
    tell(matching, "bad", LaneReport("t", Verdict.GOOD, 500, closed_early=True), 4)
    assert bridges(matching.reserve(wanted(3, spread=3), 0.0)) == ["fast", "slow", "bad"]


def test_a_faster_bridge_gets_more_but_not_all() -> None:
    matching = table()
    for name in ("fast", "usual"):
        join(matching, name, capacity=30, readers=30)
    for name, rate in (("fast", 300_000.0), ("usual", 100_000.0)):
        tell(matching, name, LaneReport("t", Verdict.GOOD, 9_000_000, rate_bytes_s=rate, peers_bytes_s=100_000.0), 20)
    taken = [bridges(matching.reserve(wanted(invite=b""), 0.0))[0] for _ in range(32)]
    assert 20 <= taken.count("fast") <= 28


def test_without_peers_what_lanes_deliver_as_a_rule_is_the_measure() -> None:
    matching = table()
    join(matching, "a")
    join(matching, "b")
    for name, rate in (("a", 100_000.0), ("b", 400_000.0)):
        tell(matching, name, LaneReport("t", Verdict.GOOD, 9_000_000, rate_bytes_s=rate), 9)
    assert bridges(matching.reserve(wanted(2, spread=2), 0.0)) == ["b", "a"]


def test_an_untried_bridge_gets_its_chance_among_proven_ones() -> None:
    matching = table()
    for number in range(20):
        join(matching, f"proven-{number}")
        report = LaneReport("t", Verdict.GOOD, 9_000_000, rate_bytes_s=400_000.0, peers_bytes_s=100_000.0)
        tell(matching, f"proven-{number}", report, 9)
    join(matching, "untried")
    taken = []
    for _ in range(40):
        (held,) = matching.reserve(wanted(invite=b""), 0.0)
        matching.settle(held.match, Outcome(), 0.0)
        taken.append(held.bridge)
    assert 1 <= taken.count("untried") <= 15


def asking(invite: bytes = b"i", network: bytes = b"n", avoid: str = "", count: int = 1) -> Wanted:
    return replace(wanted(count, spread=count, invite=invite, avoid=avoid), prefixes=Prefixes(network, b"w" + network))


def test_an_asker_meets_the_same_bridges_again_while_another_meets_others_too() -> None:
    matching = Matching(Random(3))
    for number in range(200):
        join(matching, f"b{number}", capacity=100, readers=100)
    mine = {name for _ in range(50) for name in bridges(matching.reserve(asking(), 0.0))}
    assert len(mine) <= 16
    all_of_them = {
        name for number in range(50) for name in bridges(matching.reserve(asking(network=b"%d" % number), 0.0))
    }
    assert len(all_of_them) > 16


def test_a_spent_budget_gives_known_bridges_and_then_none() -> None:
    limits = HarvestLimits(narrow_burst=3.0)
    matching = Matching(Random(3), BrokerLimits(candidates=4), harvest_limits=limits)
    for number in range(100):
        join(matching, f"b{number}")
    known = set(bridges(matching.reserve(asking(count=8), 0.0)))
    assert len(known) == 3
    again = set(bridges(matching.reserve(asking(count=8), 0.0)))
    assert again <= known
    assert again
    assert matching.reserve(asking(avoid=" ".join(known)), 0.0) == []
    for name in known:
        matching.leave(name)
    assert matching.reserve(asking(), 0.0) == []
    assert len(matching.reserve(asking(network=b"elsewhere", count=3), 0.0)) == 3
    matching.gateway_reported("gone", LaneReport("t", Verdict.GOOD, 9_000_000), asking().asker, 0.0)
    assert len(matching.reserve(asking(), 0.0)) == 1, "what was carried earned one more"


def test_holders_of_a_swarms_link_may_know_all_of_it() -> None:
    matching = Matching(Random(3), harvest_limits=HarvestLimits(narrow_burst=1.0))
    for number in range(3):
        about = WaitingBridge(f"b{number}", f"n{number}", Client.PAGE, OPEN, 8, 8, swarm="s")
        assert matching.join(about, 0.0)
    assert len(matching.reserve(replace(asking(count=3), swarm="s"), 0.0)) == 3


def test_the_worse_of_two_that_left_a_network_is_remembered() -> None:
    matching = table()
    join(matching, "worse", network="A")
    join(matching, "better", network="A")
    hear(matching, "worse", Verdict.BAD, 0.0)
    hear(matching, "better", Verdict.DEAD, 0.0)
    for name in ("worse", "better"):
        matching.leave(name)
    join(matching, "again", network="A", now=1.0)
    assert matching.reserve(wanted(), 60.0) == []
