"""``unwalled connect``: the reader with its local proxy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

from unwalled.cli.output import Status, StatusLine, say, warn
from unwalled.cli.running import run
from unwalled.cli.units import RateMeter, show_count, show_rate
from unwalled.clock import SystemClock
from unwalled.lanes.webrtc import ReactorStack
from unwalled.operator.options import ListenAddress
from unwalled.reader.client import Phase, ReaderClient, ReaderStatus
from unwalled.reader.listener import ProxyAddress, ProxyListener
from unwalled.signaling.client import SignalingClient
from unwalled.trace.file import TraceFile
from unwalled.wire.invite import Invite

_WORDS = {
    Phase.SEARCHING: "looking for a bridge",
    Phase.NO_BRIDGE: "no bridge just now",
    Phase.NO_BROKER: "the operator cannot be reached",
    Phase.CONNECTING: "a bridge is found, connecting",
    Phase.CONNECTED: "connected",
    Phase.REFUSED: "the operator refuses",
}


@asynccontextmanager
async def reader(
    invite: Invite,
    listen: ListenAddress,
    *,
    allow_remote: bool = False,
    is_exact: bool = False,
    changed: Callable[[], None] = lambda: None,
    trace: Path | None = None,
) -> AsyncIterator[tuple[ReaderClient, ProxyAddress]]:
    """A reader and its proxy, for as long as the block runs. Raises ConfigurationError when it cannot listen.

    ``trace``: a file for what its sessions do.
    """
    sink = None if trace is None else TraceFile(trace)
    clock = SystemClock()
    stack = ReactorStack(invite.stun)
    signaling = SignalingClient(invite, clock, os.urandom)
    client = ReaderClient(
        invite, signaling, stack, clock, os.urandom, SystemRandom(), changed, trace=sink, is_exact=is_exact
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
        await signaling.aclose()
        await stack.aclose()
        if sink is not None:
            sink.close()


def describe(status: ReaderStatus, up_bps: float, down_bps: float) -> Status:
    """The status line of a reader."""
    state = _WORDS[status.phase]
    if status.detail and status.phase is not Phase.CONNECTED:
        state = f"{state}: {status.detail}"
    if not status.lanes:
        return Status(state)
    return Status(
        state,
        f"{show_count(status.bridges, 'bridge')}, {show_count(status.lanes, 'lane')} · down {show_rate(down_bps)}, "
        f"up {show_rate(up_bps)}",
    )


def run_reader(
    invite: Invite, listen: ListenAddress, *, allow_remote: bool, is_exact: bool = False, trace: Path | None = None
) -> int:
    """Runs the proxy until stopped; ``trace``: see `reader`. Raises ConfigurationError when it cannot listen."""
    clock = SystemClock()
    meter = RateMeter()

    async def serve() -> int:
        client: ReaderClient

        def now() -> Status:
            status = client.status
            up_bps, down_bps = meter.measure(status.bytes_up, status.bytes_down, clock.monotonic())
            return describe(status, up_bps, down_bps)

        line = StatusLine(now, clock)
        reading = reader(
            invite, listen, allow_remote=allow_remote, is_exact=is_exact, changed=line.changed, trace=trace
        )
        async with reading as (client, address):
            if not listen.is_loopback:
                warn("Whoever reaches this proxy over the network can read through it, without a password.")
            say(f"ready proxy={address}")
            await line.run()
        return 0

    return run(serve)
