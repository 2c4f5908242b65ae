"""The operator's file of countries: an MMDB, or a table of comma-separated lines. Nobody else is ever asked.

MMDBs are given out by MaxMind, DB-IP, ipinfo and others. Lines of a table are ``NETWORK,COUNTRY`` or
``FIRST,LAST,COUNTRY``, countries as two letters of ISO 3166-1; what follows is ignored.
"""

from __future__ import annotations

import csv
import ipaddress
from pathlib import Path

from unwalled.broker.countries import CountryTable, FindCountry, country_of, packed, row_of
from unwalled.errors import ConfigurationError
from unwalled.settings import BROKER, BrokerLimits

_MMDB_MARK = b"\xab\xcd\xefMaxMind.com"
_MMDB_TAIL_BYTES = 128 * 1024
_REMEDY = "Give an MMDB, or a table with lines such as 192.0.2.0/24,DE or 192.0.2.0,192.0.2.255,DE."


def open_countries(path: Path, limits: BrokerLimits = BROKER) -> FindCountry:
    """Reads a file of countries, which may change or go away afterwards. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MMDB_TAIL_BYTES))
            is_mmdb = _MMDB_MARK in file.read()
        return _open_mmdb(path) if is_mmdb else _read_table(path, limits)
    except OSError as error:
        raise ConfigurationError(
            f"The file of countries cannot be read ({error.strerror}).", "Name another one with --countries."
        ) from None


def _open_mmdb(path: Path) -> FindCountry:
    import maxminddb

    try:
        # Not mapped: where somebody writes a newer one over a mapped file, the next look-up ends the program.
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
    except (maxminddb.InvalidDatabaseError, ValueError):
        raise ConfigurationError("The file of countries is a damaged MMDB.", _REMEDY) from None

    def find(address: str) -> str:
        found = packed(address)
        if not found:
            return ""
        try:
            return country_of(reader.get(ipaddress.ip_address(found)))
        except (maxminddb.InvalidDatabaseError, ValueError):
            # ValueError: an IPv6 address and a database of IPv4 alone.
            return ""

    return find


def _read_table(path: Path, limits: BrokerLimits) -> FindCountry:
    rows: list[tuple[bytes, bytes, str]] = []
    known: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, cells in enumerate(csv.reader(file), 1):
                if number > limits.max_country_ranges:
                    raise ConfigurationError(
                        f"The file of countries has more than {limits.max_country_ranges} lines.", "Give it as an MMDB."
                    )
                row = row_of(cells)
                if row is not None:
                    rows.append((row[0], row[1], known.setdefault(row[2], row[2])))
                elif number > 1 and cells and not cells[0].startswith("#"):
                    raise ConfigurationError(f"Line {number} of the file of countries makes no sense.", _REMEDY)
    except (UnicodeDecodeError, csv.Error):
        raise ConfigurationError("The file of countries is neither an MMDB nor a table.", _REMEDY) from None
    if not any(country for _, _, country in rows):
        raise ConfigurationError("The file of countries names no country.", _REMEDY)
    return CountryTable(rows).find
