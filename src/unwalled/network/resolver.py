"""From names to addresses, by the system: at the gateway, and at a reader for what its rules let go directly.

The system's resolver blocks, so it runs in a few threads of its own. Equal look-ups that are under way are one;
answers are remembered for seconds, so that a page of a hundred parts asks once. What is remembered is which names have
which addresses, never who asked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import queue
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from unwalled.clock import Clock, SystemClock
from unwalled.errors import OpenFailed
from unwalled.network.addresses import IPAddress
from unwalled.network.names import canonical_name
from unwalled.settings import GATEWAY
from unwalled.wire.codes import Code

_UNKNOWN = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)


class Resolver(Protocol):
    """Looks names up."""

    async def resolve(self, name: str) -> Sequence[IPAddress]:
        """Addresses of ``name``, best first, at least one. They are not checked against any policy.

        Raises OpenFailed: NAME_UNKNOWN when there is no such name or it has no address, NAME_FAILED when nobody could
        say just now. Cancelling is safe and does not disturb others who wait for the same name.
        """


Lookup = Callable[[str], list[IPAddress]]


def system_lookup(name: str) -> list[IPAddress]:
    """Asks the system (hosts file, DNS), blocking. Only families that this machine has. Raises OpenFailed."""
    try:
        # As bytes, since the IDNA codec that strings go through refuses names that DNS allows.
        found = socket.getaddrinfo(name.encode("ascii"), None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except socket.gaierror as error:
        raise OpenFailed(Code.NAME_UNKNOWN if error.errno in _UNKNOWN else Code.NAME_FAILED) from None
    except (OSError, UnicodeError):
        raise OpenFailed(Code.NAME_FAILED) from None
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


class SystemResolver:
    """The system's resolver with a bounded cache. Belongs to one event loop; ``close`` it at the end.

    Its threads are daemons: a name server that does not answer cannot hold up the end of the program.
    """

    def __init__(self, clock: Clock | None = None, lookup: Lookup = system_lookup) -> None:
        self._clock = clock if clock is not None else SystemClock()
        self._lookup = lookup
        self._known: OrderedDict[str, tuple[float, tuple[IPAddress, ...]]] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[tuple[IPAddress, ...]]] = {}
        self._jobs: queue.SimpleQueue[tuple[str, asyncio.AbstractEventLoop] | None] = queue.SimpleQueue()
        self._threads = 0
        self._closed = False

    async def resolve(self, name: str) -> Sequence[IPAddress]:
        """See Resolver. Fails with NAME_FAILED after the time-out in settings, or when too many names wait."""
        name = canonical_name(name)
        remembered = self._known.get(name)
        if remembered is not None and self._clock.monotonic() < remembered[0]:
            if not remembered[1]:
                raise OpenFailed(Code.NAME_UNKNOWN)
            return remembered[1]
        answer = self._under_way.get(name)
        if answer is None:
            answer = self._begin(name)
        try:
            async with asyncio.timeout(GATEWAY.resolve_timeout_s):
                return await asyncio.shield(answer)
        except TimeoutError:
            raise OpenFailed(Code.NAME_FAILED) from None
        except OpenFailed as error:
            # The shared error would gather a traceback from each who waits.
            raise OpenFailed(error.code) from None

    def close(self) -> None:
        """Fails what is under way and lets the threads end."""
        self._closed = True
        for answer in self._under_way.values():
            if not answer.done():
                answer.set_exception(OpenFailed(Code.NAME_FAILED))
                answer.exception()
        self._under_way.clear()
        for _ in range(self._threads):
            self._jobs.put(None)

    def _begin(self, name: str) -> asyncio.Future[tuple[IPAddress, ...]]:
        if self._closed or len(self._under_way) >= GATEWAY.resolver_waiting:
            raise OpenFailed(Code.NAME_FAILED)
        loop = asyncio.get_running_loop()
        answer = self._under_way[name] = loop.create_future()
        if len(self._under_way) > self._threads and self._threads < GATEWAY.resolver_threads:
            self._threads += 1
            threading.Thread(target=self._work, name="name look-up", daemon=True).start()
        self._jobs.put((name, loop))
        return answer

    def _work(self) -> None:
        """A thread's life."""
        while (job := self._jobs.get()) is not None:
            name, loop = job
            try:
                result: list[IPAddress] | Code = self._lookup(name)
            except OpenFailed as error:
                result = error.code
            except Exception:  # a thread that dies would take a place in the pool with it
                result = Code.NAME_FAILED
            try:
                loop.call_soon_threadsafe(self._looked_up, name, result)
            except RuntimeError:  # the loop has closed
                return

    def _looked_up(self, name: str, result: list[IPAddress] | Code) -> None:
        answer = self._under_way.pop(name, None)
        if answer is None or answer.done():
            return
        if result == []:
            result = Code.NAME_UNKNOWN
        if isinstance(result, Code):
            if result is Code.NAME_UNKNOWN:
                self._remember(name, GATEWAY.resolver_unknown_s, ())
            answer.set_exception(OpenFailed(result))
            answer.exception()  # those who waited may all be gone; that is no error
            return
        addresses = tuple(result)
        self._remember(name, GATEWAY.resolver_cache_s, addresses)
        answer.set_result(addresses)

    def _remember(self, name: str, seconds: float, addresses: tuple[IPAddress, ...]) -> None:
        self._known[name] = (self._clock.monotonic() + seconds, addresses)
        self._known.move_to_end(name)
        if len(self._known) > GATEWAY.resolver_cache_names:
            self._known.popitem(last=False)
