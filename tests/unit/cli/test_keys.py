"""What ``unwalled keys rotate`` takes for the time in which old keys still count."""

from __future__ import annotations

import pytest

from unwalled.cli.keys import end_of
from unwalled.errors import UsageError

NOW = 1_800_000_000.0


def test_old_keys_end_after_a_span_or_a_day_that_is_to_come() -> None:
    assert end_of("2d", NOW) == NOW + 2 * 86_400
    for grace, cause in (("soon", "no span"), ("never", "has to end"), ("2001-01-01", "is over"), ("0d", "is over")):
        with pytest.raises(UsageError, match=cause) as raised:
            end_of(grace, NOW)
        assert "never" not in raised.value.remedy
