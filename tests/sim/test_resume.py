"""All lanes gone at once: a sleeping laptop, another network, a NAT that forgot. The session goes on over new lanes."""

from __future__ import annotations

import pytest

from tests.support.session_pair import GATEWAY_KEY, TOKEN, LaneShape, World
from tests.support.transfers import Plan, Transfers
from unwalled.session.events import LeaveReason, SessionClosed
from unwalled.session.reader import ReaderSession
from unwalled.settings import KIB, MIB, READER, SESSION
from unwalled.wire.codes import Code

NEAR = LaneShape(latency_s=0.02, rate=2e6)


class SleepyReader(ReaderSession):
    """A reader whose clock stands still while its computer sleeps, as Linux' CLOCK_MONOTONIC does."""

    slept_s = 0.0

    def lane_opened(self, now: float) -> int:
        return super().lane_opened(now - self.slept_s)

    def lane_lost(self, key: int, now: float) -> None:
        super().lane_lost(key, now - self.slept_s)

    def receive(self, key: int, message: bytes, now: float) -> None:
        super().receive(key, message, now - self.slept_s)

    def data_to_send(self, now: float) -> list[tuple[int, bytes]]:
        return super().data_to_send(now - self.slept_s)

    def next_timer(self) -> float:
        return super().next_timer() + self.slept_s

    def handle_timer(self, now: float) -> None:
        super().handle_timer(now - self.slept_s)


class SleepyWorld(World):
    """A world whose reader may sleep. Its lanes do not survive that, and it does not hear of it."""

    def __init__(self, *, clock_stands_still: bool) -> None:
        super().__init__(5, window_bytes=4 * MIB)
        self.sleepy = self.reader = SleepyReader(GATEWAY_KEY.public, TOKEN, self.random.randbytes, 0.0)
        self._clock_stands_still = clock_stands_still
        self._asleep = False

    def sleep(self, seconds: float) -> None:
        """Sleeps, and wakes up."""
        for lane in self.lanes.values():
            self.silence(lane)
        self._asleep = True
        self.run(self.now + seconds)
        self._asleep = False
        if self._clock_stands_still:
            self.sleepy.slept_s += seconds
        self._reader_timer = float("inf")
        self.pump_reader()

    def pump_reader(self) -> None:
        if not self._asleep:
            super().pump_reader()

    def _reader_timer_fired(self) -> None:
        if not self._asleep:
            super()._reader_timer_fired()


def in_mid_transfer(world: World, lanes: int = 4) -> tuple[Transfers, int]:
    """A session that carries 3 MiB each way, and has done a part of it."""
    transfers = Transfers(world, 5)
    for _ in range(lanes):
        world.open_lane(NEAR)
    sid = transfers.start(Plan(3 * MIB, 3 * MIB))
    world.run(0.4 if lanes < 8 else 0.3)
    assert 200 * KIB < transfers.reader[sid].got < 2 * MIB
    return transfers, sid


def goes_on(world: World, transfers: Transfers, sid: int, lanes: int = 4) -> float:
    """New lanes come; gives how long it takes until the transfer is over, every byte right, on the same session."""
    for _ in range(lanes):
        world.open_lane(NEAR)
    began = world.now
    world.run(began + 30.0, lambda: transfers.reader[sid].is_over)
    transfers.check_outcomes(session_lost=False)
    assert transfers.reader[sid].got == 3 * MIB
    assert len(world.gateways) == 1
    assert world.reader_closed == []
    return world.now - began


def test_all_lanes_close_and_new_ones_come_a_minute_later() -> None:
    world = World(5, window_bytes=4 * MIB)
    transfers, sid = in_mid_transfer(world)
    for lane in list(world.lanes.values()):
        world.kill(lane)
    world.run(world.now + 60.0)
    assert goes_on(world, transfers, sid) < 3.0


def test_a_nat_forgets_all_lanes_without_a_word() -> None:
    world = World(5, window_bytes=4 * MIB)
    transfers, sid = in_mid_transfer(world)
    for lane in world.lanes.values():
        world.silence(lane)
    world.run(world.now + 3.0)
    # Long before the old lanes are given up.
    assert goes_on(world, transfers, sid) < 3.0
    world.run(world.now + SESSION.lane_dead_s + SESSION.idle_ping_s)
    assert set(world.reader.core.lanes) == {4, 5, 6, 7}


def test_the_network_changes_twice_while_the_lanes_of_before_are_not_given_up_yet() -> None:
    world = World(5, window_bytes=4 * MIB)
    world.checks_every = 1024
    transfers, sid = in_mid_transfer(world, lanes=SESSION.waiting_lanes)
    for _ in range(2):
        for _ in range(READER.max_lanes - SESSION.waiting_lanes):
            world.open_lane(NEAR)
        for lane in world.lanes.values():
            world.silence(lane)
        world.run(world.now + 3.0)
        for _ in range(SESSION.waiting_lanes):
            world.open_lane(NEAR)
    assert goes_on(world, transfers, sid, READER.max_lanes - SESSION.waiting_lanes) < 3.0
    assert LeaveReason.UNNEEDED not in world.reader_left.values(), "the session had no room for further lanes"


@pytest.mark.parametrize("clock_stands_still", [True, False])
def test_a_laptop_sleeps_for_less_than_the_session_lives(clock_stands_still: bool) -> None:
    world = SleepyWorld(clock_stands_still=clock_stands_still)
    transfers, sid = in_mid_transfer(world)
    world.sleep(SESSION.orphan_lifetime_s)
    assert goes_on(world, transfers, sid) < 3.0


@pytest.mark.parametrize("clock_stands_still", [True, False])
def test_a_laptop_sleeps_for_longer_than_the_session_lives(clock_stands_still: bool) -> None:
    world = SleepyWorld(clock_stands_still=clock_stands_still)
    transfers, sid = in_mid_transfer(world)
    world.sleep(SESSION.orphan_lifetime_s + SESSION.lane_dead_s + 30.0)
    assert world.gateways[0].session.is_closed
    for _ in range(4):
        world.open_lane(NEAR)
    began = world.now
    world.run(began + 30.0, lambda: bool(world.reader_closed))
    assert world.reader_closed == [SessionClosed(Code.SESSION_LOST)]
    assert transfers.reader[sid].cut, "an application hears that its connection is lost"
    # The old lanes are silent, not known to be gone: a refusal beside them proves nothing until they are left.
    assert world.now - began < SESSION.lane_dead_s + 1.0
