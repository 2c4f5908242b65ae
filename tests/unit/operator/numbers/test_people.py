"""Different readers are counted without a list of them, within the error that is stated."""

from __future__ import annotations

import math
from random import Random

import pytest

from unwalled.operator.numbers.people import STANDARD_ERROR, Distinct, _sigma

KEY = bytes(range(32))


def of(count: int, seed: int) -> int:
    """What is told of so many different names."""
    rng = Random(seed)
    people = Distinct(KEY)
    for _ in range(count):
        people.add(rng.randbytes(16))
    return people.count()


def test_nobody_is_nobody_and_one_is_one() -> None:
    assert Distinct(KEY).count() == 0
    assert of(1, 1) == 1


def test_who_comes_again_counts_once() -> None:
    people = Distinct(KEY)
    for _ in range(1000):
        for name in (b"a", b"b", b"c"):
            people.add(name)
    assert people.count() == 3


@pytest.mark.parametrize("count", [10, 100, 1000, 5000, 11_000, 30_000])
def test_the_error_is_as_stated_for_small_and_large_counts(count: int) -> None:
    """Over many seeds: hardly any bias, and the spread that theory says (less for small counts)."""
    errors = [of(count, seed) / count - 1.0 for seed in range(min(max(4, 40_000 // count), 60))]
    bias = sum(errors) / len(errors)
    spread = math.sqrt(sum(error * error for error in errors) / len(errors))
    assert abs(bias) <= 3.5 * STANDARD_ERROR / math.sqrt(len(errors)) + 0.5 / count
    assert spread <= 1.9 * STANDARD_ERROR


def test_the_stated_error_is_that_of_the_paper() -> None:
    assert round(100 * STANDARD_ERROR, 2) == 1.62


def test_another_key_counts_the_same_people_and_holds_other_numbers() -> None:
    one, other = Distinct(KEY), Distinct(KEY[::-1])
    for number in range(500):
        name = number.to_bytes(16)
        one.add(name)
        other.add(name)
    assert abs(one.count() - other.count()) < 40
    assert one._longest != other._longest


def test_it_shows_nothing_of_itself() -> None:
    assert repr(Distinct(KEY)) == "Distinct(…)"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_sigma_is_the_sum_of_the_paper(share: float) -> None:
    assert _sigma(share) == pytest.approx(share + sum(share ** (2**k) * 2 ** (k - 1) for k in range(1, 12)))


def test_sigma_has_no_bound_where_nobody_was_seen() -> None:
    assert _sigma(1.0) == math.inf
