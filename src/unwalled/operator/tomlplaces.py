"""On which line each value of a TOML document stands, which Python's own parser does not tell. Pure.

For text that ``tomllib`` has taken only: what is wrong with it, that parser says better. https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import re
import tomllib

TomlPath = tuple[str | int, ...]
"""Keys, and numbers for the items of arrays: ``("stun", 0)``."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}' r"|'''(?:[^']|'(?!''))*'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}\r\n#]+")


def places_of(text: str) -> dict[TomlPath, int]:
    """The line of each key, table and item of an array, the first one being 1."""
    return _Scan(text).run()


class _Scan:
    """One pass over a document."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._places: dict[TomlPath, int] = {}
        self._array_tables: dict[TomlPath, int] = {}

    def run(self) -> dict[TomlPath, int]:
        table: TomlPath = ()
        while self._skip(_BETWEEN) < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._places

    def _header(self) -> TomlPath:
        line = self._line()
        is_array = self._text.startswith("[[", self._at)
        self._at += 1 + is_array
        path = self._actual(self._key(), is_array)
        self._at += 1 + is_array
        for length in range(1, len(path) + 1):
            self._places.setdefault(path[:length], line)
        return path

    def _actual(self, named: TomlPath, is_array: bool) -> TomlPath:
        """The path of a table, whose name says nothing of the numbers in arrays of tables."""
        path: TomlPath = ()
        for part in named[:-1]:
            path = (*path, part)
            if path in self._array_tables:
                path = (*path, self._array_tables[path])
        path = (*path, named[-1])
        if is_array:
            self._array_tables[path] = self._array_tables.get(path, -1) + 1
            path = (*path, self._array_tables[path])
        return path

    def _pair(self, table: TomlPath) -> None:
        line = self._line()
        named = (*table, *self._key())
        for length in range(len(table) + 1, len(named) + 1):
            self._places.setdefault(named[:length], line)
        # Behind the sign of equality.
        self._at += 1
        self._skip(_BLANK)
        self._value(named)

    def _value(self, path: TomlPath) -> None:
        match self._text[self._at]:
            case "[":
                self._items(path)
            case "{":
                self._inline(path)
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_PLAIN)

    def _items(self, path: TomlPath) -> None:
        self._at += 1
        number = 0
        while self._text[self._skip(_BETWEEN)] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._places[(*path, number)] = self._line()
            self._value((*path, number))
            number += 1
        self._at += 1

    def _inline(self, path: TomlPath) -> None:
        self._at += 1
        while self._text[self._skip(_BETWEEN)] != "}":
            if self._text[self._at] == ",":
                self._at += 1
            else:
                self._pair(path)
        self._at += 1

    def _key(self) -> TomlPath:
        """A key, dotted or not, and the blanks behind it."""
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            begin = self._at
            if self._text[begin] in "\"'":
                self._skip(_STRING)
                parts.append(tomllib.loads(f"key = {self._text[begin : self._at]}")["key"])
            else:
                self._skip(_BARE_KEY)
                parts.append(self._text[begin : self._at])
            self._skip(_BLANK)
            if self._text[self._at] != ".":
                return tuple(parts)
            self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        assert match is not None, "tomllib would not have taken this"
        self._at = match.end()
        return self._at

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1
