"""Keys and values as Tor passes them to and from a transport. Pure.

Three texts hold them, each with a backslash before the signs that mean something in it (pt-spec.txt)::

    a bridge line's arguments     invite=uw1.…;key=value        in name and password of SOCKS5, 510 bytes together
    ServerTransportOptions        unwalled:key=value;unwalled:key=value
    what a server tells Tor       invite=uw1.…,key=value
"""

from __future__ import annotations

from collections.abc import Iterable

from unwalled.errors import UsageError

MOST_ARGUMENT_BYTES = 510
"""Name and password of SOCKS5 hold 255 bytes each. Tor refuses a bridge line whose arguments are longer."""
_NOTHING = b"\0"

Pair = tuple[str, str]


class BadArguments(UsageError):
    """Arguments or options are not in the form that Tor gives them."""


def from_socks(name: bytes, password: bytes) -> dict[str, str]:
    """The arguments of a bridge line, from a SOCKS5 name and password. Raises BadArguments.

    What does not fit into the name goes on in the password; one that is not needed is a single zero byte.
    """
    joined = name if password == _NOTHING else name + password
    try:
        text = joined.decode()
    except UnicodeDecodeError:
        raise BadArguments("The bridge line's arguments are not UTF-8.") from None
    return dict(_pair(part) for part in _split(text, ";") if part)


def fits_bridge_line(pairs: Iterable[Pair]) -> bool:
    """Whether Tor takes a bridge line with these arguments."""
    joined = ";".join(f"{_escape(key, ';=')}={_escape(value, ';=')}" for key, value in pairs)
    return len(joined.encode()) <= MOST_ARGUMENT_BYTES


def for_server_line(pairs: Iterable[Pair]) -> str:
    """What follows ``ARGS:`` in a server's line."""
    return ",".join(f"{_escape(key, ',=')}={_escape(value, ',=')}" for key, value in pairs)


def options_of(transport: str, text: str) -> list[Pair]:
    """What TOR_PT_SERVER_TRANSPORT_OPTIONS says of one transport, in its order. Raises BadArguments."""
    found = []
    for part in _split(text, ";"):
        name, colon, rest = _partition(part, ":")
        if part and not colon:
            raise BadArguments("An option in TOR_PT_SERVER_TRANSPORT_OPTIONS names no transport.")
        if _unescape(name) == transport:
            found.append(_pair(rest))
    return found


def _pair(text: str) -> Pair:
    key, sign, value = _partition(text, "=")
    if not sign or not key:
        raise BadArguments("An argument is not written as key=value.")
    return _unescape(key), _unescape(value)


def _escape(text: str, signs: str) -> str:
    return "".join("\\" + sign if sign in signs or sign == "\\" else sign for sign in text)


def _unescape(text: str) -> str:
    signs = iter(text)
    return "".join(next(signs, "\\") if sign == "\\" else sign for sign in signs)


def _partition(text: str, separator: str) -> tuple[str, str, str]:
    """Like str.partition, at the first separator that has no backslash before it. All stays escaped."""
    at = 0
    while at < len(text):
        if text[at] == separator:
            return text[:at], separator, text[at + 1 :]
        at += 2 if text[at] == "\\" else 1
    return text, "", ""


def _split(text: str, separator: str) -> list[str]:
    parts = []
    found, rest = separator, text
    while found:
        part, found, rest = _partition(rest, separator)
        parts.append(part)
    return parts
