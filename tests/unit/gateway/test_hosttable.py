from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import pytest

from unwalled.errors import RuleError
from unwalled.gateway.bounds import PolicyLimits
from unwalled.gateway.hosttable import HostReader, HostTable

KEY = bytes(range(16))


def table(*lines: str | bytes, is_adblock: bool = False) -> HostTable:
    reader = HostReader(KEY)
    reader.read((line.encode() if isinstance(line, str) else line for line in lines), is_adblock=is_adblock)
    return reader.table()


def has(found: HostTable, names: Iterable[str]) -> list[bool]:
    return [found.has_name(name) for name in names]


def test_a_list_of_names_means_what_is_below_them_and_a_hosts_file_does_not() -> None:
    names = ["bad.example", "www.bad.example", "notbad.example", "example"]
    assert has(table("bad.example\n"), names) == [True, True, False, False]
    assert has(table("0.0.0.0 bad.example # why\r\n"), names) == [True, False, False, False]
    assert has(table("*.bad.example"), names) == [False, True, False, False]
    assert has(table("=bad.example"), names) == [True, False, False, False]
    assert has(table("127.0.0.1\tbad.example other.example"), [*names, "other.example"])[-1]
    assert has(table("address=/bad.example/0.0.0.0"), names) == [True, True, False, False]
    assert has(table("BÜCHER.example"), ["xn--bcher-kva.example", "bücher.example"]) == [True, False]


def test_filters_with_exceptions_are_read_as_they_are_meant() -> None:
    found = table(
        "[Adblock Plus 2.0]",
        "||bad.example^",
        "@@||good.bad.example^",
        "example.org##.advert",
        "@@||news-*.bad.example^",
        is_adblock=True,
    )
    assert has(found, ["bad.example", "x.bad.example", "good.bad.example", "example.org"]) == [True, True, False, False]
    assert found.skipped_lines >= 1
    assert found.bad_lines == 1


def test_networks_and_patterns_are_meant_too() -> None:
    found = table("203.0.113.0/24", "ads-*.example.org", "good.example")
    assert found.has_address(ipaddress.ip_address("203.0.113.9"))
    assert found.has_address(ipaddress.ip_address("::ffff:203.0.113.9"))
    assert not found.has_address(ipaddress.ip_address("203.0.114.9"))
    assert has(found, ["ads-7.example.org", "www.example.org"]) == [True, False]
    assert len(found) == 3
    assert "3" in repr(found)
    assert found.size_bytes >= 8


def test_lines_that_say_nothing_take_no_others_with_them() -> None:
    found = table(
        "",
        "# comment",
        "; comment",
        b"\xff\xfe.example",
        "com",
        "bad example",
        "x" * 3000,
        "127.0.0.1 localhost",
        "bad.example",
    )
    assert found.has_name("bad.example")
    assert not found.has_name("site.com")
    assert found.bad_lines == 4
    assert len(found) == 1


def test_more_than_fits_is_refused_whole() -> None:
    for limits, lines in (
        (PolicyLimits(category_names=2), [b"a.example", b"b.example", b"c.example"]),
        (PolicyLimits(category_others=1), [b"192.0.2.1", b"192.0.2.3"]),
    ):
        with pytest.raises(RuleError, match="more than"):
            HostReader(KEY, limits).read(lines, is_adblock=False)


def test_two_hundred_thousand_names_take_sixteen_bytes_each_and_each_is_found() -> None:
    count = 200_000
    reader = HostReader(KEY)
    reader.read((b"host%d.example%d.test\n" % (number, number % 997) for number in range(count)), is_adblock=False)
    found = reader.table()
    assert len(found) == count
    assert found.size_bytes <= 16 * count
    for number in range(0, count, 1009):
        assert found.has_name(f"www.host{number}.example{number % 997}.test")
        assert not found.has_name(f"host{number}.example{(number + 1) % 997}.test")
