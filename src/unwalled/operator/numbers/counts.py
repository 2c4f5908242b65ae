"""What all parts of an operator have counted at one moment, as plain numbers by name. Pure.

    grown   only grow while a part runs: ``matches.ok``, ``refused.limited``, ``bytes.down`` …
    held    are what is there now: ``bridges.kind.page``, ``sessions`` …

No name holds an address, an invite or a ticket: they are words of this program, codes of the protocol, and countries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

Grown = Mapping[str, int]


class Counts(msgspec.Struct, frozen=True):
    """The numbers of all parts."""

    grown: dict[str, int] = {}
    held: dict[str, int] = {}

    def total(self, prefix: str) -> int:
        """The sum of what is held under names that begin so."""
        return sum(count for name, count in self.held.items() if name.startswith(prefix))


def increase(older: Grown, newer: Grown) -> dict[str, int]:
    """By how much each number grew. One that is smaller than before began anew: a part was started again."""
    grown = {name: count - older.get(name, 0) for name, count in newer.items()}
    return {name: step if step >= 0 else newer[name] for name, step in grown.items() if step}


def named(prefix: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Counts under names that begin with a prefix."""
    return {f"{prefix}{word}": count for word, count in counts.items()}


def under(prefix: str, counts: Mapping[str, int]) -> dict[str, int]:
    """The counts whose names begin with a prefix, by what follows it; zeros are left out."""
    start = len(prefix)
    return {name[start:]: count for name, count in counts.items() if count and name.startswith(prefix)}


def buckets(prefix: str, counts: Mapping[str, int], length: int) -> list[int]:
    """The counts of a histogram, whose names end with their index."""
    return [counts.get(f"{prefix}{index}", 0) for index in range(length)]


def quantile(bounds: tuple[float, ...], counts: Iterable[float], share: float) -> float | None:
    """The value that a share (0 to 1) of a histogram's values does not exceed, straight lines inside its buckets.

    ``counts`` are not cumulated, and one longer than ``bounds``; what is above the last bound counts as that bound.
    None when nothing was counted.
    """
    each = list(counts)
    wanted = share * sum(each)
    if wanted <= 0.0:
        return None
    lower = 0.0
    for bound, count in zip(bounds, each, strict=False):
        if count and wanted <= count:
            return lower + (bound - lower) * wanted / count
        wanted -= count
        lower = bound
    return lower


def fold(counts: Mapping[str, int], least: int, step: int = 1) -> dict[str, int]:
    """Small counts put together under ``other``, and all rounded down to a multiple of ``step``; the largest first.

    What is in ``other`` is told only where it is at least ``least`` as well: else its smallest parts would stand alone.
    """
    told = {word: count for word, count in counts.items() if count >= least and word != "other"}
    rest = sum(counts.values()) - sum(told.values())
    if rest >= least:
        told["other"] = rest
    ordered = sorted(told.items(), key=lambda item: (item[0] == "other", -item[1], item[0]))
    return {word: count - count % step for word, count in ordered}
