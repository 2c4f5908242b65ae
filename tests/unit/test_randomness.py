"""Numbers from the system's randomness by the block."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from unwalled.randomness import BlockRandom


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes the system was asked for, call by call; it gives bytes of a seeded generator."""
    counts: list[int] = []
    source = Random(7)

    def give(count: int) -> bytes:
        counts.append(count)
        return source.randbytes(count)

    monkeypatch.setattr("unwalled.randomness.os.urandom", give)
    return counts


def test_the_system_is_asked_once_for_hundreds_of_numbers(asked: list[int]) -> None:
    rng = BlockRandom()
    for _ in range(500):
        rng.random()
    assert asked == [4096]
    for _ in range(500):
        rng.random()
    assert asked == [4096, 4096]


def test_no_byte_is_given_twice_or_left_out_within_a_block(asked: list[int]) -> None:
    rng = BlockRandom()
    parts = [rng.randbytes(100) for _ in range(40)]
    assert b"".join(parts) == Random(7).randbytes(4096)[:4000]
    assert rng.randbytes(5000) == _after(4096, 5000)
    assert asked == [4096, 5000]


def _after(skipped: int, count: int) -> bytes:
    source = Random(7)
    source.randbytes(skipped)
    return source.randbytes(count)


def test_all_values_come_and_none_outside(asked: list[int]) -> None:
    rng = BlockRandom()
    assert all(0.0 <= rng.random() < 1.0 for _ in range(1000))
    assert set(Counter(rng.getrandbits(3) for _ in range(1000))) == set(range(8))
    assert set(Counter(rng.randrange(5) for _ in range(1000))) == set(range(5))
    assert sorted(rng.sample(range(100), 100)) == list(range(100))
    assert max(rng.getrandbits(96).bit_length() for _ in range(100)) == 96
    assert rng.getrandbits(0) == 0
    with pytest.raises(ValueError, match="non-negative"):
        rng.getrandbits(-1)


def test_a_seed_changes_nothing_and_there_is_no_state(asked: list[int]) -> None:
    rng = BlockRandom()
    rng.seed(1)
    first = rng.getrandbits(64)
    rng.seed(1)
    assert rng.getrandbits(64) != first
    with pytest.raises(NotImplementedError):
        rng.getstate()
    with pytest.raises(NotImplementedError):
        rng.setstate(None)


def test_two_never_share_a_block() -> None:
    assert BlockRandom().getrandbits(256) != BlockRandom().getrandbits(256)
