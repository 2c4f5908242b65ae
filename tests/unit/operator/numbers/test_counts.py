"""Plain numbers by name: sums, growth, histograms, and small counts put together."""

from __future__ import annotations

import pytest

from unwalled.operator.numbers.counts import Counts, buckets, fold, increase, named, quantile, under


def test_a_total_takes_all_names_that_begin_so() -> None:
    assert (
        Counts({}, {"bridges.kind.page": 2, "bridges.kind.headless": 3, "bridges.nat.unknown": 9}).total(
            "bridges.kind."
        )
        == 5
    )


def test_what_grew_is_told_and_what_stood_still_is_not() -> None:
    assert increase({"a": 1, "b": 5}, {"a": 4, "b": 5, "c": 2}) == {"a": 3, "c": 2}


def test_a_count_that_began_anew_grew_by_what_it_has() -> None:
    assert increase({"a": 100}, {"a": 7}) == {"a": 7}


def test_names_are_put_on_and_taken_off() -> None:
    assert under("x.", named("x.", {"a": 1, "b": 0}) | {"y.c": 3}) == {"a": 1}


def test_a_histogram_is_read_by_the_index_in_its_names() -> None:
    assert buckets("connect.", {"connect.0": 4, "connect.2": 1}, 3) == [4, 0, 1]


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ([4, 0, 0, 0], 0.5, 0.5),
        ([0, 4, 0, 0], 0.5, 1.5),
        ([2, 2, 0, 0], 0.5, 1.0),
        ([2, 2, 0, 0], 0.75, 1.5),
        ([0, 0, 0, 3], 0.5, 4.0),
        ([0, 0, 0, 0], 0.5, None),
    ],
)
def test_a_quantile_lies_inside_its_bucket(counts: list[int], share: float, value: float | None) -> None:
    assert quantile((1.0, 2.0, 4.0), counts, share) == value


def test_small_counts_are_put_together_if_they_are_not_small_together() -> None:
    assert fold({"DE": 12, "IR": 3, "FR": 4, "US": 20}, 5) == {"US": 20, "DE": 12, "other": 7}
    assert fold({"DE": 12, "IR": 3}, 5) == {"DE": 12}


def test_what_is_other_already_stays_last_and_counts_with_the_rest() -> None:
    assert fold({"other": 50, "DE": 6, "FR": 1}, 5) == {"DE": 6, "other": 51}


def test_counts_are_rounded_down_to_a_step() -> None:
    assert fold({"DE": 29, "IR": 20, "FR": 19, "IT": 12}, 20, 10) == {"DE": 20, "IR": 20, "other": 30}
