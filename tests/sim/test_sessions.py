"""Whole sessions over simulated lanes, thousands of them, each repeatable by its seed.

Run one again with ``UNWALLED_SIM_SEEDS=1234`` (or ``0-9999`` for many).
"""

from __future__ import annotations

import os
import random

import pytest

from tests.support.session_pair import TRICKS, LaneShape, World
from tests.support.transfers import Plan, Transfers
from unwalled.session.events import LeaveReason
from unwalled.wire.codes import Code

RUNS = 2400
CHUNK = 60


def _chunks() -> list[range]:
    wanted = os.environ.get("UNWALLED_SIM_SEEDS", f"0-{RUNS - 1}")
    first, _, last = wanted.partition("-")
    start, end = int(first), int(last or first) + 1
    return [range(at, min(at + CHUNK, end)) for at in range(start, end, CHUNK)]


def lane_shape(rng: random.Random, hostile: bool) -> LaneShape:
    """Any lane between a neighbour's and one around the world."""
    shape = LaneShape(
        latency_s=rng.choice((0.001, 0.01, 0.04, 0.15)),
        rate=rng.choice((50e3, 500e3, 5e6)),
        jitter_s=rng.choice((0.0, 0.0, 0.02)),
    )
    if hostile:
        shape.tricks = tuple(rng.sample(TRICKS, rng.randint(1, 3)))
        shape.trick_chance = rng.choice((0.03, 0.1, 0.4))
    return shape


def size(rng: random.Random) -> int:
    """From nothing to some hundred thousand bytes."""
    return rng.choice(
        (0, 1, rng.randrange(2_000), rng.randrange(20_000), rng.randrange(150_000), rng.randrange(400_000))
    )


def plan(rng: random.Random) -> Plan:
    """What one application does."""
    made = Plan(size(rng), size(rng), read_delay_s=rng.choice((0.0, 0.0, 0.0, 0.05, 0.5)))
    match rng.randrange(10):
        case 0:
            return Plan(made.up_bytes, made.down_bytes, up_cut_at=rng.randrange(made.up_bytes + 1))
        case 1:
            return Plan(made.up_bytes, made.down_bytes, down_cut_at=rng.randrange(made.down_bytes + 1))
        case 2:
            return Plan(made.up_bytes, made.down_bytes, refused=True)
        case _:
            return made


class Scenario:
    """One run."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"scenario {seed}")
        self.world = World(seed, window_bytes=self.rng.choice((256 * 1024, 1 << 20)), lifetime_s=30)
        self.transfers = Transfers(self.world, seed)
        self.churning = True

    def run(self) -> None:
        """Builds it, lets it run, and judges."""
        rng, world = self.rng, self.world
        for _ in range(rng.randint(1, 4)):
            world.at(rng.uniform(0, 0.5), self.open_lane)
        for _ in range(rng.randint(1, 8)):
            world.at(rng.choice((0.0, rng.uniform(0, 2))), self.start_stream)
        if rng.random() < 0.3:
            world.at(0.3, self.start_flow)
        for _ in range(rng.choice((0, 2, 6, 12))):
            world.at(rng.uniform(0.1, 3), self.churn)
        world.at(3.0, self.rescue)
        world.run(240.0, lambda: not self.churning and self.transfers.all_over())
        self.judge()

    def start_stream(self) -> None:
        """One more application, if there is still a session."""
        if not self.world.reader_closed:
            self.transfers.start(plan(self.rng))

    def start_flow(self) -> None:
        """Datagrams to an echo."""
        if self.world.reader_closed:
            return
        sid = self.world.reader.core.open_flow()
        for number in range(20):
            self.world.at(self.world.now + 0.05 * number, lambda: self.transfers.send_datagram(sid))
        self.world.at(self.world.now + 4, lambda: self.world.reader.core.close_flow(sid, Code.CANCELLED))

    def open_lane(self, hostile: bool | None = None) -> None:
        """One more lane, by chance a hostile one."""
        if hostile is None:
            hostile = self.rng.random() < 0.3
        if not self.world.reader_closed:
            self.world.open_lane(lane_shape(self.rng, hostile))

    def churn(self) -> None:
        """Something happens to a lane."""
        lanes = [lane for lane in self.world.lanes.values() if lane.is_open and not lane.is_silent]
        match self.rng.randrange(6):
            case 0 | 1:
                self.open_lane()
            case 2 if lanes:
                self.world.kill(self.rng.choice(lanes))
            case 3 if lanes:
                self.world.silence(self.rng.choice(lanes))
            case 4 if lanes:
                self.world.stall(self.rng.choice(lanes), self.rng.uniform(0.1, 4))
            case 5 if lanes:
                carried = self.rng.choice(lanes).carried
                if carried:
                    self.world.replay(self.rng.choice(carried), lane_shape(self.rng, True))
            case _:
                self.open_lane()

    def rescue(self) -> None:
        """From now on there is always an honest lane."""
        self.churning = False
        honest = [
            one for one in self.world.lanes.values() if one.is_open and not one.is_silent and not one.shape.tricks
        ]
        if not honest:
            self.open_lane(hostile=False)
        self.world.at(self.world.now + 2, self.rescue)

    def judge(self) -> None:
        """All is as it should be, at the end too."""
        world = self.world
        lost = bool(world.reader_closed)
        if lost:
            hostile_refusals = [key for key, why in world.reader_left.items() if why is LeaveReason.REFUSED]
            assert len(hostile_refusals) >= 2, "the session was lost though nobody refused it"
        self.transfers.check_outcomes(lost)
        if lost:
            return
        world.run(world.now + 45)
        world.run(world.now + 10, self.nothing_owed)
        live = world.gateways[-1]
        assert world.reader.core.stream_count == 0, "the reader keeps a stream that is over"
        assert live.session.stream_count == 0, "the gateway keeps a stream that is over"
        for session in (world.reader.core, live.session):
            assert session.buffered_bytes == session.backlog_bytes == session._streams._unacked == 0
        assert self.nothing_owed(), "something is owed for ever"

    def nothing_owed(self) -> bool:
        """Whether both ends have all that the other sent, on lanes that work."""
        sessions = (self.world.reader.core, self.world.gateways[-1].session)
        lanes = [lane for session in sessions for lane in session.lanes.values() if lane.silent_since is None]
        return not any(session._control for session in sessions) and not any(lane.owed_items() for lane in lanes)


@pytest.mark.parametrize("seeds", _chunks(), ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_bytes_arrive_once_and_in_order_or_the_stream_is_cut_at_both_ends(seeds: range) -> None:
    for seed in seeds:
        try:
            Scenario(seed).run()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
