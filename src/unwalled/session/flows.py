"""Datagram flows of a session: unordered and unreliable, with bounded queues that drop the oldest.

Lanes are ordered and reliable, so what is lost below comes late instead, and holds up what follows on its lane. So the
session sends a short datagram over two lanes, and the copy that comes second is dropped by its number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from unwalled.errors import FrameError, OpenFailed
from unwalled.session.events import DatagramReceived, Event, FlowAccepted, FlowClosed, FlowOpened
from unwalled.session.items import Item
from unwalled.settings import SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.frames import Datagram, OpenedFlow, OpenFlow, Reset


class NumberWindow:
    """The latest numbers that were seen (after RFC 6479). What is too old to be remembered counts as seen."""

    __slots__ = ("_highest", "_seen")

    def __init__(self) -> None:
        self._highest = -1
        self._seen = 0

    def take(self, number: int) -> bool:
        """Whether ``number`` is new; from now on it is not."""
        ahead = number - self._highest
        if ahead >= SESSION.datagram_numbers:
            self._highest, self._seen = number, 1
            return True
        if ahead > 0:
            self._highest = number
            self._seen = (self._seen << ahead | 1) & ((1 << SESSION.datagram_numbers) - 1)
            return True
        if -ahead >= SESSION.datagram_numbers or self._seen >> -ahead & 1:
            return False
        self._seen |= 1 << -ahead
        return True


class _Flow:
    """One flow: whether the gateway has made it, and the numbers of its datagrams."""

    __slots__ = ("accepted", "seen", "sent")

    def __init__(self) -> None:
        self.accepted = False
        self.sent = 0
        self.seen = NumberWindow()


class FlowTable:
    """All flows of one end. A flow's number comes from the series that streams have too."""

    def __init__(self, is_reader: bool, control: deque[Item], emit: Callable[[Event], None]) -> None:
        self._is_reader = is_reader
        self._control = control
        self._emit = emit
        self._flows: dict[int, _Flow] = {}
        self._queue: deque[tuple[float, Item]] = deque()
        self._queued_bytes = 0
        self.dropped = 0
        """Datagrams that found the queue full, waited for too long, or fit into no record."""

    def __len__(self) -> int:
        return len(self._flows)

    def __contains__(self, sid: object) -> bool:
        return sid in self._flows

    def open(self, new_sid: Callable[[], int]) -> int:
        """Asks for a flow (reader's end); gives its number. Raises OpenFailed(LIMIT_REACHED), and takes none then."""
        if len(self._flows) >= SESSION.datagram_flows:
            raise OpenFailed(Code.LIMIT_REACHED)
        sid = new_sid()
        self._flows[sid] = _Flow()
        self._say(Item(OpenFlow(sid)))
        return sid

    def accept(self, sid: int) -> None:
        """Tells the reader that the flow is made."""
        flow = self._flows.get(sid)
        if flow is not None and not flow.accepted:
            flow.accepted = True
            self._say(Item(OpenedFlow(sid)))

    def send(self, sid: int, target: Target, payload: bytes, now: float) -> None:
        """Queues a datagram; the oldest ones go when the queue is full. Too large ones are dropped."""
        flow = self._flows.get(sid)
        if flow is None or len(payload) > SESSION.max_datagram_bytes:
            return
        item = Item(Datagram(sid, flow.sent, target, payload))
        flow.sent += 1
        self._queue.append((now, item))
        self._queued_bytes += len(item.encoded)
        while self._queued_bytes > SESSION.datagram_queue_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._queued_bytes -= len(self._queue.popleft()[1].encoded)
        self.dropped += 1

    def drop_late(self, now: float) -> None:
        """Drops what has waited so long for a lane that nobody wants it any more."""
        while self._queue and self._queue[0][0] < now - SESSION.datagram_wait_s:
            self._drop_oldest()

    def close(self, sid: int, code: Code) -> bool:
        """Ends a flow and tells the other end; False when it had ended."""
        if self._flows.pop(sid, None) is None:
            return False
        self._say(Item(Reset(sid, code, 0)))
        return True

    def close_all(self, code: Code) -> None:
        """The session is over."""
        for sid in self._flows:
            self._emit(FlowClosed(sid, code))
        self._flows.clear()
        self._queue.clear()
        self._queued_bytes = 0

    def _say(self, item: Item) -> None:
        item.queued = True
        self._control.append(item)

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return self._queued_bytes

    @property
    def sendable(self) -> bool:
        """Whether a datagram waits."""
        return bool(self._queue)

    def next_datagram(self, room: int, largest: int) -> Item | None:
        """The next datagram that fits into ``room`` bytes. One that no record could hold is dropped."""
        while self._queue:
            item = self._queue[0][1]
            size = len(item.encoded)
            if size <= room:
                self._queue.popleft()
                self._queued_bytes -= size
                return item
            if size <= largest:
                return None
            self._drop_oldest()
        return None

    def opened_by_peer(self, frame: OpenFlow) -> bool:
        """The reader asks for a flow (gateway's end). False when there are too many, and a reset says so."""
        if frame.sid in self._flows:
            return True
        if len(self._flows) >= SESSION.datagram_flows:
            self._say(Item(Reset(frame.sid, Code.LIMIT_REACHED, 0)))
            return False
        self._flows[frame.sid] = _Flow()
        self._emit(FlowOpened(frame.sid))
        return True

    def accepted_by_peer(self, frame: OpenedFlow) -> None:
        """The gateway has made the flow (reader's end)."""
        if not self._is_reader:
            raise FrameError("The reader accepted a flow.")
        flow = self._flows.get(frame.sid)
        if flow is not None and not flow.accepted:
            flow.accepted = True
            self._emit(FlowAccepted(frame.sid))

    def datagram_received(self, frame: Datagram) -> None:
        """A datagram came; without its flow it is dropped, since it may have overtaken the open."""
        flow = self._flows.get(frame.sid)
        if flow is not None and flow.seen.take(frame.number):
            self._emit(DatagramReceived(frame.sid, frame.target, frame.payload))

    def closed_by_peer(self, frame: Reset) -> None:
        """The other end ended the flow, which is there."""
        del self._flows[frame.sid]
        self._emit(FlowClosed(frame.sid, frame.code))
