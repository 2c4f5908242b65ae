"""Datagram flows of a session: unordered and unreliable, with bounded queues that drop the oldest."""

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


class FlowTable:
    """All flows of one end. A flow's number comes from the series that streams have too."""

    def __init__(self, is_reader: bool, control: deque[Item], emit: Callable[[Event], None]) -> None:
        self._is_reader = is_reader
        self._control = control
        self._emit = emit
        self._accepted: dict[int, bool] = {}
        self._queue: deque[Item] = deque()
        self._queued_bytes = 0
        self.dropped = 0
        """Datagrams that found the queue full."""

    def __len__(self) -> int:
        return len(self._accepted)

    def __contains__(self, sid: object) -> bool:
        return sid in self._accepted

    def open(self, new_sid: Callable[[], int]) -> int:
        """Asks for a flow (reader's end); gives its number. Raises OpenFailed(LIMIT_REACHED), and takes none then."""
        if len(self._accepted) >= SESSION.datagram_flows:
            raise OpenFailed(Code.LIMIT_REACHED)
        sid = new_sid()
        self._accepted[sid] = False
        self._say(Item(OpenFlow(sid)))
        return sid

    def accept(self, sid: int) -> None:
        """Tells the reader that the flow is made."""
        if sid in self._accepted and not self._accepted[sid]:
            self._accepted[sid] = True
            self._say(Item(OpenedFlow(sid)))

    def send(self, sid: int, target: Target, payload: bytes) -> None:
        """Queues a datagram; the oldest ones go when the queue is full. Too large ones are dropped."""
        if sid not in self._accepted or len(payload) > SESSION.max_datagram_bytes:
            return
        item = Item(Datagram(sid, target, payload))
        self._queue.append(item)
        self._queued_bytes += len(item.encoded)
        while self._queued_bytes > SESSION.datagram_queue_bytes:
            self._queued_bytes -= len(self._queue.popleft().encoded)
            self.dropped += 1

    def close(self, sid: int, code: Code) -> bool:
        """Ends a flow and tells the other end; False when it had ended."""
        if self._accepted.pop(sid, None) is None:
            return False
        self._say(Item(Reset(sid, code, 0)))
        return True

    def close_all(self, code: Code) -> None:
        """The session is over."""
        for sid in self._accepted:
            self._emit(FlowClosed(sid, code))
        self._accepted.clear()
        self._queue.clear()
        self._queued_bytes = 0

    def _say(self, item: Item) -> None:
        item.queued = True
        self._control.append(item)

    @property
    def sendable(self) -> bool:
        """Whether a datagram waits."""
        return bool(self._queue)

    def next_datagram(self, room: int, largest: int) -> Item | None:
        """The next datagram that fits into ``room`` bytes. One that no record could hold is dropped."""
        while self._queue:
            size = len(self._queue[0].encoded)
            if size > room and size <= largest:
                return None
            item = self._queue.popleft()
            self._queued_bytes -= size
            if size <= room:
                return item
            self.dropped += 1
        return None

    def opened_by_peer(self, frame: OpenFlow) -> bool:
        """The reader asks for a flow (gateway's end). False when there are too many, and a reset says so."""
        if frame.sid in self._accepted:
            return True
        if len(self._accepted) >= SESSION.datagram_flows:
            self._say(Item(Reset(frame.sid, Code.LIMIT_REACHED, 0)))
            return False
        self._accepted[frame.sid] = False
        self._emit(FlowOpened(frame.sid))
        return True

    def accepted_by_peer(self, frame: OpenedFlow) -> None:
        """The gateway has made the flow (reader's end)."""
        if not self._is_reader:
            raise FrameError("The reader accepted a flow.")
        if self._accepted.get(frame.sid) is False:
            self._accepted[frame.sid] = True
            self._emit(FlowAccepted(frame.sid))

    def datagram_received(self, frame: Datagram) -> None:
        """A datagram came; without its flow it is dropped, since it may have overtaken the open."""
        if frame.sid in self._accepted:
            self._emit(DatagramReceived(frame.sid, frame.target, frame.payload))

    def closed_by_peer(self, frame: Reset) -> None:
        """The other end ended the flow, which is there."""
        del self._accepted[frame.sid]
        self._emit(FlowClosed(frame.sid, frame.code))
