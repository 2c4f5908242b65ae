"""The whole chain in one event loop: operator, headless bridges, reader and proxy, all real, and a site behind it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from tests.support.gateway_sites import FakeResolver
from tests.support.proxy_bench import ProxyUser, hang_up, local_site
from tests.support.tls_front import tls_front
from unwalled.bridge.client import Bridge, BridgeEvent, BridgeReady
from unwalled.clock import SystemClock
from unwalled.lanes.webrtc import ReactorStack, WebRtcStack
from unwalled.operator.options import CertificateFiles, IPAddress, ListenAddress, OperatorOptions, PublicUrl
from unwalled.operator.server import Operator
from unwalled.reader.client import ReaderClient
from unwalled.reader.listener import ProxyAddress, ProxyListener
from unwalled.session.notes import TraceSink
from unwalled.signaling.client import SignalingClient
from unwalled.trace.file import TraceFile
from unwalled.wire.invite import Invite

PATIENCE_S = 30.0

MakeStack = Callable[[tuple[str, ...]], WebRtcStack]


async def became(holds: Callable[[], bool], what: str) -> None:
    """Gives everyone their turn until something has happened, within a bound."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"it never came to this: {what}") from None


class RunningBridge:
    """A headless bridge and its task."""

    def __init__(self, operator_url: str, make_stack: MakeStack) -> None:
        self.name = ""
        self._ready = asyncio.Event()
        self.bridge = Bridge(operator_url, make_stack=make_stack, on_event=self._hear)
        self._task = asyncio.create_task(self.bridge.run(), name="bridge")

    async def ready(self) -> None:
        """Waits until the broker has it in its list."""
        await asyncio.wait_for(self._ready.wait(), PATIENCE_S)

    async def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def _hear(self, event: BridgeEvent) -> None:
        if isinstance(event, BridgeReady):
            self.name = event.name
            self._ready.set()


@dataclasses.dataclass
class ReaderProgram:
    """A reader with its stack and its proxy."""

    client: ReaderClient
    proxy: ProxyListener

    @property
    def stream_count(self) -> int:
        """Streams and flows that are open."""
        live = self.client._live
        return 0 if live is None else live.pump.core.stream_count + live.pump.stream_count


@dataclasses.dataclass
class Chain(ProxyUser):
    """The chain, seen from an application of the reader."""

    operator: Operator
    invite: Invite
    reader: ReaderProgram
    resolver: FakeResolver
    bridges: list[RunningBridge] = dataclasses.field(default_factory=list, kw_only=True)

    async def add_bridge(self, make_stack: MakeStack = ReactorStack) -> RunningBridge:
        """One more bridge, when it is ready."""
        bridge = RunningBridge(self.operator.url.text, make_stack)
        self.bridges.append(bridge)
        await bridge.ready()
        return bridge

    async def is_idle(self) -> None:
        """Waits until no stream is left at the reader, at the gateway, and towards sites."""
        hub, counters = self.operator._hub, self.operator._gateway.counters

        def kept() -> int:
            # The sessions themselves hold a stream until its last bytes are acked.
            cores = [session.pump.core.stream_count for session in hub._sessions.values()]
            return sum(cores) + sum(session.pump.stream_count for session in hub._sessions.values())

        await became(lambda: self.reader.stream_count == 0, "the reader has no streams")
        await became(lambda: hub.task_count == 0, "the gateway serves no streams")
        await became(lambda: kept() == 0, "the gateway's sessions have no streams")
        assert (counters.open_streams, counters.open_flows) == (0, 0)


@asynccontextmanager
async def running_operator(
    data: Path,
    *,
    port: int = 0,
    sources: Iterable[IPAddress] = (),
    trace: Path | None = None,
    certificate: Path | None = None,
    own_certificate: Path | None = None,
    private_swarms: str = "auto",
) -> AsyncIterator[tuple[Operator, Invite]]:
    """An operator that lets readers go to this machine; behind TLS if there is a certificate, or with its own."""
    async with AsyncExitStack() as undo:
        front = None if certificate is None else await undo.enter_async_context(tls_front(certificate))
        options = OperatorOptions(
            ListenAddress("127.0.0.1", port),
            None if front is None else PublicUrl(front.url),
            data,
            allow_private=True,
            sources=tuple(sources),
            trace=trace,
            private_swarms=private_swarms,
            certificate=None if own_certificate is None else CertificateFiles(own_certificate, own_certificate),
        )
        operator, invite = await Operator.start(options)
        if front is not None:
            front.behind = operator._server._servers[0].sockets[0].getsockname()[1]
        try:
            yield operator, invite
        finally:
            await operator.close()


@asynccontextmanager
async def running_reader(
    invite: Invite, sink: TraceSink | None = None
) -> AsyncIterator[tuple[ReaderProgram, ProxyAddress]]:
    """A reader, and where its proxy listens."""
    clock = SystemClock()
    stack = ReactorStack()
    signaling = SignalingClient(invite, clock, os.urandom)
    client = ReaderClient(invite, signaling, stack, clock, os.urandom, Random(1), trace=sink)
    proxy = ProxyListener(client, port=0)
    running = asyncio.create_task(client.run(), name="reader")
    try:
        at = await proxy.start()
        yield ReaderProgram(client, proxy), at
    finally:
        await proxy.close()
        running.cancel()
        await asyncio.wait([running])
        await signaling.aclose()
        await stack.aclose()


@asynccontextmanager
async def chain(
    data: Path,
    *,
    bridges: int = 1,
    names: dict[str, list[list[str]]] | None = None,
    sources: Iterable[IPAddress] = (),
    traces: Path | None = None,
    certificate: Path | None = None,
    own_certificate: Path | None = None,
) -> AsyncIterator[Chain]:
    """A chain. ``site.test`` and what ``names`` says are the only names that the gateway knows.

    With bridges it is connected when the block begins. At its end, nothing may be left of what was opened.
    ``traces``: a folder, which must be there, for ``reader.jsonl`` and ``gateway/``. ``certificate``: the operator is
    reached by TLS only, which ends before it, or in it with ``own_certificate``; the reader must have been told by
    SSL_CERT_FILE to trust it.
    """
    sink = None if traces is None else TraceFile(traces / "reader.jsonl")
    resolver = FakeResolver({"site.test": [["127.0.0.1"]], **(names or {})})
    async with (
        local_site() as (port, told),
        running_operator(
            data,
            sources=sources,
            trace=traces and traces / "gateway",
            certificate=certificate,
            own_certificate=own_certificate,
        ) as (
            operator,
            invite,
        ),
        running_reader(invite, sink) as (reader, at),
    ):
        operator._gateway.egress._resolver = resolver
        made = Chain(at, port, told, operator, invite, reader, resolver)
        try:
            for _ in range(bridges):
                await made.add_bridge()
            if bridges:
                await asyncio.wait_for(reader.client.connected(), PATIENCE_S)
            yield made
            for writer in made.writers:
                await hang_up(writer)
            await made.is_idle()
        finally:
            for writer in made.writers:
                await hang_up(writer)
            for bridge in made.bridges:
                await bridge.stop()
            if sink is not None:
                # Its last second is written when the reader ends, which is a moment later; what matters is there now.
                sink.close()
