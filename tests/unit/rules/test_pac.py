"""PAC files: what stands in them. What browsers make of them is tested in tests/browser/test_pac.py."""

from __future__ import annotations

import pytest

from unwalled.errors import RuleError
from unwalled.rules.bounds import RulesLimits
from unwalled.rules.decisions import ListRules, Rules
from unwalled.rules.modes import ListRole, RuleMode
from unwalled.rules.own import OwnPatterns, parse_own
from unwalled.rules.pac import render_pac
from unwalled.rules.patterns import parse_pattern
from unwalled.rules.tables import PatternSet

PROXY = "127.0.0.1:1080"


def a_list(role: ListRole, matches: str, exceptions: str = "") -> ListRules:
    """A list of patterns, one for each word."""
    return ListRules(
        "x", role, PatternSet(map(parse_pattern, matches.split())), PatternSet(map(parse_pattern, exceptions.split()))
    )


def rules(mode: RuleMode, *lists: ListRules, own: str = "") -> Rules:
    """With these lists, and own patterns, one a line."""
    return Rules(mode, parse_own(own), lists)


def test_everything_goes_to_the_proxy_and_nothing_else_is_said() -> None:
    text = render_pac(rules(RuleMode.EVERYTHING, own="direct: bank.example"), PROXY)
    assert 'return "PROXY 127.0.0.1:1080";' in text
    assert "DIRECT" not in text
    assert "bank" not in text


@pytest.mark.parametrize("mode", list(RuleMode))
def test_no_name_is_looked_up_and_no_second_choice_is_given(mode: RuleMode) -> None:
    text = render_pac(rules(mode, own="a.example\ndirect: b.example"), "[::1]:1080")
    for word in ("dnsResolve", "isInNet", "isResolvable", "myIpAddress", "SOCKS", ";DIRECT", "; DIRECT", "eval"):
        assert word not in text, word
    assert text.count('"PROXY [::1]:1080"') == 1
    assert text.isascii()


def test_names_stand_once_by_what_of_them_is_meant() -> None:
    blocked = a_list(ListRole.BLOCKED, "=only.example *.below.example a*bc.example")
    domestic = a_list(ListRole.DIRECT, "ir xn--fiqs8s d*ef.example", "abroad.ir")
    text = render_pac(rules(RuleMode.BLOCKED, blocked, domestic, own="mine.example\ndirect: bank.example"), PROXY)
    assert 'var through = {}, throughGlobs = ["a*bc.example"];' in text
    assert 'put(through, "only.example", 1);' in text
    assert 'put(through, "below.example", 2);' in text
    # What a list of direct sites excepts is for the proxy to decide.
    assert 'put(through, "alt i2p onion mine.example abroad.ir", 3);' in text
    assert 'straightGlobs = ["d*ef.example"];' in text
    assert "bank.example" in text
    assert "return viaProxy;\n}" in text
    assert "return direct;\n}" in render_pac(rules(RuleMode.LISTED, blocked, domestic), PROXY)


@pytest.mark.parametrize("own", ["", "192.0.2.0/24"])
def test_where_addresses_decide_the_proxy_is_asked(own: str) -> None:
    blocked = a_list(ListRole.BLOCKED, "example.org" if own else "example.org 192.0.2.0/24")
    domestic = a_list(ListRole.DIRECT, "ir 198.51.100.0/24")
    for mode in (RuleMode.BLOCKED, RuleMode.LISTED):
        text = render_pac(rules(mode, blocked, domestic, own=own + "\ndirect: bank.example"), PROXY)
        assert "return viaProxy;\n}" in text
        assert "bank.example" in text
        assert '"ir' not in text


def test_too_many_names_are_for_the_proxy() -> None:
    many = a_list(ListRole.BLOCKED, " ".join(f"{number}.example" for number in range(1000)))
    for mode in (RuleMode.BLOCKED, RuleMode.LISTED):
        text = render_pac(rules(mode, many, own="direct: bank.example"), PROXY, RulesLimits(pac_bytes=8000))
        assert len(text) < 8000
        assert "return viaProxy;\n}" in text
        assert "bank" not in text


@pytest.mark.parametrize("proxy", ["", "localhost:1080", "127.0.0.1", '127.0.0.1:1080"; alert(1); "', "a.b:1\n"])
def test_only_an_address_is_written_into_it(proxy: str) -> None:
    with pytest.raises(RuleError):
        render_pac(Rules(), proxy)


def test_no_pattern_can_end_its_string() -> None:
    for text in ('a".b', "a\\.b", "a\n.b", "a*'bcd", 'abc*"d.example'):
        with pytest.raises(RuleError):
            OwnPatterns().added(text, ListRole.BLOCKED)
