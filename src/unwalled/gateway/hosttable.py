"""Very many host names in eight bytes each, for lists of a million. Pure: lines in, a table out.

A name is kept as a keyed hash of 64 bits: in a list of a million names, a name that is not in it is taken for one that
is once in some 10^13 look-ups, and nobody can make one for which that holds without the key. A look-up bisects once for
each label of the name. The names themselves are not kept, so a table cannot be shown, only asked.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable

from unwalled.errors import RuleError
from unwalled.gateway.bounds import POLICY, PolicyLimits
from unwalled.network.addresses import IPAddress
from unwalled.rules.adblock import Skipped, parse_filter
from unwalled.rules.formats import parse_line
from unwalled.rules.patterns import BELOW, ITSELF, NamePattern, Pattern
from unwalled.rules.tables import PatternSet

_SHARDS = 256
# Most lines of such lists: a name, or a hosts file's address that leads nowhere and a name.
_PLAIN = re.compile(
    rb"[ \t]*(?:(0\.0\.0\.0|127\.0\.0\.1|::1?)[ \t]+)?((?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+)"
    rb"[ \t]*(?:#.*)?\r?\n?\Z"
)
_EMPTY = re.compile(rb"\s*(?:[#;].*)?\Z", re.DOTALL)


class NameHashes:
    """Names with what of them is meant."""

    __slots__ = ("_count", "_key", "_shards")

    def __init__(self, key: bytes) -> None:
        """``key``: random, at least 16 bytes."""
        self._key = key
        self._shards = [array("Q") for _ in range(_SHARDS)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def size_bytes(self) -> int:
        """The memory that it takes."""
        return sum(len(shard) * shard.itemsize for shard in self._shards)

    def add(self, name: bytes, meant: int) -> None:
        """A comparable name in ASCII. Call ``finish`` before anything is looked up."""
        self._count += 1
        for part in (ITSELF, BELOW):
            if meant & part:
                value = self._hash(part, name)
                self._shards[value >> 56].append(value)

    def finish(self) -> None:
        """Makes look-ups possible."""
        # One shard after the other, so that Python's own numbers never stand beside the whole of it.
        self._shards = [array("Q", sorted(set(shard))) for shard in self._shards]

    def has(self, name: bytes) -> bool:
        """Whether a name is meant, by itself or by a domain above it."""
        if self._has(self._hash(ITSELF, name)):
            return True
        while b"." in name:
            name = name.partition(b".")[2]
            if self._has(self._hash(BELOW, name)):
                return True
        return False

    def _has(self, value: int) -> bool:
        shard = self._shards[value >> 56]
        place = bisect_left(shard, value)
        return place < len(shard) and shard[place] == value

    def _hash(self, part: int, name: bytes) -> int:
        return int.from_bytes(hashlib.blake2b(name, digest_size=8, key=self._key, salt=bytes((part,))).digest())


class HostTable:
    """What the files of one category mean."""

    __slots__ = ("_exceptions", "_names", "_others", "bad_lines", "skipped_lines")

    def __init__(self, key: bytes, others: Iterable[Pattern] = ()) -> None:
        self._names = NameHashes(key)
        self._exceptions = NameHashes(key)
        self._others = PatternSet(others)
        self.bad_lines = 0
        """Lines that cannot be read, and say nothing therefore."""
        self.skipped_lines = 0
        """Lines that say nothing about a host, such as those that hide a part of a page."""

    def __len__(self) -> int:
        return len(self._names) + len(self._others)

    def __repr__(self) -> str:
        return f"HostTable({len(self)})"

    @property
    def size_bytes(self) -> int:
        """The memory that it takes, nearly."""
        return self._names.size_bytes + self._exceptions.size_bytes + self._others.size_bytes

    def has_name(self, name: str) -> bool:
        """Whether a comparable name is meant. One that is none is not."""
        if not name.isascii():
            return False
        packed = name.encode("ascii")
        return (self._names.has(packed) or self._others.has_name(name)) and not self._exceptions.has(packed)

    def has_address(self, address: IPAddress) -> bool:
        """Whether an address is meant, or the IPv4 address that it stands for."""
        return self._others.has_address(address)


class HostReader:
    """Reads the files of one category, line by line; ``table`` is the result."""

    def __init__(self, key: bytes, limits: PolicyLimits = POLICY) -> None:
        self._limits = limits
        self._table = HostTable(key)
        self._others: list[Pattern] = []

    def read(self, lines: Iterable[bytes], *, is_adblock: bool) -> None:
        """One file. Raises RuleError when there is more than fits."""
        table, limits = self._table, self._limits
        add = table._names.add
        for line in lines:
            plain = None if is_adblock else _PLAIN.match(line)
            if plain is not None:
                # A hosts file means just the name; a list of names means what is below it, too.
                add(plain[2], ITSELF if plain[1] else ITSELF | BELOW)
            elif not _EMPTY.match(line):
                self._read_unusual(line, is_adblock)
            if len(table._names) > limits.category_names:
                raise RuleError(f"A category has more than {limits.category_names:,} names.", "Make two of it.")
            if len(self._others) > limits.category_others:
                raise RuleError(
                    f"A category has more than {limits.category_others:,} networks and patterns.", "Make two of it."
                )

    def table(self) -> HostTable:
        """What was read. The reader is of no more use."""
        self._table._others = PatternSet(self._others)
        self._table._names.finish()
        self._table._exceptions.finish()
        return self._table

    def _read_unusual(self, line: bytes, is_adblock: bool) -> None:
        table = self._table
        try:
            if len(line) > self._limits.line_bytes:
                raise RuleError("The line is too long.")
            text = line.decode().strip()
            is_exception, patterns = parse_filter(text) if is_adblock else (False, parse_line(text))
        except (RuleError, UnicodeDecodeError):
            table.bad_lines += 1
            return
        except Skipped:
            table.skipped_lines += 1
            return
        if any(_is_no_site(pattern, is_exception) for pattern in patterns):
            table.bad_lines += 1
            return
        for pattern in patterns:
            if isinstance(pattern, NamePattern):
                (table._exceptions if is_exception else table._names).add(pattern.name.encode(), pattern.parts)
            else:
                self._others.append(pattern)


def _is_no_site(pattern: Pattern, is_exception: bool) -> bool:
    """Whether no list shall say this: a whole country's or everybody's names, and exceptions that reach far."""
    return "." not in pattern.name if isinstance(pattern, NamePattern) else is_exception
