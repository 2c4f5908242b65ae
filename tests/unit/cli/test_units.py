"""Numbers and dates as people write and read them."""

from __future__ import annotations

import pytest

from unwalled.cli.units import RateMeter, parse_expiry, show_count, show_expiry, show_rate, show_size
from unwalled.errors import ConfigurationError

NOW = 1_800_000_000.0
DAY = 86_400


@pytest.mark.parametrize(
    ("text", "expires_s"),
    [
        ("never", 0),
        (" Never ", 0),
        ("12h", int(NOW) + 12 * 3600),
        ("30d", int(NOW) + 30 * DAY),
        ("8W", int(NOW) + 56 * DAY),
        ("6 m", int(NOW) + 180 * DAY),
        ("1y", int(NOW) + 365 * DAY),
        ("2027-01-31", 1_801_440_000),
    ],
)
def test_expiry_is_read(text: str, expires_s: int) -> None:
    assert parse_expiry(text, NOW) == expires_s


@pytest.mark.parametrize("text", ["", "soon", "30", "d", "-3d", "2027-13-01", "2027-02-30", "31.01.2027", "999999d"])
def test_what_is_no_expiry_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a time to expire"):
        parse_expiry(text, NOW)


def test_a_day_is_over_at_its_end() -> None:
    assert show_expiry(parse_expiry("2027-01-31", NOW)) == "2027-02-01 00:00 UTC"
    assert show_expiry(0) == "never"


@pytest.mark.parametrize(
    ("rate_bps", "text"),
    [(0, "0 kbit/s"), (999, "1 kbit/s"), (12_340, "12.3 kbit/s"), (186e6, "186 Mbit/s"), (1.5e9, "1.5 Gbit/s")],
)
def test_rates_are_shown(rate_bps: float, text: str) -> None:
    assert show_rate(rate_bps) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (2e7, "20.0 MB"), (1.2e12, "1.2 TB")])
def test_sizes_are_shown(size: float, text: str) -> None:
    assert show_size(size) == text


def test_counts_are_words() -> None:
    assert [show_count(n, "lane") for n in (0, 1, 8)] == ["no lanes", "1 lane", "8 lanes"]


def test_a_meter_measures_between_two_looks_and_never_goes_below_zero() -> None:
    meter = RateMeter()
    assert meter.measure(0, 0, 10.0) == (0.0, 0.0)
    assert meter.measure(1000, 5000, 12.0) == (4000.0, 20_000.0)
    assert meter.measure(1000, 5000, 12.0) == (0.0, 0.0)
    assert meter.measure(0, 6000, 13.0) == (0.0, 8000.0)
