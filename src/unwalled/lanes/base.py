"""What every lane offers, whatever carries it.

A lane is a reliable, ordered pipe of binary messages, until it dies. It never blocks: what it cannot send at
once it holds, and says how much that is. The session's windows bound what is given to it.
"""

from __future__ import annotations

from typing import Protocol


class LaneReceiver(Protocol):
    """Whoever uses a lane. All calls come in the event loop's thread, in order."""

    def messages_received(self, messages: list[bytes]) -> None:
        """One or more whole messages, oldest first. Must not block and must not raise."""

    def lane_closed(self, reason: str) -> None:
        """The lane is gone, whoever closed it. Called once, and nothing comes after it.

        ``reason`` is one of a few fixed words for counters and traces; it never holds an address.
        """


class Lane(Protocol):
    """One end of a lane that is open. Not safe for use from other threads than the event loop's."""

    @property
    def buffered_bytes(self) -> int:
        """Bytes that were given to ``send`` and have not yet left this program."""

    def start(self, receiver: LaneReceiver) -> None:
        """Starts delivery to ``receiver``; messages that arrived before are delivered first. Call it once."""

    def send(self, message: bytes) -> None:
        """Queues one message of at most 64 KiB. Raises LaneClosed when the lane is gone."""

    def close(self) -> None:
        """Closes the lane; what is queued may be lost. ``lane_closed`` follows. Calling it again does nothing."""
