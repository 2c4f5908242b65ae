"""A connection to a door that is begun before there is an event loop, or even the modules for one.

A reader's start is waited for, and a packet travels while modules load. So this needs nothing but the standard
library's sockets. A door takes over what was begun, and goes on as if it had begun it itself.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

_FIRST_PACKET_S = 0.002
"""Modules hold the interpreter while they load; the packet to a door without a name shall leave before that."""

AddressInfo = tuple[Any, ...]
"""As ``getaddrinfo`` gives it."""


def address_of(url: str) -> tuple[str, int]:
    """Host and port of a door's URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


class EarlyConnection:
    """Looks a door up, and begins to connect to the first address that is found."""

    def __init__(self, url: str) -> None:
        self._host, self._port = address_of(url)
        self._lock = threading.Lock()
        self._is_over = False
        self._is_closed = False
        self._told: Callable[[], None] | None = None
        self._found: list[AddressInfo] = []
        self._failed: OSError | ValueError | None = None
        self._socket: socket.socket | None = None

    def __repr__(self) -> str:
        return "EarlyConnection(…)"

    def begin(self) -> None:
        """Begins in a thread, since looking up a name may take long. What goes wrong is told by ``addresses``."""
        thread = threading.Thread(target=self._begin, name="early-connection", daemon=True)
        thread.start()
        thread.join(_FIRST_PACKET_S)

    def when_over(self, told: Callable[[], None]) -> None:
        """Calls ``told`` once ``addresses`` may be asked for: at once, or from another thread."""
        with self._lock:
            if not self._is_over:
                self._told = told
                return
        told()

    def addresses(self) -> list[AddressInfo]:
        """What was found. Raises what ``getaddrinfo`` raised."""
        if self._failed is not None:
            raise self._failed
        return self._found

    def connected(self) -> socket.socket | None:
        """The socket, when it is connected already; it is the caller's then."""
        if self._socket is not None:
            try:
                self._socket.getpeername()
            except OSError:
                return None
        return self._take()

    def make_socket(self, address: AddressInfo) -> socket.socket:
        """A socket for one of ``addresses``: for the first one that which connects already, and once only.

        To connect it again does no harm: the system says that it is under way, or how it ended.
        """
        if address == self._found[0] and (begun := self._take()) is not None:
            return begun
        return socket.socket(*address[:3])

    def close(self) -> None:
        """Closes what nobody took over."""
        with self._lock:
            self._is_closed = True
        if (begun := self._take()) is not None:
            begun.close()

    def _take(self) -> socket.socket | None:
        with self._lock:
            begun, self._socket = self._socket, None
        return begun

    def _begin(self) -> None:
        begun = None
        try:
            self._found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            with self._lock:
                if not self._is_closed:
                    begun = _connecting(self._found[0])
        except (OSError, ValueError) as error:
            self._failed = error
        with self._lock:
            if self._is_closed and begun is not None:
                begun.close()
            else:
                self._socket = begun
            self._is_over = True
            told, self._told = self._told, None
        if told is not None:
            told()


def _connecting(address: AddressInfo) -> socket.socket | None:
    """A socket whose connection is under way, or None: then the door tries, and tells what is wrong."""
    begun = socket.socket(*address[:3])
    begun.setblocking(False)
    try:
        begun.connect(address[4])
    except BlockingIOError:
        pass
    except OSError:
        begun.close()
        return None
    return begun
