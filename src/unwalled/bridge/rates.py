"""Rates as people write them: ``20mbit``, ``500kbit``, ``1.5gbit``."""

from __future__ import annotations

import re

from unwalled.errors import ConfigurationError

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([kmg]?)bit(?:/s)?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_LEAST_BPS = 100_000
_MOST_BPS = 100_000_000_000


def parse_rate(text: str) -> int:
    """Bits per second. Raises ConfigurationError for what is no rate or not between 100 kbit and 100 gbit."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError("That is not a rate.", "Write it like 20mbit, 500kbit or 1gbit.")
    rate_bps = round(float(match[1]) * _UNITS[match[2].lower()])
    if not _LEAST_BPS <= rate_bps <= _MOST_BPS:
        raise ConfigurationError(
            "The rate is out of bounds.", "Choose one from 100kbit to 100gbit, or leave it out for no limit."
        )
    return rate_bps
