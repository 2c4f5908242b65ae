"""The person's own patterns: a text that keeps what they wrote."""

from __future__ import annotations

import pytest

from unwalled.errors import RuleError
from unwalled.rules import own as module
from unwalled.rules.bounds import RulesLimits
from unwalled.rules.modes import ListRole
from unwalled.rules.own import OwnPatterns, parse_own
from unwalled.rules.patterns import Pattern, parse_pattern

TEXT = "# mine\nexample.org\n\ndirect: bank.example # money\nbridges: other.example\nno such/thing\n"


def test_each_line_has_its_way() -> None:
    own = parse_own(TEXT)
    assert own.through.has_name("www.example.org")
    assert own.through.has_name("other.example")
    assert own.direct.has_name("bank.example")
    assert not own.through.has_name("bank.example")
    assert [(line.number, line.cause) for line in own.bad] == [(6, "This is neither a network nor a name.")]
    assert own.text == TEXT


def test_a_pattern_is_added_once_and_the_rest_stays_as_it_was_written() -> None:
    own = parse_own(TEXT).added(" new.example ", ListRole.BLOCKED).added("shop.example", ListRole.DIRECT)
    assert own.text == TEXT + "new.example\ndirect: shop.example\n"
    assert own.added("NEW.example.", ListRole.BLOCKED) is own
    assert OwnPatterns().added("a.example", ListRole.DIRECT).text == "direct: a.example\n"


def test_many_are_added_without_reading_all_of_them_again_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def counted(text: str) -> Pattern:
        nonlocal asked
        asked += 1
        return parse_pattern(text)

    own = parse_own("".join(f"{number}.example\n" for number in range(1000)))
    monkeypatch.setattr(module, "parse_pattern", counted)
    words = [(f"new{number}.example", ListRole.BLOCKED) for number in range(1000)]
    more, problems = own.with_more([*words, ("a/b", ListRole.BLOCKED)])
    assert len(more.patterns) == 2000
    assert [(place, error.cause) for place, error in problems] == [(1000, "This is neither a network nor a name.")]
    assert asked == 1001
    assert parse_own(more.text) == more


def test_a_pattern_is_removed_however_it_was_written() -> None:
    own = parse_own("a.example\ndirect: A.example.\n# a.example\n=a.example\n").removed(".a.example")
    assert own.text == "# a.example\n=a.example\n"
    with pytest.raises(RuleError, match="none of your own"):
        own.removed("b.example")
    with pytest.raises(RuleError):
        parse_own("a/b\n").removed("b.example")


def test_what_cannot_be_added_says_why() -> None:
    with pytest.raises(RuleError):
        OwnPatterns().added("https://example.org/", ListRole.BLOCKED)
    limits = RulesLimits(own_patterns=1)
    full = OwnPatterns().added("a.example", ListRole.BLOCKED, limits)
    with pytest.raises(RuleError, match="already"):
        full.added("b.example", ListRole.BLOCKED, limits)


def test_bounds() -> None:
    own = parse_own("a.example\nb.example\n?\n?\n", RulesLimits(own_patterns=1, bad_lines=2))
    assert len(own.patterns) == 1
    assert [line.number for line in own.bad] == [2, 3]
    assert parse_own("a.example\na.example\n", RulesLimits(own_patterns=1)).bad != ()
