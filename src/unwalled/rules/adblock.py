"""One line in the syntax of Adblock Plus, as far as it says where connections go. Pure.

Such a filter means addresses of pages; a proxy sees only the name of the site. So a filter for a part of a site counts
for the whole of it, and an exception for a part of a site is refused: it would uncover the rest. What is only in a
page's address, such as a word, cannot be seen. The syntax: https://help.adblockplus.org/hc/en-us/articles/360062733293.
"""

from __future__ import annotations

import re

from unwalled.errors import RuleError, UnwalledError
from unwalled.rules.patterns import (
    BELOW,
    ITSELF,
    NamePattern,
    Pattern,
    RangePattern,
    WildcardPattern,
    parse_pattern,
    parse_range,
)

_SIGNS = (b"||", b"@@", b"|http", b"!", b"[adblock", b"[autoproxy")
_HIDING = ("##", "#@#", "#?#", "#$#", "#%#")
_LOOKED_AT_BYTES = 64 * 1024
_SCHEME = re.compile(r"(?:https?|wss?|ftp|\*)(?:\*)?:(?://)?", re.IGNORECASE)
_HOST_END = re.compile(r"[/^?|]")
_PORT = re.compile(r":(?:\d{1,5}|\*)\Z")


class Skipped(UnwalledError):
    """The line is in order, and says nothing about where connections go."""

    def __init__(self) -> None:
        super().__init__("The line says nothing about where connections go.")


def looks_like_adblock(content: bytes) -> bool:
    """Whether a list is in this syntax: by the beginnings of its first lines."""
    head = content[:_LOOKED_AT_BYTES].lower()
    return any(line.lstrip().startswith(_SIGNS) for line in head.split(b"\n"))


def parse_filter(line: str) -> tuple[bool, list[Pattern]]:
    """Whether the line is an exception, and the patterns that it means: none for a comment.

    Raises RuleError for what cannot be read or must not be taken, Skipped for what is of no concern here.
    """
    if not line or line.startswith("!") or (line.startswith("[") and line.endswith("]")):
        return False, []
    if any(mark in line for mark in _HIDING):
        raise Skipped
    if line.startswith("# ") or line == "#":
        return False, []
    is_exception = line.startswith("@@")
    text = line.removeprefix("@@").strip()
    if text.startswith("/") and (text.endswith("/") or "/$" in text):
        raise RuleError(
            "Regular expressions are not run: one can be made to take for ever.", "Write the names that it means."
        )
    text, dollar, options = text.partition("$")
    if dollar:
        _check_options(options, is_exception)
    return is_exception, _patterns(text, is_exception)


def _check_options(options: str, is_exception: bool) -> None:
    names = {option.strip().partition("=")[0].lstrip("~").lower() for option in options.split(",")}
    if "badfilter" in names:
        raise RuleError("The filter takes back another one.", "Remove both.")
    if is_exception and names - {"important"}:
        raise RuleError(
            "The exception holds only in some cases, which a proxy cannot see.", "Write it without what follows the $."
        )


def _patterns(text: str, is_exception: bool) -> list[Pattern]:
    is_anchored = text.startswith("||")
    is_start = not is_anchored and text.startswith("|")
    rest = text.lstrip("|")
    scheme = _SCHEME.match(rest)
    if scheme is not None:
        rest = rest[scheme.end() :]
        is_start = True
    end = _HOST_END.search(rest)
    host, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    if host.count(":") == 1 or "]:" in host:
        host = _PORT.sub("", host)
    if is_exception and tail.strip("/^|*"):
        raise RuleError(
            "The exception is for a part of a site, and a proxy cannot tell its parts apart.",
            "Leave the path out if you mean the whole site.",
        )
    if (found := parse_range(host)) is not None and isinstance(found, RangePattern):
        return [found]
    if "." not in host.lstrip(".").removeprefix("*."):
        raise RuleError(
            "The filter means a word in addresses of pages, which a proxy cannot see.", "Write the name of the site."
        )
    return _names(host, is_exact=is_start and not is_anchored)


def _names(host: str, *, is_exact: bool) -> list[Pattern]:
    """The site itself; also all below it unless the filter says where the address begins."""
    bare = host.lstrip(".")
    below = bare.removeprefix("*.")
    if "*" not in below:
        pattern = parse_pattern(below)
        if not isinstance(pattern, NamePattern) or not is_exact:
            return [pattern]
        return [NamePattern(pattern.name, BELOW if below != bare else ITSELF)]
    # Without its first star ``d*.example.org`` would fit less than it does in a page's address.
    found = [parse_pattern(below)]
    if not is_exact and not below.startswith("*"):
        found.append(parse_pattern("*." + below))
    assert all(isinstance(pattern, WildcardPattern) for pattern in found)
    return found
