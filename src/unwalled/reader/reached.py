"""Which targets the gateway has connected to lately: a new connection to one of them need not wait to be told. Pure."""

from __future__ import annotations

from unwalled.settings import READER, ReaderLimits
from unwalled.wire.address import Target


class ReachedTargets:
    """A bounded memory, never written anywhere. Times are seconds of one monotonic clock that only grow."""

    def __init__(self, limits: ReaderLimits = READER) -> None:
        self._limits = limits
        self._until: dict[Target, float] = {}
        """In the order in which they were reached last."""

    def __repr__(self) -> str:
        return f"ReachedTargets({len(self._until)})"

    def add(self, target: Target, now: float) -> None:
        """The gateway has connected to it."""
        self._until.pop(target, None)
        self._until[target] = now + self._limits.reached_s
        if len(self._until) > self._limits.reached_targets:
            del self._until[next(iter(self._until))]

    def remove(self, target: Target) -> None:
        """The gateway could not connect to it."""
        self._until.pop(target, None)

    def has(self, target: Target, now: float) -> bool:
        """Whether it was reached within the last ``reached_s``, and nothing has failed since."""
        return now < self._until.get(target, float("-inf"))
