"""What a transport says to Tor: lines on standard output (pt-spec.txt 3.3). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from unwalled.pt.arguments import Pair, for_server_line
from unwalled.pt.environment import TRANSPORT, Endpoint

CLIENT_DONE = "CMETHODS DONE"
SERVER_DONE = "SMETHODS DONE"


class Severity(StrEnum):
    """How much a message matters, in the words of Tor's log."""

    NOTICE = "notice"
    WARNING = "warning"


def version(number: str) -> str:
    """Which version of the interface is spoken from here on."""
    return f"VERSION {number}"


def client_method(listening: Endpoint) -> str:
    """Where Tor reaches bridges."""
    return f"CMETHOD {TRANSPORT} socks5 {listening}"


def client_failed(cause: str) -> str:
    """Why it cannot."""
    return f"CMETHOD-ERROR {TRANSPORT} {_plain(cause)}"


def server_method(listening: Endpoint, arguments: Iterable[Pair]) -> str:
    """Where clients' lanes come in, and what a bridge line must say."""
    return f"SMETHOD {TRANSPORT} {listening} ARGS:{for_server_line(arguments)}"


def server_failed(cause: str) -> str:
    """Why they cannot."""
    return f"SMETHOD-ERROR {TRANSPORT} {_plain(cause)}"


def log(severity: Severity, message: str) -> str:
    """A message for Tor's log. It must hold no address of a person and no key."""
    return f"LOG SEVERITY={severity} MESSAGE={_quoted(message)}"


def connected() -> str:
    """For Tor's control port: bridges carry now."""
    return f"STATUS TRANSPORT={TRANSPORT} CONNECT=Success"


def not_connected(cause: str) -> str:
    """For Tor's control port: none does, and why."""
    return f"STATUS TRANSPORT={TRANSPORT} CONNECT=Failed ERRSTR={_quoted(cause)}"


def _plain(text: str) -> str:
    """In ASCII and on one line, as these lines must be."""
    return " ".join(text.encode("ascii", "replace").decode().split())


def _quoted(text: str) -> str:
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
