"""What a bridge takes from its operator, and what it refuses. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from unwalled.errors import ConfigurationError, DescriptionError, SignallingError
from unwalled.settings import SIGNALLING
from unwalled.wire.description import LaneDescription, is_private_address
from unwalled.wire.signalling import BridgeConfig, Cancel, Name, NameOrNone, Ready, Refused

_TICKET = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_STUN = re.compile(r"stuns?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(\?transport=(udp|tcp))?")


@dataclass(frozen=True, slots=True, repr=False)
class OperatorUrl:
    """The URL of an operator as a volunteer typed it: scheme, host, port and perhaps a path. Its repr hides it."""

    base: str
    is_plain: bool
    """``http``: only for tests and private networks; then plain WebSockets are taken as well."""
    is_private: bool
    """Its host is ``localhost`` or a private address, so lanes may be in that network, too."""

    def __repr__(self) -> str:
        return "OperatorUrl(…)"

    @classmethod
    def parse(cls, text: str) -> OperatorUrl:
        """Checks and normalises. Raises ConfigurationError."""
        problem = ConfigurationError("That is not an operator's address.", "It looks like https://bridges.example.org.")
        try:
            parts = urlsplit(text.strip())
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise problem from None
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or "@" in parts.netloc:
            raise problem
        return cls(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", parts.scheme == "http", _is_local(host))

    @property
    def config_url(self) -> str:
        """Where the configuration is."""
        return f"{self.base}/v1/config"


def _is_local(host: str) -> bool:
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return is_private_address(host)
    except ValueError:
        # Systems take 2130706433 and 0x7f.1 for addresses, too, and no name ends in a number.
        return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


@dataclass(frozen=True, slots=True, repr=False)
class Rules:
    """What an operator's configuration allows."""

    bridge_socket: str
    gateways: tuple[str, ...]
    stun: tuple[str, ...]
    allow_private: bool
    takes_swarms: bool = False
    """Whether it knows bridges that help only the readers of their own link, and takes them."""

    def __repr__(self) -> str:
        return "Rules(…)"

    @classmethod
    def read(cls, data: bytes, operator: OperatorUrl) -> Rules:
        """Reads ``/v1/config``. Raises SignallingError for JSON or URLs that are not allowed."""
        config = BridgeConfig.decode(data)
        schemes = ("wss", "ws") if operator.is_plain else ("wss",)
        for url in (config.bridge_socket, *config.gateways):
            if not _is_socket_url(url, schemes):
                raise SignallingError("The operator's configuration has an address that is none or is not encrypted.")
            # A volunteer's own network is none of an operator's outside of it.
            if not operator.is_private and _is_local(urlsplit(url).hostname or ""):
                raise SignallingError("The operator's configuration names a private network.")
        if any(not _STUN.fullmatch(url) for url in config.stun):
            raise SignallingError("The operator's configuration has a STUN server that is none.")
        allow_private = config.allow_private or operator.is_private
        gateways, stun = tuple(config.gateways), tuple(config.stun)
        return cls(config.bridge_socket, gateways, stun, allow_private, config.swarms)

    def allows_gateway(self, url: str) -> bool:
        """Whether ``url`` is one of the operator's gateways, a slash, and a ticket."""
        return any(
            url.startswith(gateway + "/") and _TICKET.fullmatch(url[len(gateway) + 1 :]) for gateway in self.gateways
        )

    def description(self, value: Any) -> LaneDescription:
        """Checks an offer and leaves out addresses that are not allowed. Raises DescriptionError."""
        description = LaneDescription.from_dict(value)
        description.check_role("offer")
        return description if self.allow_private else description.without_private_addresses()

    def own(self, description: LaneDescription) -> LaneDescription:
        """An answer as the reader may have it: it would skip private addresses, so it is not told them."""
        return description if self.allow_private else description.without_private_addresses()


def _is_socket_url(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    # urlsplit drops some control characters, so the text is compared with what it understood.
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    return (
        plain
        and parts.scheme in schemes
        and bool(host)
        and "@" not in parts.netloc
        and not parts.query + parts.fragment
    )


class LooseOffer(msgspec.Struct, frozen=True):
    """An offer whose description was not checked yet: one that is wrong is refused by itself."""

    offer: Annotated[int, msgspec.Meta(ge=0, lt=SIGNALLING.max_offers)]
    description: Any = None


class LooseMatch(msgspec.Struct, frozen=True, tag_field="type", tag="match"):
    """A match whose descriptions and gateway were not checked yet. Its repr hides them."""

    match: Name
    gateway: Annotated[str, msgspec.Meta(max_length=SIGNALLING.max_url_chars)]
    offers: Annotated[tuple[LooseOffer, ...], msgspec.Meta(min_length=1, max_length=SIGNALLING.max_offers)]
    reader: NameOrNone = ""

    def __repr__(self) -> str:
        return f"LooseMatch({self.match}, …)"


Down = Ready | LooseMatch | Cancel | Refused
_DOWN: Any = Down


def read_down(text: str) -> Down:
    """Reads one message of the broker. Raises SignallingError."""
    try:
        message: Down = msgspec.json.decode(text, type=_DOWN)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, DescriptionError):
        # Their texts quote the peer's bytes, which may hold addresses.
        raise SignallingError("A message of the broker is malformed.") from None
    if isinstance(message, LooseMatch) and len({offer.offer for offer in message.offers}) < len(message.offers):
        raise SignallingError("A match has an offer twice.")
    return message
