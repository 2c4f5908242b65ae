from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.broker.limits import Bucket, Buckets, PrefixLimiter, Rate, prefixes_of

KEY = b"k" * 32


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(Rate(per_s=2.0, burst=3.0))
    assert [buckets.take(b"a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take(b"a", 0.25) == pytest.approx(0.25)
    assert buckets.take(b"a", 0.5) == 0.0
    assert buckets.take(b"b", 0.5) == 0.0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    buckets = Buckets(Rate(per_s=1.0, burst=2.0))
    buckets.take(b"a", 0.0)
    assert [buckets.take(b"a", 1e9) > 0.0 for _ in range(3)] == [False, False, True]


def test_time_that_goes_back_gives_nothing() -> None:
    buckets = Buckets(Rate(per_s=1.0, burst=1.0))
    buckets.take(b"a", 100.0)
    assert buckets.take(b"a", 0.0) > 0.0


def test_the_table_forgets_the_longest_unused() -> None:
    buckets = Buckets(Rate(per_s=0.001, burst=1.0), max_entries=2)
    for key in (b"a", b"b", b"a", b"c"):
        buckets.take(key, 0.0)
    assert len(buckets) == 2
    assert buckets.wait_s(b"a", 0.0) > 0.0
    assert buckets.wait_s(b"b", 0.0) == 0.0


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.floats(0.0, 2.0)), max_size=60))
def test_no_more_is_allowed_than_burst_and_rate_give(asks: list[tuple[bytes, float]]) -> None:
    buckets = Buckets(Rate(per_s=1.5, burst=4.0))
    now, allowed = 0.0, {b"a": 0, b"b": 0}
    for key, pause in asks:
        now += pause
        allowed[key] += buckets.take(key, now) == 0.0
    assert all(count <= 4.0 + 1.5 * now + 1e-6 for count in allowed.values())


@pytest.mark.parametrize(
    ("one", "other", "same_narrow", "same_wide"),
    [
        ("192.0.2.1", "192.0.2.254", True, True),
        ("192.0.2.1", "192.0.3.1", False, True),
        ("192.0.2.1", "192.1.2.1", False, False),
        ("2001:db8:1::1", "2001:db8:1:ffff::9", True, True),
        ("2001:db8:1::1", "2001:db8:2::1", False, True),
        ("2001:db8::1", "2001:db9::1", False, False),
        ("::ffff:192.0.2.1", "192.0.2.77", True, True),
        ("fe80::1%eth0", "fe80::2", True, True),
        ("", "not an address", True, True),
        ("192.0.2.1", "c000:201::", False, False),
    ],
)
def test_prefixes(one: str, other: str, same_narrow: bool, same_wide: bool) -> None:
    first, second = prefixes_of(one, KEY), prefixes_of(other, KEY)
    assert (first.narrow == second.narrow, first.wide == second.wide) == (same_narrow, same_wide)


def test_prefixes_under_another_key_cannot_be_compared() -> None:
    assert prefixes_of("192.0.2.1", KEY) != prefixes_of("192.0.2.1", b"o" * 32)


def test_an_asker_is_held_to_both_prefixes_and_pays_neither_when_refused() -> None:
    limiter = PrefixLimiter(narrow=Rate(1.0, 2.0), wide=Rate(1.0, 3.0))
    near = [prefixes_of(f"192.0.{site}.1", KEY) for site in range(3)]
    assert [limiter.take(near[0], 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert limiter.take(near[1], 0.0) == 0.0
    assert limiter.take(near[2], 0.0) == 1.0
    assert limiter.take(near[2], 1.0) == 0.0


def test_a_single_bucket_is_as_one_of_many() -> None:
    rate = Rate(per_s=2.0, burst=3.0)
    bucket, buckets = Bucket(rate, 0.0), Buckets(rate)
    for now in (0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.4, 0.75, 1.0, 9.0, 9.0, 9.0, 9.0):
        assert bucket.take(now) is (buckets.take(b"a", now) == 0.0), now
