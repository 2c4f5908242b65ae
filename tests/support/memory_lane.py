"""A pair of lanes joined in memory, for tests of what runs over lanes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from unwalled.errors import LaneClosed
from unwalled.lanes.base import LaneReceiver

Tamper = Callable[[bytes], list[bytes]]


class MemoryLane:
    """One end. ``tamper`` may change, drop or repeat what this end sends."""

    def __init__(self) -> None:
        self.other: MemoryLane | None = None
        self.tamper: Tamper = lambda message: [message]
        self.black_hole = False
        self._receiver: LaneReceiver | None = None
        self._inbox: deque[bytes] = deque()
        self._closed = False
        self._scheduled = False

    @property
    def buffered_bytes(self) -> int:
        return 0

    @property
    def is_closed(self) -> bool:
        return self._closed

    def has_closed(self) -> bool:
        return self._closed

    def start(self, receiver: LaneReceiver) -> None:
        self._receiver = receiver
        self._schedule()

    def send(self, message: bytes) -> None:
        if self._closed or self.other is None:
            raise LaneClosed("The lane has closed.")
        if not self.black_hole:
            for sent in self.tamper(message):
                self.other._inbox.append(sent)
            self.other._schedule()

    def close(self) -> None:
        for end in (self, self.other):
            if end is not None and not end._closed:
                end._closed = True
                asyncio.get_running_loop().call_soon(end._tell_closed)

    def _tell_closed(self) -> None:
        self._deliver()
        if self._receiver is not None:
            self._receiver.lane_closed("closed")

    def _schedule(self) -> None:
        if not self._scheduled and self._receiver is not None:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        if self._receiver is not None and self._inbox:
            messages, self._inbox = list(self._inbox), deque()
            self._receiver.messages_received(messages)


def lane_pair() -> tuple[MemoryLane, MemoryLane]:
    """Two ends of a fresh lane."""
    one, two = MemoryLane(), MemoryLane()
    one.other, two.other = two, one
    return one, two
