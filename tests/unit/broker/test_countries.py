"""In which country an address is, and when that may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.mmdb import mmdb
from unwalled.broker.countries import CountryTable, Discretion, country_of, packed, row_of
from unwalled.broker.countryfile import open_countries
from unwalled.errors import ConfigurationError
from unwalled.settings import BrokerLimits

DAY_S = BrokerLimits().country_window_s


def written(folder: Path, content: bytes) -> Path:
    path = folder / "countries"
    path.write_bytes(content)
    return path


def test_a_table_has_networks_and_ranges_of_both_versions(tmp_path: Path) -> None:
    find = open_countries(
        written(
            tmp_path,
            b"network,country\n"
            b"# a comment\n"
            b"198.51.100.0/24,de,whatever\n"
            b'"192.0.2.0","192.0.2.99","IR"\n'
            b"\n"
            b"192.0.2.200,192.0.2.255,\n"
            b"2001:db8::/32,CN\n",
        )
    )
    assert [find(address) for address in ("198.51.100.0", "198.51.100.255", "192.0.2.99")] == ["DE", "DE", "IR"]
    assert [find(address) for address in ("192.0.2.100", "192.0.2.201", "198.51.101.0", "1.1.1.1")] == [""] * 4
    assert (find("2001:db8:ffff::1"), find("2001:db9::")) == ("CN", "")
    assert (find("::ffff:192.0.2.1"), find("2001:db8::1%eth0"), find("local"), find("")) == ("IR", "CN", "", "")


def test_of_ranges_that_overlap_the_one_that_begins_last_wins() -> None:
    table = CountryTable(
        [(packed("10.0.0.0"), packed("10.255.255.255"), "US"), (packed("10.1.0.0"), packed("10.1.0.9"), "CA")]
    )
    assert (table.find("10.0.0.1"), table.find("10.1.0.1")) == ("US", "CA")


@pytest.mark.parametrize(
    "cells",
    [
        [],
        ["DE"],
        ["192.0.2.0", "DE"],
        ["192.0.2.0/33", "DE"],
        ["192.0.2.9", "192.0.2.1", "DE"],
        ["1.1.1.1", "::2", "DE"],
    ],
)
def test_what_is_no_range_is_none(cells: list[str]) -> None:
    assert row_of(cells) is None


@pytest.mark.parametrize("code", ["EU", "ZZ", "A1", "-", "DEU", "", "D\n"])
def test_what_is_no_country_is_not_known(code: str) -> None:
    row = row_of(["192.0.2.0/24", code])
    assert row is not None
    assert row[2] == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"network,country\n1.2.3.4,DE\n", "Line 2"),
        (b"192.0.2.0/24,Germany\n", "names no country"),
        (b"", "names no country"),
        (b"192.0.2.0/24,DE\n" * 4, "more than 3 lines"),
        (b"\xff\xfe\x00", "neither"),
        (b"\xab\xcd\xefMaxMind.com", "damaged"),
    ],
)
def test_a_file_that_cannot_work_is_said_at_the_start(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_countries(written(tmp_path, content), BrokerLimits(max_country_ranges=3))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        open_countries(tmp_path / "none")


def test_an_mmdb_is_looked_up(tmp_path: Path) -> None:
    records = {"192.0.2.0/24": {"country": {"iso_code": "IR"}}, "198.51.100.0/24": {"continent": {"code": "EU"}}}
    find = open_countries(written(tmp_path, mmdb(records)))
    assert [find(address) for address in ("192.0.2.7", "::ffff:192.0.2.7", "198.51.100.7", "203.0.113.7")] == [
        "IR",
        "IR",
        "",
        "",
    ]
    assert (find("2001:db8::1"), find("local")) == ("", "")


def test_an_mmdb_may_be_written_over_while_it_is_looked_up(tmp_path: Path) -> None:
    networks = [f"{first}.0.2.0/24" for first in range(1, 224)]
    path = written(tmp_path, mmdb({network: {"country": {"iso_code": "IR"}} for network in networks}))
    find = open_countries(path)
    # Mapped into memory, what is read from here on would be a bus error, which no program survives.
    path.write_bytes(b"")
    assert {find(network.removesuffix("0/24") + "7") for network in networks} == {"IR"}


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": {"iso_code": "DE"}}, "DE"),
        ({"country": "Germany", "country_code": "DE"}, "DE"),
        ({"country": "DE"}, "DE"),
        ({"country": {"names": {}}}, ""),
        ({"country": 7}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_the_records_of_several_makers_are_understood(record: Any, country: str) -> None:
    assert country_of(record) == country


def test_a_country_is_told_only_when_several_networks_asked() -> None:
    discretion = Discretion(BrokerLimits(country_networks=3))
    assert not discretion.may_tell("IR", b"1", 0.0)
    assert not discretion.may_tell("IR", b"1", 1.0)
    assert not discretion.may_tell("IR", b"2", 2.0)
    assert not discretion.may_tell("CN", b"3", 3.0)
    assert discretion.may_tell("IR", b"3", 4.0)
    assert discretion.may_tell("IR", b"1", 5.0)


def test_networks_are_forgotten_after_two_days_at_most() -> None:
    discretion = Discretion(BrokerLimits(country_networks=2))
    discretion.may_tell("IR", b"1", 0.0)
    assert discretion.may_tell("IR", b"2", DAY_S)
    discretion = Discretion(BrokerLimits(country_networks=2))
    discretion.may_tell("IR", b"1", 0.0)
    assert not discretion.may_tell("IR", b"2", 2 * DAY_S)
