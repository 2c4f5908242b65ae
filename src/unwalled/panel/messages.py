"""What page and server say to each other: JSON objects, described in docs/reference/panel.md. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

from unwalled.app.snapshot import AppSnapshot, RuleMode
from unwalled.errors import InviteError, UnwalledError
from unwalled.panel.ports import Imported, ListView, Problem, RulesView
from unwalled.settings import PANEL

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Short = Annotated[str, msgspec.Meta(max_length=200)]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a verb that needs to be told nothing: ``{}``."""


class NewInvite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An invite to remember."""

    text: str
    label: _Short = ""


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing of several."""

    id: _Id


class Switched(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On or off."""

    on: bool


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A language's tag, or "" for the browser's."""

    language: Annotated[str, msgspec.Meta(max_length=35, pattern="^[A-Za-z0-9-]*$")]


class Mode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes through bridges."""

    mode: RuleMode


class Patterns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Own patterns, one a line."""

    text: str


class NewList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list that was pasted or read from a file, or an address alone from which it is renewed.

    ``is_direct``: its sites go directly; else through bridges.
    """

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: str
    is_direct: bool = False


class ShownInvite(msgspec.Struct, frozen=True):
    """An invite to be handed on: as text, and as a code of ``size`` modules whose dark ones are an SVG path."""

    text: str
    size: int
    path: str


class ShownRules(msgspec.Struct, frozen=True):
    """The rules, with no more own patterns than a page can show."""

    own: Sequence[str]
    own_count: int
    lists: Sequence[ListView]
    learned: int
    names: int

    @classmethod
    def of(cls, view: RulesView) -> ShownRules:
        """Of the book's view."""
        return cls(view.own[: PANEL.own_shown], len(view.own), view.lists, view.learned, view.names)


class Taken(msgspec.Struct, frozen=True):
    """What became of patterns or of a list, with no more problems than a page can show."""

    names: int
    problems: Sequence[Problem]
    problem_count: int

    @classmethod
    def of(cls, imported: Imported) -> Taken:
        """Of what the book says."""
        return cls(imported.names, imported.problems[: PANEL.problems_shown], len(imported.problems))


class Report(msgspec.Struct, frozen=True):
    """A report for help."""

    text: str


class Settings(msgspec.Struct, frozen=True):
    """What changes seldom. ``language`` "" is the browser's; ``has_rules``: there is a book of rules."""

    language: str
    version: str
    has_rules: bool
    can_set_proxy: bool
    can_start_at_login: bool


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the stream. What is not there is as in the line before."""

    snapshot: AppSnapshot | msgspec.UnsetType = msgspec.UNSET
    settings: Settings | msgspec.UnsetType = msgspec.UNSET
    rules: ShownRules | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_empty(self) -> bool:
        """Whether everything is as it was."""
        return self.snapshot is msgspec.UNSET and self.settings is msgspec.UNSET and self.rules is msgspec.UNSET

    def since(self, before: Line) -> Line:
        """Only what differs from an earlier whole line."""
        return Line(
            msgspec.UNSET if self.snapshot == before.snapshot else self.snapshot,
            msgspec.UNSET if self.settings == before.settings else self.settings,
            msgspec.UNSET if self.rules == before.rules else self.rules,
        )


class Failure(msgspec.Struct, frozen=True):
    """An answer that is no success. ``code`` is for the page's own words; ``cause`` and ``remedy`` are English."""

    code: str
    cause: str
    remedy: str = ""

    @classmethod
    def of(cls, error: UnwalledError) -> Failure:
        """An invite's errors have codes of their own: ``damaged-invite`` for ``DamagedInvite``."""
        code = _kebab(type(error).__name__) if isinstance(error, InviteError) else "failed"
        return cls(code, error.cause, error.remedy)


Body = TypeVar("Body")


def decode(body: bytes, kind: type[Body]) -> Body | Failure:
    """A request's body, or what is wrong with it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Failure("bad-request", "The panel sent something that this program does not understand.", RELOAD)


def encode(message: msgspec.Struct) -> bytes:
    """JSON, without a line break inside."""
    return msgspec.json.encode(message)


RELOAD = "Reload the page."


def _kebab(name: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).removeprefix("-")
