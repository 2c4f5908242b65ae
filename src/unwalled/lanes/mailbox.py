"""The way of messages from a transport's own thread into the event loop.

The transport's thread appends; one wake-up of the loop carries as many messages as have come by then. On a busy
lane that is one wake-up for several messages, which is what keeps a fast lane cheap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from unwalled.settings import LANE


class Mailbox:
    """Bounded queue between one transport thread and one event loop.

    ``put`` is called by the transport's thread; everything else by the loop's. ``wake(callback)`` must run
    ``callback`` soon in the loop's thread and may be called from any thread.
    """

    def __init__(
        self,
        wake: Callable[[Callable[[], None]], None],
        *,
        capacity_bytes: int = LANE.receive_queue_bytes,
        delivery_bytes: int = LANE.delivery_bytes,
    ) -> None:
        self._wake = wake
        self._capacity_bytes = capacity_bytes
        self._delivery_bytes = delivery_bytes
        self._waiting: deque[bytes] = deque()
        # Each counter has one writer, so that no lock is needed: their difference is what waits.
        self._put_bytes = 0
        self._taken_bytes = 0
        self._awake = False
        self._fault: str | None = None
        self._deliver: Callable[[list[bytes]], None] | None = None
        self._fail: Callable[[str], None] | None = None

    def put(self, data: bytes, binary: bool) -> None:
        """Takes one message from the transport. After a fault everything more is dropped."""
        if self._fault is not None:
            return
        if not binary or not 0 < len(data) <= LANE.max_message_bytes:
            self._fault = "protocol"
        elif self._put_bytes - self._taken_bytes + len(data) > self._capacity_bytes:
            self._fault = "overflow"
        else:
            self._put_bytes += len(data)
            self._waiting.append(data)
        if not self._awake:
            self._awake = True
            self._wake(self._drain)

    def start(self, deliver: Callable[[list[bytes]], None], fail: Callable[[str], None]) -> None:
        """Starts delivery, oldest first. ``fail`` is called once, after the messages that came before the fault."""
        self._deliver = deliver
        self._fail = fail
        self._wake(self._drain)

    @property
    def started(self) -> bool:
        """Whether ``start`` was called and ``close`` not."""
        return self._deliver is not None

    def finish(self, reason: str) -> None:
        """The transport has ended: ``fail(reason)`` follows what waits, unless there was a fault before."""
        if self._fault is None:
            self._fault = reason
        self._wake(self._drain)

    def close(self) -> None:
        """Drops what waits; nothing is delivered any more."""
        self._fault = "closed"
        self._deliver = None
        self._fail = None
        self._waiting.clear()

    def _drain(self) -> None:
        # Before the queue is read: a message that is put from here on brings a wake-up of its own.
        self._awake = False
        if self._deliver is None:
            return
        batch: list[bytes] = []
        size = 0
        waiting = self._waiting
        while waiting and size < self._delivery_bytes:
            message = waiting.popleft()
            size += len(message)
            batch.append(message)
        self._taken_bytes += size
        if waiting:
            self._awake = True
            self._wake(self._drain)
        if batch:
            self._deliver(batch)
        fail = self._fail
        if self._fault is not None and fail is not None and not self._waiting:
            self._fail = None
            fail(self._fault)
