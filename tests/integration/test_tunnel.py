"""The pump and the gateway's hub over lanes in memory: everything real but the transports and the sites."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
from dataclasses import replace

import pytest

from tests.support.memory_lane import MemoryLane, lane_pair
from tests.support.proxy_bench import until
from unwalled.crypto.handshake import ReaderHandshake, Status
from unwalled.crypto.hpke import PostQuantumPrivateKey
from unwalled.errors import OpenFailed, StreamReset
from unwalled.gateway import sessions
from unwalled.gateway.bounds import WATCH
from unwalled.gateway.sessions import SessionHub, TokenVerdict
from unwalled.session.events import LeaveReason
from unwalled.session.reader import ReaderSession
from unwalled.settings import GATEWAY
from unwalled.tunnel.api import DatagramFlow, IncomingStream
from unwalled.tunnel.pump import Pump
from unwalled.tunnel.streams import TunnelFlow, TunnelStream
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Verdict

TOKEN = bytes(28)
ECHO = Target.parse("echo.example", 7)


class EchoHandler:
    """Echoes streams and datagrams; refuses port 1 as a site that is closed would."""

    async def handle_stream(self, stream: IncomingStream) -> None:
        if stream.target.port == 1:
            stream.reset(Code.CONNECTION_REFUSED)
            return
        stream.accept()
        while data := await stream.read():
            await stream.write(data)
        await stream.finish()

    async def handle_datagrams(self, flow: DatagramFlow) -> None:
        while True:
            target, payload = await flow.receive()
            flow.send(target, payload)


class Reader:
    """A reader's pump, and what it told."""

    def __init__(self, gateway_key: bytes, token: bytes = TOKEN) -> None:
        loop = asyncio.get_running_loop()
        self.session = ReaderSession(gateway_key, token, os.urandom, loop.time())
        self.pump = Pump(self.session, self.session.core, self)
        self.left: list[LeaveReason] = []
        self.closed: asyncio.Future[Code] = loop.create_future()

    def established(self) -> None: ...
    def resumed(self) -> None: ...
    def stream_opened(self, stream: TunnelStream) -> None: ...
    def flow_opened(self, flow: TunnelFlow) -> None: ...
    def lane_fell_silent(self) -> None: ...
    def lanes_limited(self) -> None: ...

    def lane_left(self, lane: int, reason: LeaveReason) -> None:
        self.left.append(reason)

    def session_closed(self, code: Code) -> None:
        self.closed.set_result(code)

    def add_lane(self, hub: SessionHub, ticket: str = "ticket") -> tuple[MemoryLane, MemoryLane]:
        mine, theirs = lane_pair()
        hub.take_lane(theirs, ticket)
        key = self.session.lane_opened(self.pump.now())
        mine.start(self.pump.attach(key, mine))
        return mine, theirs


class World:
    """One gateway and what it heard of its lanes."""

    def __init__(self, verdict: TokenVerdict = TokenVerdict.GOOD) -> None:
        self.key = PostQuantumPrivateKey(os.urandom(96))
        self.reports: list[LaneReport] = []
        self.hub = SessionHub(
            self.key,
            lambda token: verdict,
            lambda invite: EchoHandler(),
            os.urandom,
            self.reports.append,
        )


async def _echo(stream: TunnelStream, size: int) -> None:
    data = os.urandom(size)
    digest = hashlib.sha256()

    async def send() -> None:
        for at in range(0, size, 50_000):
            await stream.write(data[at : at + 50_000])
        await stream.finish()

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        while got := await stream.read():
            digest.update(got)
    assert digest.digest() == hashlib.sha256(data).digest()


def test_bytes_come_back_over_several_lanes_and_nothing_is_left_behind() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        for _ in range(3):
            reader.add_lane(world.hub)
        streams = [reader.pump.open_stream(ECHO) for _ in range(20)]
        for stream in streams:
            await stream.opened()
        async with asyncio.TaskGroup() as group:
            for stream in streams:
                group.create_task(_echo(stream, 300_000))
        await until(lambda: not world.hub.task_count and not reader.session.core.stream_count)
        assert reader.pump.stream_count == 0
        reader.pump.close(Code.CANCELLED)
        await until(lambda: not world.hub.session_count)
        assert [report.verdict for report in world.reports] == [Verdict.GOOD] * 3

    asyncio.run(main())


def test_a_site_that_refuses_is_told_by_its_code() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        reader.add_lane(world.hub)
        with pytest.raises(OpenFailed) as failed:
            await reader.pump.open_stream(Target.parse("echo.example", 1)).opened()
        assert failed.value.code is Code.CONNECTION_REFUSED

    asyncio.run(main())


def test_datagrams_come_back() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        reader.add_lane(world.hub)
        flow = reader.pump.open_flow()
        await flow.opened()
        flow.send(ECHO, b"hello")
        assert await flow.receive() == (ECHO, b"hello")
        flow.close()
        with pytest.raises(StreamReset):
            await flow.receive()

    asyncio.run(main())


def test_a_lane_that_dies_in_mid_transfer_is_not_noticed() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        first, _ = reader.add_lane(world.hub)
        reader.add_lane(world.hub)
        stream = reader.pump.open_stream(ECHO)
        await stream.opened()
        echo = asyncio.create_task(_echo(stream, 4_000_000))
        await until(lambda: reader.session.core.carried_bytes[1] > 100_000)
        first.close()
        await echo
        assert reader.left == [LeaveReason.CLOSED]

    asyncio.run(main())


def test_a_lane_that_changes_a_byte_is_left_and_reported_and_the_bytes_are_right() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        reader.add_lane(world.hub, "good")
        bad, bad_gateway_end = reader.add_lane(world.hub, "bad")
        stream = reader.pump.open_stream(ECHO)
        await stream.opened()
        bad.tamper = lambda message: [message[:-1] + bytes((message[-1] ^ 1,))]
        await _echo(stream, 2_000_000)
        assert ("bad", Verdict.BAD) in [(report.ticket, report.verdict) for report in world.reports]
        assert bad.is_closed
        assert bad_gateway_end.is_closed

    asyncio.run(main())


def test_the_other_lanes_of_a_bridge_that_tampered_are_no_good_word_for_it() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        reader.add_lane(world.hub, "good")
        bad, _ = reader.add_lane(world.hub, "bad")
        also, _ = reader.add_lane(world.hub, "bad")
        stream = reader.pump.open_stream(ECHO)
        await stream.opened()
        await until(lambda: world.hub.lane_count == 3)
        bad.tamper = lambda message: [message[:-1] + bytes((message[-1] ^ 1,))]
        await _echo(stream, 2_000_000)
        also.close()
        await until(lambda: world.hub.lane_count == 1)
        assert [(report.ticket, report.verdict) for report in world.reports] == [("bad", Verdict.BAD)]

    asyncio.run(main())


def test_lanes_are_reported_while_they_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = dataclasses.replace(WATCH, first_report_s=0.0, report_every_s=0.0, tick_s=0.01)
    monkeypatch.setattr(sessions, "WATCH", watch)

    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        reader.add_lane(world.hub, "one")
        reader.add_lane(world.hub, "two")
        told: set[str] = set()
        while told != {"one", "two"}:
            stream = reader.pump.open_stream(ECHO)
            await stream.opened()
            await _echo(stream, 1_000_000)
            told = {report.ticket for report in world.reports if report.carried_bytes and not report.ended}
        reader.pump.close(Code.CANCELLED)
        await until(lambda: not world.hub.session_count)
        assert sorted(report.ticket for report in world.reports if report.ended) == ["one", "two"]
        assert sum(report.carried_bytes for report in world.reports) >= 2_000_000
        await world.hub.close()

    asyncio.run(main())


@pytest.mark.parametrize("verdict", [TokenVerdict.EXPIRED, TokenVerdict.REFUSED])
def test_an_invite_that_is_not_good_gets_an_authentic_no(verdict: TokenVerdict) -> None:
    async def main() -> None:
        world = World(verdict)
        reader = Reader(world.key.public)
        reader.add_lane(world.hub)
        assert await reader.closed is Code.NOT_ALLOWED
        assert reader.session.refused is not None
        assert world.hub.session_count == 0

    asyncio.run(main())


def test_one_invite_cannot_take_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GATEWAY", replace(GATEWAY, sessions_per_invite=2))

    async def main() -> None:
        world = World()
        readers = [Reader(world.key.public) for _ in range(3)]
        for reader in readers:
            reader.add_lane(world.hub)
        assert await readers[2].closed is Code.NOT_ALLOWED
        assert readers[2].session.refused is Status.FULL
        other = Reader(world.key.public, b"another invite's token here.")
        other.add_lane(world.hub)
        await until(lambda: world.hub.session_count == 3)
        readers[0].pump.close(Code.GENERAL)
        await until(lambda: world.hub.session_count == 2)
        again = Reader(world.key.public)
        again.add_lane(world.hub)
        await until(lambda: world.hub.session_count == 3)
        await world.hub.close()
        await until(lambda: not world.hub._of_invite)

    asyncio.run(main())


def test_one_invite_cannot_take_all_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GATEWAY", replace(GATEWAY, lanes_per_invite=2))

    async def main() -> None:
        world = World()
        reader, other = Reader(world.key.public), Reader(world.key.public, b"another invite's token here.")
        for _ in range(3):
            reader.add_lane(world.hub)
        for _ in range(2):
            other.add_lane(world.hub)
        await until(lambda: world.hub.lane_count == 4 and bool(reader.left))
        assert reader.left == [LeaveReason.REFUSED]
        assert other.left == []
        # The session that has its lanes is not disturbed.
        stream = reader.pump.open_stream(ECHO)
        await stream.opened()
        await _echo(stream, 10_000)
        await world.hub.close()
        await until(lambda: not world.hub.lanes_of_invite)

    asyncio.run(main())


def test_a_reader_with_a_wrong_key_is_refused_and_greets_elsewhere() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(PostQuantumPrivateKey(os.urandom(96)).public)
        reader.add_lane(world.hub)
        await until(lambda: bool(reader.left))
        assert reader.left == [LeaveReason.REFUSED]
        assert world.hub.counters.lanes_refused == 1

    asyncio.run(main())


def test_a_hello_or_join_that_comes_again_is_refused() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        recorded: list[bytes] = []

        def record(message: bytes) -> list[bytes]:
            recorded.append(message)
            return [message]

        for _ in range(2):
            mine, _ = reader.add_lane(world.hub)
            mine.tamper = record
        stream = reader.pump.open_stream(ECHO)
        await stream.opened()
        await _echo(stream, 10_000)
        firsts = [message for message in recorded if message[0] in (0x01, 0x03)]
        assert len(firsts) == 2
        for message in firsts:
            mine, theirs = lane_pair()
            world.hub.take_lane(theirs, "replay")
            mine.send(message)
            await until(mine.has_closed)
        assert world.hub.counters.lanes_refused == 2
        assert world.hub.session_count == 1

    asyncio.run(main())


def test_hellos_without_a_good_invite_do_not_make_a_gateway_forget_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GATEWAY", replace(GATEWAY, remembered_hellos=2))

    async def main() -> None:
        world = World()
        counters = world.hub.counters
        monkeypatch.setattr(
            world.hub, "_check_token", lambda token: TokenVerdict.GOOD if token == TOKEN else TokenVerdict.REFUSED
        )

        def say(hello: bytes) -> None:
            mine, theirs = lane_pair()
            world.hub.take_lane(theirs, "ticket")
            mine.send(hello)

        good = ReaderHandshake(world.key.public, TOKEN, b"", os.urandom).message
        say(good)
        await until(lambda: counters.sessions_opened == 1)
        for _ in range(3):
            say(ReaderHandshake(world.key.public, bytes([1]) * len(TOKEN), b"", os.urandom).message)
        await until(lambda: counters.sessions_refused == 3)
        say(good)
        await until(lambda: counters.lanes_refused == 1)
        assert counters.sessions_opened == 1
        await world.hub.close()

    asyncio.run(main())


def test_who_finds_no_place_is_counted_apart_from_who_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GATEWAY", replace(GATEWAY, max_sessions=1))

    async def main() -> None:
        world = World()
        counters = world.hub.counters
        monkeypatch.setattr(
            world.hub, "_check_token", lambda token: TokenVerdict.GOOD if token == TOKEN else TokenVerdict.REFUSED
        )
        for token in (TOKEN, TOKEN, bytes([1]) * len(TOKEN)):
            mine, theirs = lane_pair()
            world.hub.take_lane(theirs, "ticket")
            mine.send(ReaderHandshake(world.key.public, token, b"", os.urandom).message)
        await until(lambda: counters.sessions_refused == 2)
        assert (counters.sessions_opened, counters.sessions_full) == (1, 1)
        await world.hub.close()

    asyncio.run(main())


def test_a_gateway_started_anew_ends_the_session_and_the_streams_say_so() -> None:
    async def main() -> None:
        world = World()
        reader = Reader(world.key.public)
        first, _ = reader.add_lane(world.hub)
        stream = reader.pump.open_stream(ECHO)
        await stream.opened()
        fresh = World()
        first.close()
        for refused in (1, 2):
            reader.add_lane(fresh.hub)
            await until(lambda refused=refused: reader.left.count(LeaveReason.REFUSED) == refused)  # type: ignore[misc]
        assert await reader.closed is Code.SESSION_LOST
        with pytest.raises(StreamReset):
            await stream.read()

    asyncio.run(main())
