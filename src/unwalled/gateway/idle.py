"""Ends what moves nothing, at the cost of one timer for the whole life of a stream."""

from __future__ import annotations

import asyncio
from types import TracebackType


class IdleWatch:
    """``async with`` this around the work, and ``touch`` it at each sign of life.

    Raises TimeoutError out of the block when nothing was touched for ``seconds``; 0 means never. A touch only notes the
    time; the timer looks at it when it fires and sets itself again.
    """

    __slots__ = ("_loop", "_scope", "_seconds", "_timer", "_touched_at")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._scope = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._touched_at = self._loop.time()

    def touch(self) -> None:
        """There was life just now."""
        self._touched_at = self._loop.time()

    async def __aenter__(self) -> IdleWatch:
        await self._scope.__aenter__()
        if self._seconds:
            self._timer = self._loop.call_later(self._seconds, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._scope.__aexit__(kind, error, trace)

    def _look(self) -> None:
        due = self._touched_at + self._seconds
        if due <= self._loop.time():
            self._timer = None
            self._scope.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_at(due, self._look)
