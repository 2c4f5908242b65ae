"""One lane as the session sees it: numbers, keys, what it owes, what it must ack, and when it is overdue."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from unwalled.crypto.keys import LaneCipher
from unwalled.session.estimator import LaneEstimator, Snapshot
from unwalled.session.items import Item
from unwalled.settings import SESSION
from unwalled.wire.frames import Ack, Ping, Pong
from unwalled.wire.messages import record_header

NEVER = float("inf")
FIRST_LANE = 0
"""On which hello and welcome went."""


@dataclass(slots=True)
class _SentRecord:
    number: int
    size: int
    snapshot: Snapshot
    items: list[Item]
    counted: bool
    """Whether its items count this lane among those that will bring them."""

    def count(self, counted: bool) -> None:
        if counted is not self.counted:
            self.counted = counted
            for item in self.items:
                item.copies += 1 if counted else -1


class LaneState:
    """Book-keeping of one lane at one end. ``first_header`` is a join's header, or b"" if it begins otherwise."""

    __slots__ = (
        "_ack_due",
        "_ack_wanted",
        "_expects_more",
        "_first_header",
        "_in_flight",
        "_last_received",
        "_newest_at",
        "_opener",
        "_owed_since",
        "_ping_sent",
        "_pongs",
        "_sealer",
        "_slow_since",
        "_want_ping",
        "confirmed",
        "estimator",
        "id",
        "is_over",
        "joined_at",
        "received_bytes",
        "sent_bytes",
        "silent_since",
    )

    def __init__(self, lane: int, sealer: LaneCipher, opener: LaneCipher, first_header: bytes, now: float) -> None:
        self.id = lane
        self._sealer = sealer
        self._opener = opener
        self._first_header = first_header
        self.estimator = LaneEstimator()
        self.confirmed = False
        """Whether the other end has sent an authentic record on it."""
        self.joined_at = now
        self.is_over = False
        """Whether the session has left it."""
        self.silent_since: float | None = None
        self.sent_bytes = 0
        self.received_bytes = 0
        self._in_flight: deque[_SentRecord] = deque()
        self._owed_since = NEVER
        self._slow_since = NEVER
        self._ack_wanted = 0
        self._ack_due = NEVER
        self._newest_at = now
        self._last_received = now
        self._expects_more = False
        self._ping_sent: tuple[int, float] | None = None
        self._want_ping = False
        self._pongs: deque[int] = deque(maxlen=SESSION.pongs_per_lane)

    # Records.

    @property
    def next_received(self) -> int:
        """The number that the next record on this lane must have."""
        return self._opener.number

    def open(self, ciphertext: bytes | memoryview, header: bytes, now: float) -> bytes:
        """The plaintext of the next record. Raises CryptoError when it is not authentic."""
        plaintext = self._opener.open(ciphertext, header)
        self.received_bytes += len(ciphertext)
        self.confirmed = True
        self._last_received = self._newest_at = now
        return plaintext

    def seal(self, parts: list[bytes], items: list[Item], now: float) -> bytes:
        """The next message with these frames in it; ``items`` are those of them that want an ack."""
        number = self._sealer.number
        header = record_header(number)
        if number == 0 and self._first_header:
            header = self._first_header
        message = self._sealer.seal(b"".join(parts), header)
        size = len(message)
        self.sent_bytes += size
        if items:
            if not self._in_flight:
                self._owed_since = now
            snapshot = self.estimator.sent(size, now)
            record = _SentRecord(number, size, snapshot, items, counted=False)
            record.count(self.silent_since is None)
            self._in_flight.append(record)
            for item in items:
                item.queued = False
                item.carrier = self.estimator
                item.stands_at = self.estimator.sent_total
        return message

    @property
    def last_received_at(self) -> float:
        """When an authentic record came last, or the lane began."""
        return self._last_received

    @property
    def sent_count(self) -> int:
        """Records sent on this lane."""
        return self._sealer.number

    # Acks of what was sent here.

    def acked(self, ack: Ack, same_lane: bool, now: float) -> list[Item]:
        """Takes the items of all records that the ack covers; the caller tells whom they concern."""
        items: list[Item] = []
        size = 0
        newest: _SentRecord | None = None
        while self._in_flight and self._in_flight[0].number < ack.count:
            newest = self._in_flight.popleft()
            newest.count(False)
            size += newest.size
            items += newest.items
        if newest is not None:
            rtt_s = None
            if same_lane and newest.number == ack.count - 1:
                rtt_s = max(now - newest.snapshot.sent_at - ack.delay_us / 1e6, 0.0)
            self.estimator.acked(size, newest.snapshot, rtt_s, now)
            self._owed_since = now if self._in_flight else NEVER
            self._set_silent(None)
        return items

    def _set_silent(self, since: float | None) -> None:
        if self.silent_since != since:
            self.silent_since = since
            for record in self._in_flight:
                record.count(since is None)

    @property
    def owes(self) -> bool:
        """Whether a record that wants an ack has none yet."""
        return bool(self._in_flight)

    def owed_items(self) -> list[Item]:
        """All items of records that were not acked."""
        return [item for record in self._in_flight for item in record.items]

    def abandon(self) -> list[Item]:
        """The lane is over: gives what it owed, and owes nothing more."""
        items = self.owed_items()
        for record in self._in_flight:
            record.count(False)
            self.estimator.forgotten(record.size)
        self._in_flight.clear()
        self.is_over = True
        return items

    @property
    def has_room(self) -> bool:
        """Whether the lane's window lets one more record in."""
        return self.estimator.has_room

    @property
    def has_burst_room(self) -> bool:
        """Whether the association below would send a packet at once, since hardly anything is on its way."""
        return self.estimator.burst_room_bytes >= SESSION.twice_bytes

    @property
    def has_urgent_room(self) -> bool:
        """Whether a record of control frames may go out beyond the window; bounded, since a peer need not ack."""
        return self.estimator.in_flight_bytes < self.estimator.window_bytes + SESSION.urgent_bytes

    def is_held_up(self, now: float) -> bool:
        """Whether an ack is overdue: something was lost below, and what is sent now would wait behind it."""
        return now > self._owed_since + self.estimator.smoothed_s + self.estimator.rtt_variation_s + SESSION.ack_delay_s

    # Acks and pongs to give.

    def want_ack(self, now: float) -> None:
        """A record came that wants to be acked."""
        self._expects_more = True
        self._ack_wanted += 1
        if self._ack_wanted == 1:
            self._ack_due = now + SESSION.ack_delay_s
        if self._ack_wanted >= SESSION.ack_every_records:
            self._ack_due = now

    def add_pong(self, ping: int) -> None:
        """A ping came; too many of them at once are answered only in part."""
        self._pongs.append(ping)

    @property
    def has_words(self) -> bool:
        """Whether it has an ack, a pong or a ping to give, now or soon."""
        return self._ack_wanted > 0 or self._want_ping or bool(self._pongs)

    def must_speak(self, now: float) -> bool:
        """Whether an ack, a pong or a ping should go out now, even alone."""
        return self._ack_due <= now or bool(self._pongs) or self._want_ping

    def own_frames(self, now: float) -> list[bytes]:
        """Acks, pongs and pings that are due on this lane, encoded; they count as said."""
        parts: list[bytes] = []
        if self._ack_wanted:
            delay_us = int((now - self._newest_at) * 1e6)
            parts.append(Ack(self.id, self._opener.number, delay_us).encode())
            self._ack_wanted = 0
            self._ack_due = NEVER
        while self._pongs:
            parts.append(Pong(self._pongs.popleft()).encode())
        if self._want_ping:
            self._want_ping = False
            number = self._sealer.number
            self._ping_sent = (number, now)
            parts.append(Ping(number).encode())
        return parts

    def ask(self) -> None:
        """Sends a ping with the next record, unless one is on its way."""
        self._expects_more = False
        if self._ping_sent is None:
            self._want_ping = True

    def pong_received(self, ping: int, now: float) -> None:
        """A pong came: the lane speaks."""
        if self._ping_sent is not None and self._ping_sent[0] == ping:
            self.estimator.rtt_measured(now - self._ping_sent[1], now)
            self._ping_sent = None
            self._set_silent(None)

    # Time.

    def next_timer(self) -> float:
        """When ``is_dead``, ``fell_silent`` and ``is_idle`` should be asked next."""
        due = self._ack_due
        if not self.confirmed:
            due = min(due, self.joined_at + SESSION.handshake_timeout_s)
        if self.silent_since is not None:
            due = min(due, self.silent_since + SESSION.lane_dead_s)
        else:
            due = min(due, self._awaiting_since + self.estimator.silence_s)
        if self._ping_sent is not None:
            due = min(due, self._ping_sent[1] + SESSION.lane_dead_s)
        elif not self._want_ping:
            due = min(due, self._last_received + self._idle_s)
        return due

    @property
    def _awaiting_since(self) -> float:
        """Since when something should have come: an ack or, once the handshake is over, a pong."""
        if self._ping_sent is None or not self.confirmed:
            return self._owed_since
        return min(self._owed_since, self._ping_sent[1])

    @property
    def _idle_s(self) -> float:
        """After how long without a word a lane is asked: soon when a download that it carried stops.

        Who only receives owes and is owed nothing, and would else not see that a bridge has gone without a word.
        """
        return SESSION.stopped_ping_s if self._expects_more else SESSION.idle_ping_s

    def is_dead(self, now: float) -> bool:
        """Whether the lane was silent for so long that it is given up."""
        if not self.confirmed and now >= self.joined_at + SESSION.handshake_timeout_s:
            return True
        if self.silent_since is not None and now >= self.silent_since + SESSION.lane_dead_s:
            return True
        return self._ping_sent is not None and now >= self._ping_sent[1] + SESSION.lane_dead_s

    def is_useless(self, least_rtt_s: float, now: float) -> bool:
        """Whether it takes seconds where another one takes a tenth of that: it slowed to a trickle, or delays."""
        if (self.estimator.srtt_s or 0.0) <= max(SESSION.useless_rtt_s, SESSION.useless_times * least_rtt_s):
            self._slow_since = NEVER
            return False
        self._slow_since = min(self._slow_since, now)
        return now >= self._slow_since + SESSION.useless_s

    def fell_silent(self, now: float) -> bool:
        """True once, when the lane has owed an ack or a pong for too long."""
        if self.silent_since is None and now >= self._awaiting_since + self.estimator.silence_s:
            self._set_silent(now)
            self.ask()
            return True
        return False

    def is_idle(self, now: float) -> bool:
        """Whether nothing has come for so long that a ping should ask."""
        return self._ping_sent is None and not self._want_ping and now >= self._last_received + self._idle_s
