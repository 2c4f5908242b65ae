"""A reader's client over bridges in memory: a real gateway's hub behind them, a broker and WebRTC made up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random

import msgspec

from tests.support.descriptions import answer, offer
from tests.support.memory_lane import MemoryLane, lane_pair
from tests.support.proxy_bench import until
from unwalled.clock import SystemClock
from unwalled.crypto.hpke import PostQuantumPrivateKey
from unwalled.crypto.identity import KeyBundle
from unwalled.errors import LaneClosed, SignalingFailed, StreamReset
from unwalled.gateway.sessions import SessionHub, TokenVerdict
from unwalled.lanes.base import Lane
from unwalled.lanes.webrtc import AnsweredLane, OfferedLane
from unwalled.reader.client import ReaderClient
from unwalled.session.notes import TraceSink
from unwalled.settings import READER, ReaderLimits
from unwalled.signaling.client import MatchedLane, MatchResult
from unwalled.signaling.errors import NoBridge
from unwalled.tunnel.api import DatagramFlow, IncomingStream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.description import LaneDescription
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import Nat, Report

QUICK = replace(
    READER,
    open_wait_s=5.0,
    answer_wait_s=10.0,
    retry_min_s=0.002,
    retry_max_s=0.01,
    spread_retry_s=0.01,
    growth_judge_s=0.005,
    growth_rate_s=0.005,
    growth_hold_s=0.02,
    growth_least_rtt_s=0.0,
)
ECHO = Target.parse("echo.example", 7)
MUTE = Target.parse("mute.example", 7)


class EchoHandler:
    """Echoes streams and datagrams; leaves those to MUTE without an answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_stream(self, stream: IncomingStream) -> None:
        if stream.target in self._world.refuses:
            stream.reset(Code.CONNECTION_REFUSED)
            return
        if stream.target == MUTE:
            self._world.asked += 1
            try:
                await stream.read()
            except StreamReset:
                self._world.withdrawn += 1
                raise
        stream.accept()
        while data := await stream.read():
            await stream.write(data)
        await stream.finish()

    async def handle_datagrams(self, flow: DatagramFlow) -> None:
        while True:
            target, payload = await flow.receive()
            flow.send(target, payload)


@dataclass
class Bridge:
    """One bridge: its name comes from its number, by which the made-up stack finds it."""

    number: int
    opens: bool = True
    tampers: bool = False
    swallows: bool = False
    """It passes on nothing that the reader says."""
    swallowed: list[bytes] = field(default_factory=list)
    lanes: list[MemoryLane] = field(default_factory=list)

    def swallow(self, message: bytes) -> list[bytes]:
        self.swallowed.append(message)
        return []

    @property
    def name(self) -> str:
        return f"bridge-{self.number}"

    @property
    def open_lanes(self) -> int:
        return sum(not lane.is_closed for lane in self.lanes)


@dataclass(frozen=True)
class Asked:
    offers: int
    spread: int
    avoid: tuple[str, ...]
    reports: tuple[Report, ...]
    holds_bundle: bool
    nat: Nat = Nat.UNKNOWN


class World:
    """A gateway, its broker, and its bridges. ``failure`` is what the broker says; ``mangle`` changes its matches."""

    def __init__(self, bridges: int = 2) -> None:
        self.bridges = [Bridge(number) for number in range(bridges)]
        self.candidates: tuple[str, ...] = ()
        """What the reader's offers have, if not the usual."""
        self.requests: list[Asked] = []
        self.described: list[list[LaneDescription]] = []
        """The offers of each request."""
        self.failure: SignalingFailed | None = None
        self.failed = 0
        """How many requests have got ``failure``."""
        self.mangle: Callable[[list[MatchedLane]], list[MatchedLane]] = lambda lanes: lanes
        self.offers: list[Offered] = []
        self.offers_before_failure: int | None = None
        self.offers_asked = 0
        self.slowest_first = 0
        """So many offers get ready in the reverse of the order in which they are asked for."""
        self.answers_pass = asyncio.Event()
        """Until then lanes do not open."""
        self.answers_pass.set()
        self.waits_for_bridges = False
        self.stun: tuple[str, ...] = ()
        self.asked = 0
        self.withdrawn = 0
        self.refuses: set[Target] = set()
        self.verdict = TokenVerdict.GOOD
        self.key = PostQuantumPrivateKey(os.urandom(96))
        self.hubs: list[SessionHub] = []
        self.new_gateway()

    def new_gateway(self) -> None:
        """The gateway starts anew, with the same key and no memory."""
        self.hub = SessionHub(
            self.key, lambda token: self.verdict, lambda invite: EchoHandler(self), os.urandom, lambda report: None
        )
        self.hubs.append(self.hub)

    @property
    def bundle(self) -> KeyBundle:
        return KeyBundle(1, self.key.public, 0, (), b"bundle")

    # The broker.

    async def match(
        self,
        offers: Sequence[LaneDescription],
        *,
        nat: Nat,
        spread: int,
        avoid: Sequence[str],
        reports: Sequence[Report],
        held_bundle: KeyBundle | None,
    ) -> MatchResult:
        self.requests.append(Asked(len(offers), spread, tuple(avoid), tuple(reports), held_bundle is not None, nat))
        self.described.append(list(offers))
        await asyncio.sleep(0)
        if self.failure is not None:
            self.failed += 1
            raise self.failure
        there = [bridge for bridge in self.bridges if bridge.name not in avoid][:spread]
        if not there:
            if self.waits_for_bridges:
                await asyncio.Event().wait()
            raise NoBridge(0.002)
        lanes = [
            MatchedLane(index, there[index % len(there)].name, "net", answer(there[index % len(there)].number))
            for index in range(len(offers))
        ]
        return MatchResult(tuple(self.mangle(lanes)), self.bundle)

    # The WebRTC stack.

    async def offer(self) -> OfferedLane:
        self.offers_asked += 1
        number = self.offers_asked
        # Those that were asked for first may be ready last.
        for _ in range(self.slowest_first - number):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        if self.offers_before_failure is not None:
            if not self.offers_before_failure:
                raise LaneClosed("No more.")
            self.offers_before_failure -= 1
        made = Offered(self, number - 1)
        self.offers.append(made)
        return made

    async def answer(self, offer: LaneDescription) -> AnsweredLane:
        raise AssertionError("A reader answers no offers.")

    async def aclose(self) -> None: ...

    @property
    def leaked_offers(self) -> int:
        """Offers that gave no lane and were not closed."""
        return sum(not made.is_closed and made.lane is None for made in self.offers)

    @property
    def open_lanes(self) -> int:
        return sum(bridge.open_lanes for bridge in self.bridges)


class Offered:
    """An offer; ``accept`` joins a lane to the gateway, through the bridge whose number the answer has."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self.description = offer(number)
        if world.candidates:
            self.description = msgspec.structs.replace(self.description, candidates=world.candidates)
        self.is_closed = False
        self.lane: MemoryLane | None = None

    async def accept(self, answer: LaneDescription) -> Lane:
        bridge = self._world.bridges[int(answer.ufrag.removeprefix("ufrag"))]
        await asyncio.sleep(0)
        await self._world.answers_pass.wait()
        if not bridge.opens:
            raise LaneClosed("The lane did not open.")
        mine, theirs = lane_pair()
        if bridge.tampers:
            mine.tamper = lambda message: [message if message[0] != 0x10 else message[:-1] + bytes((message[-1] ^ 1,))]
            theirs.tamper = mine.tamper
        if bridge.swallows:
            mine.tamper = bridge.swallow
        self._world.hub.take_lane(theirs, "ticket")
        self.lane = mine
        bridge.lanes.append(mine)
        return mine

    def close(self) -> None:
        self.is_closed = True


@asynccontextmanager
async def running(
    world: World, limits: ReaderLimits = QUICK, trace: TraceSink | None = None, *, is_exact: bool = False
) -> AsyncIterator[ReaderClient]:
    """A client at work; when it has stopped, nothing may be left of it."""
    before = asyncio.all_tasks()
    invite = Invite(bytes(32), bytes(32), bytes(28), ("https://door.example",), world.stun)
    client = ReaderClient(
        invite, world, world, SystemClock(), os.urandom, Random(1), limits=limits, trace=trace, is_exact=is_exact
    )
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert world.open_lanes == 0
        assert world.leaked_offers == 0
        for hub in world.hubs:
            await hub.close()
        await until(lambda: asyncio.all_tasks() == before)


def run(main: Callable[[], object]) -> None:
    asyncio.run(asyncio.wait_for(main(), 20))  # type: ignore[arg-type]


async def echoes(client: ReaderClient) -> None:
    stream = await client.open(ECHO)
    await stream.write(b"hello")
    assert await stream.read() == b"hello"
    await stream.finish()
    assert await stream.read() == b""
