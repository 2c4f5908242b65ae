"""What page and server say to each other."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from tests.support.panel_double import OFF
from unwalled.app.snapshot import State
from unwalled.errors import UsageError
from unwalled.panel.messages import (
    Failure,
    Language,
    Line,
    Mode,
    Named,
    Nothing,
    Settings,
    ShownRules,
    Taken,
    decode,
    encode,
)
from unwalled.panel.ports import Imported, Problem, RulesView
from unwalled.settings import PANEL
from unwalled.wire.invite import NoUsableDoor

SETTINGS = Settings(language="", version="1", has_rules=True, can_set_proxy=False, can_start_at_login=True)
RULES = ShownRules(own=(), own_count=0, lists=(), learned=0, names=0)


def test_a_line_says_only_what_differs() -> None:
    first = Line(OFF, SETTINGS, RULES)
    assert not first.since(Line()).is_empty
    assert first.since(Line(OFF, SETTINGS, RULES)).is_empty
    connected = Line(replace(OFF, state=State.CONNECTED), SETTINGS, RULES)
    told = msgspec.json.decode(encode(connected.since(first)))
    assert set(told) == {"snapshot"}
    assert told["snapshot"]["state"] == "connected"
    assert msgspec.json.decode(encode(first.since(connected)))["snapshot"]["trouble"] == "none"


def test_what_is_longer_than_a_page_can_show_is_counted() -> None:
    own = tuple(f"{number}.example" for number in range(PANEL.own_shown + 5))
    shown = ShownRules.of(RulesView(own, (), 1, len(own)))
    assert (len(shown.own), shown.own_count) == (PANEL.own_shown, PANEL.own_shown + 5)
    problems = tuple(Problem(line, "No.") for line in range(PANEL.problems_shown + 5))
    taken = Taken.of(Imported(7, problems))
    assert (taken.names, len(taken.problems), taken.problem_count) == (7, PANEL.problems_shown, len(problems))


def test_a_body_is_what_the_verb_needs_and_nothing_else() -> None:
    assert decode(b"{}", Nothing) == Nothing()
    assert decode(b'{"id": "a"}', Named) == Named("a")
    assert decode(b'{"language": "zh-Hans"}', Language) == Language("zh-Hans")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", Nothing),
        (b"[]", Nothing),
        (b'{"more": 1}', Nothing),
        (b'{"id": ""}', Named),
        (b'{"id": 5}', Named),
        (b'{"id": "\xff"}', Named),
        (b'{"mode": "all"}', Mode),
        (b'{"language": "<b>"}', Language),
    ],
)
def test_any_other_body_is_refused(body: bytes, kind: type[msgspec.Struct]) -> None:
    refused = decode(body, kind)
    assert isinstance(refused, Failure)
    assert refused.code == "bad-request"


def test_an_invites_error_has_a_code_of_its_own() -> None:
    assert Failure.of(NoUsableDoor("Cause.", "Remedy.")) == Failure("no-usable-door", "Cause.", "Remedy.")
    assert Failure.of(UsageError("Cause.")) == Failure("failed", "Cause.", "")
