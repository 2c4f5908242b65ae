"""Ways in memory for tests of the reader's choice: sites that answer, are cut or silent, and bridges beside them."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.fake_streams import FakeReader, FakeStream
from unwalled.errors import OpenFailed, StreamReset
from unwalled.network.addresses import IPAddress
from unwalled.rules.decisions import Decision
from unwalled.rules.memory import Sign
from unwalled.rules.modes import Reason, Way
from unwalled.tunnel.api import DatagramFlow, Stream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

PUBLIC = ipaddress.ip_address("198.41.0.4")
SITE = Target("site.example", 443)


class NearStream:
    """The application's end of a stream in memory; ``far`` is the site's."""

    def __init__(self) -> None:
        self.far = FakeStream(SITE)
        self.far.accept()
        self._near: FakeReader = self.far.reader
        self.reset_code: Code | None = None

    async def read(self) -> bytes:
        """See Stream."""
        return await self._near.read()

    async def write(self, data: bytes) -> None:
        """See Stream."""
        await self._near.write(data)

    async def finish(self) -> None:
        """See Stream."""
        self._near.finish()

    def reset(self, code: Code) -> None:
        """See Stream."""
        if self.reset_code is None:
            self.reset_code = code
            self._near.reset(code)

    def cut(self) -> None:
        """The site, or somebody in its place, cuts the connection."""
        self.far.reset(Code.CONNECTION_RESET)


class MemoryBridges:
    """A Tunnel whose streams stay in memory. ``failure``: how it fails, None when it opens."""

    def __init__(self, failure: Code | None = None) -> None:
        self.failure = failure
        self.asked: list[Target] = []
        self.streams: list[NearStream] = []
        self.opened = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()
        self.flows: list[MemoryFlow] = []
        self.withdrawn = 0

    async def open(self, target: Target, *, at_once: bool = False) -> Stream:
        """See Tunnel."""
        self.asked.append(target)
        self.opened.set()
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise
        if self.failure is not None:
            raise OpenFailed(self.failure)
        self.streams.append(NearStream())
        return self.streams[-1]

    async def open_datagrams(self) -> DatagramFlow:
        """See Tunnel."""
        await self.hold.wait()
        if self.failure is not None:
            raise OpenFailed(self.failure)
        self.flows.append(MemoryFlow())
        return self.flows[-1]


class MemoryFlow:
    """A datagram flow: ``sent`` is what went out, ``answers`` what comes back, None for its end."""

    def __init__(self) -> None:
        self.sent: list[tuple[Target, bytes]] = []
        self.answers: asyncio.Queue[tuple[Target, bytes] | None] = asyncio.Queue()
        self.is_closed = False

    async def receive(self) -> tuple[Target, bytes]:
        """See DatagramFlow."""
        found = await self.answers.get()
        if found is None:
            raise StreamReset(Code.SESSION_LOST)
        return found

    def send(self, target: Target, payload: bytes) -> None:
        """See DatagramFlow."""
        self.sent.append((target, payload))

    def close(self) -> None:
        """See DatagramFlow."""
        self.is_closed = True


@dataclass
class MemoryDirect:
    """A direct way in memory. ``failure``: how the look-up or the dialling fails."""

    addresses: Sequence[IPAddress] = (PUBLIC,)
    look_up_failure: Code | None = None
    failure: Code | None = None
    looked_up: list[str] = field(default_factory=list)
    dialled: list[tuple[Sequence[IPAddress], int]] = field(default_factory=list)
    streams: list[NearStream] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    is_held: bool = False

    async def look_up(self, target: Target) -> Sequence[IPAddress]:
        """See Direct."""
        self.looked_up.append(target.host)
        if self.look_up_failure is not None:
            raise OpenFailed(self.look_up_failure)
        return self.addresses

    async def dial(self, addresses: Sequence[IPAddress], port: int) -> Stream:
        """See Direct."""
        self.dialled.append((addresses, port))
        if self.is_held:
            await self.hold.wait()
        if self.failure is not None:
            raise OpenFailed(self.failure)
        self.streams.append(NearStream())
        return self.streams[-1]


@dataclass
class FixedGuide:
    """Says always the same, and notes what it is told."""

    way: Way = Way.DIRECT_FIRST
    judged: Decision | None = None
    learned: list[tuple[str, Sign]] = field(default_factory=list)
    doubted: list[tuple[str, Sign]] = field(default_factory=list)

    def decide(self, target: Target) -> Decision:
        """See Guide."""
        return Decision(self.way, Reason.UNLISTED)

    def judge(self, decision: Decision, addresses: Sequence[IPAddress]) -> Decision:
        """See Guide."""
        return self.judged if self.judged is not None else decision

    def learn(self, host: str, sign: Sign) -> None:
        """See Guide."""
        self.learned.append((host, sign))

    def doubt(self, host: str, sign: Sign) -> None:
        """See Guide."""
        self.doubted.append((host, sign))
