"""Filters of Adblock Plus, as far as they say where connections go."""

from __future__ import annotations

import pytest

from unwalled.errors import RuleError
from unwalled.rules.adblock import Skipped, looks_like_adblock, parse_filter


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("||example.org^", ["example.org"]),
        ("||example.org", ["example.org"]),
        ("||example.org/path/x.js", ["example.org"]),
        ("||example.org^$third-party,script", ["example.org"]),
        ("||*.example.org^", ["example.org"]),
        (".example.org/path", ["example.org"]),
        ("example.org", ["example.org"]),
        ("example.org|", ["example.org"]),
        ("||example.org:8080^", ["example.org"]),
        ("|http://example.org/a", ["=example.org"]),
        ("|https://www.example.org", ["=www.example.org"]),
        ("http://example.org", ["=example.org"]),
        ("|http*://example.org/", ["=example.org"]),
        ("|https://*.example.org/", ["*.example.org"]),
        ("|http://192.0.2.7/", ["192.0.2.7"]),
        ("||192.0.2.7^", ["192.0.2.7"]),
        ("|http://192.0.2.7:81/", ["192.0.2.7"]),
        ("|http://[2001:db8::1]:80/", ["2001:db8::1"]),
        ("||2001:db8::1^", ["2001:db8::1"]),
        ("||d*.example.org^", ["d*.example.org", "*.d*.example.org"]),
        ("||*goog.example.*/", ["*goog.example.*"]),
        (".google.*/x", ["google.*", "*.google.*"]),
        ("|https://a*.example.org/", ["a*.example.org"]),
        ("||bücher.example^", ["bücher.example"]),
    ],
)
def test_what_is_meant(line: str, meant: list[str]) -> None:
    is_exception, patterns = parse_filter(line)
    assert not is_exception
    assert list(map(str, patterns)) == meant


@pytest.mark.parametrize("line", ["", "! words", "[Adblock Plus 2.0]", "# words", "#"])
def test_what_means_nothing(line: str) -> None:
    assert parse_filter(line) == (False, [])


@pytest.mark.parametrize("line", ["example.org##.ad", "##.ad", "example.org#@#.ad", "a.b#?#div", "a.b#$#x", "a.b#%#x"])
def test_what_hides_parts_of_pages_is_of_no_concern(line: str) -> None:
    with pytest.raises(Skipped):
        parse_filter(line)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("@@||example.org^", "example.org"),
        ("@@||example.org", "example.org"),
        ("@@|http://example.org/", "=example.org"),
        ("@@||example.org^$important", "example.org"),
    ],
)
def test_exceptions(line: str, meant: str) -> None:
    is_exception, patterns = parse_filter(line)
    assert is_exception
    assert list(map(str, patterns)) == [meant]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("@@||example.org/path", "part of a site"),
        ("@@||example.org^$document", "only in some cases"),
        ("@@||example.org^$domain=a.example", "only in some cases"),
        ("||example.org^$badfilter", "takes back"),
        ("/ads[0-9]+/", "Regular expressions"),
        ("/^https?:\\/\\/a/$script", "Regular expressions"),
        ("@@/x/", "Regular expressions"),
        ("freenet", "a word in addresses"),
        ("*.", "a word in addresses"),
        ("|https://", "a word in addresses"),
        ("||com^", "a word in addresses"),
        ("||exa mple.org^", "more than one word"),
        ("||a.b:99999999^", ""),
    ],
)
def test_what_is_refused_says_why(line: str, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_filter(line)
    assert words in caught.value.cause
    assert caught.value.remedy


def test_such_lists_are_known_by_their_lines() -> None:
    for line in (b"||a.b", b"@@||a.b", b"|https://a.b", b"! x", b"[Adblock Plus]", b"[AutoProxy 0.2]", b"  ||a.b"):
        assert looks_like_adblock(b"example.org\n" + line), line
    assert not looks_like_adblock(b"example.org\n# words\n0.0.0.0 a.b\n")
