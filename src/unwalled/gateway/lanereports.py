"""What the gateway saw of lanes, in reports for the broker. Pure; ``now`` comes in.

A lane's goodput counts only for the time in which the lane was the limit: what an idle session happened to carry says
nothing of a bridge. Beside it stands what other bridges of the same session did in the same time, because a reader's
own slow line makes every bridge look slow.
"""

from __future__ import annotations

from collections.abc import Collection
from statistics import median_low

from unwalled.gateway.bounds import WATCH
from unwalled.session.lane import LaneState
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Verdict


class LaneMeter:
    """Measures one lane from report to report."""

    __slots__ = ("_carried", "_lane", "_limited_bytes", "_limited_s", "ticket")

    def __init__(self, ticket: str, lane: LaneState) -> None:
        self.ticket = ticket
        self._lane = lane
        self._carried = 0
        self._limited_bytes = 0
        self._limited_s = 0.0

    @property
    def has_news(self) -> bool:
        """Whether the lane has carried anything authentic, and anything since the last report."""
        return self._lane.confirmed and self._lane.sent_bytes + self._lane.received_bytes > self._carried

    @property
    def rate_bytes_s(self) -> float:
        """Goodput since the last report while the lane was the limit; 0.0 when that was too short."""
        limited_s = self._lane.estimator.limited_s - self._limited_s
        if limited_s < WATCH.least_limited_s:
            return 0.0
        return (self._lane.estimator.limited_bytes - self._limited_bytes) / limited_s

    def report(
        self, verdict: Verdict, peers_bytes_s: float, now: float, *, ended: bool = False, lost: bool = False
    ) -> LaneReport:
        """What happened since the last report. ``lost``: its transport went, though its session goes on."""
        lane, estimator = self._lane, self._lane.estimator
        total = lane.sent_bytes + lane.received_bytes
        lifetime_s = max(now - lane.joined_at, 0.0)
        rate = self.rate_bytes_s
        report = LaneReport(
            self.ticket,
            verdict,
            total - self._carried,
            ended=ended,
            closed_early=lost and lifetime_s < WATCH.early_s and total < WATCH.early_bytes,
            rate_bytes_s=rate,
            limited_s=estimator.limited_s - self._limited_s if rate else 0.0,
            peers_bytes_s=peers_bytes_s if rate else 0.0,
            round_trip_s=estimator.srtt_s or 0.0,
            lifetime_s=lifetime_s,
        )
        self._carried = total
        self._limited_bytes = estimator.limited_bytes
        self._limited_s = estimator.limited_s
        return report


def peers_rate(meter: LaneMeter, meters: Collection[LaneMeter]) -> float:
    """The median goodput of the lanes with other tickets, of those that were a limit; 0.0 when there is none."""
    rates = [other.rate_bytes_s for other in meters if other.ticket != meter.ticket]
    return median_low([rate for rate in rates if rate] or [0.0])
