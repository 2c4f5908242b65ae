"""Tunnels that outlive what is behind them: readers come and go with their invites, applications stay.

Neither ever goes out another way: without a reader they wait, within a bound, or fail.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from unwalled.clock import Clock
from unwalled.errors import OpenFailed
from unwalled.settings import READER, ReaderLimits
from unwalled.tunnel.api import DatagramFlow, Stream, Tunnel
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class GateKeeper(Protocol):
    """Whoever decides what may pass."""

    @property
    def is_on(self) -> bool:
        """Whether anything may go out."""

    @property
    def is_stopped(self) -> bool:
        """Whether waiting for a reader is of no use: a person has to do something first."""

    @property
    def is_about_to_turn(self) -> bool:
        """Whether another reader will take over in a moment."""


class BridgesGate:
    """The Tunnel through bridges, whichever reader keeps them just now."""

    def __init__(self, keeper: GateKeeper, clock: Clock, limits: ReaderLimits = READER) -> None:
        self._keeper = keeper
        self._clock = clock
        self._limits = limits
        self._reader: Tunnel | None = None
        self._changed = asyncio.Event()
        self.opened = 0
        """Streams and flows that were opened so far."""

    def put(self, reader: Tunnel | None) -> None:
        """From now on this one keeps the bridges, or none does."""
        self._reader = reader
        self.look()

    def look(self) -> None:
        """What the keeper says has changed: whoever waits should ask again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def open(self, target: Target, *, at_once: bool = False) -> Stream:
        """See Tunnel. A reader that goes while the open waits hands it on to the next one."""
        deadline = self._clock.monotonic() + self._limits.open_wait_s
        spent: Tunnel | None = None
        while True:
            reader = await self._reader_before(deadline, spent)
            try:
                stream = await reader.open(target, at_once=at_once)
            except OpenFailed as failed:
                spent = self._spent(reader, failed)
                continue
            self.opened += 1
            return stream

    async def open_datagrams(self) -> DatagramFlow:
        """See Tunnel, and ``open``."""
        deadline = self._clock.monotonic() + self._limits.open_wait_s
        spent: Tunnel | None = None
        while True:
            reader = await self._reader_before(deadline, spent)
            try:
                flow = await reader.open_datagrams()
            except OpenFailed as failed:
                spent = self._spent(reader, failed)
                continue
            self.opened += 1
            return flow

    def _spent(self, reader: Tunnel, failed: OpenFailed) -> Tunnel:
        """The reader that failed, when another one may do better; else the failure is raised."""
        if self._keeper.is_on and reader is self._reader and not self._keeper.is_about_to_turn:
            raise failed
        return reader

    async def _reader_before(self, deadline: float, spent: Tunnel | None) -> Tunnel:
        """The reader, which is another one than ``spent``. Raises OpenFailed."""
        try:
            async with asyncio.timeout(max(deadline - self._clock.monotonic(), 0)):
                while True:
                    if not self._keeper.is_on:
                        raise OpenFailed(Code.SWITCHED_OFF)
                    if self._reader is not None and self._reader is not spent:
                        return self._reader
                    if self._keeper.is_stopped:
                        raise OpenFailed(Code.NO_BRIDGE)
                    await self._changed.wait()
        except TimeoutError:
            raise OpenFailed(Code.NO_BRIDGE) from None


class ProxyGate:
    """The Tunnel of the local proxy: nothing passes while the keeper is off, also nothing that would go direct."""

    def __init__(self, keeper: GateKeeper, behind: Tunnel) -> None:
        self._keeper = keeper
        self.behind = behind
        """Where connections go. It may be changed at any time; those that are open stay where they are."""

    async def open(self, target: Target, *, at_once: bool = False) -> Stream:
        """See Tunnel."""
        self._check()
        stream = await self.behind.open(target, at_once=at_once)
        if not self._keeper.is_on:
            stream.reset(Code.CANCELLED)
            self._check()
        return stream

    async def open_datagrams(self) -> DatagramFlow:
        """See Tunnel."""
        self._check()
        flow = await self.behind.open_datagrams()
        if not self._keeper.is_on:
            flow.close()
            self._check()
        return flow

    def _check(self) -> None:
        if not self._keeper.is_on:
            raise OpenFailed(Code.SWITCHED_OFF)
