"""The gateway's way out as sessions use it: one `GatewayServer` for each process, one handler for each session."""

from __future__ import annotations

from collections.abc import Container, Iterable
from types import TracebackType

from unwalled.clock import Clock, SystemClock
from unwalled.gateway.allowance import Used
from unwalled.gateway.egress import Egress
from unwalled.gateway.limits import SessionBudget
from unwalled.gateway.policy import EgressPolicy
from unwalled.network.addresses import IPAddress
from unwalled.network.resolver import Resolver, SystemResolver
from unwalled.tunnel.api import DatagramFlow, IncomingStream


class SessionEgress:
    """Serves one session's streams and flows, and holds its account. Implements SessionHub's ``SessionHandler``."""

    __slots__ = ("_egress", "budget")

    def __init__(self, egress: Egress, budget: SessionBudget) -> None:
        self._egress = egress
        self.budget = budget

    async def handle_stream(self, stream: IncomingStream) -> None:
        """See Egress.handle_stream."""
        await self._egress.handle_stream(stream, self.budget)

    async def handle_datagrams(self, flow: DatagramFlow) -> None:
        """See Egress.handle_datagrams."""
        await self._egress.handle_datagrams(flow, self.budget)


class GatewayServer:
    """Policy, resolver and dialler of one process. Make it inside the event loop and ``close`` it (or ``async with``).

    Give ``new_handler`` to SessionHub.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        resolver: Resolver | None = None,
        clock: Clock | None = None,
        own_addresses: Container[IPAddress] | None = None,
        sources: Iterable[IPAddress] = (),
        egress: Egress | None = None,
        used: Used | None = None,
    ) -> None:
        """``sources``, ``used``: see Egress. ``egress``: a way out of another kind, for which nothing else matters."""
        clock = clock if clock is not None else SystemClock()
        self._system_resolver = SystemResolver(clock) if resolver is None and egress is None else None
        self.egress = egress or Egress(
            policy, resolver or self._system_resolver, clock, own_addresses, sources=sources, used=used
        )
        self.counters = self.egress.counters

    @property
    def warnings(self) -> list[str]:
        """What to print for the operator at start, each a whole sentence."""
        return self.egress.policy.warnings()

    def new_handler(self, invite: bytes = b"") -> SessionEgress:
        """What serves a new session that came with ``invite`` (its id)."""
        return SessionEgress(self.egress, self.egress.new_budget(invite))

    def close(self) -> None:
        """Ends the look-ups. Streams end with the sessions that they belong to."""
        if self._system_resolver is not None:
            self._system_resolver.close()

    async def __aenter__(self) -> GatewayServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
