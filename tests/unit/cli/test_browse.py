from __future__ import annotations

import pytest

from unwalled.cli.browse import BLANK, Asked, check_address, read_words
from unwalled.errors import UsageError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("example.org", "https://example.org"),
        ("example.org:8080/x", "https://example.org:8080/x"),
        ("localhost:80", "https://localhost:80"),
        ("http://example.org/?q=a:b", "http://example.org/?q=a:b"),
        ("[2001:db8::1]/", "https://[2001:db8::1]/"),
        (" https://bücher.example ", "https://bücher.example"),
        ("about:blank", "about:blank"),
    ],
)
def test_what_a_person_writes_becomes_a_url(text: str, url: str) -> None:
    assert check_address(text) == url


@pytest.mark.parametrize(
    "text", ["", "file:///etc/passwd", "javascript:alert(1)", "about:config", "--proxy-server=x y", "https://", "a b"]
)
def test_other_things_are_not_opened(text: str) -> None:
    with pytest.raises(UsageError, match="not an address"):
        check_address(text)


def test_an_invite_is_known_by_its_form() -> None:
    assert read_words([]) == Asked(None, BLANK)
    assert read_words(["uw1.abc"]) == Asked("uw1.abc", BLANK)
    assert read_words(["https://news.example/read#uw1.abc"]) == Asked("https://news.example/read#uw1.abc", BLANK)
    assert read_words(["example.org", "-"]) == Asked("-", "https://example.org")
    assert read_words(["'uw2.x'", "news.example/uw1.x"]) == Asked("'uw2.x'", "https://news.example/uw1.x")


@pytest.mark.parametrize("words", [["a.example", "b.example"], ["uw1.a", "uw1.b"], ["-", "uw1.a"]])
def test_two_of_a_kind_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="too many"):
        read_words(words)
