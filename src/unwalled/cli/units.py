"""Numbers and dates as people write and read them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from unwalled.errors import ConfigurationError

_SPAN = re.compile(r"([0-9]{1,5})\s*([hdwmy])", re.IGNORECASE)
_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(kb|mb|gb|tb)", re.IGNORECASE)
_SIZE_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SPAN_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_DAY_S = 86_400
_HOUR_S = 3_600
_RATES = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def parse_expiry(text: str, now_wall_s: float) -> int:
    """When an invite ends, in seconds since 1970; 0 = never.

    Reads ``never``, a span (``12h``, ``30d``, ``8w``, ``6m`` of 30 days, ``1y``) or a day (``2027-01-31``, to its end,
    UTC). Raises ConfigurationError. Whether the date is over is for who makes the invite.
    """
    word = text.strip().lower()
    if word == "never":
        return 0
    span = _SPAN.fullmatch(word)
    if span is not None:
        count = int(span[1])
        return int(now_wall_s) + count * (_HOUR_S if span[2] == "h" else _SPAN_DAYS[span[2]] * _DAY_S)
    try:
        day = datetime.strptime(word, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is not a time to expire.", "Write 30d, 12h, a day such as 2027-01-31, or never."
        ) from None
    return int((day + timedelta(days=1)).timestamp())


def parse_size(text: str) -> int:
    """Bytes: ``500MB``, ``2gb``, ``1.5 TB``, in decimal units. Raises ConfigurationError."""
    size = _SIZE.fullmatch(text.strip())
    if size is None:
        raise ConfigurationError(f"{text!r} is not an amount of data.", "Write it like 500MB, 2GB or 1.5TB.")
    return round(float(size[1]) * _SIZE_UNITS[size[2].lower()])


def show_expiry(expires_s: int) -> str:
    """``never`` or the moment in UTC."""
    return f"{datetime.fromtimestamp(expires_s, UTC):%Y-%m-%d %H:%M UTC}" if expires_s else "never"


def show_rate(rate_bps: float) -> str:
    """Three digits or so: ``12.3 Mbit/s``, ``950 kbit/s``, ``0 kbit/s``."""
    for unit, name in _RATES:
        if rate_bps >= unit:
            return f"{rate_bps / unit:.1f} {name}" if rate_bps < 100 * unit else f"{rate_bps / unit:.0f} {name}"
    return f"{rate_bps / 1e3:.0f} kbit/s"


def show_span(seconds: float) -> str:
    """In its largest unit: ``3 days``, ``1 hour``, ``5 minutes``."""
    for unit_s, name in ((_DAY_S, "day"), (_HOUR_S, "hour"), (60, "minute")):
        if seconds >= unit_s:
            return show_count(round(seconds / unit_s), name)
    return show_count(round(seconds), "second")


def show_size(size_bytes: float) -> str:
    """Decimal units, as networks count: ``20.0 MB``."""
    for unit, name in _SIZES:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes:.0f} bytes"


def show_count(count: int, one: str, many: str = "") -> str:
    """``1 lane``, ``4 lanes``, ``no lanes``."""
    if count == 1:
        return f"1 {one}"
    return f"{count or 'no'} {many or one + 's'}"


class RateMeter:
    """Rates from two growing counts. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._last: tuple[float, int, int] | None = None

    def measure(self, up_bytes: int, down_bytes: int, now: float) -> tuple[float, float]:
        """Bits per second, up and down, since the call before; zeros for the first one."""
        last, self._last = self._last, (now, up_bytes, down_bytes)
        if last is None or now <= last[0]:
            return 0.0, 0.0
        span_s = now - last[0]
        return max(up_bytes - last[1], 0) * 8 / span_s, max(down_bytes - last[2], 0) * 8 / span_s
