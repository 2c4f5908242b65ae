from __future__ import annotations

from random import Random

import pytest

from unwalled.broker.bounds import HarvestLimits
from unwalled.broker.harvest import Harvest
from unwalled.broker.limits import Asker

LIMITS = HarvestLimits(
    narrow_burst=2.0,
    narrow_per_h=1.0,
    wide_burst=3.0,
    wide_per_h=1.0,
    invite_burst=4.0,
    invite_per_h=1.0,
    narrow_earned_per_h=2.5,
    bytes_per_bridge=1000.0,
)
HERE = Asker(b"i", b"n", b"w")


def harvest(limits: HarvestLimits = LIMITS, entries: int = 100) -> Harvest:
    return Harvest(Random(1), limits, entries)


def take(table: Harvest, asker: Asker, names: str, now: float = 0.0) -> str:
    """Those of the bridges that the asker may be told of."""
    return "".join(name for name in names if table.take(table.books(asker, now), name, now))


def test_each_budget_holds_and_known_bridges_cost_nothing() -> None:
    table = harvest()
    assert take(table, HERE, "abcab") == "abab"
    assert take(table, Asker(b"i", b"m", b"w"), "def") == "d", (
        "a neighbour in the same block has what the block has left"
    )
    assert take(table, Asker(b"i", b"x", b"y"), "def") == "de", "the invite was given d before"
    assert take(table, Asker(b"i", b"q", b"r"), "fe") == "e", "and has no more than these four"
    assert take(table, Asker(), "abcdefghi") == "abcdefghi", "an asker of whom nothing is known is not limited"


def test_a_budget_grows_with_time_and_with_what_was_carried() -> None:
    table = harvest()
    assert take(table, HERE, "abc") == "ab"
    assert take(table, HERE, "cd", 3600.0) == "c"
    table.earn(HERE, 900, 3600.0)
    assert take(table, HERE, "d", 3600.0) == ""
    table.earn(HERE, 101, 3600.0)
    assert take(table, HERE, "d", 3600.0) == "d"
    table.earn(HERE, 1_000_000, 3600.0)
    assert take(table, HERE, "efgh", 3600.0) == "e", "no more than a burst is saved up, nor more earned in an hour"
    table.earn(HERE, 1_000_000, 4200.0)
    assert take(table, HERE, "fgh", 4200.0) == "f"


def test_what_is_remembered_is_bounded() -> None:
    limits = HarvestLimits(narrow_burst=100.0, known_bridges=2, known_in_all=3)
    table = harvest(limits)
    assert take(table, Asker(narrow=b"a"), "abc") == "abc"
    (book,) = table.books(Asker(narrow=b"a"), 0.0)
    assert (len(book), table.known) == (2, 2)
    assert "c" in book
    assert take(table, Asker(narrow=b"b"), "de") == "de"
    table.books(Asker(narrow=b"b"), 0.0)
    assert table.known == 2, "the longest unused book is forgotten"
    assert len(table.books(Asker(narrow=b"a"), 0.0)[0]) == 0
    few = harvest(entries=1)
    take(few, Asker(narrow=b"a"), "a")
    few.books(Asker(narrow=b"b"), 0.0)
    assert few.known == 0


@pytest.mark.parametrize("struck", "abc")
def test_a_bridge_that_left_is_struck_out_of_its_book(struck: str) -> None:
    table = harvest(HarvestLimits())
    asker = Asker(narrow=b"n")
    take(table, asker, "abc")
    (book,) = table.books(asker, 0.0)
    table.forget(book, struck)
    assert sorted(book.sample(9, Random(1))) == sorted(set("abc") - {struck})
    assert table.known == 2
    assert book.level(0.0) == HarvestLimits().narrow_burst - 3, "what it cost stays spent"
    for name in set("abc") - {struck}:
        table.forget(book, name)
    assert len(book) == 0
