"""Names as people and lists write them, in the one form in which names are compared. Pure.

That form is what browsers send: lower case, no dot at the end, and labels outside of ASCII as ``xn--`` (RFC 3492) after
the mapping of UTS 46, non-transitional: ß, ς and the joiners that Persian and Indic names need stay what they are.
"""

from __future__ import annotations

import re
import unicodedata

from unwalled.errors import RuleError

MAX_NAME_CHARS = 253
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_ZERO_WIDTH_JOINERS = "\u200c\u200d"
_KEPT = frozenset("ß\u1e9eς" + _ZERO_WIDTH_JOINERS)
# What UTS 46 leaves out: format signs other than the joiners, and selectors of variants.
_VARIANTS = frozenset(chr(code) for code in (*range(0xFE00, 0xFE10), *range(0x180B, 0x180E)))

LOCAL_SUFFIXES = frozenset({"localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "test"})
"""Names below these are of a local network (RFC 6762, RFC 8375, RFC 6761; ICANN's reserved and colliding names)."""
HIDDEN_SUFFIXES = frozenset({"onion", "i2p", "alt"})
"""Names below these are not of the DNS, and no resolver may see them (RFC 7686, RFC 9476)."""


def comparable(text: str) -> str:
    """A domain name in the form above. Raises RuleError when it cannot be one; addresses are none."""
    if len(text) > 4 * MAX_NAME_CHARS:
        raise RuleError("The name is longer than a name can be.", "Check that the line holds one name.")
    name = text.translate(_DOTS).removesuffix(".")
    labels = [_comparable_label(label) for label in name.split(".")]
    found = ".".join(labels)
    if len(found) > MAX_NAME_CHARS:
        raise RuleError("The name is longer than a name can be.", "Check that the line holds one name.")
    if _NUMBER.match(labels[-1]):
        raise RuleError(
            "The name ends in a number, as no domain does.", "Write an IPv4 address in full, with four numbers."
        )
    return found


def _comparable_label(label: str) -> str:
    small = label.lower() if label.isascii() else _encoded(label)
    if not _LABEL.match(small):
        if not small:
            raise RuleError("A part of the name between two dots is empty.", "Write a name such as example.org.")
        raise RuleError(
            "The name has characters or a length that names cannot have.", "Write a name such as example.org."
        )
    return small


def _encoded(label: str) -> str:
    folded = "".join("ß" if sign == "\u1e9e" else sign if sign in _KEPT else sign.casefold() for sign in label)
    composed = unicodedata.normalize("NFKC", folded)
    kept = "".join(sign for sign in composed if not _is_left_out(sign))
    if any(unicodedata.category(sign)[0] in "CZ" and sign not in _ZERO_WIDTH_JOINERS for sign in kept):
        return "?"
    if kept.isascii():
        return kept.lower()
    return "xn--" + kept.encode("punycode").decode("ascii")


def _is_left_out(sign: str) -> bool:
    return sign in _VARIANTS or (unicodedata.category(sign) == "Cf" and sign not in _ZERO_WIDTH_JOINERS)


def is_local(name: str) -> bool:
    """Whether a comparable name can only be of this computer or its network. Takes names that are none as well: a
    number in the end is an address in another way of writing, which the system's resolver would understand."""
    labels = name.split(".")
    if len(labels) == 1 or _NUMBER.match(labels[-1]):
        return True
    return labels[-1] in LOCAL_SUFFIXES or ".".join(labels[-2:]) in LOCAL_SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether no resolver may see a comparable name."""
    return name.rpartition(".")[2] in HIDDEN_SUFFIXES


def readable(name: str) -> str:
    """A comparable name with its own letters, for people; as it is when that cannot be told."""
    return ".".join(_readable_label(label) for label in name.split("."))


def _readable_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        found = label[4:].encode("ascii").decode("punycode")
        # What does not lead back to the same label would show another name than the one that is compared.
        return found if _encoded(found) == label else label
    except (UnicodeError, ValueError, OverflowError):
        return label
