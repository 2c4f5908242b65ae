"""Where to listen: how it is written, what may be, and why it cannot be, in words."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from dataclasses import dataclass

from unwalled.errors import ConfigurationError

_LISTEN = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a server listens. ``port`` 0 = a free one, chosen by the system; ``host`` "" = all addresses."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """Reads ``HOST:PORT`` or ``[IPV6]:PORT``. Raises ConfigurationError."""
        match = _LISTEN.fullmatch(text.strip())
        port = int(match["port"]) if match is not None else -1
        if match is None or port > 65535:
            raise ConfigurationError(
                f"{text!r} is not an address to listen on.", "Write it as HOST:PORT, such as 127.0.0.1:8080."
            )
        return cls(match["v6"] or match["host"], port)

    @property
    def is_every_address(self) -> bool:
        """Whether it stands for all addresses of the machine, and so cannot stand in a URL."""
        if not self.host:
            return True
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if not self.host:
            return f"port {self.port}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class PortTaken(ConfigurationError):
    """Another program listens on this port."""


def check_place(host: str, port: int, *, allow_remote: bool) -> None:
    """For a proxy. Raises ConfigurationError for what is no address, and for one that other machines can reach."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ConfigurationError(
            "The proxy cannot listen on a name.", "Give --listen an IP address, as in --listen 127.0.0.1:1080."
        ) from None
    if not 0 <= port <= 65535:
        # uvloop would take such a number modulo 65536.
        raise ConfigurationError("A port is at most 65535.", "Give another one with --listen HOST:PORT.")
    if not address.is_loopback and not allow_remote:
        raise ConfigurationError(
            "Other machines could use the proxy at this address, and it asks for no password.",
            "Give --listen an address of this machine only, as in --listen 127.0.0.1:1080, or add --allow-remote.",
        )


def not_bound(port: int, error: OSError) -> ConfigurationError:
    """What the system's error means."""
    match error.errno:
        case errno.EADDRINUSE:
            return PortTaken(
                f"Another program listens on port {port} already.",
                "Stop it, or give another port with --listen HOST:PORT; port 0 takes a free one.",
            )
        case errno.EACCES | errno.EPERM:
            cause = f"This program may not listen on port {port}."
            remedy = "Give a port above 1023 with --listen HOST:PORT."
        case _:
            cause = "The proxy cannot listen on this address."
            remedy = "Give an address of this machine with --listen HOST:PORT, as in --listen 127.0.0.1:1080."
    return ConfigurationError(cause, remedy)


def try_place(host: str, port: int) -> None:
    """Takes the port and gives it back at once. Blocking, a fraction of a millisecond. Raises ConfigurationError."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
            if os.name == "posix":
                # As asyncio does. On Windows it would take the port away from whoever has it.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
    except OSError as error:
        raise not_bound(port, error) from None
