"""A reader's stream and datagram flow in memory, with both ends: what the gateway serves, and what a test scripts.

`FakeStream` is what the gateway gets (``IncomingStream``); its ``reader`` is the far end. Each direction holds at most
``window_bytes`` that were not read, like a session's window.
"""

from __future__ import annotations

import asyncio
from collections import deque

from unwalled.errors import OpenFailed, StreamReset
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

MAX_READ = 256 * 1024


class Pipe:
    """One direction."""

    def __init__(self, window_bytes: int) -> None:
        self._window = window_bytes
        self._chunks: deque[bytes] = deque()
        self._ended = False
        self._cut: Code | None = None
        self._change = asyncio.Event()
        self.held_bytes = 0
        self.most_held_bytes = 0

    async def read(self) -> bytes:
        """The next bytes, b"" at the end; raises StreamReset."""
        while True:
            if self._cut is not None:
                raise StreamReset(self._cut)
            if self._chunks:
                chunk = self._chunks.popleft()
                if len(chunk) > MAX_READ:
                    self._chunks.appendleft(chunk[MAX_READ:])
                    chunk = chunk[:MAX_READ]
                self.held_bytes -= len(chunk)
                self._change.set()
                return chunk
            if self._ended:
                return b""
            await self._changed()

    async def write(self, data: bytes) -> None:
        """Waits while the window is full; raises StreamReset."""
        while self._cut is None and self.held_bytes >= self._window:
            await self._changed()
        if self._cut is not None:
            raise StreamReset(self._cut)
        assert not self._ended, "written after the end"
        self._chunks.append(data)
        self.held_bytes += len(data)
        self.most_held_bytes = max(self.most_held_bytes, self.held_bytes)
        self._change.set()

    def finish(self) -> None:
        """No more will be written; raises StreamReset."""
        if self._cut is not None:
            raise StreamReset(self._cut)
        self._ended = True
        self._change.set()

    def cut(self, code: Code) -> None:
        """Ends it with a code, unless it has been read to its end."""
        if self._cut is None:
            self._cut = code
            self._chunks.clear()
            self._change.set()

    async def _changed(self) -> None:
        self._change.clear()
        await self._change.wait()


class FakeReader:
    """The reader's end."""

    def __init__(self, stream: FakeStream) -> None:
        self._stream = stream

    async def opened(self) -> None:
        """Waits for the gateway's answer; raises OpenFailed."""
        await self._stream.answered.wait()
        if self._stream.cut_by is not None and not self._stream.accepted:
            raise OpenFailed(self._stream.cut_by)

    async def read(self) -> bytes:
        """What the gateway wrote."""
        return await self._stream.down.read()

    async def read_all(self) -> bytes:
        """Everything to the end."""
        parts = []
        while data := await self.read():
            parts.append(data)
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        """For the gateway to read."""
        await self._stream.up.write(data)

    def finish(self) -> None:
        """Half-close."""
        self._stream.up.finish()

    def reset(self, code: Code = Code.CANCELLED) -> None:
        """Cuts both directions."""
        self._stream.up.cut(code)
        self._stream.down.cut(code)


class FakeStream:
    """The gateway's end."""

    def __init__(self, target: Target, window_bytes: int = 256 * 1024) -> None:
        self._target = target
        self.up = Pipe(window_bytes)
        self.down = Pipe(window_bytes)
        self.accepted = False
        self.answered = asyncio.Event()
        self.cut_by: Code | None = None
        self.reader = FakeReader(self)

    @property
    def target(self) -> Target:
        """See IncomingStream."""
        return self._target

    def accept(self) -> None:
        """See IncomingStream."""
        assert not self.accepted
        self.accepted = True
        self.answered.set()

    async def read(self) -> bytes:
        """See Stream."""
        return await self.up.read()

    async def write(self, data: bytes) -> None:
        """See Stream."""
        assert self.accepted, "written before accept"
        assert 0 < len(data) <= MAX_READ
        await self.down.write(data)

    async def finish(self) -> None:
        """See Stream."""
        self.down.finish()

    def reset(self, code: Code) -> None:
        """See Stream."""
        if self.cut_by is None:
            self.cut_by = code
        self.up.cut(code)
        self.down.cut(code)
        self.answered.set()


class FakeFlow:
    """A datagram flow: the test puts into ``up`` with ``ask`` and takes from ``down``."""

    def __init__(self) -> None:
        self.up: asyncio.Queue[tuple[Target, bytes] | None] = asyncio.Queue()
        self.down: asyncio.Queue[tuple[Target, bytes]] = asyncio.Queue()
        self.closed = asyncio.Event()

    def ask(self, target: Target, payload: bytes) -> None:
        """A datagram of the reader."""
        self.up.put_nowait((target, payload))

    def end(self) -> None:
        """The reader closes the flow."""
        self.up.put_nowait(None)

    async def receive(self) -> tuple[Target, bytes]:
        """See DatagramFlow."""
        item = await self.up.get()
        if item is None:
            raise StreamReset(Code.CANCELLED)
        return item

    def send(self, target: Target, payload: bytes) -> None:
        """See DatagramFlow."""
        if not self.closed.is_set():
            self.down.put_nowait((target, payload))

    def close(self) -> None:
        """See DatagramFlow."""
        self.closed.set()
