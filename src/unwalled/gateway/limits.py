"""What one session may use of the gateway, and the waiting that a rate asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from unwalled.clock import Clock
from unwalled.gateway.buckets import TokenBucket
from unwalled.gateway.policy import EgressLimits
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


class SessionBudget:
    """The account of one session: make one when the session begins, drop it when the session ends.

    Holds numbers only, no address. Belongs to the event loop's thread.
    """

    __slots__ = ("_clock", "_connects", "_open", "_used_bytes", "down", "limits", "lookups", "share", "up")

    def __init__(self, limits: EgressLimits, clock: Clock, share: InviteShare | None = None) -> None:
        """``share`` is that of the session's invite; without one the session has its own."""
        now = clock.monotonic()
        self.limits = limits
        self._clock = clock
        self.share = share if share is not None else InviteShare()
        self._open = 0
        self._used_bytes = 0
        self._connects = TokenBucket(limits.connects_per_minute / 60, limits.connects_per_minute, now)
        self.up = Pace(limits.bytes_per_second, clock)
        """Reader to site."""
        self.down = Pace(limits.bytes_per_second, clock)
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
        """Takes in one stream or flow: None, or LIMIT_REACHED and nothing was taken. Give it back when it ends."""
        limits = self.limits
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
        """Whether the session has moved all the bytes that it may."""
        if self.share.is_spent:
            return True
        return bool(self.limits.total_bytes) and self._used_bytes >= self.limits.total_bytes

    def use_bytes(self, count: int) -> bool:
        """Counts moved bytes; False once the session has moved more than it may."""
        self._used_bytes += count
        if not self.share.use_bytes(count):
            return False
        return not self.limits.total_bytes or self._used_bytes <= self.limits.total_bytes


class Pace:
    """A rate in one direction, shared by all streams of a session, first come first served."""

    __slots__ = ("_bucket", "_clock", "_turn")

    def __init__(self, bytes_per_second: float, clock: Clock) -> None:
        # A quarter of a second's worth may come at once: smooth enough, and few wake-ups.
        self._bucket = TokenBucket(bytes_per_second, bytes_per_second / 4, clock.monotonic())
        self._clock = clock
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Returns when something may be sent. Take it at once, before the next await. Cancelling is safe."""
        if not self._bucket.limited or not (self._turn.locked() or self._bucket.delay(self._clock.monotonic())):
            return
        # The lock is a fair queue: only its holder sleeps on a timer, so a thousand streams cost one wake-up.
        async with self._turn:
            while True:
                delay_s = self._bucket.delay(self._clock.monotonic())
                if not delay_s:
                    return
                await asyncio.sleep(delay_s)

    def take(self, count: int) -> None:
        """Counts ``count`` bytes that were moved."""
        if self._bucket.limited:
            self._bucket.take(count, self._clock.monotonic())

    def try_take(self, count: int) -> bool:
        """For datagrams, which are dropped and never wait: False when the rate is used up."""
        now = self._clock.monotonic()
        if self._bucket.delay(now):
            return False
        self._bucket.take(count, now)
        return True
