"""One invite's way to bridges: its doors, WebRTC, and a first request that leaves before the reader is loaded.

A reader's start is waited for, and a third of it was the loading of modules. So the connection to the broker and the
offers are begun before most of them are loaded, and those load in a thread while packets travel.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable
from importlib import import_module
from typing import TYPE_CHECKING

from unwalled.clock import Clock, SystemClock
from unwalled.errors import UnwalledError
from unwalled.settings import READER, SignallingLimits
from unwalled.signaling.doors import HttpDoor
from unwalled.wire.invite import Invite

if TYPE_CHECKING:
    from unwalled.lanes.webrtc import WebRtcStack
    from unwalled.reader.client import Matchmaker
    from unwalled.signaling.ahead import EarlyConnection
    from unwalled.signaling.client import SignalingClient
    from unwalled.signaling.first import FirstMatch

_FIRST_PACKET_S = 0.001
"""Modules hold the interpreter while they load; the first packet shall leave before that."""
_OFFERS_S = 0.05
"""Offers are made within this, unless a STUN server is asked; then the proxy should not wait for it."""
_FOR_THE_REQUEST = ("unwalled.signaling.first",)
_log = logging.getLogger(__name__)


async def load(*names: str) -> None:
    """Imports modules in a thread, so that packets that come meanwhile are not kept waiting."""

    def load_all() -> None:
        for name in names:
            import_module(name)

    await asyncio.to_thread(load_all)


class NoWebRtc(UnwalledError):
    """The WebRTC library cannot be loaded."""

    def __init__(self) -> None:
        super().__init__(
            "This computer cannot make WebRTC connections: a part of the program does not run here.",
            "Install Unwalled anew, or on a computer with a newer system.",
        )


class Way:
    """The way of one invite. Make it in the event loop that uses it, call ``begin`` once, and ``aclose`` at the end."""

    def __init__(self, invite: Invite, ahead: EarlyConnection | None = None, clock: Clock | None = None) -> None:
        """Begins to connect to the first door. ``ahead``: a connection to it that was begun already."""
        self.invite = invite
        self._clock = clock if clock is not None else SystemClock()
        self._door = HttpDoor(invite.doors[0], ahead=ahead)
        self._door.knock()
        self._stack: WebRtcStack | None = None
        self._signaling: SignalingClient | None = None
        self._first: FirstMatch | None = None

    async def begin(self) -> None:
        """Prepares offers and asks the broker for bridges. What goes wrong with that is told to who asks next.

        Raises NoWebRtc.
        """
        await asyncio.sleep(_FIRST_PACKET_S)
        _log.debug("A door is knocked at.")
        try:
            from unwalled.lanes.webrtc import ReactorStack
        except ImportError:
            raise NoWebRtc from None
        stack = ReactorStack(self.invite.stun)
        self._stack = stack
        stack.prepare(READER.bridges * READER.lanes_per_bridge)
        await load(*_FOR_THE_REQUEST)
        from unwalled.signaling.client import SignalingClient
        from unwalled.signaling.first import FirstMatch

        self._signaling = SignalingClient(self.invite, self._clock, os.urandom, make_door=self._door_of)
        self._first = FirstMatch(self._signaling)
        self._first.begin(stack.prepared, READER.bridges)
        await _or_later(self._first.offered(), _OFFERS_S)
        await asyncio.sleep(_FIRST_PACKET_S)
        _log.debug("The first request is made.")

    def _door_of(self, url: str, limits: SignallingLimits) -> HttpDoor:
        return self._door if url == self.invite.doors[0] else HttpDoor(url, limits)

    @property
    def matchmaker(self) -> Matchmaker:
        """The broker; there once it has begun."""
        assert self._first is not None
        return self._first

    @property
    def stack(self) -> WebRtcStack:
        """WebRTC; there once it has begun."""
        assert self._stack is not None
        return self._stack

    @property
    def clock_error_s(self) -> float | None:
        """See WayOut."""
        return self._signaling.clock_error_s if self._signaling is not None else None

    def network_changed(self) -> None:
        """See WayOut."""
        if self._signaling is not None:
            self._signaling.network_changed()

    async def aclose(self) -> None:
        """Closes everything, lanes included. Safe at any time, and again."""
        if self._first is not None:
            await self._first.aclose()
        if self._signaling is not None:
            await self._signaling.aclose()
        await self._door.aclose()
        if self._stack is not None:
            await self._stack.aclose()


async def _or_later(waited: Awaitable[None], timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await waited
    except TimeoutError:
        pass
