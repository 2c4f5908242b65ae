"""``unwalled bridge``."""

from __future__ import annotations

import asyncio
import os
import sys

from unwalled.app.home import Home
from unwalled.bridge.client import Bridge, BridgeEvent, BridgeLost, BridgeReady, BridgeStatus
from unwalled.bridge.operator import OperatorUrl
from unwalled.bridge.rates import parse_rate
from unwalled.bridge.swarmlink import forget_secret, remember_link, remembered_secret
from unwalled.cli.output import Status, StatusLine, note, say
from unwalled.cli.running import run
from unwalled.cli.units import RateMeter, show_count, show_rate, show_size
from unwalled.clock import SystemClock
from unwalled.settings import SIGNALLING


def private_secret(url: str, *, join: bool) -> bytes:
    """The secret of this user's private swarm at an operator: that of before, a new one, or another helper's.

    A link to ``join`` comes on standard input, where no other user of the machine sees it. Raises UsageError.
    """
    folder, operator = Home.usual().folder, OperatorUrl.parse(url)
    if join:
        return remember_link(folder, operator, sys.stdin.read(SIGNALLING.max_invite_chars + 1))
    return remembered_secret(folder, operator, os.urandom)


def forget_private(url: str) -> None:
    """Deletes the secret of a private swarm."""
    was_there = forget_secret(Home.usual().folder, OperatorUrl.parse(url))
    say("forgotten: the link leads nowhere any more" if was_there else "there was nothing to forget")


def run_bridge(url: str, *, max_readers: int, rate: str | None, secret: bytes = b"") -> int:
    """Helps until stopped; with a ``secret`` only the readers of that private swarm.

    Raises ConfigurationError for a URL or a rate that is none.
    """
    rate_bps = None if rate is None else parse_rate(rate)
    clock = SystemClock()
    meter = RateMeter()
    state = "looking for the operator"

    async def help_readers() -> int:
        nonlocal state
        was_ready = False

        def on_event(event: BridgeEvent) -> None:
            nonlocal state, was_ready
            match event:
                case BridgeReady(link=link):
                    if not was_ready:
                        was_ready = True
                        say(f"ready operator={url} readers={max_readers} rate={rate or 'unlimited'}")
                        if link:
                            note("Only people with this link are helped, while this runs. Send it to those you know:")
                            say(link)
                    state = "waiting for readers"
                case BridgeLost(cause=cause):
                    state = f"{cause} It is tried again."
                case BridgeStatus():
                    pass
            line.changed()

        def describe() -> Status:
            stats = bridge.stats
            up_bps, down_bps = meter.measure(stats.bytes_up, stats.bytes_down, clock.monotonic())
            total = stats.bytes_up + stats.bytes_down
            if not stats.lanes:
                return Status(state, f"{show_size(total)} so far" if total else "")
            words = "helping" if state == "waiting for readers" else f"helping, though: {state}"
            return Status(
                words,
                f"{show_count(stats.readers, 'reader')}, {show_count(stats.lanes, 'lane')} · "
                f"down {show_rate(down_bps)}, up {show_rate(up_bps)} · {show_size(total)} so far",
            )

        bridge = Bridge(url, max_readers=max_readers, rate_bps=rate_bps, clock=clock, on_event=on_event, swarm=secret)
        line = StatusLine(describe, clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(line.run(), name="status line")
            group.create_task(bridge.run(), name="bridge")
        return 0

    return run(help_readers)
