"""Streams and datagram flows of a live session, for tasks to read and write."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from unwalled.errors import OpenFailed, StreamReset
from unwalled.session.core import Session
from unwalled.settings import SESSION
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class StreamOwner(Protocol):
    """The pump, as its streams see it."""

    def wake(self) -> None:
        """Something was asked of the session."""

    def forget(self, sid: int) -> None:
        """Nothing more will be asked for this stream or flow."""


class _Signal:
    """Lets one task wait until somebody says so. Waiting can be cancelled; a signal that nobody awaits is kept."""

    __slots__ = ("_set", "_waiter")

    def __init__(self) -> None:
        self._set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        while not self._set:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._set = False


class TunnelStream:
    """A stream of a session; implements `unwalled.tunnel.api.Stream` and, at the gateway, ``IncomingStream``."""

    def __init__(self, session: Session, sid: int, target: Target, owner: StreamOwner) -> None:
        self._session = session
        self._sid = sid
        self._target = target
        self._owner = owner
        self._readable = _Signal()
        self._writable = _Signal()
        self._opened = _Signal()
        self._accepted = False
        self._ended = False
        self._finished = False
        self._cut: Code | None = None

    def __repr__(self) -> str:
        return f"TunnelStream({self._sid})"

    @property
    def target(self) -> Target:
        """See IncomingStream."""
        return self._target

    def accept(self) -> None:
        """See IncomingStream."""
        self._session.accept_stream(self._sid)
        self._owner.wake()

    async def opened(self) -> None:
        """Waits for the gateway's answer (reader's end). Raises OpenFailed with its code."""
        while not self._accepted:
            if self._cut is not None:
                raise OpenFailed(self._cut)
            await self._opened.wait()

    async def read(self) -> bytes:
        """See Stream."""
        while True:
            if self._cut is not None:
                raise StreamReset(self._cut)
            if self._ended:
                return b""
            data, self._ended = self._session.read(self._sid, asyncio.get_running_loop().time())
            if data or self._ended:
                self._owner.wake()
                self._release()
                return data
            await self._readable.wait()

    async def write(self, data: bytes) -> None:
        """See Stream."""
        while True:
            if self._cut is not None:
                raise StreamReset(self._cut)
            if self._session.send_room(self._sid):
                self._session.write(self._sid, data)
                self._owner.wake()
                return
            await self._writable.wait()

    async def finish(self) -> None:
        """See Stream."""
        if self._cut is not None:
            raise StreamReset(self._cut)
        self._session.finish(self._sid)
        self._finished = True
        self._owner.wake()
        self._release()

    def reset(self, code: Code) -> None:
        """See Stream. A stream that was finished and read to its end is left to deliver what it owes."""
        if self._cut is None and not (self._ended and self._finished):
            self._session.reset(self._sid, code)
            self._owner.wake()
            self._owner.forget(self._sid)
            self.cut_by(code)

    def _release(self) -> None:
        if self._ended and self._finished:
            self._owner.forget(self._sid)

    # What the pump tells it.

    def cut_by(self, code: Code) -> None:
        """The stream is over, with this code."""
        self._cut = code
        # Who waits for the answer hears first: what it learns counts for the application's next try.
        self._opened.set()
        self._readable.set()
        self._writable.set()

    def accepted_by_peer(self) -> None:
        """The gateway has connected it."""
        self._accepted = True
        self._opened.set()

    def became_readable(self) -> None:
        """There is something to read."""
        self._readable.set()

    def became_writable(self) -> None:
        """There is room to write."""
        self._writable.set()


class TunnelFlow:
    """A datagram flow of a session; implements `unwalled.tunnel.api.DatagramFlow`."""

    def __init__(self, session: Session, sid: int, owner: StreamOwner) -> None:
        self._session = session
        self._sid = sid
        self._owner = owner
        self._waiting: deque[tuple[Target, bytes]] = deque()
        self._waiting_bytes = 0
        self._arrived = _Signal()
        self._opened = _Signal()
        self._accepted = False
        self._closed: Code | None = None

    def __repr__(self) -> str:
        return f"TunnelFlow({self._sid})"

    def accept(self) -> None:
        """Tells the reader that the flow is made (gateway's end)."""
        self._session.accept_flow(self._sid)
        self._owner.wake()

    async def opened(self) -> None:
        """Waits for the gateway's answer (reader's end). Raises OpenFailed."""
        while not self._accepted:
            if self._closed is not None:
                raise OpenFailed(self._closed)
            await self._opened.wait()

    async def receive(self) -> tuple[Target, bytes]:
        """See DatagramFlow."""
        while not self._waiting:
            if self._closed is not None:
                raise StreamReset(self._closed)
            await self._arrived.wait()
        target, payload = self._waiting.popleft()
        self._waiting_bytes -= len(payload)
        return target, payload

    def send(self, target: Target, payload: bytes) -> None:
        """See DatagramFlow."""
        if self._closed is None:
            self._session.send_datagram(self._sid, target, payload, asyncio.get_running_loop().time())
            self._owner.wake()

    def close(self) -> None:
        """See DatagramFlow."""
        if self._closed is None:
            self._session.close_flow(self._sid, Code.CANCELLED)
            self._owner.wake()
            self._owner.forget(self._sid)
            self.closed_by(Code.CANCELLED)

    # What the pump tells it.

    def closed_by(self, code: Code) -> None:
        """The flow is over."""
        self._closed = code
        self._arrived.set()
        self._opened.set()

    def accepted_by_peer(self) -> None:
        """The gateway has made it."""
        self._accepted = True
        self._opened.set()

    def arrived(self, target: Target, payload: bytes) -> None:
        """A datagram came; the oldest that wait are dropped when there are too many."""
        self._waiting.append((target, payload))
        self._waiting_bytes += len(payload)
        while self._waiting_bytes > SESSION.datagram_queue_bytes:
            self._waiting_bytes -= len(self._waiting.popleft()[1])
        self._arrived.set()
