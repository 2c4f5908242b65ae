"""What readers would notice: no stream waits for longer than it must, whatever lanes and bridges do."""

from __future__ import annotations

import pytest

from tests.support.session_pair import LaneShape, World
from tests.support.transfers import TARGET, Plan, Transfers
from unwalled.crypto.handshake import Status
from unwalled.session.events import Event, LaneFellSilent, LeaveReason, SessionClosed
from unwalled.settings import KIB, MIB, SESSION
from unwalled.wire.codes import Code
from unwalled.wire.messages import Refusal, encode_refuse

FAST = LaneShape(latency_s=0.02, rate=5e6)


def world_with_lanes(count: int, window_bytes: int = 4 * MIB, lifetime_s: int = 120) -> tuple[World, Transfers]:
    """An established session over ``count`` honest lanes."""
    world = World(1, window_bytes, lifetime_s)
    transfers = Transfers(world, 1)
    for _ in range(count):
        world.open_lane(FAST)
    world.run(1.0)
    assert world.reader.is_established
    assert len(world.reader.core.lanes) == count
    return world, transfers


def test_streams_that_nobody_reads_do_not_stop_the_others() -> None:
    world, transfers = world_with_lanes(2)
    end = world.gateways[0]
    # Three quarters of the session's window lie unread in twelve streams.
    stalled = [world.reader.core.open_stream(TARGET) for _ in range(12)]
    for sid in stalled:
        transfers.plans[sid] = Plan(0, 10 * MIB, read_delay_s=10_000.0)
        transfers.reader[sid] = transfers._accept(end, sid, Plan(10 * MIB, 0, read_delay_s=10_000.0))
    world.run(10.0)
    assert sum(world.reader.core._streams._streams[sid].receiving.highest for sid in stalled) == 3 * MIB
    sid = transfers.start(Plan(1000, 20 * MIB))
    world.run(60.0, lambda: transfers.reader[sid].is_over)
    assert transfers.reader[sid].got == 20 * MIB


def test_streams_that_grew_and_then_stall_leave_room_for_others() -> None:
    world, transfers = world_with_lanes(2, window_bytes=8 * MIB)
    large = [transfers.start(Plan(0, 10 * MIB)) for _ in range(6)]
    world.run(4.0)
    streams = world.reader.core._streams._streams.values()
    assert any(stream.receiving.window > SESSION.stream_window_bytes for stream in streams)
    for sid in large:
        transfers.reader[sid].read_delay_s = 10_000.0
    world.run(30.0)
    sid = transfers.start(Plan(0, 5 * MIB))
    world.run(60.0, lambda: transfers.reader[sid].is_over)
    assert transfers.reader[sid].got == 5 * MIB


def test_a_black_hole_costs_a_fraction_of_a_second() -> None:
    world, transfers = world_with_lanes(3)
    sid = transfers.start(Plan(2 * MIB, 2 * MIB))
    world.run(world.now + 0.1)
    world.silence(world.lanes[1])
    began = world.now
    world.run(began + 5.0, lambda: transfers.reader[sid].is_over)
    assert not transfers.reader[sid].cut
    assert world.now - began < 1.5
    world.run(began + SESSION.lane_dead_s + 5.0)
    assert world.reader_left == {1: LeaveReason.SILENT}


def test_a_black_hole_that_never_carried_anything_costs_a_second() -> None:
    world, transfers = world_with_lanes(1)
    hole = world.open_lane(FAST)
    world.silence(hole)
    sid = transfers.start(Plan(2 * MIB, 2 * MIB))
    began = world.now
    world.run(began + 10.0, lambda: transfers.reader[sid].is_over)
    assert world.now - began < 3.0
    world.run(began + 10.0)
    assert world.reader_left == {hole.key: LeaveReason.SILENT}


def test_who_only_receives_notices_soon_that_all_bridges_have_gone_without_a_word() -> None:
    world, transfers = world_with_lanes(2)
    silent_at: list[float] = []
    application = world.on_reader

    def on_reader(event: Event) -> None:
        if isinstance(event, LaneFellSilent):
            silent_at.append(world.now)
        application(event)

    world.on_reader = on_reader
    sid = transfers.start(Plan(0, 40 * MIB))
    world.run(world.now + 1.5)
    lanes = world.reader.core.lanes.values()
    world.run(world.now + 1.0, lambda: not any(lane.estimator.in_flight_bytes for lane in lanes))
    assert not any(lane.estimator.in_flight_bytes for lane in lanes), "the reader owes nothing, and is owed no ack"
    assert not silent_at
    for lane in world.lanes.values():
        world.silence(lane)
    began = world.now
    world.run(began + 1.0)
    assert len(silent_at) == 2
    world.open_lane(FAST)
    world.run(began + 30.0, lambda: transfers.reader[sid].is_over)
    assert transfers.reader[sid].got == 40 * MIB


def test_a_pong_wakes_a_lane_that_was_taken_for_silent() -> None:
    world, transfers = world_with_lanes(1)
    transfers.start(Plan(0, MIB))
    world.run(world.now + 0.3)
    world.stall(world.lanes[0], 3.0)
    world.run(world.now + 2.0)
    (state,) = world.reader.core.lanes.values()
    assert state.silent_since is not None
    world.run(world.now + 2.0)
    assert state.silent_since is None
    assert world.reader_left == {}


def test_a_new_lane_takes_over_from_silent_ones_at_once() -> None:
    world, transfers = world_with_lanes(2)
    sid = transfers.start(Plan(MIB, MIB))
    world.run(world.now + 0.1)
    for lane in list(world.lanes.values()):
        world.silence(lane)
    world.run(world.now + 3.0)
    world.open_lane(FAST)
    began = world.now
    world.run(began + 5.0, lambda: transfers.reader[sid].is_over)
    assert not transfers.reader[sid].cut
    assert world.now - began < 2.0


def test_lanes_that_were_all_silent_are_used_again_when_they_wake() -> None:
    world, transfers = world_with_lanes(2)
    sid = transfers.start(Plan(MIB, MIB))
    world.run(world.now + 0.1)
    for lane in world.lanes.values():
        world.stall(lane, 6.0)
    began = world.now
    world.run(began + 20.0, lambda: transfers.reader[sid].is_over)
    assert not transfers.reader[sid].cut
    assert 6.0 < world.now - began < 8.0
    assert world.reader_left == {}


def test_streams_go_on_after_a_time_without_any_lane() -> None:
    world, transfers = world_with_lanes(2)
    sid = transfers.start(Plan(MIB, MIB))
    world.run(world.now + 0.1)
    for lane in list(world.lanes.values()):
        world.kill(lane)
    world.run(world.now + 100.0)
    late = transfers.start(Plan(10, 10))
    world.open_lane(FAST)
    world.run(world.now + 5.0, transfers.all_over)
    transfers.check_outcomes(session_lost=False)
    assert transfers.reader[sid].got == MIB
    assert transfers.reader[late].got == 10


def test_a_session_without_lanes_ends_at_both_ends() -> None:
    world, transfers = world_with_lanes(1, lifetime_s=20)
    transfers.start(Plan(MIB, MIB))
    world.run(world.now + 0.1)
    world.kill(world.lanes[0])
    world.run(world.now + 25.0)
    assert world.reader_closed == [SessionClosed(Code.SESSION_LOST)]
    assert world.gateways[0].session.is_closed
    transfers.check_outcomes(session_lost=True)


def test_an_idle_session_is_quiet() -> None:
    world, transfers = world_with_lanes(4)
    transfers.start(Plan(1000, 1000))
    world.run(30.0)
    assert world.reader.core.stream_count == 0
    before, world.bytes_on_lanes = world.bytes_on_lanes, 0
    world.run(world.now + 600.0)
    assert before > 2000
    # A ping and a pong from each end every 15 s, of some 27 bytes each.
    assert world.bytes_on_lanes / 10 / 4 < 500, "bytes per minute and lane"
    assert len(world.reader.core.lanes) == 4


def test_closing_tells_the_other_end() -> None:
    world, transfers = world_with_lanes(2)
    transfers.start(Plan(MIB, MIB))
    world.run(world.now + 0.05)
    world.reader.close(Code.CANCELLED)
    world.run(world.now + 1.0)
    assert world.gateways[0].session.is_closed
    transfers.check_outcomes(session_lost=True)
    assert world.reader_closed == [SessionClosed(Code.CANCELLED)]


# The start.


def test_a_dead_first_lane_costs_one_time_out() -> None:
    world = World(2)
    transfers = Transfers(world, 2)
    sid = transfers.start(Plan(10, 10))
    world.silence(world.open_lane(FAST))
    world.lanes[0].is_silent = True
    world.open_lane(FAST)
    world.run(20.0, lambda: transfers.reader[sid].is_over)
    assert world.reader_left == {0: LeaveReason.SILENT}
    assert world.now < SESSION.handshake_timeout_s + 1.0
    # What the first hello opened at the gateway ends with the session that nobody confirmed.
    world.run(60.0)
    transfers.check_outcomes(session_lost=False)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (encode_refuse(Refusal.FULL), LeaveReason.REFUSED),
        (b"\x02" + bytes(1300), LeaveReason.MISBEHAVED),
        (b"", LeaveReason.MISBEHAVED),
        (b"\x10" + bytes(60), LeaveReason.REFUSED),
    ],
)
def test_a_lying_first_lane_costs_nothing(answer: bytes, reason: LeaveReason) -> None:
    world = World(3)
    transfers = Transfers(world, 3)
    sid = transfers.start(Plan(10, 10))
    liar = world.open_lane(LaneShape(tricks=("flip",)))
    world.open_lane(FAST)
    world.at(0.001, lambda: world._arrive_at_reader(liar, answer, tampered=True))
    world.run(20.0, lambda: transfers.reader[sid].is_over)
    assert world.reader_left == {liar.key: reason}
    assert world.now < 1.0
    assert not transfers.reader[sid].cut


def test_a_lane_that_speaks_before_its_turn_is_left() -> None:
    world = World(4)
    Transfers(world, 4)
    world.open_lane(FAST)
    liar = world.open_lane(LaneShape(tricks=("flip",)))
    world._arrive_at_reader(liar, b"\x02" + bytes(1300), tampered=True)
    world.run(1.0)
    assert world.reader.is_established
    assert world.reader_left == {liar.key: LeaveReason.MISBEHAVED}


@pytest.mark.parametrize("status", [Status.INVITE_REFUSED, Status.INVITE_EXPIRED, Status.FULL])
def test_a_gateway_that_does_not_want_the_reader_says_so(status: Status) -> None:
    world = World(5)
    transfers = Transfers(world, 5)
    sid = transfers.start(Plan(10, 10))
    world.refuse_with = status
    world.open_lane(FAST)
    world.open_lane(FAST)
    world.run(5.0)
    assert world.reader.refused is status
    assert world.reader_closed == [SessionClosed(Code.NOT_ALLOWED)]
    assert transfers.reader[sid].cut


def test_a_gateway_that_was_started_anew_ends_the_session_soon() -> None:
    world, transfers = world_with_lanes(2)
    sid = transfers.start(Plan(MIB, MIB))
    world.run(world.now + 0.1)
    world.restart_gateway()
    world.open_lane(FAST)
    world.run(world.now + 1.0)
    assert world.reader_closed == [], "one refusal proves nothing"
    world.open_lane(FAST)
    world.run(world.now + 1.0)
    assert world.reader_closed == [SessionClosed(Code.SESSION_LOST)]
    assert transfers.reader[sid].cut


def test_refusals_beside_a_lane_that_works_mean_nothing() -> None:
    world, _ = world_with_lanes(1)
    for _ in range(5):
        liar = world.open_lane(LaneShape(tricks=("flip",)))
        world._arrive_at_reader(liar, encode_refuse(Refusal.UNKNOWN_SESSION), tampered=True)
        world.run(world.now + 1.0)
        assert world.reader_left[liar.key] is LeaveReason.REFUSED
    assert world.reader_closed == []


def refused_twice(world: World) -> None:
    """Two lanes come, and each says no in the gateway's name."""
    for _ in range(2):
        liar = world.open_lane(LaneShape(tricks=("flip",)))
        world._arrive_at_reader(liar, encode_refuse(Refusal.UNKNOWN_SESSION), tampered=True)
        assert world.reader_left[liar.key] is LeaveReason.REFUSED


@pytest.mark.parametrize("how", ["lost", "given up"])
def test_refusals_count_once_lanes_that_said_nothing_any_more_have_gone(how: str) -> None:
    world, _ = world_with_lanes(1)
    (only,) = world.lanes.values()
    world.silence(only)
    refused_twice(world)
    world.run(world.now + 1.0)
    assert world.reader_closed == []
    if how == "lost":
        world.kill(only)
    else:
        world.reader.drop_lane(only.key, world.now)
        world.pump_reader()
    world.run(world.now + 0.1)
    assert world.reader_closed == [SessionClosed(Code.SESSION_LOST)]


def test_a_lane_that_answers_after_refusals_shows_that_they_were_lies() -> None:
    world, _ = world_with_lanes(1)
    (only,) = world.lanes.values()
    refused_twice(world)
    world.run(world.now + 1.0)
    world.kill(only)
    world.run(world.now + 1.0)
    assert world.reader_closed == []


def test_replayed_hellos_and_joins_are_refused() -> None:
    world, transfers = world_with_lanes(2)
    for lane in list(world.lanes.values()):
        replayed = world.replay(lane.carried[0], FAST)
        world.run(world.now + 1.0)
        assert replayed.gateway is None
    assert len(world.gateways) == 1
    assert len(world.gateways[0].session.lanes) == 2
    sid = transfers.start(Plan(10, 10))
    world.run(world.now + 5.0, lambda: transfers.reader[sid].is_over)
    assert not transfers.reader[sid].cut


def test_a_replayed_hello_at_a_gateway_that_forgot_it_is_given_up() -> None:
    world, _ = world_with_lanes(1)
    world.restart_gateway()
    world._seen_hellos.clear()
    replayed = world.replay(world.lanes[0].carried[0], FAST)
    world.run(world.now + 1.0)
    assert replayed.gateway is not None
    world.run(world.now + SESSION.handshake_timeout_s + SESSION.unconfirmed_lifetime_s + 1.0)
    assert replayed.gateway.session.is_closed


def test_the_reader_hears_from_the_gateway_which_lane_was_tampered_with() -> None:
    world, transfers = world_with_lanes(2)
    liar = world.lanes[1]
    # The news comes before the transport closes.
    liar.shape = LaneShape(latency_s=0.2, rate=5e6, tricks=("flip",))
    transfers.start(Plan(0, 200 * KIB))
    assert liar.gateway is not None
    world._arrive_at_gateway(liar, b"\x10" + bytes(60), tampered=True)
    world.run(world.now + 0.5)
    assert world.gateway_left == {1: LeaveReason.MISBEHAVED}
    assert world.reader_left == {1: LeaveReason.MISBEHAVED}
