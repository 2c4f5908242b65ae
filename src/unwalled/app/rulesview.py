"""The rules as they are shown to a person, by the panel and the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListView:
    """One list of rules."""

    id: str
    title: str
    """What the person, or the list itself, calls it."""
    names: int
    problems: int
    """Lines that could not be understood and were left out."""
    updated_at: float
    """Unix time, seconds; 0 = never."""
    is_updated: bool
    """It has an address from which it is renewed through the bridges."""
    is_direct: bool = False
    """Its sites go directly, unless something else says that they are blocked."""
    trouble: str = ""
    """Why it could not be renewed the last time, as a sentence; "" when all is well."""


@dataclass(frozen=True, slots=True)
class RulesView:
    """The rules as they are. ``own`` are the reader's own patterns, in the order in which they were written."""

    own: tuple[str, ...]
    lists: tuple[ListView, ...]
    learned: int
    """Names that were found to be blocked and are remembered for some time."""
    names: int
    """Names, of own patterns and all lists, that go through bridges."""
    is_learned_kept: bool = False
    """Whether what was learned is kept on the disk, over a restart."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was left out."""

    line: int
    """From 1."""
    cause: str
    """A sentence."""
    remedy: str = ""
    """Another one."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a text with rules."""

    names: int
    """Names that were taken."""
    problems: tuple[Problem, ...]
