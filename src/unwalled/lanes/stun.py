"""Finding out with STUN what this machine's network does to UDP: from where others see it, and who gets in.

Two sockets ask two ports of one server. The first one asks both: a network that takes another port for each peer shows
two. The second one asks one port for an answer from the other (RFC 5780 section 4.4, with one address): a network that
lets it in lets in peers whose own network varies its ports, too.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from unwalled.errors import StunError
from unwalled.lanes.bounds import NETWORK, NetworkLimits
from unwalled.wire.signalling import Nat
from unwalled.wire.stun import TRANSACTION_BYTES, SeenAddress, decode_answer, encode_request

DEFAULT_PORT = 3478
_URL = re.compile(
    r"stun:(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+))(?::(?P<port>[0-9]{1,5}))?(?:\?transport=udp)?"
)
_Address = tuple[str, int]


def stun_place(url: str) -> _Address | None:
    """Host and port of a STUN URL; None for one that is not asked over UDP."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    return match["v6"] or match["host"], int(match["port"] or DEFAULT_PORT)


class StunAsker(asyncio.DatagramProtocol):
    """One UDP socket that asks. Get it from ``stun_asker``."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[bytes, asyncio.Future[tuple[SeenAddress, _Address] | None]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        # uvloop's transports are not asyncio's by type.
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, source: tuple[str | int, ...]) -> None:
        """See asyncio.DatagramProtocol."""
        transaction = data[8 : 8 + TRANSACTION_BYTES]
        answer = self._waiting.get(transaction)
        if answer is None or answer.done():
            return
        try:
            answer.set_result((decode_answer(data, transaction), (str(source[0]), int(source[1]))))
        except StunError:
            answer.set_result(None)

    def error_received(self, exc: Exception) -> None:
        """See asyncio.DatagramProtocol. A closed port is as good as one that says nothing."""

    async def ask(
        self, server: _Address, *, change_port: bool = False, limits: NetworkLimits = NETWORK
    ) -> tuple[SeenAddress, _Address] | None:
        """From where the server sees this socket, and which address said so. None = no answer, or that it cannot.

        At most ``tries`` times ``wait_s``. Cancelling is safe.
        """
        assert self._transport is not None
        transaction = os.urandom(TRANSACTION_BYTES)
        answer = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        try:
            for _ in range(limits.tries):
                self._transport.sendto(encode_request(transaction, change_port=change_port), server)
                try:
                    async with asyncio.timeout(limits.wait_s):
                        return await asyncio.shield(answer)
                except TimeoutError:
                    continue
            return None
        finally:
            del self._waiting[transaction]

    def close(self) -> None:
        """Closes the socket."""
        if self._transport is not None:
            self._transport.close()


@asynccontextmanager
async def stun_asker(family: socket.AddressFamily = socket.AF_INET) -> AsyncIterator[StunAsker]:
    """A new socket for as long as the block runs. Raises OSError."""
    loop = asyncio.get_running_loop()
    any_address = "::" if family == socket.AF_INET6 else "0.0.0.0"
    _, asker = await loop.create_datagram_endpoint(StunAsker, local_addr=(any_address, 0), family=family)
    try:
        yield asker
    finally:
        asker.close()


async def find_nat(urls: Sequence[str], limits: NetworkLimits = NETWORK) -> Nat:
    """The class of this machine's network, as far as two ports of one of these servers tell; UNKNOWN without them.

    Over IPv4: where there is IPv6, there is no NAT. Never raises; takes twice as long as ``ask`` at most.
    """
    pair = _two_ports(urls)
    if pair is None:
        return Nat.UNKNOWN
    host, first, second = pair
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limits.tries * limits.wait_s):
            found = await loop.getaddrinfo(host, first, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        server = str(found[0][4][0])
        # The second socket must never have written to the second port: that would let its answer in.
        async with stun_asker() as both, stun_asker() as one:
            mapped, also, let_in = await asyncio.gather(
                both.ask((server, first), limits=limits),
                both.ask((server, second), limits=limits),
                one.ask((server, first), change_port=True, limits=limits),
            )
    except (OSError, UnicodeError, TimeoutError):
        return Nat.UNKNOWN
    if mapped is None or also is None:
        return Nat.UNKNOWN
    if mapped[0] != also[0]:
        return Nat.RESTRICTED
    is_open = let_in is not None and let_in[1] == (server, second)
    return Nat.UNRESTRICTED if is_open else Nat.UNKNOWN


def _two_ports(urls: Sequence[str]) -> tuple[str, int, int] | None:
    known: dict[str, int] = {}
    for url in urls:
        if (place := stun_place(url)) is not None:
            host, port = place
            if known.setdefault(host, port) != port:
                return host, known[host], port
    return None
