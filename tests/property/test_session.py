"""Two sessions over lanes that die, fall silent, stand still or lie, driven by rules in any order.

The world under it asserts memory bounds and book-keeping all along; the rules below assert what applications see.
"""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.session_pair import TRICKS, GatewayEnd, LaneShape, World
from tests.support.transfers import TARGET
from unwalled.session.core import Session
from unwalled.session.events import (
    DatagramReceived,
    Event,
    FlowAccepted,
    FlowClosed,
    FlowOpened,
    StreamAccepted,
    StreamCut,
    StreamOpened,
)
from unwalled.wire.codes import Code

WINDOW = 512 * 1024
indexes = st.integers(0, 1 << 16)
sizes = st.one_of(st.integers(0, 100), st.integers(0, 20_000), st.integers(0, 300_000))


class End:
    """What one application knows of its end of a stream."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.got = 0
        self.finished = False
        self.cut = False
        self.ended = False
        self.accepted = False


class SessionMachine(RuleBasedStateMachine):
    """Streams between two applications; ``ends`` holds (reader's end, gateway's end) of each by number."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(7, WINDOW, lifetime_s=60)
        self.world.checks_every = 8
        self.world.on_reader = self.on_reader
        self.world.on_gateway = self.on_gateway
        self.ends: dict[int, tuple[End, End]] = {}
        self.flows: dict[int, bool] = {}
        self.datagrams = itertools.count()
        self.arrived: set[bytes] = set()
        self.opened: set[int] = set()
        self.world.open_lane(LaneShape())
        self.world.run(1.0)
        self.gateway = self.world.gateways[0]

    def on_reader(self, event: Event) -> None:
        match event:
            case StreamCut(sid):
                assert not self.ends[sid][0].cut
                self.ends[sid][0].cut = True
            case StreamAccepted(sid):
                assert not self.ends[sid][0].accepted
                self.ends[sid][0].accepted = True
            case FlowAccepted(sid):
                assert sid in self.flows
            case FlowClosed(sid):
                self.flows[sid] = False
            case DatagramReceived(_, _, payload):
                assert payload not in self.arrived
                self.arrived.add(payload)
            case _:
                pass

    def on_gateway(self, end: GatewayEnd, event: Event) -> None:
        assert end is self.gateway
        match event:
            case StreamOpened(sid):
                assert sid not in self.opened
                self.opened.add(sid)
                end.session.accept_stream(sid)
            case StreamCut(sid):
                assert not self.ends[sid][1].cut
                self.ends[sid][1].cut = True
            case FlowOpened(sid):
                end.session.accept_flow(sid)
            case DatagramReceived(sid, target, payload):
                end.session.send_datagram(sid, target, payload, self.world.now)
            case _:
                pass

    def side(self, index: int, at_gateway: bool) -> tuple[Session, int, End, End] | None:
        """One application's end: session, stream, own state, the other's."""
        candidates = sorted(self.opened) if at_gateway else sorted(self.ends)
        if not candidates:
            return None
        sid = candidates[index % len(candidates)]
        mine, other = self.ends[sid][at_gateway], self.ends[sid][not at_gateway]
        return (self.gateway.session if at_gateway else self.world.reader.core), sid, mine, other

    def read_all(self, session: Session, sid: int, mine: End, other: End) -> None:
        while not mine.cut and not mine.ended:
            data, mine.ended = session.read(sid, self.world.now)
            assert data == other.sent[mine.got : mine.got + len(data)]
            mine.got += len(data)
            if mine.ended:
                assert other.finished
                assert mine.got == len(other.sent)
            if not data:
                return

    # Rules.

    @precondition(lambda self: len(self.ends) < 12 and not self.world.reader_closed)
    @rule()
    def open(self) -> None:
        sid = self.world.reader.core.open_stream(TARGET)
        self.ends[sid] = (End(), End())
        self.world.pump()

    @rule(index=indexes, at_gateway=st.booleans(), size=sizes)
    def write(self, index: int, at_gateway: bool, size: int) -> None:
        if (side := self.side(index, at_gateway)) is None or side[2].finished or side[2].cut:
            return
        session, sid, mine, _ = side
        data = (len(mine.sent).to_bytes(8, "big") * (size // 8 + 1))[: min(size, session.send_room(sid))]
        session.write(sid, data)
        mine.sent += data
        self.world.pump()

    @rule(index=indexes, at_gateway=st.booleans())
    def finish(self, index: int, at_gateway: bool) -> None:
        if (side := self.side(index, at_gateway)) is not None and not side[2].cut:
            side[0].finish(side[1])
            side[2].finished = True
            self.world.pump()

    @rule(index=indexes, at_gateway=st.booleans())
    def reset(self, index: int, at_gateway: bool) -> None:
        if (side := self.side(index, at_gateway)) is not None and not side[2].cut:
            side[0].reset(side[1], Code.CANCELLED)
            side[2].cut = True
            self.world.pump()

    @rule(index=indexes, at_gateway=st.booleans())
    def read(self, index: int, at_gateway: bool) -> None:
        if (side := self.side(index, at_gateway)) is not None:
            self.read_all(*side)
            self.world.pump()

    @precondition(lambda self: len(self.flows) < 4 and not self.world.reader_closed)
    @rule()
    def open_flow(self) -> None:
        self.flows[self.world.reader.core.open_flow()] = True
        self.world.pump()

    @rule(size=st.integers(8, 20_000))
    def send_datagram(self, size: int) -> None:
        for sid, alive in self.flows.items():
            if alive:
                payload = next(self.datagrams).to_bytes(8, "big").ljust(size, b"d")
                self.world.reader.core.send_datagram(sid, TARGET, payload, self.world.now)
        self.world.pump()

    @rule(at_gateway=st.booleans())
    def close_flow(self, at_gateway: bool) -> None:
        for sid in [sid for sid, alive in self.flows.items() if alive][:1]:
            (self.gateway.session if at_gateway else self.world.reader.core).close_flow(sid, Code.CANCELLED)
            self.flows[sid] = at_gateway
        self.world.pump()

    @precondition(lambda self: len(self.world.lanes) < 20)
    @rule(
        latency_s=st.sampled_from([0.001, 0.02, 0.2]),
        rate=st.sampled_from([20e3, 1e6]),
        tricks=st.lists(st.sampled_from([trick for trick in TRICKS if trick != "refuse"]), max_size=2),
    )
    def join(self, latency_s: float, rate: float, tricks: list[str]) -> None:
        self.world.open_lane(LaneShape(latency_s, rate, 0.0, tuple(tricks), 0.2))

    @rule(index=indexes, how=st.sampled_from(["kill", "silence", "stall", "replay"]))
    def trouble(self, index: int, how: str) -> None:
        lanes = [lane for lane in self.world.lanes.values() if lane.is_open and not lane.is_silent]
        if not lanes:
            return
        lane = lanes[index % len(lanes)]
        match how:
            case "kill":
                self.world.kill(lane)
            case "silence":
                self.world.silence(lane)
            case "stall":
                self.world.stall(lane, 2.0)
            case _:
                if lane.carried:
                    self.world.replay(lane.carried[0], LaneShape(tricks=("flip",)))

    @rule(seconds=st.sampled_from([0.001, 0.03, 0.3, 3.0]))
    def wait(self, seconds: float) -> None:
        self.world.run(self.world.now + seconds)

    @invariant()
    def bounds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        """With an honest lane, all that was written arrives, and nothing is left."""
        world = self.world
        if not world.reader.core.is_closed and not self.gateway.session.is_closed:
            world.open_lane(LaneShape())
            for _ in range(60):
                world.run(world.now + 2.0)
                for sid, pair in self.ends.items():
                    for at_gateway in (False, True):
                        if at_gateway and sid not in self.opened:
                            continue
                        session = self.gateway.session if at_gateway else world.reader.core
                        mine, other = pair[at_gateway], pair[not at_gateway]
                        if not mine.cut and not mine.finished:
                            session.finish(sid)
                            mine.finished = True
                        self.read_all(session, sid, mine, other)
                for sid in [sid for sid, alive in self.flows.items() if alive]:
                    world.reader.core.close_flow(sid, Code.CANCELLED)
                    self.flows[sid] = False
                world.pump()
                if not world.reader.core.stream_count and not self.gateway.session.stream_count:
                    break
        if world.reader.core.is_closed or self.gateway.session.is_closed:
            world.run(world.now + 200.0)
            assert all(mine.cut or (mine.ended and mine.finished) for mine, _ in self.ends.values())
            return
        assert world.reader.core.stream_count == 0
        assert self.gateway.session.stream_count == 0
        for sid, (mine, other) in self.ends.items():
            # Whoever was not cut has seen the whole of what the other end wrote.
            assert mine.cut or mine.ended
            if sid in self.opened:
                assert other.cut or other.ended
            else:
                assert mine.cut, "the gateway never heard of a stream"


TestSession = SessionMachine.TestCase
TestSession.settings = settings(max_examples=40, stateful_step_count=40)
