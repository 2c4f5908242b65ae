"""What a record carries and may owe: a frame together with its fate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unwalled.wire.frames import Data, Frame

if TYPE_CHECKING:
    from unwalled.session.estimator import LaneEstimator


class Item:
    """A frame that must arrive once, on whatever lane. Several lanes may hold a copy of it at the same time."""

    __slots__ = ("acked", "carrier", "copies", "encoded", "frame", "queued", "stands_at")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.encoded = frame.encode()
        self.acked = False
        """Whether the other end has it."""
        self.copies = 0
        """Lanes that hold it unacked and are not silent."""
        self.queued = False
        """Whether it waits to be sent (again)."""
        self.carrier: LaneEstimator | None = None
        """Of the lane that took it last."""
        self.stands_at = 0
        """Where it stands on that lane, as `LaneEstimator.ahead_s` wants it."""

    def __lt__(self, other: Item) -> bool:
        """Older bytes of a stream go first when they are sent again."""
        assert isinstance(self.frame, Data)
        assert isinstance(other.frame, Data)
        return self.frame.offset < other.frame.offset
