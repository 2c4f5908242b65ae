"""The streams of a session: ordering, flow control, half-close, resets. Knows nothing of lanes, records or time zones.

Each direction of a stream is bounded by its own window, and all streams together by the session's. What a frame breaks
in these rules raises FrameError, and the session is closed: an authentic peer that breaks them is broken.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Container, Iterator
from itertools import islice

from unwalled.errors import FrameError, OpenFailed
from unwalled.session.early import repeatable
from unwalled.session.events import Event, StreamAccepted, StreamCut, StreamOpened, StreamReadable, StreamWritable
from unwalled.session.items import Item
from unwalled.session.queues import FairQueue, IdRanges
from unwalled.session.receiving import Receiving
from unwalled.session.sending import Sending
from unwalled.settings import SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import Data, Fin, Open, Opened, Reset, Window

_DATA_HEAD_BYTES = 1 + 8 + 8 + 4
_LEAST_ROOM_BYTES = 256
_READ_BYTES = 256 * 1024
_UPDATE_FLOOR_S = 0.05


class _Stream:
    __slots__ = ("accepted", "cut", "known", "receiving", "sending", "sid", "target")

    def __init__(self, sid: int, target: Target | None) -> None:
        self.sid = sid
        self.target = target
        self.known = target is not None
        """Whether its open has been seen; its data may overtake it."""
        self.accepted = False
        self.cut = False
        self.sending = Sending()
        self.receiving = Receiving()


class StreamTable:
    """All streams of one end of a session.

    ``control``: where frames to send are put. ``emit``: takes events. ``taken``: numbers that are not streams now.
    ``round_trip_s``: set by the session, for the growth of windows. The reader's end numbers the streams.
    """

    def __init__(
        self,
        is_reader: bool,
        control: deque[Item],
        emit: Callable[[Event], None],
        taken: Container[int] = (),
    ) -> None:
        self._is_reader = is_reader
        self._control = control
        self._emit = emit
        self._taken = taken
        self._streams: dict[int, _Stream] = {}
        self._closed = IdRanges()
        self._fair = FairQueue(SESSION.quantum_bytes)
        self._next_sid = 1
        self._starved: set[int] = set()
        self._windows_due: dict[int, None] = {}
        self._backlog = 0
        self._flying: dict[int, None] = {}
        """Streams some of whose data may not be acked."""
        self._sent_total = 0
        self._unacked = 0
        self._peer_limit = 0
        self._window = 0
        self._received_total = 0
        self._consumed_total = 0
        self._own_limit = 0
        self._grown = 0
        self._pieces = 0
        self.round_trip_s: Callable[[], float] = lambda: SESSION.assumed_rtt_s
        self.repeated_bytes = 0

    # What the user of the session asks for.

    def __len__(self) -> int:
        return len(self._streams)

    def __contains__(self, sid: int) -> bool:
        return sid in self._streams

    @property
    def buffered_bytes(self) -> int:
        """Bytes held for applications in both directions; for tests of memory bounds."""
        return sum(
            stream.sending.pending_bytes + stream.receiving.highest - stream.receiving.consumed
            for stream in self._streams.values()
        )

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait to be sent for the first time."""
        return self._backlog

    def set_session_window(self, window_bytes: int) -> None:
        """The session window of both directions, as the handshake has agreed on it; call it once, before any frame."""
        self._window = self._peer_limit = self._own_limit = window_bytes

    def new_sid(self) -> int:
        """The next number of the series that streams and flows share (reader's end)."""
        sid = self._next_sid
        self._next_sid += 1
        return sid

    def open(self, target: Target) -> int:
        """Asks for a stream; data may be written at once. Raises OpenFailed(LIMIT_REACHED)."""
        if len(self._streams) >= SESSION.max_streams:
            raise OpenFailed(Code.LIMIT_REACHED)
        sid = self.new_sid()
        stream = self._streams[sid] = _Stream(sid, target)
        self._owe(stream, Item(Open(sid, target, stream.receiving.limit)))
        return sid

    def early(self, with_data: bool) -> Iterator[bytes]:
        """Encoded frames for a hello's early data, before the session is established: opens first, then, if wanted,
        what was written to these streams and may reach a site twice. All of it goes out again in records."""
        waiting = [stream for stream in self._streams.values() if stream.target is not None and not stream.cut]
        for stream in waiting:
            assert stream.target is not None
            yield Open(stream.sid, stream.target, stream.receiving.limit).encode()
        for stream in waiting if with_data else ():
            if data := repeatable(stream.sending.beginning(SESSION.early_data_bytes)):
                yield Data(stream.sid, 0, data).encode()

    def accept(self, sid: int) -> None:
        """Tells the reader that the stream is connected. Does nothing when it is gone."""
        stream = self._streams.get(sid)
        if stream is not None and not stream.cut and not stream.accepted:
            stream.accepted = True
            self._owe(stream, Item(Opened(sid, stream.receiving.limit)))

    def send_room(self, sid: int) -> int:
        """How many bytes ``write`` takes before the send buffer is full; when 0, StreamWritable will follow.

        While the streams of the session together hold ``SESSION.send_buffers_bytes``, only those that hold nothing get
        room: a peer that opens many streams and reads none of them must not make us hold a full buffer for each.
        """
        stream = self._streams.get(sid)
        if stream is None:
            return 0
        room = SESSION.send_buffer_bytes - stream.sending.pending_bytes
        crowded = self._backlog >= SESSION.send_buffers_bytes and stream.sending.pending_bytes > 0
        if room <= 0 or crowded:
            stream.sending.want_room = True
            return 0
        return room

    def write(self, sid: int, data: bytes | memoryview) -> None:
        """Queues bytes, which must not change later. Whatever ``send_room`` said, all are taken; on a stream that has
        ended they are dropped."""
        stream = self._streams.get(sid)
        if stream is None or stream.cut or stream.sending.ended or not data:
            return
        stream.sending.pending.append(memoryview(data))
        stream.sending.pending_bytes += len(data)
        self._backlog += len(data)
        self._fair.add(sid)

    def finish(self, sid: int) -> None:
        """Half-close: what was written still goes out."""
        stream = self._streams.get(sid)
        if stream is not None and not stream.sending.ended:
            sending = stream.sending
            sending.ended = True
            self._owe(stream, Item(Fin(sid, sending.next_offset + sending.pending_bytes)))

    def reset(self, sid: int, code: Code) -> None:
        """Cuts a stream in both directions. Does nothing when it has ended."""
        stream = self._streams.get(sid)
        if stream is None or stream.cut:
            return
        self._cut(stream, code)
        self._settle(stream)

    def read(self, sid: int, now: float) -> tuple[bytes, bool]:
        """Up to 256 KiB in order, and whether the other end has finished and nothing is left."""
        stream = self._streams.get(sid)
        if stream is None or stream.receiving.discard:
            return b"", True
        receiving = stream.receiving
        receiving.told = False
        parts: list[bytes | memoryview] = []
        size = 0
        while receiving.ready and size < _READ_BYTES:
            part = receiving.ready.popleft()
            parts.append(part)
            size += len(part)
        receiving.consumed += size
        self._consume(size)
        self._grow(stream, now)
        ended = receiving.complete and not receiving.ready
        if ended:
            self._settle(stream)
        elif receiving.ready:
            self._tell(stream)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts), ended

    def close_all(self, code: Code) -> None:
        """The session is over: every stream is told, and everything is freed."""
        for stream in self._streams.values():
            if stream.known and not stream.cut:
                self._emit(StreamCut(stream.sid, code))
        self._streams.clear()
        self._backlog = 0
        self._flying.clear()
        self._fair = FairQueue(SESSION.quantum_bytes)
        self._windows_due.clear()
        self._starved.clear()

    # What goes out.

    def window_frames(self) -> Iterator[Item]:
        """The windows that the other end should hear of."""
        for sid in self._windows_due:
            if sid == 0:
                yield Item(Window(0, self._own_limit))
            elif sid in self._streams:
                yield Item(Window(sid, self._streams[sid].receiving.limit))
        self._windows_due.clear()

    @property
    def sendable(self) -> bool:
        """Whether some stream may have data to send."""
        return len(self._fair) > 0

    @property
    def has_fresh(self) -> bool:
        """Whether a stream that has just begun to send may have data."""
        return self._fair.next_fresh() is not None

    def next_data(self, room: int, only_fresh: bool = False) -> Item | None:
        """The next data that fits into ``room`` bytes of a record, by turns; None when nothing does.

        ``only_fresh``: only of streams that have just begun to send, and no more than their first quantum.
        """
        turn = self._fair.next_fresh if only_fresh else self._fair.next
        while (sid := turn()) is not None:
            stream = self._streams[sid]
            sending = stream.sending
            while sending.resend and sending.resend[0].acked:
                heapq.heappop(sending.resend).queued = False
            if sending.resend:
                if len(sending.resend[0].encoded) > room:
                    return None
                item = heapq.heappop(sending.resend)
                item.queued = False
                self._fair.charge(sid, len(item.encoded))
                return item
            if room < _LEAST_ROOM_BYTES:
                return None
            size = min(room - _DATA_HEAD_BYTES, sending.pending_bytes, sending.limit - sending.next_offset)
            # A peer that raises its windows but acks nothing must not make us hold more than was agreed.
            in_session = min(self._peer_limit - self._sent_total, self._window - self._unacked)
            if size > 0 and in_session <= 0:
                self._starved.add(sid)
            size = min(size, in_session)
            if size <= 0:
                self._fair.drop_next()
                continue
            self._fair.charge(sid, size)
            return self._take(stream, size)
        return None

    def _take(self, stream: _Stream, size: int) -> Item:
        sending = stream.sending
        offset = sending.next_offset
        item = Item(Data(stream.sid, offset, sending.take(size)))
        sending.owed += 1
        sending.flying[offset] = item
        self._flying[stream.sid] = None
        self._backlog -= size
        self._sent_total += size
        self._unacked += size
        if sending.want_room and sending.pending_bytes <= SESSION.send_buffer_bytes // 2:
            sending.want_room = False
            self._emit(StreamWritable(stream.sid))
        return item

    def item_acked(self, item: Item) -> None:
        """The other end has this frame (told once for each item)."""
        stream = self._streams.get(_sid(item))
        if stream is not None:
            stream.sending.owed -= 1
            if isinstance(item.frame, Data):
                self._landed(stream, item.frame)
            self._settle(stream)

    def waited_for(self, streams: int, items: int) -> Iterator[Iterator[Item]]:
        """Of so many streams, by turns, so many of the oldest items that were sent and not acked."""
        for sid in list(islice(self._flying, streams)):
            del self._flying[sid]
            self._flying[sid] = None
            yield islice(self._streams[sid].sending.flying.values(), items)

    def _landed(self, stream: _Stream, frame: Data) -> None:
        flying = stream.sending.flying
        del flying[frame.offset]
        if not flying:
            del self._flying[frame.sid]
        self._unacked -= len(frame.payload)
        if self._starved and self._peer_limit > self._sent_total:
            self._feed_starved()

    def _feed_starved(self) -> None:
        for sid in self._starved:
            self._fair.add(sid)
        self._starved.clear()

    def item_lost(self, item: Item) -> None:
        """No lane carries this frame any more: queue it again, if it still matters."""
        frame = item.frame
        if isinstance(frame, Window):
            self._windows_due[frame.sid] = None
            return
        stream = self._streams.get(_sid(item))
        if stream is None:
            return
        if isinstance(frame, Data) and stream.cut:
            self._forget_data(stream, item)
            self._settle(stream)
            return
        item.queued = True
        if isinstance(frame, Data):
            heapq.heappush(stream.sending.resend, item)
            self._fair.add(frame.sid)
        else:
            self._control.append(item)

    # What comes in.

    def opened_by_peer(self, frame: Open) -> None:
        """An open came (gateway's end)."""
        if self._is_reader:
            raise FrameError("The gateway opened a stream.")
        if frame.sid in self._closed:
            return
        stream = self._streams.get(frame.sid) or self._create(frame.sid)
        if stream.known:
            return
        stream.known = True
        stream.target = frame.target
        stream.sending.limit = max(stream.sending.limit, frame.window)
        if stream.cut:
            return
        if len(self._streams) > SESSION.max_streams:
            self._cut(stream, Code.LIMIT_REACHED)
            return
        self._emit(StreamOpened(frame.sid, frame.target))
        if stream.receiving.ready or stream.receiving.complete:
            self._tell(stream)

    def accepted_by_peer(self, frame: Opened) -> None:
        """The gateway has connected a stream (reader's end)."""
        stream = self._streams.get(frame.sid)
        if not self._is_reader or frame.sid >= self._next_sid:
            raise FrameError("A stream was accepted that nobody asked for.")
        if stream is None or stream.accepted:
            return
        stream.accepted = True
        self._raise_limit(stream, frame.window)
        if not stream.cut:
            self._emit(StreamAccepted(frame.sid))

    def data_received(self, frame: Data) -> None:
        """Bytes of a stream came, perhaps again."""
        stream = self._find(frame.sid)
        if stream is None:
            return
        receiving = stream.receiving
        end = frame.offset + len(frame.payload)
        if end > receiving.limit or (receiving.final is not None and end > receiving.final):
            raise FrameError("A stream went past its window or its end.")
        self._count(stream, end)
        if receiving.discard:
            self._consume(end - receiving.consumed)
            receiving.consumed = max(receiving.consumed, end)
            self._settle(stream)
        else:
            before = len(receiving.pieces)
            readable = receiving.insert(frame.offset, frame.payload)
            self._pieces += len(receiving.pieces) - before
            if self._pieces > SESSION.reassembly_pieces:
                raise FrameError("Too many pieces wait for what comes before them.")
            if receiving.repeated:
                self.repeated_bytes += receiving.repeated
                receiving.repeated = 0
            if readable and stream.known:
                self._tell(stream)

    def fin_received(self, frame: Fin) -> None:
        """The other end's direction ends."""
        stream = self._find(frame.sid)
        if stream is None:
            return
        receiving = stream.receiving
        if receiving.reset:
            return
        if frame.final < receiving.highest or (receiving.final is not None and receiving.final != frame.final):
            raise FrameError("A stream ends at two places.")
        receiving.final = frame.final
        if receiving.discard:
            self._settle(stream)
        elif receiving.complete and stream.known:
            self._tell(stream)

    def reset_received(self, frame: Reset) -> None:
        """The other end cut the stream."""
        stream = self._find(frame.sid)
        if stream is None:
            return
        receiving = stream.receiving
        if receiving.reset:
            return
        if frame.final < receiving.highest:
            raise FrameError("A stream ends before what was sent of it.")
        self._count(stream, frame.final)
        receiving.reset = True
        receiving.final = frame.final
        if not stream.cut:
            self._cut(stream, Code.CANCELLED)
            if stream.known:
                self._emit(StreamCut(frame.sid, frame.code))
        self._consume(receiving.drop())
        self._settle(stream)

    def window_received(self, frame: Window) -> None:
        """The other end has room for more."""
        if frame.sid == 0:
            if frame.limit > self._peer_limit:
                self._peer_limit = frame.limit
                self._feed_starved()
            return
        stream = self._streams.get(frame.sid)
        if stream is not None:
            self._raise_limit(stream, frame.limit)

    # Inner workings.

    def _find(self, sid: int) -> _Stream | None:
        stream = self._streams.get(sid)
        if stream is not None or sid in self._closed:
            return stream
        if self._is_reader:
            if sid < self._next_sid:
                return None
            raise FrameError("A frame is for a stream that nobody opened.")
        return self._create(sid)

    def _create(self, sid: int) -> _Stream:
        if len(self._streams) >= 2 * SESSION.max_streams or self.has_too_many_gaps:
            raise FrameError("Too many streams at once.")
        if sid in self._taken:
            raise FrameError("A number is used for a stream and a flow.")
        stream = self._streams[sid] = _Stream(sid, None)
        return stream

    def _owe(self, stream: _Stream, item: Item) -> None:
        stream.sending.owed += 1
        item.queued = True
        self._control.append(item)

    def _raise_limit(self, stream: _Stream, limit: int) -> None:
        if limit > stream.sending.limit:
            stream.sending.limit = limit
            if stream.sending.pending_bytes:
                self._fair.add(stream.sid)

    def _tell(self, stream: _Stream) -> None:
        if not stream.receiving.told:
            stream.receiving.told = True
            self._emit(StreamReadable(stream.sid))

    def _count(self, stream: _Stream, end: int) -> None:
        more = end - stream.receiving.highest
        if more > 0:
            stream.receiving.highest = end
            self._received_total += more
            if self._received_total > self._own_limit:
                raise FrameError("The session's window was overrun.")
            self._renew_session_window()

    def _consume(self, size: int) -> None:
        if size > 0:
            self._consumed_total += size
            self._renew_session_window()

    def _renew_session_window(self) -> None:
        """Tells the other end of more room as soon as it would double what it has left, however much lies unread in
        streams that nobody reads."""
        more = self._consumed_total + self._window - self._own_limit
        if more > 0 and more >= self._own_limit - self._received_total:
            self._own_limit += more
            self._windows_due[0] = None

    def _grow(self, stream: _Stream, now: float) -> None:
        receiving = stream.receiving
        if receiving.final is not None and receiving.limit >= receiving.final:
            return
        if receiving.limit - receiving.consumed >= receiving.window // 2:
            return
        if now - receiving.updated_at < max(4 * self.round_trip_s(), _UPDATE_FLOOR_S):
            grown = min(2 * receiving.window, SESSION.max_stream_window_bytes)
            # Half of the session's window stays for streams that did not grow: else a few large ones that nobody
            # reads any more could fill it, and stop all others.
            if self._grown + grown - receiving.window <= self._window // 2:
                self._grown += grown - receiving.window
                receiving.window = grown
        receiving.updated_at = now
        receiving.limit = receiving.consumed + receiving.window
        self._windows_due[stream.sid] = None

    def _cut(self, stream: _Stream, code: Code) -> None:
        """Ends this end's direction with a reset, and drops what is held in both."""
        stream.cut = True
        sending = stream.sending
        self._backlog -= sending.pending_bytes
        sending.drop_pending()
        for item in sending.resend:
            self._forget_data(stream, item)
        sending.resend.clear()
        sending.ended = True
        self._fair.remove(stream.sid)
        self._starved.discard(stream.sid)
        self._owe(stream, Item(Reset(stream.sid, code, sending.next_offset)))
        self._pieces -= len(stream.receiving.pieces)
        self._consume(stream.receiving.drop())

    def _forget_data(self, stream: _Stream, item: Item) -> None:
        """Data that nobody wants any more counts as delivered."""
        item.queued = False
        if not item.acked:
            assert isinstance(item.frame, Data)
            item.acked = True
            stream.sending.owed -= 1
            self._landed(stream, item.frame)

    def _settle(self, stream: _Stream) -> None:
        """Forgets a stream when both directions are over and nothing is owed."""
        sending, receiving = stream.sending, stream.receiving
        sent = sending.ended and sending.owed == 0 and sending.pending_bytes == 0
        if sent and receiving.complete and not receiving.ready:
            del self._streams[stream.sid]
            self._closed.add(stream.sid)
            self._grown -= receiving.window - SESSION.stream_window_bytes
            self._fair.remove(stream.sid)
            self._windows_due.pop(stream.sid, None)

    def mark_closed(self, sid: int) -> None:
        """A number of the shared series is used up by something that is not a stream."""
        self._closed.add(sid)

    @property
    def has_too_many_gaps(self) -> bool:
        """Whether the row of finished numbers is more broken than an honest reader could make it."""
        return self._closed.range_count > SESSION.id_gaps

    def is_closed(self, sid: int) -> bool:
        """Whether the number was used and is over."""
        return sid in self._closed


def _sid(item: Item) -> int:
    frame = item.frame
    assert isinstance(frame, (Open, Opened, Data, Fin, Reset, Window))
    return frame.sid
