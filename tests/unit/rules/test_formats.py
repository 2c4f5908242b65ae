"""Lists in the formats that people have, with all that is wrong in some of their lines."""

from __future__ import annotations

import base64
import gzip

import pytest

from unwalled.errors import RuleError
from unwalled.rules.bounds import RulesLimits
from unwalled.rules.formats import ListFormat, ParsedList, parse_list
from unwalled.rules.modes import ListRole


def entries(found: ParsedList) -> list[str]:
    """What is meant, as a person would write it."""
    return sorted(map(str, found.matches))


def test_plain_names_and_networks() -> None:
    found = parse_list(
        b"# a comment\r\n\n; another\n// one more\nexample.org\n*.below.example  # why\n=only.example\n"
        b"192.0.2.0/24\n2001:db8::/32\n198.51.100.1 - 198.51.100.7\n  b\xc3\xbccher.example  \n"
    )
    assert found.format is ListFormat.LINES
    assert entries(found) == [
        "*.below.example",
        "192.0.2.0/24",
        "198.51.100.1-198.51.100.7",
        "2001:db8::/32",
        "=only.example",
        "bücher.example",
        "example.org",
    ]
    assert found.entries == 7
    assert (found.skipped, found.bad_count, found.bad) == (0, 0, ())


def test_hosts_files() -> None:
    found = parse_list(
        b"127.0.0.1 localhost localhost.localdomain\n::1 ip6-localhost ip6-loopback\n255.255.255.255 broadcasthost\n"
        b"0.0.0.0 0.0.0.0\nfe80::1%lo0 localhost\n0.0.0.0 ads.example.org # why\n0.0.0.0\tTwo.example\tthree.example\n"
        b"::1 four.example\n"
    )
    assert entries(found) == [
        "=ads.example.org",
        "=four.example",
        "=localhost.localdomain",
        "=three.example",
        "=two.example",
    ]
    assert found.bad_count == 0


def test_a_network_is_no_address_of_a_hosts_file() -> None:
    found = parse_list(b"192.0.2.1/24 a.example\n192.0.2.0/24 b.example\n")
    assert (found.entries, found.bad_count) == (0, 2)


def test_dnsmasq_lines() -> None:
    found = parse_list(
        b"server=/one.example/114.114.114.114\naddress=/two.example/three.example/\nipset=/four.example/x\n"
    )
    assert entries(found) == ["four.example", "one.example", "three.example", "two.example"]


_ADBLOCK = b"""[AutoProxy 0.2.9]
! Title: a list
||blocked.example^
@@||open.blocked.example
|http://192.0.2.7/
example.net##.banner
/^https?:\\/\\/[^\\/]+bad\\.example/
"""


def test_the_syntax_of_adblock_plus() -> None:
    found = parse_list(_ADBLOCK)
    assert found.format is ListFormat.ADBLOCK
    assert entries(found) == ["192.0.2.7", "blocked.example"]
    assert list(map(str, found.exceptions)) == ["open.blocked.example"]
    assert found.skipped == 1
    assert [(line.number, line.cause) for line in found.bad] == [
        (7, "Regular expressions are not run: one can be made to take for ever.")
    ]
    assert found.bad[0].remedy


def test_gfwlist_is_the_same_in_base64() -> None:
    wrapped = base64.encodebytes(_ADBLOCK)
    found = parse_list(wrapped)
    assert found.format is ListFormat.GFWLIST
    assert entries(found) == entries(parse_list(_ADBLOCK))
    assert found.bad[0].number == 7


def test_base64_that_is_cut_short() -> None:
    with pytest.raises(RuleError, match="base64"):
        parse_list(base64.encodebytes(_ADBLOCK)[:33])


def test_no_list_takes_for_ever_to_be_told_from_base64() -> None:
    """With time that grows as the square of it, this would be read for an hour, and nothing else run meanwhile."""
    found = parse_list(b"site" + b" " * (1 << 20) + b"!")
    assert (found.entries, found.bad_count) == (0, 1)


def test_base64_is_not_unwrapped_twice() -> None:
    twice = base64.encodebytes(base64.encodebytes(b"||blocked.example^\n" * 4))
    found = parse_list(twice)
    assert found.entries == 0
    assert found.bad_count > 0


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
def test_marks_of_byte_order(start: bytes) -> None:
    assert entries(parse_list(start + b"example.org\n")) == ["example.org"]
    assert entries(parse_list("b\u00fccher.example\n".encode("utf-16"))) == ["bücher.example"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"example.org\n", mtime=0), "compressed"),
        (b"  \n<!DOCTYPE html><title>Log in</title>", "web page"),
        (b"<html>", "web page"),
    ],
)
def test_what_is_no_list_is_refused_whole(content: bytes, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_list(content)
    assert words in caught.value.cause
    assert caught.value.remedy


def test_bad_lines_are_told_by_number_and_take_nothing_with_them() -> None:
    found = parse_list(
        b"good.example\n\xff\xfe\n" + b"x" * 3000 + b"\nexample.org/path\na b c\n192.0.2.1/24\n=\nalso-good.example"
    )
    assert entries(found) == ["also-good.example", "good.example"]
    assert [line.number for line in found.bad] == [2, 3, 4, 5, 6, 7]
    assert found.bad[0].cause == "The line is not UTF-8."
    assert "longer than 2048 bytes" in found.bad[1].cause
    assert found.bad[4].remedy == "Write 192.0.2.0/24."
    assert all(line.remedy for line in found.bad)


def test_bounds() -> None:
    limits = RulesLimits(list_bytes=100, list_lines=5, list_entries=3, bad_lines=1, wildcards=1)
    with pytest.raises(RuleError, match="larger than"):
        parse_list(b"a" * 101, limits=limits)
    with pytest.raises(RuleError, match="more than 5 lines"):
        parse_list(b"\n" * 6, limits=limits)
    with pytest.raises(RuleError, match="more than 3 entries"):
        parse_list(b"a.b\nc.d\ne.f\ng.h", limits=limits)
    found = parse_list(b"?\n?\n?\n", limits=limits)
    assert (found.bad_count, len(found.bad)) == (3, 1)
    found = parse_list(b"abc*d.org\nabc*e.org\n", limits=limits)
    assert (found.entries, found.bad_count) == (1, 1)
    assert "with a * within" in found.bad[0].cause


@pytest.mark.parametrize("role", list(ListRole))
@pytest.mark.parametrize("line", ["com", "*.org", "0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3", "0.0.0.0-9.0.0.0"])
def test_no_list_means_a_large_part_of_the_internet(role: ListRole, line: str) -> None:
    found = parse_list(f"{line}\nexample.org\n".encode(), role)
    assert entries(found) == ["example.org"]
    assert "own patterns" in found.bad[0].remedy


def test_a_country_is_not_so_large() -> None:
    direct = b"ir\nxn--fiqs8s\n10.0.0.0/8\n2400::/20\n"
    assert parse_list(direct, ListRole.DIRECT).entries == 4
    assert parse_list(direct, ListRole.BLOCKED).entries == 2


def test_wildcards_do_not_uncover_sites() -> None:
    found = parse_list(b"bank*.example\n", ListRole.DIRECT)
    assert found.entries == 0
    assert "directly" in found.bad[0].cause
    assert parse_list(b"bank*.example\n").entries == 1
    found = parse_list(b"[Adblock Plus]\n||blocked.com^\n@@||*e*.com^\n@@||*.good.example^\n")
    assert (found.entries, len(found.exceptions), found.bad_count) == (1, 1, 1)
    assert "exception" in found.bad[0].cause


def test_a_fetched_list_cannot_say_what_only_the_person_may() -> None:
    found = parse_list(b"direct: blocked.example\nbridges: x.example\n")
    assert found.entries == 0
    assert found.bad_count == 2


def test_an_empty_list_is_one() -> None:
    found = parse_list(b"")
    assert (found.entries, found.bad_count, found.format) == (0, 0, ListFormat.LINES)
