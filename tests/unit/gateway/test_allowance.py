from __future__ import annotations

import datetime

import pytest

from unwalled.gateway.allowance import Allowance, Used, month_of
from unwalled.gateway.policy import GatewayCeiling


def at(text: str) -> float:
    return datetime.datetime.fromisoformat(text + "+00:00").timestamp()


@pytest.mark.parametrize(
    ("day", "begins", "month"),
    [
        ("2026-11-24", 1, "2026-11-01"),
        ("2026-11-24", 24, "2026-11-24"),
        ("2026-11-24", 25, "2026-10-25"),
        ("2027-01-05", 28, "2026-12-28"),
        ("2028-03-01", 28, "2028-02-28"),
    ],
)
def test_a_month_begins_on_the_day_of_the_bill(day: str, begins: int, month: str) -> None:
    assert month_of(datetime.date.fromisoformat(day), begins).isoformat() == month


def test_a_day_and_a_month_are_used_up_and_begin_anew() -> None:
    account = Allowance(GatewayCeiling(bytes_per_day=100, bytes_per_month=150), at("2026-11-30T12:00:00"))
    account.use(99, at("2026-11-30T12:00:01"))
    assert not account.is_used_up(at("2026-11-30T12:00:02"))
    account.use(1, at("2026-11-30T12:00:03"))
    assert account.is_used_up(at("2026-11-30T23:59:59"))
    assert not account.is_used_up(at("2026-12-01T00:00:00"))
    account.use(90, at("2026-12-01T01:00:00"))
    account.use(60, at("2026-12-02T01:00:00"))
    assert account.used(at("2026-12-02T01:00:00")) == Used("2026-12-02", 60, "2026-12-01", 150)
    assert account.is_used_up(at("2026-12-03T00:00:00"))
    assert account.ceiling.bytes_per_month == 150


def test_what_was_used_before_a_restart_counts_and_a_clock_that_goes_back_gives_nothing_back() -> None:
    before = Used("2026-11-24", 70, "2026-11-01", 100)
    account = Allowance(GatewayCeiling(bytes_per_month=100), at("2026-11-24T12:00:00"), before)
    assert account.is_used_up(at("2026-11-24T12:00:00"))
    account = Allowance(GatewayCeiling(bytes_per_month=100), at("2026-10-01T12:00:00"), before)
    assert account.is_used_up(at("2026-10-01T12:00:00"))
    assert account.used(at("2026-10-01T12:00:00")) == before


def test_other_limits_hold_from_now_on_for_what_was_used() -> None:
    account = Allowance(GatewayCeiling(), at("2026-11-24T12:00:00"))
    account.use(500, at("2026-11-24T12:00:00"))
    assert not account.is_used_up(at("2026-11-24T12:00:00"))
    account.change(GatewayCeiling(bytes_per_day=500), at("2026-11-24T12:00:01"))
    assert account.is_used_up(at("2026-11-24T12:00:01"))
