"""What the gateway counts: plain numbers, from which nobody can tell who read what."""

from __future__ import annotations

from collections.abc import Iterator

from unwalled.wire.codes import Code

DIAL_BOUNDS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Upper bounds of the histogram's buckets; one more bucket is without bound."""


class EgressCounters:
    """Only grows, but for the two ``open_`` gauges. Read from the event loop's thread."""

    __slots__ = (
        "bytes_down",
        "bytes_up",
        "datagrams_down",
        "datagrams_dropped",
        "datagrams_up",
        "dial_buckets",
        "dial_seconds",
        "flows_opened",
        "open_flows",
        "open_streams",
        "streams_cut",
        "streams_opened",
        "streams_refused",
    )

    def __init__(self) -> None:
        self.open_streams = 0
        """Streams being dialled or carried now."""
        self.open_flows = 0
        self.streams_opened = 0
        """Streams whose site answered."""
        self.streams_refused: dict[Code, int] = {}
        self.streams_cut: dict[Code, int] = {}
        """Streams that were opened and ended with a code."""
        self.bytes_up = 0
        """From readers to sites."""
        self.bytes_down = 0
        self.flows_opened = 0
        self.datagrams_up = 0
        self.datagrams_down = 0
        self.datagrams_dropped = 0
        """Not allowed, over a limit, or not taken by the network."""
        self.dial_buckets = [0] * (len(DIAL_BOUNDS_S) + 1)
        self.dial_seconds = 0.0
        """Sum over all dials that succeeded, look-up included."""

    def dialled(self, seconds: float) -> None:
        """Counts one dial that succeeded."""
        self.streams_opened += 1
        self.dial_seconds += seconds
        place = sum(1 for bound in DIAL_BOUNDS_S if seconds > bound)
        self.dial_buckets[place] += 1

    def refused(self, code: Code) -> None:
        """Counts a stream that was not opened."""
        self.streams_refused[code] = self.streams_refused.get(code, 0) + 1

    def cut(self, code: Code) -> None:
        """Counts an open stream that ended with a code."""
        self.streams_cut[code] = self.streams_cut.get(code, 0) + 1

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """All numbers as (name, labels, value), for a metrics page."""
        for name in ("open_streams", "open_flows", "streams_opened", "bytes_up", "bytes_down", "flows_opened"):
            yield name, {}, getattr(self, name)
        for name in ("datagrams_up", "datagrams_down", "datagrams_dropped", "dial_seconds"):
            yield name, {}, getattr(self, name)
        for name in ("streams_refused", "streams_cut"):
            for code, count in sorted(getattr(self, name).items()):
                yield name, {"code": code.name.lower()}, count
        total = 0
        for bound, count in zip((*map(str, DIAL_BOUNDS_S), "+Inf"), self.dial_buckets, strict=True):
            total += count
            yield "dial_seconds_bucket", {"le": bound}, total
