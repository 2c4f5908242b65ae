"""One stream's way out: what waits, what was sent and not acked, and what must be sent again."""

from __future__ import annotations

from collections import OrderedDict, deque

from unwalled.session.items import Item
from unwalled.settings import SESSION


class Sending:
    """What this end has still to send on one stream."""

    __slots__ = ("ended", "flying", "limit", "next_offset", "owed", "pending", "pending_bytes", "resend", "want_room")

    def __init__(self) -> None:
        self.pending: deque[memoryview] = deque()
        self.pending_bytes = 0
        self.next_offset = 0
        self.limit = SESSION.stream_window_bytes
        self.flying: OrderedDict[int, Item] = OrderedDict()
        """Data that was sent and not acked, by its offset, in its order."""
        self.resend: list[Item] = []
        self.owed = 0
        """Items that the other end has not acked, wherever they are."""
        self.ended = False
        """A fin or reset was queued."""
        self.want_room = False

    def take(self, size: int) -> bytes | memoryview:
        """The next ``size`` bytes (all of them are there)."""
        self.pending_bytes -= size
        self.next_offset += size
        head = self.pending[0]
        if len(head) > size:
            self.pending[0] = head[size:]
            return head[:size]
        parts: list[memoryview] = []
        while size:
            head = self.pending[0]
            if len(head) > size:
                self.pending[0] = head[size:]
                head = head[:size]
            else:
                self.pending.popleft()
            parts.append(head)
            size -= len(head)
        return b"".join(parts)

    def beginning(self, size: int) -> bytes:
        """Up to ``size`` of the stream's first bytes, if none of them was sent yet; they stay where they are."""
        if self.next_offset:
            return b""
        parts: list[memoryview] = []
        for piece in self.pending:
            if size <= 0:
                break
            parts.append(piece[:size])
            size -= len(piece)
        return b"".join(parts)

    def drop_pending(self) -> None:
        """Forgets what was not sent yet."""
        self.pending.clear()
        self.pending_bytes = 0
