"""Lanes that are kept free of bulk, and what the first of them shows: how long the queue is that all lanes share.

A bulk transfer fills each of its lanes up to a target of delay, and a page, a key press or a datagram would wait
behind it. So while there are lanes enough one of them carries only what is short and urgent, and a few while datagrams
flow. Since nothing of our own waits on it, its round trip beyond the least one is a queue that it shares with the
others: that of the reader's line, as a rule. From that follow two things which no lane can tell by itself: how far the
windows of all lanes together are too large (``scale``), and whether further lanes could help (``is_shared``: no, they
would wait in the same queue).

The queue is the least of what a round trip or two have shown (as in CoDel, RFC 8289, section 3): a burst is no queue.
Each end keeps its own lanes free, for what it sends; the other need not know.
"""

from __future__ import annotations

from collections.abc import Collection

from unwalled.session.lane import LaneState
from unwalled.session.scheduler import pick_swift
from unwalled.settings import SESSION

_NEVER = float("-inf")


class QuietLanes:
    """Which lanes they are, and the shared queue. Times are seconds. Call ``update`` before anything is asked."""

    __slots__ = ("_asked_at", "_compared_at", "_datagrams_until", "_judged_at", "_lanes", "queue_s", "scale")

    def __init__(self) -> None:
        self._lanes: list[LaneState] = []
        self._datagrams_until = _NEVER
        self._asked_at = _NEVER
        self._compared_at = _NEVER
        self._judged_at = _NEVER
        self.queue_s = 0.0
        """How long the shared queue was when it was measured last, in bulk; 0 when nothing is known."""
        self.scale = 1.0
        """What part of its own window each lane may use."""

    def __contains__(self, lane: object) -> bool:
        return lane in self._lanes

    @property
    def lead(self) -> LaneState | None:
        """The lane for what is urgent, or None when lanes are too few for one."""
        return self._lanes[0] if self._lanes else None

    @property
    def is_shared(self) -> bool:
        """Whether what holds the session up is a queue that further lanes would share."""
        return self.queue_s > SESSION.shared_queue_s

    def datagram_passed(self, now: float) -> None:
        """A datagram was sent or has come."""
        self._datagrams_until = now + SESSION.quiet_s

    def update(self, lanes: Collection[LaneState], now: float) -> None:
        """Chooses anew where one has gone, falters, or is not needed any more."""
        kept = [lane for lane in self._lanes if not (lane.is_over or lane.silent_since is not None)]
        if kept and self._falters(kept[0], lanes, now):
            # What is urgent should not stand behind something lost: another quiet one leads, or a new one is found.
            kept.sort(key=lambda lane: lane.is_held_up(now))
            if kept[0] is self.lead or kept[0].is_held_up(now):
                kept.pop(0)
        wanted = self._wanted(len(lanes), now)
        kept = kept[:wanted]
        others = self._spare(lanes, kept, now) if len(kept) < wanted else []
        while len(kept) < wanted and others:
            chosen = pick_swift(others, now) or others[0]
            others.remove(chosen)
            kept.append(chosen)
        if kept != self._lanes:
            self._change(kept, now)

    def _falters(self, lead: LaneState, lanes: Collection[LaneState], now: float) -> bool:
        if lead.is_held_up(now):
            return True
        if now < self._compared_at + SESSION.least_watch_s:
            return False
        self._compared_at = now
        least_s = min(lane.estimator.smoothed_s for lane in lanes if lane.silent_since is None)
        return lead.estimator.smoothed_s > SESSION.near_times * least_s + SESSION.near_slack_s

    def _spare(self, lanes: Collection[LaneState], kept: list[LaneState], now: float) -> list[LaneState]:
        """Lanes that could be kept free. For a call any that works; else one of several that are as near as each
        other, and none that does more than its share."""
        speaking = [lane for lane in lanes if lane.silent_since is None]
        if now < self._datagrams_until or not speaking:
            return [lane for lane in speaking if lane not in kept]
        far_s = SESSION.near_times * min(lane.estimator.smoothed_s for lane in speaking) + SESSION.near_slack_s
        near = [lane for lane in speaking if lane.estimator.smoothed_s <= far_s]
        if len(near) < SESSION.quiet_from_lanes:
            return []
        most = SESSION.quiet_share * sum(lane.estimator.rate_bytes_s for lane in near) / len(near)
        return [lane for lane in near if lane.estimator.rate_bytes_s <= most and lane not in kept]

    def _change(self, kept: list[LaneState], now: float) -> None:
        if kept[:1] != self._lanes[:1]:
            # What waits on it now is its own; what it shows counts once that has gone.
            self._asked_at = now
            self._judged_at = now + (kept[0].estimator.smoothed_s if kept else 0.0)
        for lane in kept:
            lane.estimator.scale = 1.0
        self._lanes = kept

    def _wanted(self, lanes: int, now: float) -> int:
        """Two copies of a datagram should both be quick where two lanes can be spared."""
        if lanes < SESSION.quiet_from_lanes:
            return 0
        is_many = lanes >= 2 * SESSION.quiet_from_lanes
        if now >= self._datagrams_until:
            return 1 if is_many else 0
        return max(lanes // 8, 2 if is_many else 1)

    def watch(self, lanes: Collection[LaneState], now: float) -> LaneState | None:
        """Bulk fills the ``lanes``: judges the queue that they share; gives a lane whose round trip should be asked."""
        lead = self.lead
        if lead is None:
            self.queue_s, self.scale = 0.0, 1.0
            return None
        every_s = max(lead.estimator.smoothed_s, SESSION.least_watch_s)
        if lead.estimator.in_flight_bytes > SESSION.first_burst_bytes:
            self._judged_at = now
        if now >= self._judged_at + every_s:
            self._judged_at = now
            self._judge(lead.estimator.standing_queue_s(now))
            for lane in lanes:
                lane.estimator.scale = self.scale
        if now < self._asked_at + every_s / 2:
            return None
        self._asked_at = now
        return lead

    def _judge(self, queue_s: float | None) -> None:
        if queue_s is None:
            return
        self.queue_s = queue_s
        over_s = queue_s - SESSION.shared_queue_target_s
        if over_s > 0:
            self.scale = max(self.scale * (1 - over_s / (2 * queue_s)), SESSION.least_window_scale)
        else:
            self.scale = min(self.scale * SESSION.window_scale_growth, 1.0)
