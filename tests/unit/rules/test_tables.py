"""Tables find what is in them, whatever stands beside it, and take little memory."""

from __future__ import annotations

import ipaddress

from unwalled.rules.patterns import Pattern, RangePattern, parse_pattern
from unwalled.rules.tables import NameTable, PatternSet, RangeTable, WildcardTable


def patterns(text: str) -> list[Pattern]:
    """One for each word."""
    return [parse_pattern(word) for word in text.split()]


def test_names_with_what_is_below_them() -> None:
    found = PatternSet(patterns("example.org *.only-below.org =only-itself.org a.b.c.example"))
    assert len(found) == 4
    for name in ("example.org", "www.example.org", "a.b.example.org", "x.only-below.org", "only-itself.org"):
        assert found.has_name(name), name
    for name in ("org", "xample.org", "badexample.org", "only-below.org", "x.only-itself.org", "b.c.example", "é.org"):
        assert not found.has_name(name), name


def test_what_a_domain_above_covers_takes_no_place() -> None:
    table = PatternSet(patterns("a.example.org example-b.org example.org =example.org www.a.example.org")).names
    assert [str(pattern) for pattern in table] == ["example.org", "example-b.org"]
    assert table.has("deep.www.a.example.org")
    # Only below: the name itself is kept, and joined with what else is said about it.
    table = PatternSet(patterns("*.example.org =example.org =x.example.org")).names
    assert [str(pattern) for pattern in table] == ["example.org"]


def test_the_same_name_twice_is_one() -> None:
    assert len(PatternSet(patterns("=example.org =example.org =example.org")).names) == 1


def test_names_that_sort_between_a_domain_and_its_own() -> None:
    table = PatternSet(patterns("example.org example-a.org a.example.org =examplf.org")).names
    assert len(table) == 3
    assert table.has("a.example.org")
    assert table.has("x.example-a.org")
    assert not table.has("x.examplf.org")


def test_ranges_become_one_where_they_meet() -> None:
    ranges = [
        p for p in patterns("10.0.0.0/9 10.128.0.0/9 10.1.0.0/16 192.0.2.9 ::/128") if isinstance(p, RangePattern)
    ]
    four, six = RangeTable(ranges, 4), RangeTable(ranges, 16)
    assert [str(one) for one in four] == ["10.0.0.0/8", "192.0.2.9"]
    assert [str(one) for one in six] == ["::"]
    for text, expected in [
        ("9.255.255.255", False),
        ("10.0.0.0", True),
        ("10.200.0.1", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("192.0.2.8", False),
        ("192.0.2.9", True),
        ("192.0.2.10", False),
    ]:
        assert four.has(ipaddress.ip_address(text).packed) is expected, text
    assert not RangeTable([], 4).has(bytes(4))


def test_the_whole_of_a_version_is_a_range_too() -> None:
    found = PatternSet(patterns("0.0.0.0/0 255.255.255.255 0.0.0.0"))
    assert len(found) == 1
    assert found.has_address(ipaddress.ip_address("255.255.255.255"))
    assert found.has_address(ipaddress.ip_address("0.0.0.0"))
    assert not found.has_address(ipaddress.ip_address("::1"))


def test_an_address_that_stands_for_another() -> None:
    found = PatternSet(patterns("192.0.2.0/24 2001:db8::/32"))
    for text in ("192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "2001:db8::1"):
        assert found.has_address(ipaddress.ip_address(text)), text
    assert not found.has_address(ipaddress.ip_address("::ffff:192.0.3.1"))


def test_wildcards_meet_only_names_with_their_end() -> None:
    table = PatternSet(patterns("news-*.example.org *.google.* *.google.* ab*cd.example.org")).wildcards
    assert len(table) == 3
    assert len(list(table)) == 3
    assert table.has("news-1.example.org")
    assert table.has("www.google.de")
    assert table.has("abxcd.example.org")
    assert not table.has("example.org")
    assert not table.has("google.de")
    assert not WildcardTable().has("example.org")


def test_all_of_a_set_can_be_listed() -> None:
    found = PatternSet(patterns("example.org a*bc.example 192.0.2.0/24 2001:db8::/32"))
    assert sorted(map(str, found)) == ["192.0.2.0/24", "2001:db8::/32", "a*bc.example", "example.org"]
    assert repr(found) == "PatternSet(4)"


def test_an_empty_set_has_nothing() -> None:
    found = PatternSet()
    assert len(found) == 0
    assert not found.has_name("example.org")
    assert not found.has_address(ipaddress.ip_address("192.0.2.1"))
    assert not NameTable().has("a")


def test_a_hundred_thousand_names_take_their_letters_and_five_bytes_each() -> None:
    names = [f"site-{number:06}.example" for number in range(100_000)]
    found = PatternSet(parse_pattern(name) for name in names)
    assert len(found) == 100_000
    assert found.size_bytes == 100_000 * (len(names[0]) + 5)
    assert all(found.has_name("www." + name) for name in names[::1000])
    assert not found.has_name("site-100000.example")
