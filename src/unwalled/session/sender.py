"""What goes out of a session, in which records and on which lanes. Sans-IO.

In this order: datagrams, what is urgent on the lane that is kept free for it, then data as the lanes' windows let it,
then control frames that found no room, beyond windows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from unwalled.session.events import Event, LanesLimited
from unwalled.session.flows import FlowTable
from unwalled.session.hurry import hurried
from unwalled.session.items import Item
from unwalled.session.lane import NEVER, LaneState
from unwalled.session.limited import LimitWatch
from unwalled.session.quiet import QuietLanes
from unwalled.session.scheduler import pick_lane, pick_swift, pick_urgent
from unwalled.session.streams import StreamTable
from unwalled.session.trace import SessionTrace
from unwalled.settings import SESSION
from unwalled.wire.frames import Datagram, Limited, Window
from unwalled.wire.messages import RECORD_HEADER_BYTES, TAG_BYTES

_JOIN_EXTRA_BYTES = 16
_OVERHEAD_BYTES = RECORD_HEADER_BYTES + _JOIN_EXTRA_BYTES + TAG_BYTES + SESSION.own_frames_bytes

Messages = list[tuple[int, bytes]]
"""Messages, each with its lane, in order."""


class _Take(Enum):
    """What a record carries beside control frames."""

    DATA = "data"
    FRESH = "fresh"
    """The first bytes of streams that have just begun to send."""
    DATAGRAMS = "datagrams"


class Sender:
    """The sending side of one end. It reads the tables that the session keeps, and empties their queues."""

    def __init__(
        self,
        is_reader: bool,
        lanes: dict[int, LaneState],
        control: deque[Item],
        streams: StreamTable,
        flows: FlowTable,
        emit: Callable[[Event], None],
        trace: SessionTrace | None,
    ) -> None:
        self._is_reader = is_reader
        self._lanes = lanes
        self._control = control
        self._streams = streams
        self._flows = flows
        self._emit = emit
        self._trace = trace
        self.quiet = QuietLanes()
        self._ahead_bytes = 0
        self._max_plaintext = 0
        self._talkers: dict[int, LaneState] = {}
        """Lanes that have an ack, a pong or a ping to give, now or soon."""
        self._due: float | None = None
        """No lane needs its timer sooner than this; None when that must be looked up."""
        self._hurry_at = -NEVER
        self._limit = LimitWatch()
        self._slow_until = -NEVER

    def set_message_bytes(self, max_message_bytes: int) -> None:
        """The largest record that the handshake has agreed on; call it before anything is sent."""
        self._max_plaintext = max_message_bytes - _OVERHEAD_BYTES

    def say(self, item: Item) -> None:
        """Queues a control frame."""
        item.queued = True
        self._control.append(item)

    # Lanes and their timers.

    def touched(self, lane: LaneState) -> None:
        """Something happened on a lane: notes when it needs its timer, and whether it has something to say."""
        if self._due is not None:
            self._due = min(self._due, lane.next_timer())
        if lane.has_words:
            self._talkers[lane.id] = lane

    def left(self, lane: LaneState) -> None:
        """The session does not use the lane any more."""
        self._talkers.pop(lane.id, None)

    def timers_handled(self) -> None:
        """The timers of all lanes may be others than before."""
        self._due = None

    def next_timer(self) -> float:
        """When the first lane needs its timer, or earlier."""
        if self._due is None:
            self._due = min((lane.next_timer() for lane in self._lanes.values()), default=NEVER)
        return self._due

    def _seal(self, lane: LaneState, parts: list[bytes], items: list[Item], now: float, out: Messages) -> int:
        owed = lane.owes
        message = lane.seal(lane.own_frames(now) + parts, items, now)
        if not owed and self._due is not None:  # Otherwise its timer is not sooner than before.
            self._due = min(self._due, lane.next_timer())
        out.append((lane.id, message))
        return len(message)

    # What goes out.

    def records(self, now: float) -> Messages:
        """Everything that should go out now."""
        out: Messages = []
        for window in self._streams.window_frames():
            self.say(window)
        self.quiet.update(self._lanes.values(), now)
        self._send_datagrams(now, out)
        self._send_fresh(now, out)
        is_full = self._send_data(now, out)
        while self._control and (urgent := pick_urgent(self._lanes.values())) is not None:
            if not self._send(urgent, now, _Take.DATAGRAMS, out):
                break
        for lane in list(self._talkers.values()):
            if lane.must_speak(now):
                self._seal(lane, [], [], now, out)
            if not lane.has_words:
                del self._talkers[lane.id]
        if self._trace is not None:
            self._trace.sample(self._lanes.values(), self._streams, is_full, now)
        return out

    def _send_fresh(self, now: float, out: Messages) -> None:
        """What is urgent goes on the lane that is kept free for it, as far as that would send it at once."""
        lead = self.quiet.lead
        while lead is not None and lead.has_burst_room and (self._control or self._streams.has_fresh):
            if not self._send(lead, now, _Take.FRESH, out):
                break

    def _send_data(self, now: float, out: Messages) -> bool:
        """Sends data as far as the lanes have room; True when some waits for a lane."""
        bulk = [lane for lane in self._lanes.values() if lane not in self.quiet]
        if now >= self._hurry_at:
            self._hurry_at = now + SESSION.hurry_every_s
            self._hurry(SESSION.hurry_busy_s, bulk, now, out)
        is_full = False
        while self._control or self._streams.sendable:
            lane = pick_lane(bulk, SESSION.first_burst_bytes, self._streams.backlog_bytes)
            if lane is None:
                is_full = self._streams.sendable
                break
            size = self._send(lane, now, _Take.DATA, out)
            if not size:
                break
            self._ahead_bytes = max(self._ahead_bytes - size, 0)
            self._send_datagrams(now, out)
        if not is_full:
            self._hurry(SESSION.hurry_idle_s, bulk, now, out)
        elif (asked := self.quiet.watch(bulk, now)) is not None:
            asked.ask()
            self.touched(asked)
        is_held_up = (is_full or now < self._slow_until) and not self.quiet.is_shared
        if self._limit.is_news(is_held_up or self._flows.sendable, now):
            if self._trace is not None:
                self._trace.held_up(now)
            if self._is_reader:
                self._emit(LanesLimited())
            else:
                self.say(Item(Limited()))
        return is_full

    def _hurry(self, least_s: float, lanes: list[LaneState], now: float, out: Messages) -> None:
        for lane, item in hurried(self._streams, lanes, least_s, now):
            self._seal(lane, [item.encoded], [item], now, out)

    def _send_datagrams(self, now: float, out: Messages) -> None:
        """Sends what datagrams wait, beyond windows if need be, before any data.

        While data waits, too, they may be ahead of it by some bytes only, on lanes that carry data; then they take
        turns with it. Few go in each record as long as few wait: one lost packet then holds up few.
        """
        if not self._streams.sendable:
            self._ahead_bytes = 0
        self._flows.drop_late(now)
        while self._flows.sendable:
            lane = pick_swift(self._lanes.values(), now, self.quiet)
            if lane is None:
                return
            if lane.estimator.wait_s > SESSION.slow_datagram_s:
                self._slow_until = now + SESSION.limited_s / 2
            takes_turns = lane not in self.quiet and self._streams.sendable
            if takes_turns and self._ahead_bytes >= SESSION.urgent_bytes:
                return
            size = self._send(lane, now, _Take.DATAGRAMS, out)
            if not size:
                return
            self._ahead_bytes += size * takes_turns

    def _send(self, lane: LaneState, now: float, take: _Take, out: Messages) -> int:
        """Puts one record for ``lane`` into ``out``, a short one for a second lane too; 0 when there was nothing.

        A lane that had a rest gets what its association sends at once, so that a small page goes over several lanes.
        """
        fair = min(lane.estimator.record_bytes - _OVERHEAD_BYTES, self._max_plaintext)
        if take is _Take.DATAGRAMS and self._flows.queued_bytes <= SESSION.first_burst_bytes:
            fair = min(fair, SESSION.twice_bytes - _OVERHEAD_BYTES)
        burst = lane.estimator.burst_room_bytes - _OVERHEAD_BYTES
        items: list[Item] = []
        if burst > 0:
            items = self._fill(min(fair, burst), take)
        if take is not _Take.FRESH:
            # What was sent on a faster lane before may need a longer record than is fair on this one.
            items = items or self._fill(fair, take) or self._fill(self._max_plaintext, take)
        if not items:
            return 0
        size = self._seal(lane, [item.encoded for item in items], items, now, out)
        if (lane.estimator.min_rtt_s or NEVER) >= SESSION.twice_least_rtt_s:
            if size <= SESSION.twice_bytes:
                self._send_twice(lane, items, now, out)
            elif take is _Take.DATAGRAMS:
                self._send_spare(lane, items, size, now, out)
        return size

    def _send_spare(self, first: LaneState, items: list[Item], size: int, now: float, out: Messages) -> None:
        """Sends long datagrams on a second lane, too, if one is there that has next to nothing to do."""
        wanted = [item for item in items if isinstance(item.frame, Datagram)]
        idle = [lane for lane in self._lanes.values() if lane is not first and lane.estimator.burst_room_bytes >= size]
        second = None if self._flows.sendable or not wanted else pick_swift(idle, now, self.quiet)
        if second is not None and not second.is_held_up(now):
            self._seal(second, [item.encoded for item in wanted], wanted, now, out)

    def _send_twice(self, first: LaneState, items: list[Item], now: float, out: Messages) -> None:
        """Sends a few bytes on a second lane, too: a lost packet may hold up one lane for half a second, not both."""
        wanted = [item for item in items if not isinstance(item.frame, (Window, Limited))]
        if not wanted:
            return
        others = [lane for lane in self._lanes.values() if lane is not first and lane.silent_since is None]
        if any(isinstance(item.frame, Datagram) for item in wanted):
            # When many wait, or the lanes are full, copies would be in the way of the datagrams themselves.
            roomy = [lane for lane in others if lane.has_room]
            second = None if self._flows.sendable else pick_swift(roomy, now, self.quiet)
        else:
            second = pick_swift(others, now)
        if second is not None:
            self._seal(second, [item.encoded for item in wanted], wanted, now, out)

    def _fill(self, room: int, take: _Take) -> list[Item]:
        """What goes into ``room`` bytes of a record: control, then data or datagrams."""
        items: list[Item] = []
        while self._control:
            item = self._control[0]
            if len(item.encoded) > room:
                break
            self._control.popleft()
            if item.acked:
                item.queued = False
                continue
            items.append(item)
            room -= len(item.encoded)
        while (found := self._next(room, take)) is not None:
            items.append(found)
            room -= len(found.encoded)
        return items

    def _next(self, room: int, take: _Take) -> Item | None:
        if take is _Take.DATAGRAMS:
            return self._flows.next_datagram(room, self._max_plaintext)
        return self._streams.next_data(room, only_fresh=take is _Take.FRESH)
