"""The operator's STUN server: one or two UDP ports that tell each asker from which address it asks, and nothing else.

The protocol is wire/stun.py. Here are the sockets: an answer leaves from the address at which the request came in, also
on a machine with several, since a NAT lets in nothing else. Of who asked only hashed prefixes are kept, for the limits.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from unwalled.broker.limits import PrefixLimiter, Rate, prefixes_of
from unwalled.clock import Clock
from unwalled.crypto.identity import RandomBytes
from unwalled.errors import StunError
from unwalled.gateway.buckets import TokenBucket
from unwalled.operator.bounds import STUN, StunLimits
from unwalled.operator.listener import bind
from unwalled.operator.options import ListenAddress, PublicUrl
from unwalled.wire.stun import (
    MAX_REQUEST_BYTES,
    decode_request,
    encode_answer,
    encode_no_other_port,
    encode_unknown,
)

Ancillary = list[tuple[int, int, bytes]]
"""What the system says beside a datagram: level, kind, value."""
Source = tuple[Any, ...]
"""A socket address of either family: host, port, and what else the system wants back."""

_HASH_KEY_BYTES = 32
_ANCILLARY_BYTES = 128
# Python does not name this one everywhere; it is Linux's number, and elsewhere answers leave as the system likes.
_IP_PKTINFO: int | None = getattr(socket, "IP_PKTINFO", 8 if hasattr(socket, "SO_PEERCRED") else None)
_IPV4_PACKET_INFO_BYTES = 12


@dataclass(slots=True)
class StunCounters:
    """Counts since the start."""

    requests: Counter[str] = field(default_factory=Counter)
    """``answered``, ``refused`` (got an error), ``limited``, ``malformed``, ``lost`` (the system took no answer)."""


def bind_stun(places: Sequence[ListenAddress]) -> list[list[socket.socket]]:
    """UDP sockets of each place. Raises ConfigurationError with cause and remedy; then none is left open."""
    bound: list[list[socket.socket]] = []
    try:
        for place in places:
            sockets = bind(place, socket.SOCK_DGRAM, "--stun-listen")
            bound.append(sockets)
            for sock in sockets:
                _ask_for_destinations(sock)
    except BaseException:
        close_all(bound)
        raise
    return bound


def close_all(bound: Sequence[Sequence[socket.socket]]) -> None:
    """Closes what ``bind_stun`` gave and no server has taken."""
    for sockets in bound:
        for sock in sockets:
            sock.close()


def stun_urls(url: PublicUrl, bound: Sequence[Sequence[socket.socket]]) -> tuple[str, ...]:
    """Under which URLs readers and bridges reach these ports: on the host of the public URL."""
    host = urlsplit(url.text).hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return tuple(f"stun:{host}:{sockets[0].getsockname()[1]}" for sockets in bound)


class StunServer:
    """Answers on sockets that ``bind_stun`` gave, until it is closed."""

    def __init__(
        self,
        bound: Sequence[Sequence[socket.socket]],
        clock: Clock,
        random_bytes: RandomBytes,
        limits: StunLimits = STUN,
        counters: StunCounters | None = None,
    ) -> None:
        """Make it while the event loop runs. Takes the sockets over."""
        self.counters = counters if counters is not None else StunCounters()
        self._limits = limits
        self._clock = clock
        self._hash_key = random_bytes(_HASH_KEY_BYTES)
        self._limiter = PrefixLimiter(
            Rate(limits.prefix_per_s, limits.prefix_burst),
            Rate(limits.wide_per_s, limits.wide_burst),
            limits.limiter_entries,
        )
        self._budget = TokenBucket(limits.per_s, limits.burst, clock.monotonic())
        self._loop = asyncio.get_running_loop()
        self._others = _other_ports(bound)
        self._sockets = [sock for sockets in bound for sock in sockets]
        self._resting: asyncio.TimerHandle | None = None
        self._listen()

    @property
    def ports(self) -> list[int]:
        """Where it answers, one port for each of its places."""
        return list(dict.fromkeys(sock.getsockname()[1] for sock in self._sockets))

    def close(self) -> None:
        """Stops answering. Safe to call again."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()

    def _listen(self) -> None:
        self._resting = None
        for sock in self._sockets:
            self._loop.add_reader(sock, functools.partial(self._readable, sock))

    def _rest(self) -> None:
        """What comes meanwhile waits in the system's buffers, or is dropped there, which costs this process nothing."""
        for sock in self._sockets:
            self._loop.remove_reader(sock)
        self._resting = self._loop.call_later(self._limits.rest_s, self._listen)

    def _readable(self, sock: socket.socket) -> None:
        now = self._clock.monotonic()
        for _ in range(self._limits.batch):
            if self._resting is not None:
                return
            if self._budget.delay(now):
                self._rest()
                return
            try:
                data, ancillary, _, source = sock.recvmsg(MAX_REQUEST_BYTES + 1, _ANCILLARY_BYTES)
            except OSError:
                # Nothing there any more; or an answer from before met no one, which is not ours to mend.
                return
            self._budget.take(1, now)
            self.counters.requests[self._take(sock, data, ancillary, source, now)] += 1

    def _take(self, sock: socket.socket, data: bytes, ancillary: Ancillary, source: Source, now: float) -> str:
        """Answers one request; what became of it, in one of the words of StunCounters."""
        host, port = source[:2]
        try:
            asked = decode_request(data)
        except StunError:
            return "malformed"
        # Nobody asks from port 0; who forges it wants something sent there.
        if not port:
            return "malformed"
        if self._limiter.take(prefixes_of(host, self._hash_key), now):
            return "limited"
        sender: socket.socket | None = sock
        if asked.unknown:
            answer = encode_unknown(asked)
        elif asked.change_port and (sender := self._others.get(sock)) is None:
            answer = encode_no_other_port(asked.transaction)
        else:
            answer = encode_answer(asked.transaction, ipaddress.ip_address(host.partition("%")[0]).packed, port)
        try:
            (sender or sock).sendmsg([answer], _from_destination(ancillary), 0, source)
        except OSError:
            return "lost"
        return "refused" if asked.unknown or sender is None else "answered"


def _other_ports(bound: Sequence[Sequence[socket.socket]]) -> dict[socket.socket, socket.socket]:
    """For each socket the one of the other port that has the same kind of addresses."""
    return {
        sock: other
        for index, sockets in enumerate(bound)
        for sock in sockets
        for other in bound[(index + 1) % len(bound)]
        if other is not sock and other.family == sock.family
    }


def _ask_for_destinations(sock: socket.socket) -> None:
    """From now on each datagram comes with the address to which it was sent, where the system can tell."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    elif _IP_PKTINFO is not None:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _from_destination(ancillary: Ancillary) -> Ancillary:
    """What to give along with an answer so that it leaves from where the request came in."""
    for level, kind, value in ancillary:
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return [(level, kind, value)]
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO) and len(value) == _IPV4_PACKET_INFO_BYTES:
            # struct in_pktinfo: interface, own address, destination. Only the own address is to be heeded (ip(7)).
            return [(level, kind, bytes(4) + value[4:8] + bytes(4))]
    return []
