"""What Tor tells a transport that it starts, in environment variables (pt-spec.txt 3.2). Pure.

Errors, each of which is one line to Tor, after which the program ends::

    NotForUs
    ├── WrongVersion      VERSION-ERROR
    ├── BadEnvironment    ENV-ERROR
    └── BadProxy          PROXY-ERROR
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unwalled.errors import UsageError
from unwalled.pt.arguments import BadArguments, Pair, options_of

VERSION = "1"
TRANSPORT = "unwalled"
"""The name by which torrc and bridge lines call us."""
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")
_AS_TOR = "Let tor start this program: ClientTransportPlugin or ServerTransportPlugin in its torrc."


class NotForUs(UsageError):
    """Tor has set something up that this program cannot serve. ``line`` is for Tor."""

    keyword = ""

    @property
    def line(self) -> str:
        """What Tor shall read."""
        return f"{self.keyword} {self.cause}"


class WrongVersion(NotForUs):
    """No version of the interface is common to both."""

    keyword = "VERSION-ERROR"

    @property
    def line(self) -> str:
        """See NotForUs. The word is the specification's."""
        return f"{self.keyword} no-version"


class BadEnvironment(NotForUs):
    """A variable is missing or cannot be read."""

    keyword = "ENV-ERROR"


class BadProxy(NotForUs):
    """We cannot go through the proxy that Tor was told to use."""

    keyword = "PROXY-ERROR"


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """An IP address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ClientSide:
    """Tor asks for a way to bridges."""

    is_wanted: bool
    """Whether our transport is among those that Tor wants."""
    ends_with_stdin: bool


@dataclass(frozen=True, slots=True)
class ServerSide:
    """Tor asks for a way by which clients reach it."""

    is_wanted: bool
    ends_with_stdin: bool
    state: Path
    """A folder for what is to be kept, which may not be there yet."""
    listen: Endpoint | None
    relay: Endpoint = field(repr=False)
    """Tor's own port for clients."""
    extended: Endpoint | None = field(repr=False)
    """The same, for who says first by which transport a client came."""
    cookie_file: Path | None
    options: tuple[Pair, ...] = field(repr=False)
    """ServerTransportOptions, in their order."""


def read_version(environment: Mapping[str, str]) -> str:
    """The version that both speak. Raises WrongVersion, or BadEnvironment when it was not Tor who started us."""
    offered = environment.get("TOR_PT_MANAGED_TRANSPORT_VER")
    if offered is None:
        raise BadEnvironment("TOR_PT_MANAGED_TRANSPORT_VER is not set.", _AS_TOR)
    if VERSION not in offered.split(","):
        raise WrongVersion("Tor and this program have no version of their interface in common.", "Renew the older one.")
    return VERSION


def read_side(environment: Mapping[str, str]) -> ClientSide | ServerSide:
    """What is wanted. Raises BadEnvironment or BadProxy."""
    client, server = environment.get("TOR_PT_CLIENT_TRANSPORTS"), environment.get("TOR_PT_SERVER_TRANSPORTS")
    if (client is None) == (server is None):
        raise BadEnvironment("One of TOR_PT_CLIENT_TRANSPORTS and TOR_PT_SERVER_TRANSPORTS must be set.", _AS_TOR)
    state = Path(environment.get("TOR_PT_STATE_LOCATION", ""))
    if not state.is_absolute():
        raise BadEnvironment("TOR_PT_STATE_LOCATION is not an absolute path.")
    ends = environment.get("TOR_PT_EXIT_ON_STDIN_CLOSE") == "1"
    if client is not None:
        if environment.get("TOR_PT_PROXY"):
            raise BadProxy(
                "unwalled reaches its bridges by WebRTC, which cannot pass a proxy. "
                "Take Socks4Proxy, Socks5Proxy and HTTPSProxy out of torrc."
            )
        return ClientSide(TRANSPORT in _names(client), ends)
    assert server is not None
    return _read_server(environment, TRANSPORT in _names(server), ends, state)


def _read_server(environment: Mapping[str, str], is_wanted: bool, ends: bool, state: Path) -> ServerSide:
    extended = environment.get("TOR_PT_EXTENDED_SERVER_PORT", "")
    cookie = environment.get("TOR_PT_AUTH_COOKIE_FILE", "")
    if extended and not cookie:
        raise BadEnvironment("No TOR_PT_AUTH_COOKIE_FILE when TOR_PT_EXTENDED_SERVER_PORT is set.")
    try:
        options = options_of(TRANSPORT, environment.get("TOR_PT_SERVER_TRANSPORT_OPTIONS", ""))
    except BadArguments as error:
        raise BadEnvironment(error.cause) from None
    relay = _read_endpoint("TOR_PT_ORPORT", environment.get("TOR_PT_ORPORT", ""))
    return ServerSide(
        is_wanted,
        ends,
        state,
        _own_address(environment.get("TOR_PT_SERVER_BINDADDR", "")),
        relay,
        _read_endpoint("TOR_PT_EXTENDED_SERVER_PORT", extended) if extended else None,
        Path(cookie) if extended else None,
        tuple(options),
    )


def _own_address(text: str) -> Endpoint | None:
    """Ours of a list ``name-address:port,name-address:port``."""
    for entry in text.split(",") if text else ():
        name, _, address = entry.partition("-")
        if name == TRANSPORT:
            return _read_endpoint("TOR_PT_SERVER_BINDADDR", address)
    return None


def _names(text: str) -> list[str]:
    names = text.split(",")
    if not all(_NAME.fullmatch(name) for name in names):
        raise BadEnvironment("The list of transports has an entry that cannot be the name of one.")
    return names


def _read_endpoint(variable: str, text: str) -> Endpoint:
    match = _ADDRESS.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        host = str(ipaddress.ip_address(match["v6"] or match["v4"]))
    except ValueError:
        raise BadEnvironment(f"{variable} is not an address and a port.") from None
    port = int(match["port"])
    if port > 65535:
        raise BadEnvironment(f"{variable} has a port above 65535.")
    return Endpoint(host, port)
