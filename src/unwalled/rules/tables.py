"""Many patterns in little memory: names, ranges of addresses, wildcards, each found by a few steps. Pure.

A hundred thousand names as Python's own strings in a set take some 11 MB; here they take their letters and five bytes
each. A look-up bisects once for each label of the name, which is far less than a connection costs.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from unwalled.network.addresses import IPAddress, plain
from unwalled.rules.patterns import (
    BELOW,
    ITSELF,
    NamePattern,
    Pattern,
    RangePattern,
    WildcardPattern,
    fits,
)

# Lower than every character of a name, so that all names below a domain follow it at once.
_BETWEEN = " "


class NameTable:
    """Names with what of them is meant. Those that a domain above covers already are left out."""

    __slots__ = ("_ends", "_keys", "_parts")

    def __init__(self, patterns: Iterable[NamePattern] = ()) -> None:
        keys, parts = bytearray(), bytearray()
        ends = array("I")
        before, above = "", ""
        for key, meant in sorted((_key(pattern.name), pattern.parts) for pattern in patterns):
            if above and key.startswith(above):
                continue
            if key == before:
                parts[-1] |= meant
            else:
                keys += key.encode("ascii")
                ends.append(len(keys))
                parts.append(meant)
                before = key
            if meant & BELOW:
                above = key + _BETWEEN
        self._keys, self._ends, self._parts = bytes(keys), ends, bytes(parts)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[NamePattern]:
        for place in range(len(self._ends)):
            yield NamePattern(".".join(reversed(self._at(place).decode("ascii").split(_BETWEEN))), self._parts[place])

    @property
    def size_bytes(self) -> int:
        """The memory that it takes."""
        return len(self._keys) + len(self._ends) * self._ends.itemsize + len(self._parts)

    def has(self, name: str) -> bool:
        """Whether a comparable name is meant, by itself or by a domain above it."""
        return bool(self._parts_of(name) & ITSELF)

    def covers(self, pattern: NamePattern) -> bool:
        """Whether all that a pattern means is meant."""
        return self._parts_of(pattern.name) & pattern.parts == pattern.parts

    def touches(self, pattern: NamePattern) -> bool:
        """Whether something of what a pattern means is meant."""
        if self._parts_of(pattern.name) & pattern.parts:
            return True
        if not pattern.parts & BELOW:
            return False
        below = (_key(pattern.name) + _BETWEEN).encode("ascii")
        place = self._place(below)
        return place < len(self._ends) and self._at(place).startswith(below)

    def _parts_of(self, name: str) -> int:
        """What is meant of a name, with what domains above it say."""
        labels = name.split(".")
        key, meant = b"", 0
        for label in reversed(labels):
            key += (_BETWEEN if key else "").encode() + label.encode("ascii")
            meant = self._meant(key)
            if meant & BELOW and len(key) < len(name):
                return ITSELF | BELOW
        return meant

    def _meant(self, key: bytes) -> int:
        place = self._place(key)
        return self._parts[place] if place < len(self._ends) and self._at(place) == key else 0

    def _place(self, key: bytes) -> int:
        """Of the first key that is not before this one."""
        low, high = 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            if self._at(middle) < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _at(self, place: int) -> bytes:
        return self._keys[self._ends[place - 1] if place else 0 : self._ends[place]]


def _key(name: str) -> str:
    return _BETWEEN.join(reversed(name.split(".")))


class RangeTable:
    """Ranges of addresses, of one version each; those that overlap or touch are one."""

    __slots__ = ("_firsts", "_lasts", "_width")

    def __init__(self, patterns: Iterable[RangePattern], width: int) -> None:
        """``width``: bytes of an address, 4 or 16. Ranges of the other version are left out."""
        self._width = width
        firsts, lasts = bytearray(), bytearray()
        end = -1
        for first, last in sorted((p.first, p.last) for p in patterns if len(p.first) == width):
            if int.from_bytes(first) <= end + 1 and lasts:
                last = max(last, bytes(lasts[-width:]))
                lasts[-width:] = last
            else:
                firsts += first
                lasts += last
            end = int.from_bytes(last)
        self._firsts, self._lasts = bytes(firsts), bytes(lasts)

    def __len__(self) -> int:
        return len(self._firsts) // self._width

    def __iter__(self) -> Iterator[RangePattern]:
        for place in range(0, len(self._firsts), self._width):
            yield RangePattern(self._firsts[place : place + self._width], self._lasts[place : place + self._width])

    @property
    def size_bytes(self) -> int:
        """The memory that it takes."""
        return len(self._firsts) + len(self._lasts)

    def has(self, packed: bytes) -> bool:
        """Whether an address is in a range."""
        return packed <= self._last_before(packed)

    def covers(self, pattern: RangePattern) -> bool:
        """Whether all of a range is in one of these."""
        return pattern.last <= self._last_before(pattern.first)

    def touches(self, pattern: RangePattern) -> bool:
        """Whether some of a range is in one of these."""
        return pattern.first <= self._last_before(pattern.last)

    def _last_before(self, packed: bytes) -> bytes:
        """The last address of the range that begins there or before; nothing when there is none."""
        width = self._width
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._firsts[middle * width : (middle + 1) * width] <= packed:
                low = middle + 1
            else:
                high = middle
        return self._lasts[max(low - 1, 0) * width : low * width]


class WildcardTable:
    """Wildcards by the whole labels at their end, so that a name meets only those that could fit it."""

    __slots__ = ("_by_suffix", "_count")

    def __init__(self, patterns: Iterable[WildcardPattern] = ()) -> None:
        self._by_suffix: dict[str, list[str]] = {}
        self._count = 0
        for pattern in sorted(set(patterns), key=str):
            self._by_suffix.setdefault(pattern.suffix, []).append(pattern.text)
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[WildcardPattern]:
        for texts in self._by_suffix.values():
            yield from map(WildcardPattern, texts)

    def covers(self, pattern: WildcardPattern) -> bool:
        """Whether it is one of these."""
        return pattern.text in self._by_suffix.get(pattern.suffix, ())

    def has(self, name: str) -> bool:
        """Whether a wildcard fits a comparable name."""
        if not self._count:
            return False
        suffix = name
        while True:
            if any(fits(text, name) for text in self._by_suffix.get(suffix, ())):
                return True
            if not suffix:
                return False
            suffix = suffix.partition(".")[2]


class PatternSet:
    """Patterns of all kinds."""

    __slots__ = ("_four", "_names", "_six", "_wildcards")

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        names: list[NamePattern] = []
        ranges: list[RangePattern] = []
        wildcards: list[WildcardPattern] = []
        for pattern in patterns:
            match pattern:
                case NamePattern():
                    names.append(pattern)
                case RangePattern():
                    ranges.append(pattern)
                case _:
                    wildcards.append(pattern)
        self._names = NameTable(names)
        self._wildcards = WildcardTable(wildcards)
        self._four, self._six = RangeTable(ranges, 4), RangeTable(ranges, 16)

    def __repr__(self) -> str:
        return f"PatternSet({len(self)})"

    def __len__(self) -> int:
        return len(self._names) + len(self._wildcards) + len(self._four) + len(self._six)

    def __iter__(self) -> Iterator[Pattern]:
        yield from self._names
        yield from self._wildcards
        yield from self._four
        yield from self._six

    @property
    def names(self) -> NameTable:
        """Its names."""
        return self._names

    @property
    def wildcards(self) -> WildcardTable:
        """Its names with wildcards."""
        return self._wildcards

    @property
    def ranges(self) -> int:
        """How many ranges of addresses it has."""
        return len(self._four) + len(self._six)

    @property
    def size_bytes(self) -> int:
        """The memory that names and ranges take."""
        return self._names.size_bytes + self._four.size_bytes + self._six.size_bytes

    def covers(self, pattern: Pattern) -> bool:
        """Whether what a pattern means is meant. Of a domain only its own name is compared with wildcards."""
        match pattern:
            case NamePattern():
                return self._names.covers(pattern) or self._wildcards.has(pattern.name)
            case RangePattern():
                return self._of(pattern).covers(pattern)
            case _:
                return self._wildcards.covers(pattern) or self._names.covers(NamePattern(pattern.suffix, BELOW))

    def touches(self, pattern: Pattern) -> bool:
        """Whether something of what a pattern means is meant. Of a wildcard only the whole labels at its end count."""
        match pattern:
            case NamePattern():
                return self._names.touches(pattern) or self._wildcards.has(pattern.name)
            case RangePattern():
                return self._of(pattern).touches(pattern)
            case _:
                return self.covers(pattern)

    def _of(self, pattern: RangePattern) -> RangeTable:
        return self._four if len(pattern.first) == 4 else self._six

    def has_name(self, name: str) -> bool:
        """Whether a comparable name fits. Names that are none fit nothing."""
        return name.isascii() and (self._names.has(name) or self._wildcards.has(name))

    def has_address(self, address: IPAddress) -> bool:
        """Whether an address fits, or the IPv4 address that it stands for."""
        if (self._four if address.version == 4 else self._six).has(address.packed):
            return True
        inner = plain(address)
        return inner is not address and self._four.has(inner.packed)
