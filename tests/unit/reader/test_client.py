"""The reader's client over bridges in memory: a real session and a real gateway's hub, a broker and WebRTC made up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from tests.support.descriptions import answer, offer
from tests.support.memory_lane import MemoryLane, lane_pair
from tests.support.notes import KeptNotes
from tests.support.proxy_bench import until
from unwalled.clock import SystemClock
from unwalled.crypto.hpke import PostQuantumPrivateKey
from unwalled.crypto.identity import KeyBundle
from unwalled.errors import LaneClosed, OpenFailed, SignalingFailed, StreamReset
from unwalled.gateway import sessions
from unwalled.gateway.sessions import SessionHub, TokenVerdict
from unwalled.lanes.base import Lane
from unwalled.lanes.webrtc import AnsweredLane, OfferedLane
from unwalled.reader.client import Phase, ReaderClient
from unwalled.session.notes import Decision, LaneThrough, SessionEnded, TraceSink
from unwalled.settings import GATEWAY, READER, ReaderLimits
from unwalled.signaling.client import MatchedLane, MatchResult
from unwalled.signaling.errors import DoorNonsense, DoorsUnreachable, InviteNotTaken, InviteOver, NoBridge
from unwalled.tunnel.api import DatagramFlow, IncomingStream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.description import LaneDescription
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import Nat, Report, Verdict

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
    lanes: list[MemoryLane] = field(default_factory=list)

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


class World:
    """A gateway, its broker, and its bridges. ``failure`` is what the broker says; ``mangle`` changes its matches."""

    def __init__(self, bridges: int = 2) -> None:
        self.bridges = [Bridge(number) for number in range(bridges)]
        self.requests: list[Asked] = []
        self.failure: SignalingFailed | None = None
        self.mangle: Callable[[list[MatchedLane]], list[MatchedLane]] = lambda lanes: lanes
        self.offers: list[Offered] = []
        self.offers_before_failure: int | None = None
        self.holds_answers = False
        self.asked = 0
        self.withdrawn = 0
        self.verdict = TokenVerdict.GOOD
        self.key = PostQuantumPrivateKey(os.urandom(96))
        self.hubs: list[SessionHub] = []
        self.new_gateway()

    def new_gateway(self) -> None:
        """The gateway starts anew, with the same key and no memory."""
        self.hub = SessionHub(
            self.key, lambda token: self.verdict, lambda invite: EchoHandler(self), os.urandom, lambda *report: None
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
        self.requests.append(Asked(len(offers), spread, tuple(avoid), tuple(reports), held_bundle is not None))
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        there = [bridge for bridge in self.bridges if bridge.name not in avoid][:spread]
        if not there:
            raise NoBridge(0.002)
        lanes = [
            MatchedLane(index, there[index % len(there)].name, "net", answer(there[index % len(there)].number))
            for index in range(len(offers))
        ]
        return MatchResult(tuple(self.mangle(lanes)), self.bundle)

    # The WebRTC stack.

    async def offer(self) -> OfferedLane:
        await asyncio.sleep(0)
        if self.offers_before_failure is not None:
            if not self.offers_before_failure:
                raise LaneClosed("No more.")
            self.offers_before_failure -= 1
        made = Offered(self, len(self.offers))
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
        self.is_closed = False
        self.lane: MemoryLane | None = None

    async def accept(self, answer: LaneDescription) -> Lane:
        bridge = self._world.bridges[int(answer.ufrag.removeprefix("ufrag"))]
        await asyncio.sleep(0)
        if self._world.holds_answers:
            await asyncio.Event().wait()
        if not bridge.opens:
            raise LaneClosed("The lane did not open.")
        mine, theirs = lane_pair()
        if bridge.tampers:
            mine.tamper = lambda message: [message if message[0] != 0x10 else message[:-1] + bytes((message[-1] ^ 1,))]
            theirs.tamper = mine.tamper
        self._world.hub.take_lane(theirs, "ticket")
        self.lane = mine
        bridge.lanes.append(mine)
        return mine

    def close(self) -> None:
        self.is_closed = True


@asynccontextmanager
async def running(
    world: World, limits: ReaderLimits = QUICK, trace: TraceSink | None = None
) -> AsyncIterator[ReaderClient]:
    """A client at work; when it has stopped, nothing may be left of it."""
    before = asyncio.all_tasks()
    invite = Invite(bytes(32), bytes(32), bytes(28), ("https://door.example",), ())
    client = ReaderClient(invite, world, world, SystemClock(), os.urandom, Random(1), limits=limits, trace=trace)
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


def test_the_first_request_spreads_lanes_over_two_bridges_and_streams_and_datagrams_work() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            await client.connected()
            await echoes(client)
            flow = await client.open_datagrams()
            flow.send(ECHO, b"datagram")
            assert await flow.receive() == (ECHO, b"datagram")
            lanes = READER.bridges * READER.lanes_per_bridge
            await until(lambda: client.status.lanes == lanes)
            assert world.requests[0] == Asked(lanes, READER.bridges, (), (), False)
            assert [bridge.open_lanes for bridge in world.bridges] == [READER.lanes_per_bridge] * 2
            assert client.status.phase is Phase.CONNECTED
            assert client.status.bridges == 2
            assert client.status.bytes_up > 5
            assert client.status.bytes_down > 5

    run(main)


def test_without_a_bridge_it_says_so_and_asks_again_until_one_comes() -> None:
    async def main() -> None:
        world = World()
        world.failure = NoBridge(0.002)
        async with running(world) as client:
            await until(lambda: len(world.requests) >= 4)
            assert client.status.phase is Phase.NO_BRIDGE
            assert "No bridge" in client.status.detail
            waiting = asyncio.create_task(echoes(client))
            world.failure = None
            await waiting
            await client.connected()

    run(main)


def test_the_brokers_wish_when_to_ask_again_is_honoured() -> None:
    async def main() -> None:
        world = World()
        world.failure = NoBridge(1000.0)
        async with running(world, replace(QUICK, retry_max_s=1000.0, open_wait_s=0.02)) as client:
            await until(lambda: client.status.phase is Phase.NO_BRIDGE)
            world.failure = None
            client._changed.set()
            with pytest.raises(OpenFailed) as failed:
                await client.open(ECHO)
            assert failed.value.code is Code.NO_BRIDGE
            assert len(world.requests) == 1

    run(main)


@pytest.mark.parametrize("failure", [DoorsUnreachable("no answer"), DoorNonsense("it is not sealed")])
def test_a_broker_that_cannot_be_reached_is_tried_again(failure: SignalingFailed) -> None:
    async def main() -> None:
        world = World()
        world.failure = failure
        async with running(world) as client:
            await until(lambda: len(world.requests) >= 5)
            assert client.status.phase is Phase.NO_BROKER
            world.failure = None
            await echoes(client)

    run(main)


def test_waits_for_the_broker_grow_up_to_a_bound() -> None:
    async def main() -> None:
        world = World()
        invite = Invite(bytes(32), bytes(32), bytes(28), ("https://door.example",), ())
        limits = replace(QUICK, retry_min_s=1.0, retry_max_s=30.0)
        client = ReaderClient(invite, world, world, SystemClock(), os.urandom, _Highest(), limits=limits)
        waits = [client._failed(DoorsUnreachable("no answer"), failures) for failures in (0, 1, 2, 3, 4, 5, 10_000)]
        assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]

    run(main)


class _Highest(Random):
    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize("failure", [InviteOver(), InviteNotTaken()])
def test_an_invite_that_the_broker_refuses_fails_all_at_once_until_it_is_taken(failure: SignalingFailed) -> None:
    async def main() -> None:
        world = World()
        world.failure = failure
        async with running(world, replace(QUICK, open_wait_s=1000.0)) as client:
            waiting = asyncio.create_task(client.open(ECHO))
            with pytest.raises(SignalingFailed, match=str(failure)[:20]):
                await client.connected()
            for opening in (waiting, client.open(ECHO), client.open_datagrams()):
                with pytest.raises(OpenFailed) as failed:
                    await opening
                assert failed.value.code is Code.NO_BRIDGE
            # It stays refused while it asks again, so that nobody begins to wait.
            asked = len(world.requests)
            await until(lambda: len(world.requests) > asked + 2)
            assert client.status.phase is Phase.REFUSED
            world.failure = None
            await until(lambda: client.status.phase is Phase.CONNECTED)
            await echoes(client)

    run(main)


@pytest.mark.parametrize("verdict", [TokenVerdict.EXPIRED, TokenVerdict.REFUSED])
def test_an_invite_that_the_gateway_refuses_fails_all_and_does_not_ask_in_a_hurry(verdict: TokenVerdict) -> None:
    async def main() -> None:
        world = World()
        world.verdict = verdict
        async with running(world, replace(QUICK, open_wait_s=1000.0, retry_max_s=1000.0)) as client:
            with pytest.raises(OpenFailed):
                await client.open(ECHO)
            assert client.status.phase is Phase.REFUSED
            with pytest.raises(OpenFailed):
                await client.open(ECHO)
            await until(lambda: not world.open_lanes and not client._opening)
            client._changed.set()
            await until(lambda: not client._changed.is_set())
            assert len(world.requests) == 1

    run(main)


def test_an_application_waits_for_a_bridge_only_so_long() -> None:
    async def main() -> None:
        world = World(bridges=0)
        async with running(world, replace(QUICK, open_wait_s=0.02)) as client:
            for opening in (client.open(ECHO), client.open_datagrams()):
                with pytest.raises(OpenFailed) as failed:
                    await opening
                assert failed.value.code is Code.NO_BRIDGE

    run(main)


def test_an_application_waits_for_the_gateways_answer_only_so_long_and_the_stream_is_withdrawn() -> None:
    async def main() -> None:
        world = World()
        async with running(world, replace(QUICK, open_wait_s=0.2, answer_wait_s=0.21)) as client:
            await client.connected()
            with pytest.raises(OpenFailed) as failed:
                await client.open(MUTE)
            assert failed.value.code is Code.TIMED_OUT
            await until(lambda: world.withdrawn == 1)

    run(main)


def test_an_open_that_is_cancelled_is_withdrawn_at_the_gateway() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            opening = asyncio.create_task(client.open(MUTE))
            await until(lambda: world.asked == 1)
            opening.cancel()
            await until(lambda: world.withdrawn == 1)
            assert opening.cancelled()
            assert client._live is not None
            assert client._live.pump.stream_count == 0

    run(main)


def test_a_bridge_whose_lanes_do_not_open_is_reported_and_not_asked_for_again() -> None:
    async def main() -> None:
        world = World(bridges=3)
        world.bridges[0].opens = False
        async with running(world) as client:
            await until(lambda: client.status.bridges == 2)
            await echoes(client)
            again = world.requests[1]
            assert "bridge-0" in again.avoid
            assert Report("bridge-0", Verdict.DEAD) in again.reports
            assert again.holds_bundle
            assert world.bridges[0].open_lanes == 0

    run(main)


def test_a_bridge_that_tampers_is_reported_and_avoided_and_nothing_is_lost() -> None:
    async def main() -> None:
        world = World(bridges=3)
        world.bridges[0].tampers = True
        async with running(world) as client:
            await echoes(client)
            await until(lambda: any(Report("bridge-0", Verdict.BAD) in asked.reports for asked in world.requests))
            told = next(asked for asked in world.requests if Report("bridge-0", Verdict.BAD) in asked.reports)
            assert "bridge-0" in told.avoid
            await until(lambda: client.status.bridges == 2 and not world.bridges[0].open_lanes)
            await echoes(client)

    run(main)


def test_verdicts_that_the_broker_did_not_hear_are_told_again() -> None:
    async def main() -> None:
        world = World(bridges=1)
        async with running(world) as client:
            await client.connected()
            world.failure = DoorsUnreachable("no answer")
            good = Report("bridge-0", Verdict.GOOD)
            await until(lambda: sum(good in asked.reports for asked in world.requests) >= 2)

    run(main)


def test_a_gateway_started_anew_costs_only_the_streams_that_were_open() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            stream = await client.open(ECHO)
            carried = client.status.bytes_up
            world.new_gateway()
            for bridge in world.bridges:
                for lane in bridge.lanes:
                    lane.close()
            await asyncio.gather(*(echoes(client) for _ in range(5)))
            flow = await client.open_datagrams()
            flow.close()
            with pytest.raises(StreamReset) as cut:
                await stream.read()
            assert cut.value.code is Code.SESSION_LOST
            assert client.status.phase is Phase.CONNECTED
            assert client.status.bytes_up > carried

    run(main)


def test_with_one_bridge_a_second_is_asked_for_quietly_and_joins_when_it_comes() -> None:
    async def main() -> None:
        world = World(bridges=1)
        async with running(world) as client:
            stream = await client.open(ECHO)
            await until(lambda: len(world.requests) >= 4)
            for asked in world.requests[1:]:
                assert (asked.offers, asked.spread) == (READER.lanes_per_bridge, 1)
                assert "bridge-0" in asked.avoid
            assert client.status.phase is Phase.CONNECTED
            world.bridges.append(Bridge(1))
            await until(lambda: client.status.bridges == 2)
            await until(lambda: world.bridges[1].open_lanes == READER.lanes_per_bridge)
            for lane in world.bridges[0].lanes:
                lane.close()
            await stream.write(b"still there")
            assert await stream.read() == b"still there"

    run(main)


def test_bridges_that_fall_silent_are_replaced_though_nothing_closes() -> None:
    async def main() -> None:
        world = World(bridges=2)
        async with running(world, replace(QUICK, spread_retry_s=60.0, bridge_silence_s=0.01)) as client:
            stream = await client.open(ECHO)
            await until(lambda: client.status.lanes == READER.bridges * READER.lanes_per_bridge)
            for lane in world.bridges[0].lanes + world.bridges[1].lanes:
                assert lane.other is not None
                lane.black_hole = lane.other.black_hole = True
            world.bridges.append(Bridge(2))
            await stream.write(b"still there")
            assert await stream.read() == b"still there"
            assert {"bridge-0", "bridge-1"} <= set(world.requests[-1].avoid)
            assert world.bridges[0].open_lanes, "it may wake"
            assert client.status.phase is Phase.CONNECTED

    run(main)


def test_lanes_are_added_while_they_hold_the_session_up_but_not_through_bridges_that_failed() -> None:
    async def main() -> None:
        world = World()
        world.bridges.append(Bridge(2))
        base = READER.bridges * READER.lanes_per_bridge
        async with running(world, replace(QUICK, growth_hold_s=1000.0, growth_gain=0.0)) as client:
            await until(lambda: client.status.lanes == base)
            client._book.failed("bridge-0", Verdict.BAD, SystemClock().monotonic())
            client.lanes_limited()
            await until(lambda: client.status.lanes > base)
            asked = world.requests[-1]
            assert (asked.spread, asked.avoid) == (READER.bridges, ("bridge-0",))
            world.failure = NoBridge(None)
            asked_before = len(world.requests)
            client.lanes_limited()
            await until(lambda: not client._limited.is_set())
            await echoes(client)
            assert len(world.requests) <= asked_before + 1

    run(main)


def test_lanes_that_are_not_needed_any_more_are_given_back() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            await until(lambda: client.status.lanes == READER.base_lanes)
            client.lanes_limited()
            await until(lambda: sum(len(bridge.lanes) for bridge in world.bridges) > READER.base_lanes)
            await until(lambda: client.status.lanes == READER.base_lanes == world.open_lanes)
            await echoes(client)

    run(main)


def test_lanes_are_not_added_when_the_way_is_short() -> None:
    async def main() -> None:
        world = World()
        async with running(world, replace(QUICK, growth_least_rtt_s=1000.0)) as client:
            await until(lambda: client.status.lanes == READER.base_lanes)
            client.lanes_limited()
            await until(lambda: not client._limited.is_set())
            assert len(world.requests) == 1

    run(main)


def test_an_offer_that_fails_takes_the_others_with_it_and_is_tried_again() -> None:
    async def main() -> None:
        world = World()
        world.offers_before_failure = 3
        async with running(world) as client:
            await until(lambda: client.status.phase is Phase.NO_BRIDGE)
            assert "could not prepare" in client.status.detail
            assert world.leaked_offers == 0
            assert world.requests == []
            world.offers_before_failure = None
            await echoes(client)

    run(main)


def test_a_stack_that_breaks_otherwise_ends_the_program_and_leaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        world = World()
        first, offered = world.offer, 0

        async def offer() -> OfferedLane:
            nonlocal offered
            offered += 1
            if offered == 4:
                raise RuntimeError("broken")
            return await first()

        monkeypatch.setattr(world, "offer", offer)
        invite = Invite(bytes(32), bytes(32), bytes(28), ("https://door.example",), ())
        client = ReaderClient(invite, world, world, SystemClock(), os.urandom, Random(1))
        with pytest.raises(ExceptionGroup):
            await client.run()
        assert world.leaked_offers == 0

    run(main)


def test_offer_numbers_that_come_twice_or_are_not_ours_do_no_harm() -> None:
    async def main() -> None:
        world = World()

        def mangle(lanes: list[MatchedLane]) -> list[MatchedLane]:
            return [lanes[0], lanes[0], replace(lanes[1], offer=99), replace(lanes[1], offer=-1), lanes[2]]

        world.mangle = mangle
        async with running(world) as client:
            await echoes(client)
            assert world.offers[1].is_closed
            assert world.offers[0].lane is not None

    run(main)


def test_stopping_while_lanes_open_closes_their_offers() -> None:
    async def main() -> None:
        world = World()
        world.holds_answers = True
        async with running(world) as client:
            await until(lambda: client._opening > 0)

    run(main)


def test_a_gateway_that_is_full_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GATEWAY", replace(GATEWAY, sessions_per_invite=0))

    async def main() -> None:
        world = World()
        async with running(world) as client:
            waiting = asyncio.create_task(client.open(ECHO))
            await until(lambda: "full" in client.status.detail)
            assert client.status.phase is Phase.NO_BRIDGE
            assert not waiting.done()
            monkeypatch.setattr(sessions, "GATEWAY", GATEWAY)
            await waiting

    run(main)


def test_a_trace_hears_of_decisions_and_of_bridges_by_number() -> None:
    async def main() -> None:
        world, kept = World(3), KeptNotes()
        world.bridges[0].opens = False
        async with running(world, trace=kept) as client:
            await client.connected()
            lanes = READER.bridges * READER.lanes_per_bridge
            await until(lambda: client.status.bridges == 2)
            client._limited.set()
            await until(lambda: any(note.what == "more" for note in kept.of(Decision)))
            await until(lambda: any(note.what == "fewer" for note in kept.of(Decision)))
            world.failure = NoBridge(0.002)
            client._limited.set()
        decided = kept.of(Decision)
        assert [(note.what, note.lanes, note.bridges) for note in decided[:2]] == [
            ("asked", lanes, 2),
            ("matched", lanes, 2),
        ]
        assert ("failed", 1, 1) in [(note.what, note.lanes, note.bridges) for note in decided]
        assert {note.why for note in decided if note.what == "more"} == {"limited"}
        assert {note.why for note in decided if note.what == "fewer"} <= {"quiet", "no gain"}
        assert {2, 3} <= {note.bridge for note in kept.of(LaneThrough)} <= {1, 2, 3}
        assert "bridge-" not in repr(kept.notes)
        assert len(kept.of(SessionEnded)) == 1
        assert not kept.is_closed

    run(main)


def test_a_trace_hears_that_the_broker_has_no_bridge() -> None:
    async def main() -> None:
        world, kept = World(), KeptNotes()
        world.failure = NoBridge(0.002)
        async with running(world, trace=kept):
            await until(lambda: len(world.requests) >= 2)
        assert [note.what for note in kept.of(Decision)[:2]] == ["asked", "unmatched"]

    run(main)
