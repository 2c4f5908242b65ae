"""Words and languages of the operator's pages."""

from __future__ import annotations

import html
import re
import string
from collections.abc import Iterator, Mapping

import pytest

from unwalled.web.pages import documents, pages
from unwalled.web.render import choose_language, languages, render, words

# Of the plural categories of each language, those that whole numbers have.
CATEGORIES = {
    "ar": {"zero", "one", "two", "few", "many", "other"},
    "be": {"one", "few", "many", "other"},
    "es": {"one", "many", "other"},
    "fr": {"one", "many", "other"},
    "my": {"other"},
    "pt": {"one", "many", "other"},
    "ru": {"one", "few", "many", "other"},
    "uk": {"one", "few", "many", "other"},
    "vi": {"other"},
    "zh-Hans": {"other"},
    "zh-Hant": {"other"},
}
DOCUMENTS = ("/", "/add", "/embed", "/impact", "/read", "/totals", "/window")
ENGLISH = words("en")


def texts(language: str) -> Iterator[tuple[str, str]]:
    """All texts by a name such as ``add.title``; each plural form is one."""
    for table, entries in words(language).items():
        for key, text in entries.items():
            forms = text if isinstance(text, Mapping) else {"": text}
            yield from ((f"{table}.{key}.{form}".rstrip("."), one) for form, one in forms.items())


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", languages())
def test_a_language_has_every_text_and_every_place_for_a_value(language: str) -> None:
    found = words(language)
    assert {table: set(entries) for table, entries in found.items()} == {
        table: set(entries) for table, entries in ENGLISH.items()
    }
    for table, entries in ENGLISH.items():
        for key, text in entries.items():
            other = found[table][key]
            assert isinstance(other, str) == isinstance(text, str), f"{table}.{key}"
            if isinstance(text, str):
                assert places(str(other)) == places(text), f"{table}.{key}"
            else:
                assert isinstance(other, Mapping)
                assert set(other) == CATEGORIES.get(language, {"one", "other"}), f"{table}.{key}"
                assert places(other["other"]) == {"count"}
    assert [name for name, text in texts(language) if not text.strip()] == []


@pytest.mark.parametrize("language", languages())
def test_every_page_can_be_made_in_every_language(language: str) -> None:
    found = documents(language=language, is_asked=True)
    for path in DOCUMENTS:
        text = found[path].body.decode()
        assert f'<html lang="{language}" dir="{"rtl" if language in ("ar", "fa", "ur") else "ltr"}"' in text
        assert "{{" not in text
        assert found[path].headers["Content-Language"] == language
        assert found[path].headers["Vary"] == "Accept-Language"


def test_every_text_stands_on_some_page() -> None:
    shown = "".join(page.body.decode() for page in pages().values() if page.is_document)
    plain = html.unescape(shown)
    alone = {"page.name"} if len(languages()) == 1 else set()
    assert [name for name, text in texts("en") if text not in plain and name not in alone] == []


def test_values_are_escaped() -> None:
    made = render("add", "en", is_asked=False, values={"integrity": '"><script>', "version": "&"}).decode()
    assert 'data-integrity="&quot;&gt;&lt;script&gt;" data-version="&amp;"' in made
    assert not re.search(r"<script(?![^>]*\ssrc=)", made)


def test_links_keep_a_language_that_was_asked_for() -> None:
    asked = documents(language="en", is_asked=True)["/"].body.decode()
    assert 'href="add?lang=en"' in asked
    assert 'href="add"' in pages()["/"].body.decode()


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "", None),
        ("en", "", "en"),
        ("EN-gb", "", "en"),
        ("xx", "en-US,en;q=0.9", "en"),
        ("", "xx, en;q=0.1", "en"),
        ("", "en;q=0", None),
        ("", "en;q=x, *", None),
        ("../words/en", "", None),
        ("-", ",,;", None),
        # As long as an address may be: to look at each of its parts took seconds, in which nobody else was served.
        ("en" + "-" * 8_000, "", None),
        ("en-Latn-GB-boont-r-extended-sequence", "en", "en"),
    ],
)
def test_a_language_is_chosen_from_the_address_or_the_browsers_wishes(
    asked: str, accepted: str, language: str | None
) -> None:
    assert choose_language(asked, accepted) == language


def test_the_best_of_several_wishes_is_taken_and_the_script_of_chinese_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unwalled.web.render.languages", lambda: ("en", "fa", "zh-Hans", "zh-Hant"))
    assert choose_language("", "en;q=0.3, fa;q=0.8") == "fa"
    assert choose_language("zh-TW", "") == "zh-Hant"
    assert choose_language("zh-Hant-HK", "") == "zh-Hant"
    assert choose_language("", "zh-CN,zh;q=0.9") == "zh-Hans"
    assert choose_language("fa-IR", "en") == "fa"
