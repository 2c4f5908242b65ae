"""Lists in the formats that people already have. Pure: bytes in, patterns out, and for each bad line why.

Lines are told apart by their look, so a file need not say what it is: plain names and networks, hosts files, dnsmasq's
``server=/name/…``, and files in the syntax of Adblock Plus (with ``[Adblock Plus]``, ``[AutoProxy]``, ``||``, ``@@`` or
``!`` lines) as they are or as one block of base64, as GFWList has it. A bad line is skipped and counted, and never
takes others with it. Only what cannot be a list at all is refused whole: too large, compressed, a web page.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from unwalled.errors import RuleError
from unwalled.rules.adblock import Skipped, looks_like_adblock, parse_filter
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.modes import ListRole
from unwalled.rules.names import is_local
from unwalled.rules.patterns import NamePattern, Pattern, RangePattern, WildcardPattern, parse_pattern, parse_range
from unwalled.rules.tables import PatternSet

# No two repeats side by side that fit the same: a list of spaces would be tried for days.
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\Z")
_COMMENT = re.compile(r"\s[#;]")
_LEAST_BASE64_BYTES = 16
_DNSMASQ = re.compile(r"(?:server|address|local|ipset|nftset)=/([^\s]*)/[^/\s]*\Z")
_COMMENTS = ("#", ";", "//")
_LOCAL_IN_HOSTS = frozenset({"broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix"})
# A network wider than this holds a good part of the Internet.
_WIDEST = {4: 1 << 24, 16: 1 << 108}


class ListFormat(StrEnum):
    """What a list turned out to be."""

    LINES = "lines"
    """Names, networks, hosts or dnsmasq lines."""
    ADBLOCK = "adblock"
    GFWLIST = "gfwlist"
    """The same in base64."""


@dataclass(frozen=True, slots=True, repr=False)
class BadLine:
    """A line that was skipped. ``number`` counts from 1; cause and remedy are sentences for a person."""

    number: int
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ParsedList:
    """What a list says."""

    format: ListFormat
    matches: PatternSet
    exceptions: PatternSet
    """What the list says that it does not mean after all. Holds within this list only."""
    skipped: int
    """Lines that say nothing about where connections go, such as those that hide a part of a page."""
    bad_count: int
    bad: tuple[BadLine, ...]
    """The first of the lines with errors."""

    @property
    def entries(self) -> int:
        """Patterns, without what others cover already."""
        return len(self.matches)

    def hides(self, pattern: Pattern) -> bool:
        """Whether all that a pattern means is meant here, and no exception takes a part of it back."""
        return self.matches.covers(pattern) and not self.exceptions.touches(pattern)


@dataclass(slots=True)
class _Found:
    """What has been read so far."""

    matches: list[Pattern] = field(default_factory=list)
    exceptions: list[Pattern] = field(default_factory=list)
    wildcards: int = 0
    skipped: int = 0
    bad_count: int = 0
    bad: list[BadLine] = field(default_factory=list)


def parse_list(content: bytes, role: ListRole = ListRole.BLOCKED, limits: RulesLimits = RULES) -> ParsedList:
    """Reads a list. Raises RuleError when the whole of it cannot be one."""
    content, is_base64 = _opened(content, limits)
    is_adblock = looks_like_adblock(content)
    found = _Found()
    for number, raw in enumerate(_lines(content, limits), start=1):
        try:
            _read_line(raw, is_adblock, role, found, limits)
        except RuleError as error:
            found.bad_count += 1
            if len(found.bad) < limits.bad_lines:
                found.bad.append(BadLine(number, error.cause, error.remedy))
        except Skipped:
            found.skipped += 1
        if len(found.matches) + len(found.exceptions) > limits.list_entries:
            raise RuleError(
                f"The list has more than {limits.list_entries:,} entries.", "Take a shorter one, or two of its parts."
            )
    return ParsedList(
        ListFormat.GFWLIST if is_base64 else ListFormat.ADBLOCK if is_adblock else ListFormat.LINES,
        PatternSet(found.matches),
        PatternSet(found.exceptions),
        found.skipped,
        found.bad_count,
        tuple(found.bad),
    )


def _opened(content: bytes, limits: RulesLimits) -> tuple[bytes, bool]:
    """The list as UTF-8 without its wrapping, and whether that was base64."""
    if len(content) > limits.list_bytes:
        raise RuleError(f"The list is larger than {limits.list_bytes >> 20} MiB.", "Take a shorter one.")
    if content.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise RuleError("The list is compressed.", "Unpack it first.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", errors="replace").encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    start = content[:256].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise RuleError(
            "This is a web page, not a list.", "Look for the address of the raw file, or log in to the network first."
        )
    if len(content) >= _LEAST_BASE64_BYTES and _BASE64.match(content.rstrip()):
        return _decoded(content), True
    return content, False


def _decoded(content: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise RuleError(
            "The list looks like base64, and is cut short or damaged.", "Get it again, from its own address."
        ) from None


def _lines(content: bytes, limits: RulesLimits) -> Iterator[bytes]:
    count = content.count(b"\n") + 1
    if count > limits.list_lines:
        raise RuleError(f"The list has more than {limits.list_lines:,} lines.", "Take a shorter one.")
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        yield content[start:end]
        start = end + 1


def _read_line(raw: bytes, is_adblock: bool, role: ListRole, found: _Found, limits: RulesLimits) -> None:
    if len(raw) > limits.line_bytes:
        raise RuleError(f"The line is longer than {limits.line_bytes} bytes.", "Write one pattern in each line.")
    try:
        line = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise RuleError("The line is not UTF-8.", "Save the file as UTF-8.") from None
    if is_adblock:
        is_exception, patterns = parse_filter(line)
    else:
        is_exception, patterns = False, parse_line(line)
    for pattern in patterns:
        _check(pattern, role, is_exception)
        if isinstance(pattern, WildcardPattern):
            found.wildcards += 1
            if found.wildcards > limits.wildcards:
                raise RuleError(
                    f"The list has more than {limits.wildcards:,} patterns with a * within.", "Write names in full."
                )
    (found.exceptions if is_exception else found.matches).extend(patterns)


def parse_line(line: str) -> list[Pattern]:
    """What a line means that is no filter: names, a network, a hosts line, dnsmasq. Raises RuleError."""
    if line.startswith(_COMMENTS) or not line:
        return []
    if (dnsmasq := _DNSMASQ.match(line)) is not None:
        return [parse_pattern(name) for name in dnsmasq.group(1).split("/")]
    words = _COMMENT.split(line, maxsplit=1)[0].split()
    if len(words) > 1 and words[1] != "-" and _is_address(words[0]):
        return [parse_pattern("=" + name) for name in words[1:] if not _is_of_this_computer(name)]
    return [parse_pattern(" ".join(words))]


def _is_address(text: str) -> bool:
    try:
        found = parse_range(text.partition("%")[0])
    except RuleError:
        return False
    return found is not None and found.first == found.last and "/" not in text


def _is_of_this_computer(name: str) -> bool:
    """Whether a name in a hosts file is there for the system, and no site."""
    return name.lower() in _LOCAL_IN_HOSTS or is_local(name.lower())


def _check(pattern: Pattern, role: ListRole, is_exception: bool) -> None:
    """What no list may say, whoever made it. Raises RuleError."""
    match pattern:
        case NamePattern(name=name) if "." not in name:
            # ``ir`` is a country's own; ``com`` is everybody's.
            if role is ListRole.BLOCKED or not (len(name) == 2 or name.startswith("xn--")):
                raise RuleError(
                    "A list cannot mean a whole top-level domain.",
                    "If you want that, add it to your own patterns: `unwalled rules add`.",
                )
        case WildcardPattern() if role is ListRole.DIRECT:
            raise RuleError(
                "A list of sites that go directly cannot hold a * within a name.", "Write the names in full."
            )
        case WildcardPattern() if is_exception:
            # One such line in an update could uncover all that the list hides.
            raise RuleError("An exception cannot hold a * within a name.", "Write the names in full.")
        case RangePattern(first=first) if pattern.count > _WIDEST[len(first)]:
            raise RuleError(
                "A list cannot mean so large a part of the Internet.",
                "If you want that, add it to your own patterns: `unwalled rules add`.",
            )
        case _:
            pass
