"""The list of gateways: who is chosen, who stays, who is forgotten."""

from __future__ import annotations

import math
from collections import Counter

from unwalled.broker.gatewaybounds import GATEWAYS, GatewayListLimits
from unwalled.broker.gateways import GatewayPlace, GatewayTable, tag_of

LEASE_S = 8.0
LATER = GATEWAYS.settle_s


def place(name: str, *, load: int = 0, draining: bool = False, tag: str = "") -> GatewayPlace:
    return GatewayPlace(name, f"wss://{name}.example/v1/lane", tag, load, draining)


def table(*places: GatewayPlace, limits: GatewayListLimits = GATEWAYS, lease_s: float = math.inf) -> GatewayTable:
    made = GatewayTable(lease_s, limits)
    for one in places:
        assert made.announce(one, 0.0)
    return made


def chosen(gateways: GatewayTable, reader: bytes, now: float) -> str:
    found = gateways.choose(reader, now)
    return "" if found is None else found.id


def test_a_ticket_says_whose_it_is_where_several_share_an_address() -> None:
    alone, worker = place("g1"), place("g2", tag="w3")
    assert alone.lane_url(alone.ticket("T-1")) == "wss://g1.example/v1/lane/T-1"
    assert worker.lane_url(worker.ticket("T-1")) == "wss://g2.example/v1/lane/w3-T-1"
    assert tag_of(worker.ticket("T-1")) == "w3"
    assert "example" not in repr(worker)


def test_a_reader_goes_to_the_least_loaded_and_stays_for_an_hour() -> None:
    gateways = table(place("g1", load=5), place("g2", load=2))
    assert chosen(gateways, b"anna", LATER) == "g2"
    gateways.announce(place("g2", load=50), LATER)
    assert chosen(gateways, b"anna", LATER + 1) == "g2"
    assert chosen(gateways, b"boris", LATER + 1) == "g1"
    # The hour begins anew with each match.
    assert chosen(gateways, b"anna", LATER + GATEWAYS.sticky_s) == "g2"
    assert chosen(gateways, b"anna", LATER + 2 * GATEWAYS.sticky_s - 0.1) == "g2"
    assert chosen(gateways, b"anna", LATER + 4 * GATEWAYS.sticky_s) == "g1"


def test_a_crowd_that_comes_between_two_announcements_is_spread() -> None:
    gateways = table(place("g1"), place("g2"), place("g3"))
    crowd = Counter(chosen(gateways, bytes([number]), LATER) for number in range(30))
    assert crowd == {"g1": 10, "g2": 10, "g3": 10}


def test_one_that_drains_keeps_its_readers_and_gets_no_new_ones() -> None:
    gateways = table(place("g1"), place("g2", load=9))
    assert chosen(gateways, b"anna", LATER) == "g1"
    gateways.announce(place("g1", draining=True), LATER)
    assert chosen(gateways, b"anna", LATER) == "g1"
    assert chosen(gateways, b"boris", LATER) == "g2"
    gateways.announce(place("g2", draining=True), LATER)
    assert chosen(gateways, b"clara", LATER) == ""
    assert chosen(gateways, b"boris", LATER) == "g2"


def test_one_that_left_or_fell_silent_is_forgotten_at_once() -> None:
    gateways = table(place("g1"), place("g2", load=9), lease_s=LEASE_S)
    assert chosen(gateways, b"anna", LATER) == "g1"
    gateways.leave("g1")
    gateways.leave("unknown")
    assert chosen(gateways, b"anna", LATER) == "g2"
    gateways.announce(place("g1"), LATER)
    assert chosen(gateways, b"anna", LATER) == "g2"
    assert [one.id for one in gateways.places(LEASE_S - 0.1)] == ["g2", "g1"]
    assert [one.id for one in gateways.places(LEASE_S)] == ["g1"]
    assert chosen(gateways, b"anna", LEASE_S) == "g1"
    assert chosen(gateways, b"anna", LATER + LEASE_S) == ""


def test_one_that_only_just_came_waits_where_others_are_known() -> None:
    gateways = table(place("g1", load=9))
    assert chosen(gateways, b"anna", 0.0) == "g1", "the only one"
    gateways.announce(place("g2"), 100.0)
    gateways.announce(place("g2"), 100.0 + LATER / 2)
    assert chosen(gateways, b"boris", 100.0 + LATER / 2) == "g1"
    assert chosen(gateways, b"clara", 100.0 + LATER) == "g2"


def test_the_list_and_its_memory_are_bounded() -> None:
    gateways = table(place("g1"), place("g2"), limits=GatewayListLimits(most=2, remembered_readers=2))
    assert not gateways.announce(place("g3"), 0.0)
    assert gateways.announce(place("g1", load=1), 0.0)
    assert [chosen(gateways, reader, LATER) for reader in (b"anna", b"boris", b"clara")] == ["g2", "g1", "g2"]
    gateways.announce(place("g2", load=10), LATER)
    # Anna was forgotten for the others' sake.
    assert [chosen(gateways, reader, LATER) for reader in (b"clara", b"boris", b"anna")] == ["g2", "g1", "g1"]
