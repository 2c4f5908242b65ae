"""Rules under anything: no input breaks a parser, tables agree with the plain definition, lists uncover nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from unwalled.errors import RuleError
from unwalled.rules.decisions import ListRules, Rules
from unwalled.rules.formats import parse_list
from unwalled.rules.modes import ListRole, RuleMode, Way
from unwalled.rules.names import comparable, readable
from unwalled.rules.own import OwnPatterns, parse_own
from unwalled.rules.patterns import (
    BELOW,
    ITSELF,
    NamePattern,
    Pattern,
    RangePattern,
    WildcardPattern,
    fits,
    parse_pattern,
)
from unwalled.rules.signs import Asked, HandshakeWatch, asked, judge_answer
from unwalled.rules.tables import PatternSet
from unwalled.wire.address import Target

labels = st.sampled_from(["a", "b", "a-b", "com", "xn--a", "1", "zz"])
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
name_patterns = st.builds(NamePattern, names, st.sampled_from([ITSELF, BELOW, ITSELF | BELOW]))
wildcards = st.text("ab*.", min_size=1, max_size=8).map(lambda text: WildcardPattern("abc" + text.replace("**", "*")))
small = st.integers(0, 40)


@st.composite
def ranges(draw: st.DrawFn) -> RangePattern:
    width = draw(st.sampled_from([4, 16]))
    first, last = sorted((draw(small), draw(small)))
    top = draw(st.sampled_from([0, (1 << 8 * width) - 64]))
    return RangePattern((top + first).to_bytes(width), (top + last).to_bytes(width))


patterns: st.SearchStrategy[Pattern] = st.one_of(name_patterns, wildcards, ranges())


T = TypeVar("T")


def outcome(parse: Callable[[], T]) -> T | RuleError:
    """What a parser gives, or its reason. Anything else fails the test."""
    try:
        return parse()
    except RuleError as error:
        return error


def means(pattern: Pattern, name: str) -> bool:
    """What a pattern means, as its definition says."""
    match pattern:
        case NamePattern(own, parts):
            return (name == own and bool(parts & ITSELF)) or (name.endswith("." + own) and bool(parts & BELOW))
        case WildcardPattern(text):
            return fits(text, name)
        case RangePattern():
            return False


@given(st.lists(patterns, max_size=20), names)
def test_tables_have_what_their_patterns_mean(all_of_them: list[Pattern], name: str) -> None:
    found = PatternSet(all_of_them)
    assert found.has_name(name) is any(means(pattern, name) for pattern in all_of_them)
    again = PatternSet(found)
    assert list(map(str, again)) == list(map(str, found))
    assert again.has_name(name) is found.has_name(name)


@given(st.lists(ranges(), max_size=12), small, st.booleans(), st.sampled_from([4, 16]))
def test_ranges_have_what_is_between_their_ends(
    all_of_them: list[RangePattern], at: int, high: bool, width: int
) -> None:
    packed = (at + ((1 << 8 * width) - 64 if high else 0)).to_bytes(width)
    address = ipaddress.ip_address(packed)
    expected = any(len(one.first) == width and one.first <= packed <= one.last for one in all_of_them)
    found = PatternSet(all_of_them)
    if width == 4 or expected:
        assert found.has_address(address) is expected


@given(st.text(max_size=80))
def test_a_pattern_or_a_reason(text: str) -> None:
    found = outcome(lambda: parse_pattern(text))
    if isinstance(found, RuleError):
        assert found.cause.endswith(".")
        assert found.remedy.endswith(".")
    else:
        assert parse_pattern(str(found)) == found


@given(st.text(max_size=60))
def test_a_name_has_one_form(text: str) -> None:
    try:
        found = comparable(text)
    except RuleError:
        return
    assert found.isascii()
    assert comparable(found) == found
    assert comparable(readable(found)) == found


fragments = st.sampled_from(
    [
        *(b"||", b"@@", b"|http://", b"a.example", b"192.0.2.1", b"/24", b"^", b"$domain=", b"*", b"#", b"!", b"\n"),
        *(b" ", b"/", b"server=/", b"\xff", b"\x00", b"[AutoProxy]", b"=", b":443", b"0.0.0.0 ", b"-", b"\r\n"),
    ]
)


@given(st.one_of(st.binary(max_size=300), st.lists(fragments, max_size=40).map(b"".join)), st.sampled_from(ListRole))
def test_no_list_breaks_the_parser(content: bytes, role: ListRole) -> None:
    found = outcome(lambda: parse_list(content, role))
    if isinstance(found, RuleError):
        assert found.remedy
        return
    lines = content.count(b"\n") + 1
    assert len(found.bad) <= found.bad_count <= lines
    assert all(1 <= line.number <= lines and line.cause and line.remedy for line in found.bad)


@given(st.text(max_size=300))
def test_own_patterns_are_never_lost(text: str) -> None:
    own = parse_own(text)
    assert parse_own(own.text) == parse_own(parse_own(own.text).text)
    added = own.added("kept.example", ListRole.BLOCKED)
    assert added.through.has_name("kept.example")
    assert added.lines[: len(own.lines)] == own.lines


@given(st.lists(patterns, max_size=8), st.lists(patterns, max_size=8), st.lists(patterns, max_size=8), names)
def test_no_list_uncovers_what_another_one_hides(
    hidden: list[Pattern], hostile: list[Pattern], excepted: list[Pattern], name: str
) -> None:
    """Whatever a list says, of either kind: what was to go through bridges without it goes through bridges with it."""
    target = Target(name, 443)
    for mode in RuleMode:
        for own in (OwnPatterns(), parse_own("a.com\ndirect: b.com")):
            first = ListRules("first", ListRole.BLOCKED, PatternSet(hidden))
            without = Rules(mode, own, (first,)).decide(target)
            for role in ListRole:
                second = ListRules("second", role, PatternSet(hostile), PatternSet(excepted))
                for lists in ((first, second), (second, first)):
                    with_it = Rules(mode, own, lists).decide(target)
                    if without.way in (Way.BRIDGES, Way.REFUSED):
                        assert with_it.way is without.way


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=60), st.sampled_from(Asked))
def test_no_bytes_break_what_looks_at_them(sent: bytes, answer: bytes, kind: Asked) -> None:
    for start in (b"", b"\x16\x03\x01", b"\x15\x03\x03\x00\x02", b"GET "):
        asked(start + sent)
        judge_answer(kind, answer)
        whole, parts = HandshakeWatch(), HandshakeWatch()
        whole.receive(start + sent)
        for at in range(len(start + sent)):
            parts.receive((start + sent)[at : at + 1])
        assert (whole.is_over, whole.is_refused) == (parts.is_over, parts.is_refused)
