"""What one session may use of the gateway, and the waiting that a rate asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from unwalled.clock import Clock
from unwalled.gateway.allowance import Allowance, Used
from unwalled.gateway.buckets import TokenBucket
from unwalled.gateway.policy import EgressLimits, GatewayCeiling
from unwalled.settings import GATEWAY
from unwalled.wire.codes import Code


class InviteShare:
    """What the sessions of one invite have together, so that one that leaked cannot use up what all need."""

    __slots__ = ("__weakref__", "_count", "is_spent", "lookups", "sockets")

    def __init__(self, count: Callable[[int], bool] | None = None) -> None:
        """``count`` is told of each moved chunk, and says whether the invite has bytes of its day left."""
        self._count = count
        self.is_spent = False
        """Whether it had none left when some were moved last."""
        self.sockets = 0
        """Connections and datagram flows of all its sessions."""
        self.lookups = asyncio.Semaphore(GATEWAY.lookups_per_invite)

    def use_bytes(self, count: int) -> bool:
        """Counts moved bytes; False once the invite has moved more than it may today."""
        if self._count is not None:
            self.is_spent = not self._count(count)
        return not self.is_spent


class GatewayShare:
    """What all sessions of a gateway have together. Belongs to the event loop's thread."""

    __slots__ = ("_clock", "allowance", "down", "up")

    def __init__(self, ceiling: GatewayCeiling, clock: Clock, used: Used | None = None) -> None:
        self._clock = clock
        self.allowance = Allowance(ceiling, clock.wall(), used)
        self.up = Pace(ceiling.bytes_per_second, clock)
        self.down = Pace(ceiling.bytes_per_second, clock)

    def change(self, ceiling: GatewayCeiling) -> None:
        """Other limits from now on, for those who are here already, too."""
        self.allowance.change(ceiling, self._clock.wall())
        self.up.change(ceiling.bytes_per_second)
        self.down.change(ceiling.bytes_per_second)

    @property
    def is_used_up(self) -> bool:
        """Whether the traffic of the day or of the month is used up."""
        return self.allowance.is_used_up(self._clock.wall())

    def use_bytes(self, count: int) -> None:
        """Counts moved bytes."""
        self.allowance.use(count, self._clock.wall())


class SessionBudget:
    """The account of one session: make one when the session begins, drop it when the session ends.

    Holds numbers only, no address. Belongs to the event loop's thread.
    """

    __slots__ = ("_clock", "_connects", "_open", "_used_bytes", "down", "gateway", "limits", "lookups", "share", "up")

    def __init__(
        self,
        limits: EgressLimits,
        clock: Clock,
        share: InviteShare | None = None,
        gateway: GatewayShare | None = None,
    ) -> None:
        """``share`` is that of the session's invite, ``gateway`` that of all; without one the session has its own."""
        now = clock.monotonic()
        self.limits = limits
        self._clock = clock
        self.share = share if share is not None else InviteShare()
        self._open = 0
        self._used_bytes = 0
        self._connects = TokenBucket(limits.connects_per_minute / 60, limits.connects_per_minute, now)
        self.gateway = gateway if gateway is not None else GatewayShare(GatewayCeiling(), clock)
        self.up = Pace(limits.bytes_per_second, clock, self.gateway.up)
        """Reader to site."""
        self.down = Pace(limits.bytes_per_second, clock, self.gateway.down)
        self.lookups = asyncio.Semaphore(GATEWAY.lookups_per_session)

    @property
    def open_streams(self) -> int:
        """Streams and datagram flows that were taken in and not given back."""
        return self._open

    @property
    def used_bytes(self) -> int:
        """Both directions together."""
        return self._used_bytes

    @property
    def chunk_bytes(self) -> int:
        """What may be read from a site at once: less while there are many streams, since each may hold it for long."""
        return min(GATEWAY.copy_chunk_bytes, GATEWAY.session_chunks_bytes // max(1, self._open))

    def take_stream(self) -> Code | None:
        """Takes in one stream or flow: None, or a code and nothing was taken. Give it back when it ends."""
        limits = self.limits
        if self.gateway.is_used_up:
            return Code.USED_UP
        if (limits.streams and self._open >= limits.streams) or self.spent:
            return Code.LIMIT_REACHED
        if self.share.sockets >= GATEWAY.sockets_per_invite:
            return Code.LIMIT_REACHED
        self.share.sockets += 1
        self._open += 1
        return None

    def give_back_stream(self) -> None:
        """The stream or flow has ended."""
        self._open -= 1
        self.share.sockets -= 1

    def take_connect(self) -> Code | None:
        """Counts a connection (or a datagram's new destination): None, or LIMIT_REACHED."""
        return None if self._connects.try_take(1, self._clock.monotonic()) else Code.LIMIT_REACHED

    @property
    def spent(self) -> bool:
        """Whether nothing may be moved any more: by this session, or by anybody."""
        return self._has_spent or self.share.is_spent or self.gateway.is_used_up

    @property
    def why_spent(self) -> Code:
        """What a reader is told then."""
        return Code.USED_UP if self.gateway.is_used_up else Code.LIMIT_REACHED

    @property
    def _has_spent(self) -> bool:
        return bool(self.limits.total_bytes) and self._used_bytes >= self.limits.total_bytes

    def use_bytes(self, count: int) -> bool:
        """Counts moved bytes; False once the session, or the gateway, has moved more than it may."""
        self._used_bytes += count
        self.gateway.use_bytes(count)
        if not self.share.use_bytes(count):
            return False
        is_over = bool(self.limits.total_bytes) and self._used_bytes > self.limits.total_bytes
        return not is_over and not self.gateway.is_used_up


class Pace:
    """A rate in one direction, shared by all streams of a session, first come first served; and, through the pace
    ``above`` it, by all sessions of a gateway.

    Only one stream of a session waits above at a time. So whoever waits there is a session, and sessions take turns of
    a chunk each, whether they have one stream or a thousand.
    """

    __slots__ = ("_above", "_bucket", "_clock", "_turn")

    def __init__(self, bytes_per_second: float, clock: Clock, above: Pace | None = None) -> None:
        self._clock = clock
        self._above = above
        self._turn = asyncio.Lock()
        self.change(bytes_per_second)

    def change(self, bytes_per_second: float) -> None:
        """Another rate from now on; 0 = none."""
        # A quarter of a second's worth may come at once: smooth enough, and few wake-ups.
        self._bucket = TokenBucket(bytes_per_second, bytes_per_second / 4, self._clock.monotonic())

    async def wait(self) -> None:
        """Returns when something may be sent. Take it at once, before the next await. Cancelling is safe."""
        if not self._is_busy() and (self._above is None or not self._above._is_busy()):
            return
        # The lock is a fair queue: only its holder sleeps on a timer, so a thousand streams cost one wake-up.
        async with self._turn:
            while True:
                if self._above is not None:
                    await self._above.wait()
                delay_s = self._bucket.delay(self._clock.monotonic())
                if not delay_s:
                    return
                await asyncio.sleep(delay_s)

    def _is_busy(self) -> bool:
        """Whether one has to wait."""
        if not self._bucket.limited:
            # Whoever has the turn may wait above, and others come after it.
            return self._turn.locked()
        return self._turn.locked() or self._bucket.delay(self._clock.monotonic()) > 0.0

    def take(self, count: int) -> None:
        """Counts ``count`` bytes that were moved."""
        if self._bucket.limited:
            self._bucket.take(count, self._clock.monotonic())
        if self._above is not None:
            self._above.take(count)

    def try_take(self, count: int) -> bool:
        """For datagrams, which are dropped and never wait: False when the rate is used up."""
        now = self._clock.monotonic()
        if self._bucket.delay(now) or (self._above is not None and self._above._bucket.delay(now)):
            return False
        self.take(count)
        return True
