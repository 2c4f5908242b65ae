"""The operator's documents from their templates and words, in every language that there are words for. Pure but for
reading the package's own files.

In a template ``{{name}}`` is a value that the caller gives, ``{{table.key}}`` a text of the language, and
``{{forms:table.key}}`` its plural forms as JSON. Everything is escaped for text and for attributes, except values that
are made here. A name that nobody gives is an error, so that a text that is missing anywhere fails a test.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

ENGLISH = "en"
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "ur"})
_SCRIPTS = {"zh-tw": "zh-Hant", "zh-hk": "zh-Hant", "zh-mo": "zh-Hant", "zh-hant": "zh-Hant", "zh": "zh-Hans"}
_MAX_HEADER_CHARS = 256
# What RFC 5646, section 4.4.1, asks everybody to take. Each part of a tag is looked at with all before it.
_MAX_TAG_CHARS = 35
_PLACE = re.compile(r"\{\{([a-z_.:]+)\}\}")

Words = Mapping[str, Mapping[str, str | Mapping[str, str]]]


@cache
def languages() -> tuple[str, ...]:
    """The tags that there are words for, English first."""
    names = [file.name for file in files("unwalled.web").joinpath("words").iterdir()]
    tags = {name.removesuffix(".toml") for name in names if name.endswith(".toml")}
    return (ENGLISH, *sorted(tags - {ENGLISH}))


@cache
def words(language: str) -> Words:
    """All texts of one language. Raises FileNotFoundError for one that there is none of."""
    text = files("unwalled.web").joinpath("words", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def choose_language(asked: str, accepted: str) -> str | None:
    """The language for a request: that of its ``lang`` parameter, else the best of Accept-Language, else None."""
    for tag in (asked, *_by_preference(accepted)):
        found = _available(tag)
        if found is not None:
            return found
    return None


def render(name: str, language: str, *, is_asked: bool, values: Mapping[str, str]) -> bytes:
    """One document. ``is_asked``: the language was asked for in the address, so links keep it there."""
    texts = words(language)
    made = {
        "lang": language,
        "dir": "rtl" if language in _RIGHT_TO_LEFT else "ltr",
        "page": name,
        "title": _text(texts, f"{'home' if name == 'index' else name}.title"),
        "query": f"?lang={language}" if is_asked else "",
    }
    escaped = {key: html.escape(value) for key, value in {**made, **values}.items()}
    escaped |= {"languages": _links(language), "options": _options()}
    for part in ("head", "foot"):
        escaped[part] = _fill(_template(part), texts, escaped)
    return _fill(_template(name), texts, escaped).encode()


def _fill(template: str, texts: Words, escaped: Mapping[str, str]) -> str:
    def put(place: re.Match[str]) -> str:
        name = place[1]
        if name.startswith("forms:"):
            table, _, key = name.removeprefix("forms:").partition(".")
            return html.escape(json.dumps(texts[table][key], ensure_ascii=False))
        return html.escape(_text(texts, name)) if "." in name else escaped[name]

    return _PLACE.sub(put, template)


def _text(texts: Words, name: str) -> str:
    table, _, key = name.partition(".")
    text = texts[table][key]
    assert isinstance(text, str), f"{name} has plural forms: write forms:{name}."
    return text


@cache
def _template(name: str) -> str:
    return files("unwalled.web").joinpath("html", f"{name}.html").read_text(encoding="utf-8").strip("\n")


def _links(current: str) -> str:
    """Empty while there is one language only."""
    tags = languages()
    if len(tags) == 1:
        return ""
    return "\n".join(
        f'<a href="?lang={tag}" lang="{tag}" hreflang="{tag}"{_CURRENT if tag == current else ""}>{_own_name(tag)}</a>'
        for tag in tags
    )


def _options() -> str:
    return "".join(f'<option value="{tag}" lang="{tag}">{_own_name(tag)}</option>' for tag in languages())


_CURRENT = ' aria-current="true"'


def _own_name(tag: str) -> str:
    return html.escape(_text(words(tag), "page.name"))


def _by_preference(accepted: str) -> list[str]:
    wished: list[tuple[float, str]] = []
    for part in accepted[:_MAX_HEADER_CHARS].split(","):
        tag, _, weight = part.partition(";")
        try:
            wished.append((-float(weight.strip().removeprefix("q=") or 1), tag.strip()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(wished, key=lambda wish: wish[0]) if weight < 0]


def _available(tag: str) -> str | None:
    """``fr-CA`` is served by ``fr``; of Chinese the script decides, which some regions imply."""
    known = {one.lower(): one for one in languages()}
    lower = tag.strip().lower()
    if len(lower) > _MAX_TAG_CHARS:
        return None
    for length in range(lower.count("-") + 1, 0, -1):
        prefix = "-".join(lower.split("-")[:length])
        found = known.get(prefix) or known.get(_SCRIPTS.get(prefix, "").lower())
        if found is not None:
            return found
    return None
