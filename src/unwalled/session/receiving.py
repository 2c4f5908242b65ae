"""One stream's way in: pieces put in their order, what an application has taken, and how much more may come."""

from __future__ import annotations

import heapq
from collections import deque

from unwalled.errors import FrameError
from unwalled.settings import SESSION

_CRUMB_BYTES = 4096


class Receiving:
    """What has come on one stream, and how much more may."""

    __slots__ = (
        "consumed",
        "discard",
        "final",
        "highest",
        "limit",
        "next_offset",
        "order",
        "pieces",
        "pieces_bytes",
        "ready",
        "repeated",
        "reset",
        "told",
        "updated_at",
        "window",
    )

    def __init__(self) -> None:
        self.ready: deque[bytes | memoryview] = deque()
        self.pieces: dict[int, bytes | memoryview] = {}
        self.order: list[int] = []
        """A heap of the pieces' offsets."""
        self.pieces_bytes = 0
        self.repeated = 0
        """Bytes that were there already when they came."""
        self.next_offset = 0
        self.highest = 0
        self.consumed = 0
        self.window = SESSION.stream_window_bytes
        self.limit = SESSION.stream_window_bytes
        self.updated_at = float("-inf")
        self.final: int | None = None
        self.discard = False
        self.reset = False
        """The other end's reset was seen; its fin, if any, means nothing then."""
        self.told = False

    @property
    def complete(self) -> bool:
        """All bytes up to the end have come (or, when discarding, are accounted for)."""
        return self.final is not None and (self.highest if self.discard else self.next_offset) >= self.final

    def insert(self, offset: int, payload: bytes | memoryview) -> bool:
        """Puts a piece in its place; True when something became readable. Raises FrameError past the memory bound."""
        if offset > self.next_offset:
            held = self.pieces.get(offset)
            if held is None:
                heapq.heappush(self.order, offset)
                self.pieces_bytes += len(payload)
            elif len(held) < len(payload):
                self.repeated += len(held)
                self.pieces_bytes += len(payload) - len(held)
            else:
                self.repeated += len(payload)
                return False
            self.pieces[offset] = payload
            if self.pieces_bytes > self.window + SESSION.reassembly_slack_bytes:
                raise FrameError("A stream's pieces overlap too much.")
            return False
        if not self._append(offset, payload):
            return False
        while self.order and self.order[0] <= self.next_offset:
            start = heapq.heappop(self.order)
            piece = self.pieces.pop(start)
            self.pieces_bytes -= len(piece)
            self._append(start, piece)
        return True

    def _append(self, offset: int, payload: bytes | memoryview) -> bool:
        skip = self.next_offset - offset
        if skip:
            self.repeated += min(skip, len(payload))
            if skip >= len(payload):
                return False
        part = payload[skip:] if skip else payload
        self.next_offset = offset + len(payload)
        # Crumbs are joined, or a peer that sends single bytes would cost many times what the windows count.
        if self.ready and len(self.ready[-1]) + len(part) <= _CRUMB_BYTES:
            self.ready[-1] = b"".join((self.ready[-1], part))
        else:
            self.ready.append(part)
        return True

    def drop(self) -> int:
        """Throws away what was not read and will throw away what comes; gives how many bytes that frees."""
        freed = self.highest - self.consumed
        self.consumed = self.highest
        self.ready.clear()
        self.pieces.clear()
        self.order.clear()
        self.pieces_bytes = 0
        self.discard = True
        return freed
