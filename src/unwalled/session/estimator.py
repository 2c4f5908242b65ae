"""What a lane can carry, learned from acks: its round trip, its rate, and the window that keeps its queue short.

The lane below is reliable and has a congestion control of its own, so loss is not seen here; only delay and rate are.
The window is ``rate * (least round trip + target queue delay)``: while the queue is shorter than the target, that is
more than what is in flight, and it grows; when the queue is longer, it is less (the fixed point of TCP Vegas, Brakmo
and Peterson 1995, with BBR's filtered delivery rate, Cardwell et al. 2016).

What a lane delivers while it has little to do says nothing about what it can. So a sample of its rate counts only if
its window was full at that time, or if it is better than what is known.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from unwalled.settings import LANE, SESSION

_LEAST_SAMPLES_S = 0.25
_SAMPLES_ROUND_TRIPS = 4
_GAIN_SRTT = 1 / 8
_GAIN_VARIATION = 1 / 4
_UNKNOWN = float("inf")


@dataclass(slots=True)
class Snapshot:
    """How much had been delivered when a record was sent (draft-cheng-iccrg-delivery-rate-estimation)."""

    sent_at: float
    delivered: int
    delivered_at: float
    first_sent_at: float
    """When the record was sent that had been acked last by then."""


class LaneEstimator:
    """Estimates for one direction of one lane. Times are seconds, sizes bytes."""

    __slots__ = (
        "_best_rtt_s",
        "_best_until",
        "_delivered",
        "_delivered_at",
        "_drain_until",
        "_earlier_rtt_s",
        "_first_sent_at",
        "_full_at",
        "_last_rtt_s",
        "_period_rtt_s",
        "_period_until",
        "_rates",
        "in_flight_bytes",
        "limited_bytes",
        "limited_s",
        "min_rtt_s",
        "rtt_variation_s",
        "scale",
        "srtt_s",
        "window_bytes",
    )

    def __init__(self) -> None:
        self.srtt_s: float | None = None
        self.rtt_variation_s = 0.0
        self.min_rtt_s: float | None = None
        """The least round trip of the last ``min_rtt_s`` to twice that."""
        self.in_flight_bytes = 0
        self.window_bytes = SESSION.initial_lane_window_bytes
        self.scale = 1.0
        """What part of the window may be used: see QuietLanes."""
        self.limited_bytes = 0
        self.limited_s = 0.0
        """What was delivered while the window was full, and how long that took: this lane was the limit then."""
        self._delivered = 0
        self._delivered_at = 0.0
        self._first_sent_at = 0.0
        self._rates: deque[tuple[float, float]] = deque()
        self._full_at = -_UNKNOWN
        self._best_rtt_s = _UNKNOWN
        self._earlier_rtt_s = _UNKNOWN
        self._best_until = -_UNKNOWN
        self._drain_until = -_UNKNOWN
        self._period_until = -_UNKNOWN
        self._period_rtt_s = _UNKNOWN
        self._last_rtt_s = _UNKNOWN

    @property
    def has_room(self) -> bool:
        """Whether the window lets one more record in."""
        return self.in_flight_bytes < self.window_bytes * self.scale

    @property
    def smoothed_s(self) -> float:
        """The smoothed round trip, or what is assumed of a lane that was not measured."""
        return self.srtt_s or SESSION.assumed_rtt_s

    @property
    def rate_bytes_s(self) -> float:
        """The best delivery rate of the last busy round trips, in bytes per second; 0 when nothing is known."""
        return self._rates[0][1] if self._rates else 0.0

    @property
    def record_bytes(self) -> int:
        """How long a record should be: on a fast lane long ones cost less, on a slow one they would hold up others."""
        fair = int(self.rate_bytes_s * SESSION.record_time_s) or LANE.default_message_bytes
        return min(max(fair, SESSION.first_burst_bytes), LANE.max_message_bytes)

    def sent(self, size: int, now: float) -> Snapshot:
        """A record of ``size`` bytes that wants an ack was sent."""
        if self.in_flight_bytes == 0:
            self._delivered_at = self._first_sent_at = now
        self.in_flight_bytes += size
        if not self.has_room:
            self._full_at = now
        return Snapshot(now, self._delivered, self._delivered_at, self._first_sent_at)

    def rtt_measured(self, rtt_s: float, now: float) -> None:
        """Takes a round-trip sample (RFC 6298, section 2).

        The least one is kept for a while only, since routes change. Lest a queue of our own making pass for the
        route, the window is made small for two round trips whenever a new while begins.
        """
        rtt_s = max(rtt_s, 1e-5)
        if self.srtt_s is None:
            self.srtt_s = rtt_s
            self.rtt_variation_s = rtt_s / 2
            self._best_until = now + SESSION.min_rtt_s
        else:
            self.rtt_variation_s += _GAIN_VARIATION * (abs(self.srtt_s - rtt_s) - self.rtt_variation_s)
            self.srtt_s += _GAIN_SRTT * (rtt_s - self.srtt_s)
        if now >= self._period_until:
            # Two periods count, the running one and the one before, unless that is long over.
            is_old = now >= self._period_until + self.srtt_s
            self._last_rtt_s = _UNKNOWN if is_old else self._period_rtt_s
            self._period_rtt_s = _UNKNOWN
            self._period_until = now + max(self.srtt_s, SESSION.least_watch_s)
        self._period_rtt_s = min(self._period_rtt_s, rtt_s)
        if now >= self._best_until:
            self._earlier_rtt_s, self._best_rtt_s = self._best_rtt_s, _UNKNOWN
            self._best_until = now + SESSION.min_rtt_s
            self._drain_until = now + 2 * self.srtt_s
        self._best_rtt_s = min(self._best_rtt_s, rtt_s)
        self.min_rtt_s = min(self._best_rtt_s, self._earlier_rtt_s)

    def standing_queue_s(self, now: float) -> float | None:
        """By how much even the quickest of the latest round trips exceeded the least one; None without late samples."""
        if self.min_rtt_s is None or now > self._period_until + self.smoothed_s:
            return None
        return min(self._period_rtt_s, self._last_rtt_s) - self.min_rtt_s

    def acked(self, size: int, newest: Snapshot, rtt_s: float | None, now: float) -> None:
        """Records of ``size`` bytes in all were acked, the newest of them sent as ``newest`` says.

        ``rtt_s`` is a round-trip sample, or None when this ack gave none.
        """
        self.in_flight_bytes -= size
        self._delivered += size
        waited_s = now - self._delivered_at
        self._delivered_at = now
        self._first_sent_at = newest.sent_at
        if rtt_s is not None:
            self.rtt_measured(rtt_s, now)
        if self.srtt_s is None or self.min_rtt_s is None:
            return
        was_full = self._full_at >= newest.sent_at - self.srtt_s
        if was_full:
            self.limited_bytes += size
            self.limited_s += waited_s
        # Acks that were held up come in heaps: what counts is the slower of the two, sending and acking.
        elapsed_s = max(now - newest.delivered_at, newest.sent_at - newest.first_sent_at)
        if elapsed_s > 0:
            rate = (self._delivered - newest.delivered) / elapsed_s
            if was_full or 0 < self.rate_bytes_s < rate:
                self._add_rate(rate, now)
        if was_full:
            self._set_window(size, rtt_s, self.min_rtt_s, now)

    def _add_rate(self, rate: float, now: float) -> None:
        rates = self._rates
        while rates and rates[-1][1] <= rate:
            rates.pop()
        rates.append((now, rate))
        kept_s = max(_LEAST_SAMPLES_S, _SAMPLES_ROUND_TRIPS * (self.min_rtt_s or 0.0))
        while rates[0][0] < now - kept_s:
            rates.popleft()

    def _set_window(self, acked_bytes: int, rtt_s: float | None, min_rtt_s: float, now: float) -> None:
        target_s = SESSION.queue_delay_target_s
        fair = int(self.rate_bytes_s * (min_rtt_s + target_s))
        if now < self._drain_until:
            fair = 0
        elif rtt_s is not None and rtt_s < min_rtt_s + target_s / 2:
            fair = max(fair, self.window_bytes + acked_bytes)
        self.window_bytes = min(max(fair, SESSION.min_lane_window_bytes), SESSION.max_lane_window_bytes)

    def forgotten(self, size: int) -> None:
        """Records of ``size`` bytes will not be acked."""
        self.in_flight_bytes -= size

    def delivery_s(self, size: int) -> float:
        """When ``size`` further bytes would arrive, in seconds from now, behind all that is in flight.

        What does not fit into the first packets after a rest (see ``burst_room_bytes``) comes a round trip later.
        """
        base_s = (self.min_rtt_s or SESSION.assumed_rtt_s) / 2
        rate = self.rate_bytes_s
        if rate == 0:
            rate = self.window_bytes / self.smoothed_s
        if self.in_flight_bytes <= SESSION.first_burst_bytes < self.in_flight_bytes + size:
            base_s *= 3
        return base_s + (self.in_flight_bytes + size) / rate

    @property
    def wait_s(self) -> float:
        """How long a further byte would wait for what is in flight, beyond the time that the way takes anyway."""
        rate = self.rate_bytes_s or self.window_bytes / self.smoothed_s
        return max(self.in_flight_bytes / rate - (self.min_rtt_s or SESSION.assumed_rtt_s), 0.0)

    @property
    def sent_total(self) -> int:
        """Bytes sent so far, as `ahead_s` counts them."""
        return self._delivered + self.in_flight_bytes

    def ahead_s(self, stands_at: int, now: float) -> float:
        """In how many seconds what was sent when ``sent_total`` had become ``stands_at`` arrives, as far as known.

        A lane from which no ack has come for longer than a round trip is expected to need as long again.
        """
        rtt_s = self.smoothed_s
        rate = self.rate_bytes_s or self.window_bytes / rtt_s
        overdue_s = max(now - self._delivered_at - rtt_s, 0.0)
        return (self.min_rtt_s or rtt_s) / 2 + max(stands_at - self._delivered, 0) / rate + overdue_s

    @property
    def burst_room_bytes(self) -> int:
        """What the association below still sends at once after a rest; 0 when it is busy anyway.

        libwebrtc's sends four packets; the next ones wait for an ack of these.
        """
        return max(SESSION.first_burst_bytes - self.in_flight_bytes, 0)

    @property
    def silence_s(self) -> float:
        """How long this lane may owe an ack before it counts as silent. Little data may be sent again sooner."""
        if self.srtt_s is None:
            return SESSION.unmeasured_silence_s
        is_small = self.in_flight_bytes <= SESSION.first_burst_bytes
        floor_s = SESSION.small_silence_floor_s if is_small else SESSION.silence_floor_s
        usual_s = 1.5 * self.srtt_s + 3 * self.rtt_variation_s
        # A lane that delays by seconds what it brought in no time before must not make us wait for seconds each time.
        most_s = SESSION.silence_round_trips * (self.min_rtt_s or self.srtt_s) + SESSION.silence_slack_s
        return max(floor_s, min(usual_s, most_s)) + SESSION.ack_delay_s
