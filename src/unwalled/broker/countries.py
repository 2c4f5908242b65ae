"""In which country an address is, and when a bridge may hear of it. Pure; countryfile.py reads the operator's file."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable

from unwalled.settings import BROKER, BrokerLimits

FindCountry = Callable[[str], str]
"""Two capital letters for an address, or "" when it is not known. Never raises."""

_COUNTRY = re.compile(r"[A-Z]{2}\Z")
# Codes that databases use for "somewhere in Europe", "a satellite", "not known".
_NO_COUNTRIES = frozenset({"AP", "EU", "XX", "ZZ", "A1", "A2", "O1"})


class CountryTable:
    """Ranges of addresses with their countries, found by bisection. Where some overlap, the one that begins last."""

    def __init__(self, rows: Iterable[tuple[bytes, bytes, str]]) -> None:
        """Rows of first and last address (4 or 16 bytes each, included) and country."""
        ordered = sorted(rows, key=lambda row: (len(row[0]), row[0]))
        self._tables: dict[int, tuple[list[bytes], list[bytes], list[str]]] = {}
        for length in (4, 16):
            mine = [row for row in ordered if len(row[0]) == length]
            self._tables[length] = [row[0] for row in mine], [row[1] for row in mine], [row[2] for row in mine]

    def find(self, address: str) -> str:
        """The country of an address, or ""."""
        found = packed(address)
        if not found:
            return ""
        firsts, lasts, countries = self._tables[len(found)]
        place = bisect_right(firsts, found) - 1
        return countries[place] if place >= 0 and found <= lasts[place] else ""


class Discretion:
    """Whether a country may be told: only while readers of several networks there ask, so that no one stands out.

    Networks come as hashes. What is held is as many of them as must be seen, for each country, for two days at most.
    """

    def __init__(self, limits: BrokerLimits = BROKER) -> None:
        self._limits = limits
        self._since = float("-inf")
        self._now: dict[str, set[bytes]] = {}
        self._before: dict[str, set[bytes]] = {}

    def may_tell(self, country: str, network: bytes, now: float) -> bool:
        """Counts a request from ``network`` in ``country``; True when enough networks asked lately."""
        window_s = self._limits.country_window_s
        if now >= self._since + window_s:
            self._before = self._now if now < self._since + 2 * window_s else {}
            self._now = {}
            self._since = now
        least = self._limits.country_networks
        seen = self._now.setdefault(country, set())
        if len(seen) < least:
            seen.add(network)
        return len(seen | self._before.get(country, set())) >= least


def packed(address: str) -> bytes:
    """An address as its 4 or 16 bytes, IPv4 in IPv6 as IPv4; b"" for what is none."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return b""
    return (getattr(parsed, "ipv4_mapped", None) or parsed).packed


def _checked(country: object) -> str:
    code = country.strip().upper() if isinstance(country, str) else ""
    return code if _COUNTRY.match(code) and code not in _NO_COUNTRIES else ""


def row_of(cells: list[str]) -> tuple[bytes, bytes, str] | None:
    """First and last address and country of a line's cells, the country "" when it is not known; None for no range."""
    match [cell.strip() for cell in cells]:
        case [network, country, *_] if "/" in network:
            try:
                parsed = ipaddress.ip_network(network, strict=False)
            except ValueError:
                return None
            return parsed.network_address.packed, parsed.broadcast_address.packed, _checked(country)
        case [first, last, country, *_]:
            begin, end = packed(first), packed(last)
            if not begin or len(begin) != len(end) or begin > end:
                return None
            return begin, end, _checked(country)
        case _:
            return None


def country_of(record: object) -> str:
    """What an MMDB's record says: ``{"country": {"iso_code": "DE"}}``, ``{"country_code": "DE"}`` or the bare code."""
    if not isinstance(record, dict):
        return ""
    country = record.get("country", record.get("country_code"))
    return _checked(country.get("iso_code") if isinstance(country, dict) else record.get("country_code", country))
