"""What a record carries and may owe: a frame together with its fate."""

from __future__ import annotations

from unwalled.wire.frames import Data, Frame


class Item:
    """A frame that must arrive once, on whatever lane. Several lanes may hold a copy of it at the same time."""

    __slots__ = ("acked", "copies", "encoded", "frame", "queued")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.encoded = frame.encode()
        self.acked = False
        """Whether the other end has it."""
        self.copies = 0
        """Lanes that hold it unacked and are not silent."""
        self.queued = False
        """Whether it waits to be sent (again)."""

    def __lt__(self, other: Item) -> bool:
        """Older bytes of a stream go first when they are sent again."""
        assert isinstance(self.frame, Data)
        assert isinstance(other.frame, Data)
        return self.frame.offset < other.frame.offset
