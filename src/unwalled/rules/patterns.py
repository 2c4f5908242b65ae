"""One pattern: a name, a name with wildcards, or a range of addresses. Pure.

| written | means |
| --- | --- |
| ``example.org`` | it and all names below it |
| ``*.example.org``, ``.example.org``, ``+.example.org`` | see below |
| ``=example.org`` | only itself |
| ``news-*.example.org``, ``*.example.*`` | ``*`` stands for any characters, dots included |
| ``192.0.2.7``, ``2001:db8::/32``, ``192.0.2.1-192.0.2.9`` | an address, a network, a range |

``*.example.org`` means only the names below, ``.example.org`` and ``+.example.org`` also the name itself, as in the
lists that write them. There are no regular expressions: one that somebody else wrote can be made to take for ever.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from unwalled.errors import RuleError
from unwalled.network.addresses import IPAddress
from unwalled.rules.bounds import RULES
from unwalled.rules.names import MAX_NAME_CHARS, comparable, readable

ITSELF = 1
BELOW = 2
_LEAST_LITERAL_CHARS = 3


@dataclass(frozen=True, slots=True, repr=False)
class NamePattern:
    """``name`` is comparable; ``parts`` has ITSELF, BELOW or both."""

    name: str
    parts: int

    def __str__(self) -> str:
        """As a person would write it."""
        mark = {ITSELF: "=", BELOW: "*."}.get(self.parts, "")
        return mark + readable(self.name)


@dataclass(frozen=True, slots=True, repr=False)
class WildcardPattern:
    """``text`` is lower case with at least one ``*`` and no two beside each other."""

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def suffix(self) -> str:
        """The whole labels at its end that hold no ``*``; "" when the last one does."""
        tail = self.text.rpartition("*")[2]
        return tail.partition(".")[2]


@dataclass(frozen=True, slots=True, repr=False)
class RangePattern:
    """First and last address, both included, as 4 or 16 bytes."""

    first: bytes
    last: bytes

    def __str__(self) -> str:
        """As a network if it is one."""
        first, last = ipaddress.ip_address(self.first), ipaddress.ip_address(self.last)
        found = list(_summary(first, last))
        if len(found) > 1:
            return f"{first}-{last}"
        return str(first) if self.first == self.last else str(found[0])

    @property
    def count(self) -> int:
        """How many addresses it has."""
        return int.from_bytes(self.last) - int.from_bytes(self.first) + 1


Pattern = NamePattern | WildcardPattern | RangePattern


def parse_pattern(text: str) -> Pattern:
    """The pattern that a line holds, without spaces around it. Raises RuleError."""
    if not text:
        raise RuleError("There is no pattern.", "Write a name such as example.org.")
    if (found := parse_range(text)) is not None:
        return found
    _refuse_other_things(text)
    for mark, parts in (("=", ITSELF), ("*.", BELOW), ("+.", ITSELF | BELOW), (".", ITSELF | BELOW)):
        rest = text.removeprefix(mark)
        if rest != text and "*" not in rest:
            return NamePattern(comparable(rest), parts)
    if "*" in text:
        return parse_wildcard("*" + text.removeprefix("+") if text.startswith((".", "+.")) else text)
    return NamePattern(comparable(text), ITSELF | BELOW)


def _refuse_other_things(text: str) -> None:
    if "/" in text:
        if "://" in text:
            raise RuleError("This is the address of a page.", "Write the name of its site only, such as example.org.")
        raise RuleError(
            "This is neither a network nor a name.", "Write a network as 192.0.2.0/24, or a name without a path."
        )
    head, colon, port = text.rpartition(":")
    if colon and port.isdigit() and ":" not in head:
        raise RuleError("A pattern has no port: it holds for all ports of a site.", f"Write {head}.")
    if any(sign in text for sign in " \t,;"):
        raise RuleError("There is more than one word.", "Write one pattern in each line.")
    if "?" in text:
        raise RuleError("A ? stands for nothing here.", "Use * for any characters.")


def parse_wildcard(text: str) -> WildcardPattern:
    """A name with ``*`` in it. Raises RuleError when it is too long or would fit nearly everything."""
    small = text.lower()
    while "**" in small:
        small = small.replace("**", "*")
    literal = small.replace("*", "").replace(".", "")
    if len(small) > MAX_NAME_CHARS or not small.isascii():
        raise RuleError(
            "A pattern with * must be in ASCII and no longer than a name.", "Write names outside of ASCII in full."
        )
    if len(literal) < _LEAST_LITERAL_CHARS:
        raise RuleError(
            "This pattern fits nearly every name.",
            f"Write at least {_LEAST_LITERAL_CHARS} letters, or choose another mode: `unwalled rules mode`.",
        )
    if small.count("*") > RULES.wildcard_stars:
        raise RuleError(
            f"The pattern has more than {RULES.wildcard_stars} *, which takes too long to compare.",
            "Write it with fewer.",
        )
    if not all(sign.isalnum() or sign in "*.-_" for sign in small):
        raise RuleError("The pattern has characters that names cannot have.", "Use letters, digits, -, . and *.")
    return WildcardPattern(small)


def parse_range(text: str) -> RangePattern | None:
    """An address, a network or a range; None when it looks like neither. Raises RuleError for one that is wrong."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not bare or bare[0] not in "0123456789abcdefABCDEF:":
        return None
    first, dash, last = bare.partition("-")
    if dash:
        return _parse_ends(first.strip(), last.strip())
    if "/" not in bare and ":" not in bare and not bare.replace(".", "").isdigit():
        return None
    if "%" in bare:
        raise RuleError("An address cannot name a network interface.", "Leave out what stands behind the %.")
    try:
        network = ipaddress.ip_network(bare)
    except ValueError:
        _refuse_host_bits(bare)
        return None
    return RangePattern(network.network_address.packed, network.broadcast_address.packed)


def _refuse_host_bits(text: str) -> None:
    try:
        wide = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return
    raise RuleError("The network has bits set behind its prefix.", f"Write {wide}.")


def _parse_ends(first: str, last: str) -> RangePattern | None:
    try:
        begin, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
    except ValueError:
        return None
    if begin.version != end.version or begin.packed > end.packed:
        raise RuleError("The range ends before it begins.", "Write the lower address first.")
    return RangePattern(begin.packed, end.packed)


def _summary(first: IPAddress, last: IPAddress) -> list[object]:
    if isinstance(first, ipaddress.IPv4Address) and isinstance(last, ipaddress.IPv4Address):
        return list(ipaddress.summarize_address_range(first, last))
    assert isinstance(first, ipaddress.IPv6Address)
    assert isinstance(last, ipaddress.IPv6Address)
    return list(ipaddress.summarize_address_range(first, last))


def fits(text: str, name: str) -> bool:
    """Whether a wildcard pattern fits a whole name. One search for each part between two ``*``: what a part fits first
    leaves the most for those after it, so that none is tried again."""
    if "*" not in text:
        return text == name
    first, *inner, last = text.split("*")
    end = len(name) - len(last)
    at = len(first)
    if not (at <= end and name.startswith(first) and name.endswith(last)):
        return False
    for part in inner:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
