"""``unwalled connect``: the reader with its local proxy.

A reader's start is waited for, and a third of it was the loading of modules. So the connection to the broker and the
offers are begun before most of them are loaded, and those load in a thread while packets travel.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from unwalled.cli.output import Status, StatusLine, say, warn
from unwalled.cli.running import run
from unwalled.cli.units import RateMeter
from unwalled.clock import SystemClock
from unwalled.operator.options import ListenAddress
from unwalled.settings import READER, SignallingLimits
from unwalled.signaling.doors import HttpDoor
from unwalled.wire.invite import Invite

if TYPE_CHECKING:
    from unwalled.lanes.webrtc import ReactorStack
    from unwalled.reader.client import ReaderClient
    from unwalled.reader.listener import ProxyAddress
    from unwalled.signaling.ahead import EarlyConnection
    from unwalled.signaling.client import SignalingClient
    from unwalled.signaling.first import FirstMatch

_FIRST_PACKET_S = 0.001
"""Modules hold the interpreter while they load; the first packet shall leave before that."""
_OFFERS_S = 0.05
"""Offers are made within this, unless a STUN server is asked; then the proxy should not wait for it."""
_FOR_THE_REQUEST = ("unwalled.signaling.first",)
_LATER = (
    "unwalled.reader.client",
    "unwalled.reader.listener",
    "unwalled.cli.reading",
    "unwalled.trace.file",
)
_log = logging.getLogger(__name__)


async def _load(names: tuple[str, ...]) -> None:
    """Imports modules in a thread, so that packets that come meanwhile are not kept waiting."""

    def load() -> None:
        for name in names:
            import_module(name)

    await asyncio.to_thread(load)


async def _or_later(waited: Awaitable[None], timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await waited
    except TimeoutError:
        pass


@asynccontextmanager
async def reader(
    invite: Invite,
    listen: ListenAddress,
    *,
    allow_remote: bool = False,
    is_exact: bool = False,
    changed: Callable[[], None] = lambda: None,
    trace: Path | None = None,
    ahead: EarlyConnection | None = None,
) -> AsyncIterator[tuple[ReaderClient, ProxyAddress]]:
    """A reader and its proxy, for as long as the block runs. Raises ConfigurationError when it cannot listen.

    ``trace``: a file for what its sessions do. ``ahead``: a connection to the invite's first door, begun already.
    """
    door = HttpDoor(invite.doors[0], ahead=ahead)
    door.knock()
    await asyncio.sleep(_FIRST_PACKET_S)
    _log.debug("A door is knocked at.")
    from unwalled.lanes.webrtc import ReactorStack

    stack = ReactorStack(invite.stun)
    signaling: SignalingClient | None = None
    first: FirstMatch | None = None
    stack.prepare(READER.bridges * READER.lanes_per_bridge)
    try:
        await _load(_FOR_THE_REQUEST)
        from unwalled.signaling.client import SignalingClient
        from unwalled.signaling.first import FirstMatch

        def door_of(url: str, limits: SignallingLimits) -> HttpDoor:
            return door if url == invite.doors[0] else HttpDoor(url, limits)

        signaling = SignalingClient(invite, SystemClock(), os.urandom, make_door=door_of)
        first = FirstMatch(signaling)
        first.begin(stack.prepared, READER.bridges)
        await _or_later(first.offered(), _OFFERS_S)
        await asyncio.sleep(_FIRST_PACKET_S)
        _log.debug("The first request is made.")
        await _load(_LATER)
        _log.debug("All modules are loaded.")
        async with _proxy(invite, first, stack, listen, allow_remote, is_exact, changed, trace) as made:
            yield made
    finally:
        if first is not None:
            await first.aclose()
        if signaling is not None:
            await signaling.aclose()
        await door.aclose()
        await stack.aclose()


@asynccontextmanager
async def _proxy(
    invite: Invite,
    matchmaker: FirstMatch,
    stack: ReactorStack,
    listen: ListenAddress,
    allow_remote: bool,
    is_exact: bool,
    changed: Callable[[], None],
    trace: Path | None,
) -> AsyncIterator[tuple[ReaderClient, ProxyAddress]]:
    from unwalled.reader.client import ReaderClient
    from unwalled.reader.listener import ProxyListener
    from unwalled.trace.file import TraceFile

    sink = None if trace is None else TraceFile(trace)
    client = ReaderClient(
        invite, matchmaker, stack, SystemClock(), os.urandom, SystemRandom(), changed, trace=sink, is_exact=is_exact
    )
    proxy = ProxyListener(client, listen.host, listen.port, allow_remote=allow_remote)
    try:
        address = await proxy.start()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(client.run(), name="reader")
            try:
                yield client, address
            finally:
                await proxy.close()
                running.cancel()
    finally:
        if sink is not None:
            sink.close()


def run_reader(
    invite: Invite,
    listen: ListenAddress,
    *,
    allow_remote: bool,
    is_exact: bool = False,
    trace: Path | None = None,
    ahead: EarlyConnection | None = None,
) -> int:
    """Runs the proxy until stopped. Raises ConfigurationError when it cannot listen.

    ``trace``, ``ahead``: see `reader`.
    """
    clock = SystemClock()
    meter = RateMeter()

    async def serve() -> int:
        client: ReaderClient

        def now() -> Status:
            status = client.status
            up_bps, down_bps = meter.measure(status.bytes_up, status.bytes_down, clock.monotonic())
            from unwalled.cli.reading import describe

            return describe(status, up_bps, down_bps)

        line = StatusLine(now, clock)
        reading = reader(
            invite,
            listen,
            allow_remote=allow_remote,
            is_exact=is_exact,
            changed=line.changed,
            trace=trace,
            ahead=ahead,
        )
        async with reading as (client, address):
            if not listen.is_loopback:
                warn("Whoever reaches this proxy over the network can read through it, without a password.")
            say(f"ready proxy={address}")
            await line.run()
        return 0

    return run(serve)
