"""Takes readers' streams to their sites: policy, look-up, dial, then bytes both ways until one side is done.

Nothing here writes down where anyone goes: errors carry codes, counters carry numbers, and nothing is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from weakref import WeakValueDictionary

from unwalled.clock import Clock, SystemClock
from unwalled.errors import OpenFailed, StreamReset
from unwalled.gateway.allowance import Used
from unwalled.gateway.counters import EgressCounters
from unwalled.gateway.datagrams import DatagramRelay
from unwalled.gateway.idle import IdleWatch
from unwalled.gateway.limits import GatewayShare, InviteShare, SessionBudget
from unwalled.gateway.own_addresses import OwnAddresses
from unwalled.gateway.policy import Decision, EgressPolicy
from unwalled.network.addresses import IPAddress, plain, unmapped
from unwalled.network.dialler import code_of, dial
from unwalled.network.resolver import Resolver, SystemResolver
from unwalled.network.site import SiteSocket
from unwalled.settings import GATEWAY
from unwalled.tunnel.api import DatagramFlow, IncomingStream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class Egress:
    """The way out of one gateway process, for all its sessions. Belongs to one event loop."""

    def __init__(
        self,
        policy: EgressPolicy,
        resolver: Resolver | None = None,
        clock: Clock | None = None,
        own_addresses: Container[IPAddress] | None = None,
        counters: EgressCounters | None = None,
        sources: Iterable[IPAddress] = (),
        used: Used | None = None,
    ) -> None:
        """``used``: what the gateway has moved before, this month. ``sources``: own addresses to dial from, at most one
        of each IP version, so that a site can let this gateway in by its address. With some, only their versions are
        dialled: another one would show another address."""
        self.policy = policy
        self.sources: dict[int, IPAddress] = {source.version: source for source in sources}
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.counters = counters if counters is not None else EgressCounters()
        self._resolver: Resolver = resolver if resolver is not None else SystemResolver(self.clock)
        self.own_addresses = own_addresses if own_addresses is not None else OwnAddresses(self.clock)
        self.gateway_share = GatewayShare(policy.ceiling, self.clock, used)
        """What all sessions have together."""
        self.on_refused: Callable[[Target, Decision], None] | None = None
        """Told of what the policy refuses before a look-up, while the operator wants to know."""
        self._sockets = 0
        self._passages: set[_Passage] = set()
        self._relays: set[DatagramRelay] = set()
        # An invite's share lives as long as one of its sessions does.
        self._shares: WeakValueDictionary[bytes, InviteShare] = WeakValueDictionary()
        self.meter: Callable[[bytes], Callable[[int], bool] | None] = lambda invite: None
        """Gives what counts the bytes of one invite, for those that have a bound (see InviteShare)."""

    def new_budget(self, invite: bytes = b"") -> SessionBudget:
        """The account of a new session that came with ``invite`` (its id)."""
        share = self._shares.get(invite)
        if share is None:
            share = self._shares[invite] = InviteShare(self.meter(invite))
        return SessionBudget(self.policy.limits, self.clock, share, self.gateway_share)

    def set_policy(self, policy: EgressPolicy) -> None:
        """Another policy from now on. Streams and flows to what it does not allow any more are cut at once.

        Limits for each session hold for new sessions, those for all together at once.
        """
        self.policy = policy
        self.gateway_share.change(policy.ceiling)
        for passage in list(self._passages):
            passage.judge_again()
        for relay in self._relays:
            relay.forget_routes()

    async def addresses_of(self, target: Target, session: SessionBudget) -> list[IPAddress]:
        """The addresses of ``target`` that may be connected to, at least one.

        Raises OpenFailed. Whoever connects must use these and not look the name up again: the next answer to the same
        question may be an address that is not allowed.
        """
        decision = self.policy.decide(target)
        if not decision.is_allowed:
            if self.on_refused is not None:
                self.on_refused(target, decision)
            raise OpenFailed(Code.NOT_ALLOWED)
        literal = target.literal
        found: Sequence[IPAddress]
        if literal is not None:
            found = (literal,)
        else:
            async with session.lookups, session.share.lookups:
                found = await self._resolver.resolve(target.host)
        policy = self.policy
        if policy.check_target(target) is not None:
            # It was changed during the look-up.
            raise OpenFailed(Code.NOT_ALLOWED)
        port = target.port
        allowed = [
            unmapped(address) for address in found if policy.check_address(address, self.own_addresses, port) is None
        ]
        if not allowed:
            raise OpenFailed(Code.NOT_ALLOWED)
        reachable = [address for address in allowed if not self.sources or address.version in self.sources]
        if not reachable:
            raise OpenFailed(Code.NETWORK_UNREACHABLE)
        return reachable

    async def connect(self, target: Target, session: SessionBudget) -> SiteSocket:
        """A connection to ``target``, if it is allowed. Raises OpenFailed; the caller bounds the time."""
        addresses = await self.addresses_of(target, session)
        site = SiteSocket(await dial(addresses, target.port, sources=self.sources))
        if (peer := site.own_peer) is not None and self.is_own(peer):
            site.abort()
            raise OpenFailed(Code.NOT_ALLOWED)
        return site

    async def handle_stream(self, stream: IncomingStream, session: SessionBudget) -> None:
        """Serves one stream to its end. Never raises but when cancelled; then the stream is reset.

        At most one chunk (256 KiB) is held in each direction: a slow reader slows the site, and the other way round.
        """
        if (refusal := self._admit(session)) is not None:
            self.counters.refused(refusal)
            stream.reset(refusal)
            return
        self.counters.open_streams += 1
        passage = _Passage(self, stream, session)
        self._passages.add(passage)
        try:
            await passage.run()
        finally:
            self._passages.discard(passage)
            self.counters.open_streams -= 1
            self._sockets -= 1
            session.give_back_stream()

    async def handle_datagrams(self, flow: DatagramFlow, session: SessionBudget) -> None:
        """Serves one datagram flow to its end. Never raises but when cancelled; the flow is closed in any case."""
        if not self.policy.datagrams or self._admit(session) is not None:
            flow.close()
            return
        self.counters.open_flows += 1
        self.counters.flows_opened += 1
        relay = DatagramRelay(flow, session, self.addresses_of, self.counters, self.sources)
        self._relays.add(relay)
        try:
            await relay.run()
        finally:
            self._relays.discard(relay)
            flow.close()
            self.counters.open_flows -= 1
            self._sockets -= 1
            session.give_back_stream()

    def is_own(self, address: IPAddress) -> bool:
        """Whether the policy keeps readers from ``address`` because it is this machine's."""
        return self.policy.check_address(address, (plain(address),)) is not None

    def _admit(self, session: SessionBudget) -> Code | None:
        if self._sockets >= (self.policy.ceiling.connections or GATEWAY.max_sockets):
            return Code.LIMIT_REACHED
        if (refusal := session.take_stream()) is not None:
            return refusal
        self._sockets += 1
        return None


class _Ended(Exception):
    """The passage is over before both directions have finished; ``code`` is for the reader."""

    def __init__(self, code: Code) -> None:
        super().__init__()
        self.code = code


class _Passage:
    """One stream and the socket to its site."""

    def __init__(self, egress: Egress, stream: IncomingStream, session: SessionBudget) -> None:
        self._egress = egress
        self._stream = stream
        self._session = session
        self._counters = egress.counters
        self._site: SiteSocket | None = None
        self._connected = asyncio.Event()
        self._gone: Code | None = None
        """Why the site takes no more, though what it sent before may still be read."""

    async def run(self) -> None:
        """Dials and copies. The stream is always ended when this returns."""
        code: Code | None = Code.CANCELLED
        try:
            code = await self._run()
        finally:
            if self._site is not None:
                if code is None:
                    self._site.close()
                else:
                    self._site.abort()
            if code is not None:
                count = self._counters.refused if self._site is None else self._counters.cut
                count(code)
                self._stream.reset(code)

    async def _run(self) -> Code | None:
        idle = IdleWatch(self._session.limits.idle_seconds)
        ended: Code | None = None
        try:
            # The reader's first bytes are read while the site is dialled: if the reader gives up meanwhile, the read
            # fails, and with it the dial.
            async with idle, asyncio.TaskGroup() as group:
                group.create_task(self._up(idle), name="gateway up")
                self._site = await self._connect()
                self._stream.accept()
                self._connected.set()
                await self._down(self._site, idle)
        except* _Ended as group_of_ends:
            ended = _first(group_of_ends)
        except* TimeoutError:
            ended = Code.TIMED_OUT
        return ended if ended is not None else self._gone

    def judge_again(self) -> None:
        """The policy is another one: ends the stream if it is not allowed any more."""
        target, policy, site = self._stream.target, self._egress.policy, self._site
        address = None if site is None else site.peer
        if policy.check_target(target) is None and (
            address is None or policy.check_address(address, self._egress.own_addresses, target.port) is None
        ):
            return
        self._gone = Code.NOT_ALLOWED
        self._stream.reset(Code.NOT_ALLOWED)
        if site is not None:
            # Whoever waits for the site hears of it.
            site.abort()

    async def _connect(self) -> SiteSocket:
        session = self._session
        started = self._egress.clock.monotonic()
        target = self._stream.target
        try:
            if (refusal := session.take_connect()) is not None:
                raise OpenFailed(refusal)
            async with asyncio.timeout(GATEWAY.connect_timeout_s):
                site = await self._egress.connect(target, session)
        except OpenFailed as error:
            raise _Ended(error.code) from None
        except TimeoutError:
            raise _Ended(Code.TIMED_OUT) from None
        self._counters.dialled(self._egress.clock.monotonic() - started)
        return site

    async def _up(self, idle: IdleWatch) -> None:
        stream, session, counters = self._stream, self._session, self._counters
        try:
            while True:
                data = await stream.read()
                if self._site is None:
                    await self._connected.wait()
                site = self._site
                assert site is not None
                if not data:
                    site.finish()
                    return
                await session.up.wait()
                session.up.take(len(data))
                counters.bytes_up += len(data)
                if not session.use_bytes(len(data)):
                    raise _Ended(session.why_spent)
                await site.send(data)
                idle.touch()
        except StreamReset as reset:
            raise _Ended(reset.code) from None
        except OSError as error:
            # The other direction goes on: what the site said before it closed may be the very answer.
            self._gone = code_of(error)

    async def _down(self, site: SiteSocket, idle: IdleWatch) -> None:
        stream, session, counters = self._stream, self._session, self._counters
        try:
            while True:
                await session.down.wait()
                data = site.receive_now(session.chunk_bytes)
                if data is None:
                    await site.readable()
                    continue
                if not data:
                    break
                session.down.take(len(data))
                counters.bytes_down += len(data)
                if not session.use_bytes(len(data)):
                    raise _Ended(session.why_spent)
                await stream.write(data)
                idle.touch()
                await site.breathe()
            if self._gone is None:
                await stream.finish()
            else:
                raise _Ended(self._gone)
        except StreamReset as reset:
            raise _Ended(reset.code) from None
        except OSError as error:
            raise _Ended(code_of(error)) from None


def _first(group: BaseExceptionGroup[_Ended]) -> Code:
    """The code of the end that came first."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner.code
