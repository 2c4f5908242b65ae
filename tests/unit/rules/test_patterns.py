"""Patterns as people write them, and what each is refused for."""

from __future__ import annotations

import ipaddress
import itertools
import re
from typing import Any

import pytest

from unwalled.errors import RuleError
from unwalled.rules.patterns import (
    BELOW,
    ITSELF,
    NamePattern,
    RangePattern,
    WildcardPattern,
    fits,
    parse_pattern,
)


@pytest.mark.parametrize(
    ("text", "name", "parts"),
    [
        ("example.org", "example.org", ITSELF | BELOW),
        (".example.org", "example.org", ITSELF | BELOW),
        ("+.example.org", "example.org", ITSELF | BELOW),
        ("*.example.org", "example.org", BELOW),
        ("=Example.ORG.", "example.org", ITSELF),
        ("bücher.example", "xn--bcher-kva.example", ITSELF | BELOW),
        ("ir", "ir", ITSELF | BELOW),
        ("face-book.example", "face-book.example", ITSELF | BELOW),
        ("1.2.3.4-a.example", "1.2.3.4-a.example", ITSELF | BELOW),
        ("123.example", "123.example", ITSELF | BELOW),
    ],
)
def test_names(text: str, name: str, parts: int) -> None:
    found = parse_pattern(text)
    assert found == NamePattern(name, parts)
    assert parse_pattern(str(found)) == found


@pytest.mark.parametrize(
    ("text", "first", "last", "shown"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0", "192.0.2.255", "192.0.2.0/24"),
        ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32"),
        ("[2001:db8::1]", "2001:db8::1", "2001:db8::1", "2001:db8::1"),
        ("192.0.2.0-192.0.2.255", "192.0.2.0", "192.0.2.255", "192.0.2.0/24"),
        ("192.0.2.1 - 192.0.2.9", "192.0.2.1", "192.0.2.9", "192.0.2.1-192.0.2.9"),
        ("::1-::2", "::1", "::2", "::1-::2"),
    ],
)
def test_addresses(text: str, first: str, last: str, shown: str) -> None:
    found = parse_pattern(text)
    assert found == RangePattern(ipaddress.ip_address(first).packed, ipaddress.ip_address(last).packed)
    assert str(found) == shown
    assert parse_pattern(shown) == found


@pytest.mark.parametrize(
    ("text", "kept", "suffix"),
    [
        ("News-*.Example.org", "news-*.example.org", "example.org"),
        ("*.google.*", "*.google.*", ""),
        (".google.*", "*.google.*", ""),
        ("+.google.*", "*.google.*", ""),
        ("foo***bar.com", "foo*bar.com", "com"),
    ],
)
def test_wildcards(text: str, kept: str, suffix: str) -> None:
    found = parse_pattern(text)
    assert found == WildcardPattern(kept)
    assert (str(found), found.suffix) == (kept, suffix)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no pattern"),
        ("https://example.org/a", "address of a page"),
        ("example.org/a", "neither a network nor a name"),
        ("a/24", "neither a network nor a name"),
        ("192.0.2.1/24", "192.0.2.0/24"),
        ("192.0.2.9-192.0.2.1", "ends before it begins"),
        ("192.0.2.9-2001:db8::1", "ends before it begins"),
        ("fe80::1%eth0", "interface"),
        ("example.org:443", "no port"),
        ("example.org other.org", "more than one word"),
        ("a,b", "more than one word"),
        ("a?.example", "A ? stands for nothing"),
        ("*", "nearly every name"),
        ("*.*", "nearly every name"),
        ("*a*.*", "nearly every name"),
        ("*" + "a" * 300, "no longer than a name"),
        ("bü*cher.example", "must be in ASCII"),
        ("a*b*c*d*e*f*g*h*i*.org", "more than 8 *"),
        ("exam(ple*.org", "characters"),
        ("1.2.3", "ends in a number"),
        ("1.2.3.4.5", "ends in a number"),
        ("::12345", "characters"),
    ],
)
def test_what_cannot_be_a_pattern_says_why(text: str, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_pattern(text)
    assert words in str(caught.value)
    assert caught.value.remedy


def test_ports_are_named_with_what_to_write_instead() -> None:
    with pytest.raises(RuleError) as caught:
        parse_pattern("example.org:8443")
    assert caught.value.remedy == "Write example.org."


def test_a_range_knows_its_size() -> None:
    found = parse_pattern("10.0.0.0/8")
    assert isinstance(found, RangePattern)
    assert found.count == 1 << 24


def test_wildcards_fit_what_a_regular_expression_would() -> None:
    for length in range(5):
        for signs in itertools.product("ab*", repeat=length):
            text = re.sub(r"\*+", "*", "".join(signs))
            same = re.compile(text.replace("*", ".*") + r"\Z")
            for name_length in range(4):
                for letters in itertools.product("ab", repeat=name_length):
                    name = "".join(letters)
                    assert fits(text, name) is (same.match(name) is not None), (text, name)


def test_a_wildcard_made_to_take_for_ever_does_not() -> None:
    searches = 0

    class Counted(str):
        def find(self, *arguments: Any) -> int:
            nonlocal searches
            searches += 1
            return str.find(self, *arguments)

    assert not fits("a*" * 60 + "b", Counted("a" * 253))
    assert not fits("a*" * 60 + "ba", Counted("a" * 253))
    assert searches <= 2 * 60
