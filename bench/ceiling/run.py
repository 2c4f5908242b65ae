"""What the way itself can do, without Unwalled: measured in the same run as the cases that stand beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.chromium import Chromium
from bench.flow import Flow
from bench.network import Network
from bench.processes import Process, Processes

LARGE = 64 * 1024
SMALL = 16 * 1024
_SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One measurement through a bare relay: ``chromium`` or ``headless``, ``down`` or ``up``."""

    through: str
    direction: str
    lanes: int
    message_bytes: int = SMALL
    seconds: float = 8.0
    skip_s: float = 2.0
    """Ramp that does not count."""

    @property
    def name(self) -> str:
        """For the table."""
        relay = "bare Chromium page" if self.through == "chromium" else "bare headless relay"
        return f"{relay}, {self.direction}, {self.lanes} lane{'s' * (self.lanes > 1)}, {self.message_bytes // 1024} KiB"


def measure(ceiling: Ceiling, network: Network, processes: Processes) -> Flow:
    """Peer on the reader's side; relay and WebSocket server on the far side."""
    far = network.far
    server = processes.python("ceiling-server", "bench.ceiling.server", "127.0.0.1", namespace=far.namespace)
    port = server.line().split()[1]
    arguments = (ceiling.direction, str(ceiling.lanes), str(ceiling.message_bytes), str(ceiling.seconds))
    peer = processes.python("ceiling-peer", "bench.ceiling.peer", *arguments, namespace=network.reader.namespace)
    browser = relay = None
    try:
        if ceiling.through == "chromium":
            browser = Chromium(processes, far.namespace)
            tab = browser.open(f"http://127.0.0.1:{port}/")
            for _ in range(ceiling.lanes):
                peer.tell(json.dumps(tab.evaluate(f"relay({peer.line()})")))
        else:
            url = f"ws://127.0.0.1:{port}/lane"
            relay = processes.python("ceiling-relay", "bench.ceiling.relay", url, namespace=far.namespace)
            relay.line()
            for _ in range(ceiling.lanes):
                relay.tell(peer.line())
                peer.tell(relay.line())
        return Flow(**json.loads(peer.line(ceiling.seconds + 60)))
    finally:
        if browser is not None:
            browser.close()
        for process in (peer, relay, server):
            if process is not None:
                processes.end(process)


@dataclass(frozen=True, slots=True)
class Start:
    """What the smallest program measured: from its start to its first byte, and round trips of 100 B, in seconds."""

    first_byte_s: float
    round_trips_s: list[float]


def start(through: str, lanes: int, count: int, network: Network, processes: Processes) -> Start:
    """A program that starts from nothing and reads a byte through a bare relay (see first.py)."""
    far = network.far
    server = processes.python("ceiling-server", "bench.ceiling.server", far.address, namespace=far.namespace)
    port = server.line().split()[1]
    browser = relay = None
    try:
        base = f"{far.address}:{port}"
        if through == "chromium":
            browser = Chromium(processes, far.namespace)
            browser.open(f"http://{base}/").evaluate("wait()")
        else:
            urls = (f"ws://{base}/lane", f"ws://{base}/signal")
            relay = processes.python("ceiling-relay", "bench.ceiling.relay", *urls, namespace=far.namespace)
            relay.line()
        # A browser that is just being started would take the processor from the program.
        time.sleep(_SETTLE_S)
        began = time.monotonic()
        arguments = (far.address, port, str(lanes), str(count))
        peer = processes.python("ceiling-first", "bench.ceiling.first", *arguments, namespace=network.reader.namespace)
        result = json.loads(peer.line(60 + count))
        processes.end(peer)
        return Start(result["first_at"] - began, result["round_trips_s"])
    finally:
        if browser is not None:
            browser.close()
        for process in (relay, server):
            if process is not None:
                processes.end(process)


@contextmanager
def plain(network: Network, processes: Processes) -> Iterator[Callable[..., Process]]:
    """A site that is read straight over the link; gives what starts the reading program."""
    address = network.far.address
    site = processes.python("site", "bench.site", address, "0", namespace=network.far.namespace)
    target = f"{address}:{site.line().split()[1]}"

    def start(*command: str) -> Process:
        arguments = ("-", target, *command)
        return processes.python("client", "bench.client", *arguments, namespace=network.reader.namespace)

    try:
        yield start
    finally:
        processes.end(site)


def tcp(network: Network, processes: Processes, direction: str, seconds: float, congestion: str = "cubic") -> Flow:
    """One plain TCP connection over the same link, with the congestion control that is named."""
    with plain(network, processes) as start:
        client = start(f"{direction}load", str(seconds), congestion)
        result = json.loads(client.line(seconds + 60))
        processes.end(client)
    return Flow(**{name: value for name, value in result.items() if name in Flow.__dataclass_fields__})
