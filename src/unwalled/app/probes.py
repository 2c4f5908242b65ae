"""What this computer itself knows of its network. No packet leaves, and nobody is asked."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

_SOMEWHERE = ("192.0.2.1", "2001:db8::1")
"""Addresses that belong to nobody (RFC 5737, RFC 3849): the way to them is the way to anywhere."""
_PORT = 9


def own_address(to: str) -> str | None:
    """The address from which this computer would talk to a literal address now, or None without a way to it.

    To connect a socket of UDP sends nothing: the system looks its routes up (POSIX connect(); the same on Windows).
    """
    try:
        address = ipaddress.ip_address(to)
    except ValueError:
        return None
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((to, _PORT))
            return str(sock.getsockname()[0])
    except OSError as error:
        # What is no answer about routes is no proof that there are none.
        return "" if error.errno in (errno.EPERM, errno.EACCES, errno.EMFILE, errno.ENFILE) else None


def own_addresses(doors: Iterable[str]) -> tuple[str, ...]:
    """The addresses from which this computer would talk to doors and to anywhere. They are never shown nor logged.

    They change when it joins another network; () = there is no way to anywhere, nor to a door that is an address.
    """
    hosts = [urlsplit(door).hostname or "" for door in doors]
    return tuple(sorted({own for to in (*_SOMEWHERE, *hosts) if (own := own_address(to)) is not None}))
