"""Waits grow with failures, and with the time that a server has been away."""

from __future__ import annotations

import random

import pytest

from unwalled.network.backoff import longest_wait_s


def test_waits_double_up_to_a_bound() -> None:
    waits = [longest_wait_s(failures, 1000.0, 1.0, 30.0) for failures in (0, 1, 2, 3, 4, 5, 10_000)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@pytest.mark.parametrize(("gone_s", "waits"), [(0.5, [1.0, 2.0, 2.0, 2.0]), (3.0, [1.0, 2.0, 3.0, 3.0])])
def test_who_was_away_for_seconds_is_found_again_within_seconds(gone_s: float, waits: list[float]) -> None:
    assert [longest_wait_s(failures, gone_s, 1.0, 30.0) for failures in (0, 1, 2, 10_000)] == waits


def test_nobody_waits_much_longer_than_a_server_was_away() -> None:
    for seed in range(2000):
        rng = random.Random(seed)
        away_s = rng.uniform(1.0, 60.0)
        now, failures = 0.0, 0
        while now < away_s:
            now += rng.uniform(0.0, longest_wait_s(failures, now, 1.0, 60.0))
            failures += 1
        assert now <= 2 * away_s + 2.0, (seed, away_s, now)
