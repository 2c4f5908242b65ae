"""The operator that tor starts for its bridge: the same broker, gateway and page, whose way out is that tor alone.

Options of ``ServerTransportOptions unwalled`` in torrc::

    public-url=URL          where visitors and readers reach it; needed where it is not where it listens
    stun=stun:HOST:PORT     for invites and bridges; may come again
    trusted-proxy=NETWORK   believe X-Forwarded-For from there; may come again
    allow-private=1         for tests: bridges and readers of this network

Keys and invites are in ``unwalled`` in tor's folder for transports, beside ``bridge-line.txt``, which clients need.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unwalled.clock import SystemClock
from unwalled.datafolder import replace_private
from unwalled.errors import ConfigurationError
from unwalled.operator.options import (
    DEFAULT_LISTEN,
    ListenAddress,
    OperatorOptions,
    PublicUrl,
    check_proxies,
    check_stun,
)
from unwalled.operator.server import Operator
from unwalled.pt.arguments import Pair, fits_bridge_line
from unwalled.pt.egress import Relay, RelayEgress
from unwalled.pt.environment import TRANSPORT, Endpoint, ServerSide
from unwalled.pt.extorport import COOKIE_FILE_BYTES, GreetingFailed, read_cookie
from unwalled.wire.invite import Invite

FOLDER = "unwalled"
BRIDGE_LINE_FILE = "bridge-line.txt"
INVITE = "invite"
_ONCE = ("public-url", "allow-private")
_OFTEN = ("stun", "trusted-proxy")
_BRIDGE_LINE = """\
# Put your bridge's fingerprint into this line, and give it to people whom you want to let in. The address stands for
# your bridge in their tor, which never connects to it; leave it as it is.
Bridge {transport} {address} <FINGERPRINT> {name}={invite}
"""


def operator_options(side: ServerSide) -> OperatorOptions:
    """What tor and its torrc say. Raises ConfigurationError, with the words of a torrc."""
    given: dict[str, list[str]] = {}
    for key, value in side.options:
        if key not in (*_ONCE, *_OFTEN):
            raise ConfigurationError(
                f"ServerTransportOptions {TRANSPORT} has an option {key!r}, which there is not.",
                f"There are {', '.join((*_ONCE, *_OFTEN))}.",
            )
        given.setdefault(key, []).append(value)
    for key in _ONCE:
        if len(given.get(key, ())) > 1:
            raise ConfigurationError(f"ServerTransportOptions {TRANSPORT} has {key} twice.", "Leave one of them.")
    private = given.get("allow-private", ["0"])[0]
    if private not in ("0", "1"):
        raise ConfigurationError(
            f"ServerTransportOptions {TRANSPORT} has allow-private={private}, which says nothing.",
            "Write allow-private=1, or leave it out.",
        )
    listen = ListenAddress.parse(DEFAULT_LISTEN)
    if side.listen is not None:
        listen = ListenAddress(side.listen.host, side.listen.port)
    urls = given.get("public-url")
    if urls is None and listen.is_every_address:
        raise ConfigurationError(
            "On all addresses nobody can know at which one to reach this server.",
            f"Say it in torrc: ServerTransportOptions {TRANSPORT} public-url=https://HOST",
        )
    return OperatorOptions(
        listen=listen,
        public_url=None if urls is None else PublicUrl.parse(urls[0]),
        data=side.state / FOLDER,
        stun=check_stun(given.get("stun", ())),
        allow_private=private == "1",
        trusted_proxies=check_proxies(given.get("trusted-proxy", ())),
        listen_option=f"ServerTransportListenAddr {TRANSPORT} in torrc",
    )


def bridge_line(invite: Invite) -> str:
    """The content of ``bridge-line.txt``. Two bridges in one torrc need two addresses, so it is made of the invite."""
    name = invite.token[:8].hex()
    address = ipaddress.ip_address("2001:db8:" + ":".join(name[at : at + 4] for at in range(0, 16, 4)) + "::1")
    return _BRIDGE_LINE.format(transport=TRANSPORT, address=f"[{address}]:443", name=INVITE, invite=invite.text)


@dataclass(frozen=True, slots=True)
class TorBridge:
    """A running operator beside a Tor bridge. Get it from ``start``; ``close`` it in the end."""

    operator: Operator
    listening: Endpoint
    arguments: tuple[Pair, ...]
    """What a client's bridge line must say."""
    warnings: tuple[str, ...]
    line_file: Path

    @classmethod
    async def start(cls, side: ServerSide, complain: Callable[[str], None]) -> TorBridge:
        """Serves. ``complain`` hears later what goes wrong between it and tor. Raises ConfigurationError."""
        options = operator_options(side)
        clock = SystemClock()
        operator, invite = await Operator.start(options, clock, RelayEgress(_relay(side), clock, complain))
        try:
            warnings = list(operator.warnings)
            arguments = ((INVITE, invite.text),)
            if not fits_bridge_line(arguments):
                warnings.append(
                    "The invite is too long for tor's bridge lines. Give fewer STUN URLs or a shorter public-url; or "
                    "tell clients to put the invite into UNWALLED_INVITE."
                )
            file = options.data / BRIDGE_LINE_FILE
            replace_private(file, bridge_line(invite).encode())
        except BaseException:
            await operator.close()
            raise
        at = operator.listening
        return cls(operator, Endpoint(at.host, at.port), arguments, tuple(warnings), file)

    async def close(self) -> None:
        """See Operator."""
        await self.operator.close()


def _relay(side: ServerSide) -> Relay:
    if side.extended is None or side.cookie_file is None:
        return Relay(side.relay)
    try:
        with side.cookie_file.open("rb") as file:
            content = file.read(COOKIE_FILE_BYTES + 1)
        return Relay(side.extended, read_cookie(content))
    except OSError as error:
        raise ConfigurationError(
            f"The secret of tor's extended ORPort cannot be read ({error.strerror}).",
            "Let this program run as tor's user, as it does when tor starts it.",
        ) from None
    except GreetingFailed as failed:
        raise ConfigurationError(failed.cause, failed.remedy) from None
