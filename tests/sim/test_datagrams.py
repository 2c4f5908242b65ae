"""Datagrams beside downloads: never behind bulk data, never in its way for long, and none that is old."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.support.session_pair import GatewayEnd, LaneShape, World
from tests.support.transfers import TARGET, Plan, Transfers
from unwalled.session.events import DatagramReceived, Event, LanesLimited
from unwalled.settings import MIB, SESSION

LATENCY_S = 0.05
RATE = 2e5


@dataclass(slots=True)
class Call:
    """A flow over a session of ``lanes`` lanes: sends numbered datagrams down, and keeps how long each took."""

    lanes: int
    seed: int = 1
    world: World = field(init=False)
    transfers: Transfers = field(init=False)
    end: GatewayEnd = field(init=False)
    sid: int = field(init=False)
    sent_at: list[float] = field(default_factory=list)
    took_s: dict[int, float] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.seed, 32 * MIB)
        self.world.checks_every = 500
        self.transfers = Transfers(self.world, self.seed)
        application = self.world.on_reader

        def on_reader(event: Event) -> None:
            if isinstance(event, DatagramReceived):
                number = int.from_bytes(event.payload[:4], "big")
                assert number not in self.took_s, "a datagram came twice"
                self.took_s[number] = self.world.now - self.sent_at[number]
                self.order.append(number)
            else:
                application(event)

        self.world.on_reader = on_reader
        self.world.open_lane(LaneShape(LATENCY_S, RATE))
        self.world.run(0.5)
        for _ in range(1, self.lanes):
            self.world.open_lane(LaneShape(LATENCY_S, RATE))
        self.sid = self.world.reader.core.open_flow()
        self.world.run(1.0)
        (self.end,) = self.world.gateways

    def send(self, size: int) -> None:
        """The site sends one datagram."""
        payload = len(self.sent_at).to_bytes(4, "big").ljust(size, b"v")
        self.sent_at.append(self.world.now)
        self.end.session.send_datagram(self.sid, TARGET, payload, self.world.now)
        self.world.pump_gateway(self.end)

    def send_every(self, interval_s: float, size: int, seconds: float) -> None:
        """Many of them, from now on; returns when all that come have come."""
        began = self.world.now
        for number in range(round(seconds / interval_s)):
            self.world.at(began + number * interval_s, lambda: self.send(size))
        self.world.run(began + seconds + 3.0)


@pytest.mark.parametrize("lanes", [4, 8, 24])
def test_a_call_does_not_wait_behind_a_download(lanes: int) -> None:
    call = Call(lanes)
    download = call.transfers.start(Plan(0, 100 * MIB))
    call.world.run(6.0)
    full = [lane for lane in call.end.session.lanes.values() if not lane.has_room]
    assert len(full) == (lanes if lanes < 8 else lanes - 1), "the download fills all windows but the one kept free"
    before, began = call.transfers.reader[download].got, call.world.now
    call.send_every(0.02, 160, 10.0)
    assert len(call.took_s) == 500, "nothing is lost"
    # The lanes that are kept free must first get rid of what they owe.
    later = [call.took_s[number] for number in range(50, 500)]
    assert max(later) < LATENCY_S + 0.01
    goodput = (call.transfers.reader[download].got - before) / (call.world.now - began)
    assert goodput > 0.68 * lanes * RATE, "the download keeps the other lanes"


@pytest.mark.parametrize("lanes", [1, 3])
def test_with_few_lanes_a_datagram_waits_for_what_is_below_only(lanes: int) -> None:
    call = Call(lanes)
    download = call.transfers.start(Plan(0, 100 * MIB))
    call.world.run(6.0)
    before, began = call.transfers.reader[download].got, call.world.now
    call.send_every(0.02, 160, 5.0)
    assert len(call.took_s) == 250
    # The queue that a lane's window allows, one record of bulk data, and the way.
    assert max(call.took_s.values()) < LATENCY_S + SESSION.queue_delay_target_s + 0.05
    goodput = (call.transfers.reader[download].got - before) / (call.world.now - began)
    assert goodput > 0.8 * lanes * RATE, "no lane is kept from the download"


def test_lanes_go_back_to_the_download_when_no_datagram_flows() -> None:
    call = Call(8)
    call.transfers.start(Plan(0, 100 * MIB))
    call.world.run(6.0)
    call.send_every(0.02, 160, 1.0)
    call.world.run(call.world.now + 2.0)
    full = [lane for lane in call.end.session.lanes.values() if not lane.has_room]
    assert len(full) == 7


@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_a_flood_of_datagrams_leaves_a_download_its_share(lanes: int) -> None:
    call = Call(lanes)
    download = call.transfers.start(Plan(0, 100 * MIB))
    call.world.run(3.0)
    before, began = call.transfers.reader[download].got, call.world.now
    # Three times what all lanes carry.
    call.send_every(1200 / (3 * lanes * RATE), 1200, 10.0)
    goodput = (call.transfers.reader[download].got - before) / (call.world.now - began)
    assert goodput > lanes * RATE / 3
    assert sum(call.took_s.values()) > 0
    carried = len(call.took_s) * 1200 / 10.0
    assert carried > lanes * RATE / 4, "and the datagrams theirs"


def test_the_reader_hears_that_lanes_hold_datagrams_up_before_they_find_no_room() -> None:
    call = Call(4)
    heard: list[float] = []
    flow = call.world.on_reader

    def on_reader(event: Event) -> None:
        if isinstance(event, LanesLimited):
            heard.append(call.world.now)
        flow(event)

    call.world.on_reader = on_reader
    call.send_every(1200 / (0.8 * 4 * RATE), 1200, 3.0)
    assert not heard
    call.send_every(1200 / (1.1 * 4 * RATE), 1200, 3.0)
    assert heard
    assert call.end.session._flows.dropped == 0


def test_old_datagrams_are_dropped_and_the_newest_come() -> None:
    call = Call(1)
    call.send_every(1200 / (3 * RATE), 1200, 5.0)
    assert call.end.session._flows.dropped > 0
    # In the queue until they are too old, then in the window and what may stand beyond it.
    below = call.end.session.lanes[0].estimator.window_bytes + SESSION.urgent_bytes
    assert max(call.took_s.values()) < SESSION.datagram_wait_s + LATENCY_S + (below + 2 * 16 * 1024) / RATE
    last = max(call.took_s)
    assert last > len(call.sent_at) - 10, "the newest come"
    assert call.end.session._flows.queued_bytes == 0


def test_datagrams_that_waited_for_a_lane_too_long_never_come() -> None:
    call = Call(1)
    call.world.kill(call.world.lanes[0])
    call.world.run(call.world.now + 0.5)
    call.send(100)
    call.world.run(call.world.now + SESSION.datagram_wait_s + 0.1)
    call.send(100)
    call.world.open_lane(LaneShape(LATENCY_S, RATE))
    call.world.run(call.world.now + 1.0)
    assert call.order == [1]


def test_a_short_datagram_survives_a_lane_that_swallows_all() -> None:
    call = Call(4)
    call.world.silence(call.world.lanes[2])
    call.send_every(0.02, 160, 1.0)
    assert len(call.took_s) == 50
    assert max(call.took_s.values()) < LATENCY_S + 0.01


def test_a_long_datagram_survives_it_too_where_lanes_have_nothing_else_to_do() -> None:
    call = Call(8)
    call.send_every(0.02, 1200, 0.5)
    lead = call.end.session._sender.quiet.lead
    assert lead is not None
    call.world.silence(call.world.lanes[lead.id])
    call.send_every(0.02, 1200, 1.0)
    assert len(call.took_s) == 75
    assert max(call.took_s.values()) < LATENCY_S + 0.05


def test_ten_downloads_share_alike() -> None:
    call = Call(8)
    world, transfers = call.world, call.transfers
    sids = [transfers.start(Plan(0, 8 * MIB)) for _ in range(10)]
    world.run(4.0)
    before = {sid: transfers.reader[sid].got for sid in sids}
    began = world.now
    world.run(began + 20.0)
    shares = [transfers.reader[sid].got - before[sid] for sid in sids]
    assert max(shares) < 1.2 * min(shares)
    assert sum(shares) > 0.9 * 7 * RATE * 20.0


def test_a_click_is_not_behind_ten_downloads() -> None:
    call = Call(8)
    world, transfers = call.world, call.transfers
    for _ in range(10):
        transfers.start(Plan(0, 8 * MIB))
    world.run(6.0)
    took_s: list[float] = []
    for _ in range(20):
        began = world.now
        sid = transfers.start(Plan(400, 4000))
        world.run(began + 10.0, lambda sid=sid: transfers.reader[sid].is_over)  # type: ignore[misc]
        took_s.append(world.now - began)
        world.run(world.now + 0.3)
    # Open and request travel together: one way there, 10 ms to dial, one way back, and each may find a lane's queue
    # and the records of the ten that came before it in the same turn.
    assert max(took_s) < 2 * LATENCY_S + 0.01 + 2 * SESSION.queue_delay_target_s + 0.1
