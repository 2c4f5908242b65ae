"""The person's own patterns: a text of lines that they may also write by hand. Pure.

::

    # comments stay where they are
    example.org
    direct: bank.example

A line is a pattern, for bridges; with ``direct:`` before it, for the direct way. Only here can a pattern say that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from unwalled.errors import RuleError
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.formats import BadLine
from unwalled.rules.modes import ListRole
from unwalled.rules.patterns import Pattern, parse_pattern
from unwalled.rules.tables import PatternSet

_DIRECT = "direct:"
_BRIDGES = "bridges:"


@dataclass(frozen=True, slots=True, repr=False)
class OwnPattern:
    """One of them, as it was written."""

    pattern: Pattern
    role: ListRole


@dataclass(frozen=True, slots=True, repr=False)
class OwnPatterns:
    """All of them. Changing gives a new value."""

    lines: tuple[str, ...] = ()
    patterns: tuple[OwnPattern, ...] = ()
    bad: tuple[BadLine, ...] = ()
    """Lines with errors; they stay in the text and have no effect."""
    through: PatternSet = field(default_factory=PatternSet, compare=False)
    direct: PatternSet = field(default_factory=PatternSet, compare=False)

    @property
    def text(self) -> str:
        """For the file."""
        return "".join(line + "\n" for line in self.lines)

    def added(self, text: str, role: ListRole, limits: RulesLimits = RULES) -> OwnPatterns:
        """With one pattern more, or unchanged if it is there. Raises RuleError."""
        found, problems = self.with_more([(text, role)], limits)
        if problems:
            raise problems[0][1]
        return found

    def with_more(
        self, words: Sequence[tuple[str, ListRole]], limits: RulesLimits = RULES
    ) -> tuple[OwnPatterns, list[tuple[int, RuleError]]]:
        """With more of them, or unchanged if all are there; and what could not be: its place in ``words``, and why."""
        patterns = dict.fromkeys(self.patterns)
        lines = list(self.lines)
        problems: list[tuple[int, RuleError]] = []
        for place, (text, role) in enumerate(words):
            try:
                wanted = OwnPattern(parse_pattern(text.strip()), role)
                if wanted in patterns:
                    continue
                if len(patterns) >= limits.own_patterns:
                    raise RuleError(
                        f"There are {limits.own_patterns:,} own patterns already.",
                        "Put them into a file, and add it as a list: `unwalled rules import FILE`.",
                    )
            except RuleError as error:
                problems.append((place, error))
            else:
                patterns[wanted] = None
                lines.append((_DIRECT + " " if role is ListRole.DIRECT else "") + str(wanted.pattern))
        if len(lines) == len(self.lines):
            return self, problems
        return _made(lines, patterns, self.bad), problems

    def removed(self, text: str, limits: RulesLimits = RULES) -> OwnPatterns:
        """Without a pattern, whichever way it says. Raises RuleError when it is not there."""
        wanted = parse_pattern(text.strip())
        kept = [line for line in self.lines if not _means(line, wanted)]
        if len(kept) == len(self.lines):
            raise RuleError("This is none of your own patterns.", "`unwalled rules show` lists them.")
        return parse_own("\n".join(kept), limits)


def parse_own(text: str, limits: RulesLimits = RULES) -> OwnPatterns:
    """Reads the text. Never fails: lines with errors, and what is too much, are in ``bad``."""
    patterns: dict[OwnPattern, None] = {}
    bad: list[BadLine] = []
    lines = tuple(line.strip() for line in text.splitlines())
    for number, line in enumerate(lines, start=1):
        try:
            if (found := _parse_line(line)) is not None:
                if len(patterns) >= limits.own_patterns:
                    raise RuleError(f"There are more than {limits.own_patterns:,} patterns.", "Use a list instead.")
                patterns[found] = None
        except RuleError as error:
            if len(bad) < limits.bad_lines:
                bad.append(BadLine(number, error.cause, error.remedy))
    return _made(lines, patterns, bad)


def _made(lines: Iterable[str], patterns: Collection[OwnPattern], bad: Iterable[BadLine]) -> OwnPatterns:
    return OwnPatterns(
        tuple(lines),
        tuple(patterns),
        tuple(bad),
        PatternSet(own.pattern for own in patterns if own.role is ListRole.BLOCKED),
        PatternSet(own.pattern for own in patterns if own.role is ListRole.DIRECT),
    )


def _parse_line(line: str) -> OwnPattern | None:
    if not line or line.startswith("#"):
        return None
    role = ListRole.DIRECT if line.startswith(_DIRECT) else ListRole.BLOCKED
    text = line.removeprefix(_DIRECT).removeprefix(_BRIDGES)
    return OwnPattern(parse_pattern(text.partition(" #")[0].strip()), role)


def _means(line: str, wanted: Pattern) -> bool:
    try:
        found = _parse_line(line)
    except RuleError:
        return False
    return found is not None and found.pattern == wanted
