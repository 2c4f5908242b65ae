"""Which way a connection goes: who wins over whom, and that no list uncovers what another one hides."""

from __future__ import annotations

import ipaddress

import pytest

from unwalled.rules.decisions import Decision, ListRules, Rules
from unwalled.rules.modes import ListRole, Reason, RuleMode, Way
from unwalled.rules.own import OwnPatterns, parse_own
from unwalled.rules.patterns import parse_pattern
from unwalled.rules.tables import PatternSet
from unwalled.wire.address import Target

PUBLIC = ipaddress.ip_address("198.41.0.4")
BOTH = (RuleMode.BLOCKED, RuleMode.LISTED)


def a_list(list_id: str, role: ListRole, matches: str, exceptions: str = "") -> ListRules:
    """A list of patterns, one for each word."""
    return ListRules(
        list_id,
        role,
        PatternSet(map(parse_pattern, matches.split())),
        PatternSet(map(parse_pattern, exceptions.split())),
    )


BLOCKED = a_list("b", ListRole.BLOCKED, "blocked.example 193.0.0.0/24 both.example", "open.blocked.example 193.0.0.9")
OTHER = a_list("o", ListRole.BLOCKED, "hidden.example", "blocked.example")
DOMESTIC = a_list("d", ListRole.DIRECT, "ir blocked.example both.example 195.0.0.0/16 193.0.0.0/16", "abroad.ir")
OWN = parse_own(
    "mine.example\n95.0.0.1\ndirect: bank.example\ndirect: mine.example\ndirect: 192.168.1.0/24\n"
    "direct: nas\ndirect: 95.0.0.0/24\ndirect: evil.onion\n"
)


def rules(mode: RuleMode, *lists: ListRules, own: OwnPatterns = OWN) -> Rules:
    """With the lists above unless others are given."""
    return Rules(mode, own, lists or (BLOCKED, OTHER, DOMESTIC))


def decide(host: str, mode: RuleMode = RuleMode.BLOCKED, *, is_learned: bool = False) -> Decision:
    """With the lists above."""
    return rules(mode).decide(Target.parse(host, 443), is_learned)


HOSTS = ["bank.example", "x.ir", "nas", "192.168.1.7", "127.0.0.1", "new.example", "localhost", "95.0.0.7", "a.onion"]


@pytest.mark.parametrize("host", HOSTS)
def test_everything_is_everything(host: str) -> None:
    assert decide(host, RuleMode.EVERYTHING) == Decision(Way.BRIDGES, Reason.EVERYTHING)


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mine.example", Decision(Way.BRIDGES, Reason.OWN)),
        ("WWW.Mine.Example.", Decision(Way.BRIDGES, Reason.OWN)),
        ("95.0.0.1", Decision(Way.BRIDGES, Reason.OWN)),
        ("bank.example", Decision(Way.DIRECT, Reason.OWN)),
        ("95.0.0.7", Decision(Way.DIRECT, Reason.OWN)),
        ("192.168.1.7", Decision(Way.DIRECT, Reason.OWN)),
        ("nas", Decision(Way.DIRECT, Reason.OWN)),
        ("evil.onion", Decision(Way.BRIDGES, Reason.HIDDEN)),
        ("www.blocked.example", Decision(Way.BRIDGES, Reason.LIST, "b")),
        ("hidden.example", Decision(Way.BRIDGES, Reason.LIST, "o")),
        ("193.0.0.1", Decision(Way.BRIDGES, Reason.LIST, "b")),
        ("both.example", Decision(Way.BRIDGES, Reason.LIST, "b")),
        ("bank.ir", Decision(Way.DIRECT, Reason.LIST, "d")),
        ("195.0.1.1", Decision(Way.DIRECT, Reason.LIST, "d")),
        ("193.0.0.9", Decision(Way.DIRECT, Reason.LIST, "d")),
        ("localhost", Decision(Way.REFUSED, Reason.LOCAL)),
        ("router", Decision(Way.REFUSED, Reason.LOCAL)),
        ("2130706433", Decision(Way.REFUSED, Reason.LOCAL)),
        ("10.0.0.1", Decision(Way.REFUSED, Reason.LOCAL)),
        ("127.0.0.1", Decision(Way.REFUSED, Reason.LOCAL)),
        ("169.254.169.254", Decision(Way.REFUSED, Reason.LOCAL)),
        ("::1", Decision(Way.REFUSED, Reason.LOCAL)),
        ("::ffff:10.0.0.1", Decision(Way.REFUSED, Reason.LOCAL)),
        ("fe80::1", Decision(Way.REFUSED, Reason.LOCAL)),
    ],
)
def test_the_order(host: str, expected: Decision, mode: RuleMode) -> None:
    assert decide(host, mode) == expected


def test_an_exception_holds_in_its_own_list_only() -> None:
    assert decide("open.blocked.example").reason is Reason.LIST
    assert decide("open.blocked.example").way is Way.DIRECT
    # "o" excepts a name that "b" lists.
    assert decide("blocked.example") == Decision(Way.BRIDGES, Reason.LIST, "b")


@pytest.mark.parametrize("host", ["new.example", "198.41.0.4", "abroad.ir"])
def test_what_is_on_no_list(host: str) -> None:
    assert decide(host) == Decision(Way.DIRECT_FIRST, Reason.UNLISTED)
    assert decide(host, RuleMode.LISTED) == Decision(Way.DIRECT, Reason.UNLISTED)


@pytest.mark.parametrize("host", ["new.example", "198.41.0.4", "bank.ir", "195.0.1.1"])
def test_what_was_learned_goes_through_bridges(host: str) -> None:
    assert decide(host, is_learned=True) == Decision(Way.BRIDGES, Reason.LEARNED)
    assert decide(host, RuleMode.LISTED, is_learned=True).way is Way.DIRECT


def test_nothing_that_was_learned_uncovers_the_persons_own_words() -> None:
    assert decide("bank.example", is_learned=True).way is Way.DIRECT
    assert decide("10.0.0.1", is_learned=True).way is Way.REFUSED


@pytest.mark.parametrize("mode", BOTH)
def test_a_hostile_list_of_direct_sites_uncovers_nothing(mode: RuleMode) -> None:
    hostile = a_list("h", ListRole.DIRECT, "blocked.example mine.example hidden.example a.onion 193.0.0.0/8 10.0.0.0/8")
    found = rules(mode, BLOCKED, OTHER, hostile)
    for host in ("blocked.example", "mine.example", "hidden.example", "a.onion", "193.0.0.1"):
        assert found.decide(Target(host, 443)).way is Way.BRIDGES, host
    assert found.decide(Target("10.0.0.1", 80)).way is Way.REFUSED


def judge(host: str, *addresses: str, mode: RuleMode = RuleMode.BLOCKED) -> Decision:
    """What becomes of a name once it is looked up."""
    found = rules(mode)
    decision = found.decide(Target(host, 443))
    assert decision.way in (Way.DIRECT, Way.DIRECT_FIRST)
    return found.judge(decision, [ipaddress.ip_address(text) for text in addresses])


def test_a_name_of_the_persons_own_may_lead_anywhere() -> None:
    assert judge("nas", "192.168.7.7") == Decision(Way.DIRECT, Reason.OWN)
    assert judge("bank.example", "193.0.0.1") == Decision(Way.DIRECT, Reason.OWN)


def test_a_name_that_leads_to_a_listed_network() -> None:
    assert judge("new.example", "198.41.0.4", "193.0.0.1") == Decision(Way.BRIDGES, Reason.LIST, "b")
    assert judge("new.example", "95.0.0.1") == Decision(Way.BRIDGES, Reason.OWN)
    assert judge("bank.ir", "193.0.0.1", mode=RuleMode.LISTED) == Decision(Way.BRIDGES, Reason.LIST, "b")


@pytest.mark.parametrize("host", ["new.example", "bank.ir"])
@pytest.mark.parametrize("address", ["10.10.34.34", "127.0.0.1", "0.0.0.0", "192.168.1.7", "::", "2001::1", "fe80::1"])
def test_no_page_leads_its_own_name_into_the_local_network(host: str, address: str) -> None:
    assert judge(host, "198.41.0.4", address) == Decision(Way.BRIDGES, Reason.FORGED)
    assert judge(host, address, mode=RuleMode.LISTED) == Decision(Way.REFUSED, Reason.LOCAL)


def test_answers_that_are_known_to_be_forged() -> None:
    assert judge("new.example", "59.24.3.173") == Decision(Way.BRIDGES, Reason.FORGED)
    assert judge("new.example", "::ffff:59.24.3.173") == Decision(Way.BRIDGES, Reason.FORGED)
    assert judge("new.example", "59.24.3.173", mode=RuleMode.LISTED).way is Way.DIRECT


def test_a_name_that_leads_only_to_domestic_networks_goes_directly_for_good() -> None:
    assert judge("new.example", "195.0.0.1", "195.0.0.2") == Decision(Way.DIRECT, Reason.LIST, "d")
    assert judge("new.example", "195.0.0.1", "198.41.0.4") == Decision(Way.DIRECT_FIRST, Reason.UNLISTED)
    assert judge("new.example", "198.41.0.4") == Decision(Way.DIRECT_FIRST, Reason.UNLISTED)
    assert judge("bank.ir", "198.41.0.4") == Decision(Way.DIRECT, Reason.LIST, "d")
    assert judge("new.example") == Decision(Way.DIRECT_FIRST, Reason.UNLISTED)


def test_nothing_is_listed_to_begin_with() -> None:
    assert Rules().decide(Target("example.org", 443)) == Decision(Way.BRIDGES, Reason.EVERYTHING)
    assert Rules(RuleMode.LISTED).decide(Target("example.org", 443)).way is Way.DIRECT


def test_no_repr_names_a_site() -> None:
    assert "example" not in repr(rules(RuleMode.BLOCKED)) + repr(BLOCKED) + repr(OWN) + repr(parse_pattern("a.example"))
