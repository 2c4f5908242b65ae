"""Connects to a site: the addresses race as RFC 8305 says, and what went wrong becomes a Code."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from unwalled.errors import OpenFailed
from unwalled.network.addresses import IPAddress
from unwalled.network.site import wake
from unwalled.settings import GATEWAY
from unwalled.wire.codes import Code

_CODES = {
    errno.ECONNREFUSED: Code.CONNECTION_REFUSED,
    errno.ENETUNREACH: Code.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Code.NETWORK_UNREACHABLE,
    errno.EAFNOSUPPORT: Code.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Code.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Code.HOST_UNREACHABLE,
    errno.ETIMEDOUT: Code.TIMED_OUT,
    errno.ECONNRESET: Code.CONNECTION_RESET,
    errno.ECONNABORTED: Code.CONNECTION_RESET,
    errno.EPIPE: Code.CONNECTION_RESET,
    errno.ENOTCONN: Code.CONNECTION_RESET,
    errno.EMFILE: Code.LIMIT_REACHED,
    errno.ENFILE: Code.LIMIT_REACHED,
    errno.ENOBUFS: Code.LIMIT_REACHED,
    errno.ENOMEM: Code.LIMIT_REACHED,
    errno.EADDRNOTAVAIL: Code.LIMIT_REACHED,  # no local port left
}

# When addresses fail in different ways, the reader hears of what says most about the site.
_TELLING = (
    Code.LIMIT_REACHED,
    Code.CONNECTION_REFUSED,
    Code.CONNECTION_RESET,
    Code.TIMED_OUT,
    Code.HOST_UNREACHABLE,
    Code.NETWORK_UNREACHABLE,
)

_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 6}


def code_of(error: OSError) -> Code:
    """The protocol's code for what the system said."""
    if isinstance(error, TimeoutError):
        return Code.TIMED_OUT
    return _CODES.get(error.errno or 0, Code.GENERAL)


def interleave(addresses: Sequence[IPAddress]) -> list[IPAddress]:
    """Families in turn, beginning with the first address's (RFC 8305 section 4), as many as the settings allow."""
    if not addresses:
        return []
    first = [address for address in addresses if address.version == addresses[0].version]
    other = [address for address in addresses if address.version != addresses[0].version]
    turns = itertools.chain.from_iterable(itertools.zip_longest(first, other))
    return [address for address in turns if address is not None][: GATEWAY.addresses_per_name]


async def dial(
    addresses: Sequence[IPAddress],
    port: int,
    *,
    delay_s: float = GATEWAY.attempt_delay_s,
    sources: Mapping[int, IPAddress] = MappingProxyType({}),
) -> socket.socket:
    """A connected, non-blocking socket to the first address that answers. ``addresses`` must have been checked.

    ``sources``: the own address from which each IP version is dialled; the system chooses for a version without one.
    Raises OpenFailed. The caller bounds the time; when cancelled, every attempt is closed.
    """
    race = _Race(port, sources)
    try:
        await race.run(interleave(addresses), delay_s)
    except BaseException:
        # The dial was cancelled, perhaps in the very moment in which it was won.
        if race.winner is not None:
            race.winner.close()
        raise
    if race.winner is None:
        raise OpenFailed(min(race.codes, key=_rank, default=Code.GENERAL))
    return race.winner


def _rank(code: Code) -> int:
    return _TELLING.index(code) if code in _TELLING else len(_TELLING)


class _Race:
    """One dial: attempts that run beside one another."""

    def __init__(self, port: int, sources: Mapping[int, IPAddress]) -> None:
        self._port = port
        self._sources = sources
        self._news = asyncio.Event()
        self.codes: list[Code] = []
        """How each attempt failed that did."""
        self.winner: socket.socket | None = None

    async def run(self, addresses: Sequence[IPAddress], delay_s: float) -> None:
        """Ends when an attempt has won or all have failed."""
        attempts: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:
            for address in addresses:
                self._news.clear()
                attempts.append(group.create_task(self._attempt(address), name="dial"))
                # The next address starts when this one has had its time, or at once when an attempt has failed.
                try:
                    async with asyncio.timeout(delay_s):
                        await self._news.wait()
                except TimeoutError:
                    pass
                if self.winner is not None:
                    break
            while self.winner is None and len(self.codes) < len(attempts):
                self._news.clear()
                await self._news.wait()
            for attempt in attempts:
                attempt.cancel()

    async def _attempt(self, address: IPAddress) -> None:
        try:
            sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        except OSError as error:
            self._failed(error)
            return
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(sock)
            if (source := self._sources.get(address.version)) is not None:
                _bind(sock, source)
            await _connect(sock, str(address), self._port)
        except OSError as error:
            sock.close()
            self._failed(error)
        except BaseException:
            sock.close()
            raise
        else:
            if self.winner is None:
                self.winner = sock
                self._news.set()
            else:
                sock.close()

    def _failed(self, error: OSError) -> None:
        self.codes.append(code_of(error))
        self._news.set()


async def _connect(sock: socket.socket, host: str, port: int) -> None:
    """Connects; raises OSError. The event loop's own method would put the address into errors and debug logs."""
    begun = sock.connect_ex((host, port))
    if begun in (errno.EINPROGRESS, errno.EWOULDBLOCK):
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        loop.add_writer(sock, wake, waiter)
        try:
            await waiter
        finally:
            loop.remove_writer(sock)
        begun = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if begun:
        raise OSError(begun, "connecting failed")


def _bind(sock: socket.socket, source: IPAddress) -> None:
    """Takes the address now and leaves the port to ``connect``, which may share one between different sites."""
    if hasattr(socket, "IP_BIND_ADDRESS_NO_PORT"):
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((str(source), 0))


def _keep_alive(sock: socket.socket) -> None:
    """So that a site that vanished without a word is noticed, after about three minutes."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
