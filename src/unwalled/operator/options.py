"""What an operator says on the command line: checked, and with errors that tell what to write instead. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from unwalled.errors import ConfigurationError
from unwalled.gateway.policy import site_list
from unwalled.network.listening import ListenAddress as ListenAddress
from unwalled.operator.bounds import ADMIN, DRAIN, OPERATOR
from unwalled.operator.workers.bounds import WORKERS
from unwalled.settings import SIGNALLING
from unwalled.wire.invite import is_door, is_private_url, is_stun_url

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_STUN_PORTS = (3478, 3479)
"""STUN's own port, and the one that RFC 5780 calls the alternate one."""
_MAX_CONTACT_CHARS = 200
ADMIN_WITHIN = "within"
LOOPBACK = ("127.0.0.1", "::1")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE)
_SPAN = re.compile(r"([0-9]{1,6})\s*([smh]?)")
_SPAN_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


EVERY_ADDRESS_TLS = ListenAddress("", 443)
"""Where a server with a certificate of its own listens, if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """The base URL at which readers and visitors reach the operator, without a slash at the end."""

    text: str

    @classmethod
    def parse(cls, text: str) -> PublicUrl:
        """Raises ConfigurationError."""
        bare = text.strip().rstrip("/")
        if not is_door(bare):
            raise ConfigurationError(
                "The public URL is not one under which a server can answer.",
                "Write it as https://HOST, without user, query or fragment, such as https://bridges.example.org.",
            )
        return cls(bare)

    @classmethod
    def of(cls, listen: ListenAddress, *, is_encrypted: bool = False) -> PublicUrl:
        """The URL of a server that is reached where it listens. Raises ConfigurationError for all addresses."""
        if listen.is_every_address:
            raise ConfigurationError(
                "With --listen on all addresses nobody can know at which one to reach this server.",
                "Say it with --public-url, such as --public-url https://bridge.example.org.",
            )
        return cls.parse(f"http{'s' * is_encrypted}://{listen}")

    @property
    def is_encrypted(self) -> bool:
        """Whether visitors come over https."""
        return self.text.startswith("https:")

    @property
    def socket_base(self) -> str:
        """The same for WebSockets."""
        return "ws" + self.text.removeprefix("http")

    @property
    def origin(self) -> str:
        """Scheme, host and port, as a Content-Security-Policy names them for WebSockets."""
        parts = urlsplit(self.socket_base)
        return f"{parts.scheme}://{parts.netloc}"

    def warnings(self) -> list[str]:
        """What the operator should be told, each a whole sentence."""
        if self.is_encrypted or is_private_url(self.text):
            return []
        return [
            "The public URL is http: whoever watches the network sees that Unwalled is used, and can change the page "
            "with the switch. Use https for everything but tests."
        ]


class Role(StrEnum):
    """What an operator is made of. One process is all of it, unless it is told otherwise."""

    BROKER = "broker"
    GATEWAY = "gateway"
    SITE = "site"


EVERY_ROLE = frozenset(Role)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the own certificate with its chain and its key are, in PEM; both may be in one file."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """Everything that `unwalled operate` is told."""

    listen: ListenAddress
    public_url: PublicUrl | None
    """None: derived from ``listen``."""
    data: Path
    policy: Path | None = None
    stun: tuple[str, ...] = ()
    """What readers and bridges are told to ask; empty = the operator's own ports, when it listens there."""
    stun_listen: tuple[ListenAddress, ...] = ()
    """UDP ports on which the operator itself answers."""
    allow_private: bool = False
    trusted_proxies: tuple[IPNetwork, ...] = ()
    sources: tuple[IPAddress, ...] = ()
    """Own addresses from which sites are dialled, at most one of each IP version."""
    countries: Path | None = None
    """File that tells in which country an address is, for the picture that volunteers see."""
    certificate: CertificateFiles | None = None
    """None: TLS, if any, ends before it."""
    trace: Path | None = None
    """Folder for a trace of each session."""
    private_swarms: str = "auto"
    """Whether bridges are taken that help only the holders of their own link: ``on``, ``off``, ``auto`` (see
    Admission).
    """
    only_my_sites: tuple[str, ...] = ()
    """Patterns of the only sites that readers may open; none = what the policy says."""
    contact: str = ""
    """How to reach the operator, for whoever looks this machine's address up."""
    admin_from: tuple[IPNetwork, ...] = ()
    """Networks from which ``/admin`` is answered; with ``is_admin_within`` off and none, from everywhere."""
    is_admin_within: bool = False
    """``/admin`` is answered to this machine and its own network, if no reverse proxy is in between."""
    redis_file: Path | None = None
    """Holds the URL of the store that several brokers share; None: the environment may, or there is none."""
    drain_s: float = 0.0
    """How long it waits for what is under way when it is told to end."""
    gateway_workers: int = 1
    """Processes that hold sessions; 1 = the operator's own."""
    roles: frozenset[Role] = EVERY_ROLE
    """What this process is, of what an operator is altogether."""
    listen_option: str = "--listen"
    """What whoever starts it calls ``listen``, for errors."""

    @property
    def reached_at(self) -> PublicUrl:
        """The public URL, or the one of where it listens. Raises ConfigurationError when neither can be known."""
        if self.public_url is not None:
            return self.public_url
        # Port 0 gets its number later.
        listen = dataclasses.replace(self.listen, port=self.listen.port or 1)
        return PublicUrl.of(listen, is_encrypted=self.certificate is not None)


def domain_url(text: str) -> PublicUrl:
    """The public URL of a host that stands alone, ``bridges.example.org``. Raises ConfigurationError."""
    if _DOMAIN.fullmatch(text.strip()) is None:
        raise ConfigurationError(
            f"{text!r} is not the name of a host.",
            "Write the bare name, such as bridges.example.org. A port or a path goes into --public-url.",
        )
    return PublicUrl.parse(f"https://{text.strip().lower()}")


def check_swarms(text: str) -> str:
    """Whether private bridges are taken. Raises ConfigurationError."""
    if text not in ("auto", "on", "off"):
        raise ConfigurationError(f"{text!r} does not say whether private swarms are taken.", "Write auto, on or off.")
    return text


def check_stun(urls: Sequence[str]) -> tuple[str, ...]:
    """STUN URLs as they may stand in invites. Raises ConfigurationError."""
    for url in urls:
        if not is_stun_url(url):
            raise ConfigurationError(f"{url!r} is not a STUN URL.", "Write it as stun:HOST:PORT.")
    if len(urls) > SIGNALLING.max_stun_urls:
        raise ConfigurationError(
            "There are too many STUN URLs.", f"Give at most {SIGNALLING.max_stun_urls}; two are enough."
        )
    return tuple(dict.fromkeys(urls))


def check_stun_listen(
    texts: Sequence[str], public_url: PublicUrl | None, stun: Sequence[str]
) -> tuple[ListenAddress, ...]:
    """Where to answer STUN: ``HOST:PORT``, ``PORT`` on all addresses, or ``off``. Raises ConfigurationError.

    Without a word: on DEFAULT_STUN_PORTS, if the public may come and is not sent to other servers.
    """
    if list(texts) == ["off"]:
        return ()
    if not texts:
        is_public = public_url is not None and not is_private_url(public_url.text)
        return tuple(ListenAddress("", port) for port in DEFAULT_STUN_PORTS) if is_public and not stun else ()
    if len(texts) > len(DEFAULT_STUN_PORTS):
        raise ConfigurationError("There are too many ports for STUN.", "Give at most two, which is all that it takes.")
    places = [_stun_place(text) for text in texts]
    if len({place.port for place in places if place.port}) < sum(place.port != 0 for place in places):
        raise ConfigurationError(
            "Both places for STUN have the same port.", "Give two ports, such as 3478 and 3479, or one only."
        )
    return tuple(places)


def _stun_place(text: str) -> ListenAddress:
    bare = text.strip()
    if re.fullmatch(r"[0-9]{1,5}", bare) and int(bare) <= 65535:
        return ListenAddress("", int(bare))
    try:
        return ListenAddress.parse(bare)
    except ConfigurationError:
        raise ConfigurationError(
            f"{text!r} is no place for STUN.",
            "Write a port such as 3478, an address and a port such as 192.0.2.1:3478, or off.",
        ) from None


def check_proxies(texts: Sequence[str]) -> tuple[IPNetwork, ...]:
    """Networks of reverse proxies. Raises ConfigurationError."""
    if len(texts) > OPERATOR.max_trusted_proxies:
        raise ConfigurationError(
            "There are too many trusted proxies.", f"Give at most {OPERATOR.max_trusted_proxies} networks."
        )
    networks: list[IPNetwork] = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError:
            raise ConfigurationError(
                f"{text!r} is neither an address nor a network.", "Write it as 127.0.0.1 or 10.0.0.0/8."
            ) from None
    return tuple(networks)


def check_sites(patterns: Sequence[str]) -> tuple[str, ...]:
    """Patterns of sites, as in a policy file. Raises ConfigurationError."""
    if not patterns:
        raise ConfigurationError("The list of your sites is empty.", "Name them, or leave only-my-sites out.")
    for pattern in patterns:
        try:
            site_list((pattern,))
        except ValueError as error:
            raise ConfigurationError(str(error), "Write a host such as news.example, without https://.") from None
    return tuple(patterns)


def check_contact(text: str) -> str:
    """How to reach the operator. Raises ConfigurationError."""
    text = text.strip()
    if not text.isprintable() or not 3 <= len(text) <= _MAX_CONTACT_CHARS:
        raise ConfigurationError(
            "The contact is nothing that could be shown.",
            f"Write a mail address, a telephone number or a URL, in at most {_MAX_CONTACT_CHARS} characters.",
        )
    return text


def check_admin_from(texts: Sequence[str]) -> tuple[tuple[IPNetwork, ...], bool]:
    """Networks from which the admin may come, and whether ``within`` was said. Raises ConfigurationError."""
    words = [text.strip() for text in texts]
    networks: list[IPNetwork] = []
    if len(words) > ADMIN.networks:
        raise ConfigurationError("There are too many networks for the admin.", f"Give at most {ADMIN.networks}.")
    for word in words:
        if word == ADMIN_WITHIN:
            continue
        try:
            networks.append(ipaddress.ip_network(word))
        except ValueError:
            raise ConfigurationError(
                f"{word!r} is neither an address nor a network.",
                f"Write it as 192.0.2.7 or 192.0.2.0/24, or write {ADMIN_WITHIN} for this machine and its own network.",
            ) from None
    return tuple(networks), ADMIN_WITHIN in words


def check_drain(text: str) -> float:
    """A span such as ``90s``, ``3m`` or ``0`` in seconds. Raises ConfigurationError."""
    match = _SPAN.fullmatch(text.strip().lower())
    span_s = float(match[1]) * _SPAN_S[match[2]] if match is not None else math.inf
    if span_s > DRAIN.longest_drain_s:
        raise ConfigurationError(
            f"{text!r} is no time to wait for what is under way.", "Write it as 90s, 3m or 1h; 0 is not to wait."
        )
    return span_s


def check_roles(texts: Sequence[str]) -> frozenset[Role]:
    """Roles, each alone or several with commas between them. Raises ConfigurationError."""
    words = [word.strip().lower() for text in texts for word in text.split(",")]
    unknown = [word for word in words if word and word not in set(Role)]
    if unknown or not words or not all(words):
        raise ConfigurationError(
            f"{', '.join(unknown)} is not what an operator can be." if unknown else "A role is missing.",
            "Give some of broker, gateway and site; without it, this process is all three.",
        )
    return frozenset(Role(word) for word in words)


def check_workers(count: int, certificate: CertificateFiles | None) -> int:
    """How many processes hold sessions. Raises ConfigurationError."""
    if not 1 <= count <= WORKERS.most:
        raise ConfigurationError(
            f"{count} is no number of gateway workers.", f"Give one for each core, at most {WORKERS.most}; 1 is none."
        )
    if count > 1 and (sys.platform != "linux" or getattr(sys, "frozen", False)):
        raise ConfigurationError(
            "Gateway workers are for Linux, with Unwalled installed as a package.", "Leave gateway-workers out."
        )
    if count > 1 and certificate is not None:
        raise ConfigurationError(
            "Gateway workers take over whole connections, so TLS must have ended before the operator.",
            "Put a web server before it instead of cert, or leave gateway-workers out.",
        )
    return count


def check_sources(texts: Sequence[str]) -> tuple[IPAddress, ...]:
    """Own addresses to dial from. Raises ConfigurationError."""
    sources: dict[int, IPAddress] = {}
    for text in texts:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise ConfigurationError(f"{text!r} is not an IP address.", "Give an address of this machine.") from None
        if address.version in sources:
            raise ConfigurationError(
                f"There are two IPv{address.version} addresses to dial from.", "Give at most one of each version."
            )
        sources[address.version] = address
    return tuple(sources.values())
