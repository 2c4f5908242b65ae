"""On which line things stand in TOML."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.operator.tomlplaces import TomlPath, places_of

EVERYTHING = '''\
# a comment with = and [ and "
first = 1
"quoted key" = 'a # no comment'   # a comment
'literal' . second.third = """two
lines with \\""" and "" in them"""
list = [ 1, # one
  "x]y", [2,
  3], { a = 1, b.c = "}" },

  1979-05-27 07:32:00,
]
raw = \'\'\'it's
"raw"\'\'\'
empty = ""
none = []

[ table . "x.y" ]
key = true
[[array]]
one = 1
[[array]]
two = {}
[array.inner]
deep = 1.5
[[array.list]]
last = "\\u00e9"
'''


def test_a_document_with_everything() -> None:
    tomllib.loads(EVERYTHING)
    assert places_of(EVERYTHING) == {
        ("first",): 2,
        ("quoted key",): 3,
        ("literal",): 4,
        ("literal", "second"): 4,
        ("literal", "second", "third"): 4,
        ("list",): 6,
        ("list", 0): 6,
        ("list", 1): 7,
        ("list", 2): 7,
        ("list", 2, 0): 7,
        ("list", 2, 1): 8,
        ("list", 3): 8,
        ("list", 3, "a"): 8,
        ("list", 3, "b"): 8,
        ("list", 3, "b", "c"): 8,
        ("list", 4): 10,
        ("raw",): 12,
        ("empty",): 14,
        ("none",): 15,
        ("table",): 17,
        ("table", "x.y"): 17,
        ("table", "x.y", "key"): 18,
        ("array",): 19,
        ("array", 0): 19,
        ("array", 0, "one"): 20,
        ("array", 1): 21,
        ("array", 1, "two"): 22,
        ("array", 1, "inner"): 23,
        ("array", 1, "inner", "deep"): 24,
        ("array", 1, "list"): 25,
        ("array", 1, "list", 0): 25,
        ("array", 1, "list", 0, "last"): 26,
    }


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", " \t\n\n", "x = 1", "x=1\n#", "\r\nx = '''\r\n'''\r\n"])
def test_short_documents(text: str) -> None:
    assert {path[0] for path in places_of(text)} == set(tomllib.loads(text))


names = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), max_size=6
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
values: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
blanks = st.sampled_from(["", " ", "\t "])
gaps = st.sampled_from(["", " ", "\n", '\n  # [a] = "x\n', "\n\n"])


def quoted(text: str) -> str:
    """A basic string, every control character escaped."""
    escaped = "".join(f"\\u{ord(c):04x}" if c < " " or c in '"\\\x7f' else c for c in text)
    return f'"{escaped}"'


class Writer:
    """Writes TOML with any blanks, and notes on which line it wrote what."""

    def __init__(self, draw: st.DataObject) -> None:
        self.text = ""
        self.places: dict[TomlPath, int] = {}
        self._draw = draw

    def gap(self, kind: st.SearchStrategy[str]) -> None:
        self.text += self._draw.draw(kind)

    def note(self, path: TomlPath) -> None:
        self.places[path] = self.text.count("\n") + 1

    def pair(self, path: TomlPath, value: Any) -> None:
        self.note(path)
        name = str(path[-1])
        is_bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        self.text += name if is_bare and self._draw.draw(st.booleans()) else quoted(name)
        self.gap(blanks)
        self.text += "="
        self.gap(blanks)
        self.value(path, value)

    def value(self, path: TomlPath, value: Any) -> None:
        match value:
            case bool():
                self.text += str(value).lower()
            case int():
                self.text += str(value)
            case str() if re.fullmatch(r"[ -&(-~\n]*", value):
                self.text += f"'''\n{value}'''"
            case str():
                self.text += quoted(value)
            case list():
                self.text += "["
                for number, item in enumerate(value):
                    self.gap(gaps)
                    self.note((*path, number))
                    self.value((*path, number), item)
                    self.gap(gaps)
                    self.text += ","
                self.gap(gaps)
                self.text += "]"
            case dict():
                self.text += "{"
                for number, (key, item) in enumerate(value.items()):
                    self.text += "," if number else ""
                    self.gap(blanks)
                    self.pair((*path, key), item)
                    self.gap(blanks)
                self.text += "}"


@given(st.data(), st.dictionaries(names, values, max_size=5))
def test_whatever_is_written_is_found_where_it_was_written(data: st.DataObject, document: dict[str, Any]) -> None:
    writer = Writer(data)
    for key, value in document.items():
        writer.gap(gaps)
        writer.text += "" if writer.text.endswith("\n") or not writer.text else "\n"
        writer.pair((key,), value)
        writer.text += data.draw(st.sampled_from(["\n", " # x = 1\n"]))
    assert tomllib.loads(writer.text) == document
    assert places_of(writer.text) == writer.places
