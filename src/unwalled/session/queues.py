"""Two small structures: which stream sends next, and which stream numbers are used up."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque


class FairQueue:
    """Deficit round robin with a fast way in for streams that send little (after RFC 8290, section 4.1).

    A stream that becomes active gets one quantum before those that have been sending; then it queues with them.
    So a click is not behind a download, and equal downloads get equal shares.
    """

    __slots__ = ("_deficit", "_fresh", "_quantum", "_rest")

    def __init__(self, quantum_bytes: int) -> None:
        self._quantum = quantum_bytes
        self._fresh: deque[int] = deque()
        self._rest: deque[int] = deque()
        self._deficit: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._deficit)

    def add(self, sid: int) -> None:
        """Stream ``sid`` has something to send. Does nothing when it is in already."""
        if sid not in self._deficit:
            self._deficit[sid] = self._quantum
            self._fresh.append(sid)

    def next(self) -> int | None:
        """The stream whose turn it is, or None."""
        while True:
            queue = self._fresh or self._rest
            if not queue:
                return None
            sid = queue[0]
            if self._deficit[sid] > 0:
                return sid
            self._deficit[sid] += self._quantum
            queue.popleft()
            self._rest.append(sid)

    def next_fresh(self) -> int | None:
        """The stream that has just become active and has not used up its first quantum; or None. Its turn is next."""
        while self._fresh:
            sid = self._fresh[0]
            if self._deficit[sid] > 0:
                return sid
            self._deficit[sid] += self._quantum
            self._rest.append(self._fresh.popleft())
        return None

    def charge(self, sid: int, sent_bytes: int) -> None:
        """The stream that ``next`` named has sent so much."""
        self._deficit[sid] -= sent_bytes

    def drop_next(self) -> None:
        """The stream that ``next`` named has nothing more to send for now."""
        queue = self._fresh or self._rest
        del self._deficit[queue.popleft()]

    def remove(self, sid: int) -> None:
        """Takes a stream out, wherever it is."""
        if self._deficit.pop(sid, None) is not None:
            queue = self._fresh if sid in self._fresh else self._rest
            queue.remove(sid)


class IdRanges:
    """A set of whole numbers, kept as ranges; small when few gaps remain."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number <= self._ends[at]

    @property
    def range_count(self) -> int:
        """How many ranges are held."""
        return len(self._starts)

    def fill_below(self, bound: int) -> None:
        """Adds all numbers from 0 to ``bound`` - 1, so that no gap remains there."""
        if bound <= 0:
            return
        inside = bisect_right(self._starts, bound)
        end = max(bound - 1, self._ends[inside - 1]) if inside else bound - 1
        self._starts[:inside] = [0]
        self._ends[:inside] = [end]

    def add(self, number: int) -> None:
        """Adds one number."""
        at = bisect_right(self._starts, number) - 1
        if at >= 0 and number <= self._ends[at]:
            return
        joins_left = at >= 0 and self._ends[at] == number - 1
        joins_right = at + 1 < len(self._starts) and self._starts[at + 1] == number + 1
        if joins_left and joins_right:
            self._ends[at] = self._ends.pop(at + 1)
            del self._starts[at + 1]
        elif joins_left:
            self._ends[at] = number
        elif joins_right:
            self._starts[at + 1] = number
        else:
            self._starts.insert(at + 1, number)
            self._ends.insert(at + 1, number)
