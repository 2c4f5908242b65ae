"""How things are, told to open panels as they change.

A stream is one long answer, one JSON object a line. It holds no queue: a page that is slow gets the newest state next,
whatever it has missed, and one that takes nothing at all is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from unwalled.clock import Clock
from unwalled.panel.messages import Line, encode
from unwalled.settings import PanelLimits

_TYPE = "application/x-ndjson"


class Streams:
    """All open streams. ``whole`` gives everything as it is now."""

    def __init__(self, whole: Callable[[], Line], clock: Clock, limits: PanelLimits) -> None:
        self._whole = whole
        self._clock = clock
        self._limits = limits
        self._open: set[asyncio.Event] = set()
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """Whether no further one is taken."""
        return len(self._open) >= self._limits.max_streams

    def wake(self) -> None:
        """Something has changed: every stream looks at once."""
        for event in self._open:
            event.set()

    def close(self) -> None:
        """Ends all."""
        self._is_closed = True
        self.wake()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Tells until either side ends it. Cancelling is safe. Check ``is_full`` before, without waiting between."""
        changed = asyncio.Event()
        self._open.add(changed)
        response = web.StreamResponse(headers={"Content-Type": _TYPE})
        try:
            await self._within(request, response.prepare(request))
            await self._tell(request, response, changed)
        except ConnectionResetError:
            pass  # it has left
        finally:
            self._open.discard(changed)
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, changed: asyncio.Event) -> None:
        told = Line()
        told_at = self._clock.monotonic()
        while not self._is_closed:
            changed.clear()
            line = self._whole()
            news = line.since(told)
            now = self._clock.monotonic()
            if not news.is_empty or now - told_at >= self._limits.stream_silence_s:
                await self._within(request, response.write(encode(news) + b"\n"))
                told, told_at = line, now
            await asyncio.sleep(self._limits.stream_rest_s)
            try:
                async with asyncio.timeout(self._limits.stream_every_s):
                    await changed.wait()
            except TimeoutError:
                pass

    async def _within(self, request: web.Request, written: Awaitable[object]) -> None:
        """Waits for a page to take what was written. One that does not is cut off, with what is on the way to it."""
        try:
            async with asyncio.timeout(self._limits.write_timeout_s):
                await written
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError from None
