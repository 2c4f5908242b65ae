"""Rates as people write them."""

from __future__ import annotations

import pytest

from unwalled.bridge.rates import parse_rate
from unwalled.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "rate_bps"),
    [
        ("20mbit", 20_000_000),
        ("500kbit", 500_000),
        ("1gbit", 1_000_000_000),
        ("1.5Mbit", 1_500_000),
        (" 8 mbit/s ", 8_000_000),
        ("250000bit", 250_000),
    ],
)
def test_a_rate_is_bits_per_second(text: str, rate_bps: int) -> None:
    assert parse_rate(text) == rate_bps


@pytest.mark.parametrize("text", ["", "20", "20mb", "mbit", "-1mbit", "1e3mbit", "1,5mbit", "20mbit20mbit", "٢mbit"])
def test_what_is_no_rate_gets_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="20mbit"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["0mbit", "99kbit", "101gbit"])
def test_a_rate_out_of_bounds_gets_the_bounds(text: str) -> None:
    with pytest.raises(ConfigurationError, match="100kbit"):
        parse_rate(text)
