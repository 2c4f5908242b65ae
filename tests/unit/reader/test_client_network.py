"""The reader's client in a network that changes: what it says of it, and how it goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.support.descriptions import offer
from tests.support.proxy_bench import until
from tests.support.reader_world import ECHO, QUICK, World, echoes, run, running
from unwalled.errors import SignalingFailed
from unwalled.reader.status import Cause, OffersFailed, Phase
from unwalled.signaling.errors import (
    BrokerBusy,
    DoorNonsense,
    DoorSign,
    DoorsUnreachable,
    InviteNotTaken,
    InviteOver,
    NoBridge,
)
from unwalled.wire.signalling import Verdict

PATIENT = replace(QUICK, spread_retry_s=1000.0, retry_min_s=1000.0, retry_max_s=1000.0, bridge_silence_s=0.01)
"""Nothing but news makes it ask again."""


def black_hole(world: World) -> None:
    """From now on nothing comes through any lane that is open, and nobody says so."""
    for bridge in world.bridges:
        for lane in bridge.lanes:
            assert lane.other is not None
            lane.black_hole = lane.other.black_hole = True


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (NoBridge(0.002), Cause.NO_BRIDGE),
        (BrokerBusy(0.002), Cause.BUSY),
        (InviteOver(), Cause.EXPIRED),
        (InviteNotTaken(), Cause.NOT_TAKEN),
        (DoorsUnreachable("no answer"), Cause.UNREACHABLE),
        (DoorsUnreachable("its certificate is not right", DoorSign.STRANGER), Cause.STRANGER),
        (DoorNonsense("it sent us elsewhere", DoorSign.STRANGER), Cause.STRANGER),
        (DoorNonsense("it answered with an error"), Cause.NONSENSE),
        (DoorNonsense("The keys have expired", DoorSign.OUT_OF_DATE), Cause.OUT_OF_DATE),
        (OffersFailed(), Cause.NO_WEBRTC),
    ],
)
def test_why_there_are_no_bridges_is_told_until_there_are_some(failure: SignalingFailed, cause: Cause) -> None:
    async def main() -> None:
        world = World()
        world.failure = failure
        async with running(world) as client:
            await until(lambda: client.status.cause is cause)
            world.failure = None
            await until(lambda: client.status.phase is Phase.CONNECTED)
            assert client.status.cause is Cause.NONE

    run(main)


def in_a_network(stun: str, *, address: str = "10.0.0.5", bridges: int = 2) -> World:
    """Bridges that are not reached; offers name an address, and what a STUN server told, if one was asked."""
    world = World(bridges)
    world.candidates = (f"1 1 udp 2130706431 {address} 40000 typ host",)
    if stun == "answers":
        world.candidates += ("2 1 udp 1694498815 192.0.2.77 50000 typ srflx",)
    world.stun = () if stun == "is not asked" else ("stun:stun.example",)
    for bridge in world.bridges:
        bridge.opens = False
    return world


@pytest.mark.parametrize(("stun", "bridges"), [("is not asked", 2), ("is silent", 1)])
def test_a_network_without_udp_is_told_until_a_bridge_is_reached(stun: str, bridges: int) -> None:
    async def main() -> None:
        world = in_a_network(stun, bridges=bridges)
        async with running(world) as client:
            await until(lambda: client.status.is_deaf)
            for bridge in world.bridges:
                bridge.opens = True
            await client.connected()
            assert not client.status.is_deaf
            # Only before it was clear that it is the network may a bridge have been blamed.
            assert all(report.verdict is Verdict.GOOD for asked in world.requests[2:] for report in asked.reports)

    run(main)


@pytest.mark.parametrize(
    ("stun", "address"), [("answers", "10.0.0.5"), ("is silent", "8.8.4.4"), ("is not asked", "10.0.0.5")]
)
def test_one_bridge_that_is_not_reached_shows_nothing_unless_stun_servers_are_silent_too(
    stun: str, address: str
) -> None:
    async def main() -> None:
        world = in_a_network(stun, address=address, bridges=1)
        async with running(world, replace(PATIENT, spread_retry_s=1000.0)) as client:
            await until(lambda: len(world.requests) == 2)
            assert not client.status.is_deaf

    run(main)


def test_two_bridges_that_are_not_reached_show_nothing_if_a_stun_server_answers() -> None:
    async def main() -> None:
        world = in_a_network("answers")
        async with running(world) as client:
            await until(lambda: len(world.requests) >= 4)
            assert not client.status.is_deaf

    run(main)


def test_lanes_that_all_went_silent_are_told() -> None:
    async def main() -> None:
        world = World()
        async with running(world, PATIENT) as client:
            stream = await client.open(ECHO)
            await until(lambda: client.status.lanes == 8)
            assert not client.status.is_silent
            world.failure = NoBridge(1000.0)
            black_hole(world)
            await stream.write(b"is anybody there")
            await until(lambda: client.status.is_silent)
            assert client.status.phase is Phase.CONNECTED

    run(main)


def test_after_a_change_of_network_the_same_bridges_carry_the_same_session_on() -> None:
    async def main() -> None:
        world = World()
        async with running(world, PATIENT) as client:
            stream = await client.open(ECHO)
            await until(lambda: client.status.lanes == 8)
            black_hole(world)
            client.network_changed()
            await until(lambda: len(world.requests) > 1 and client.status.lanes >= 8)
            await stream.write(b"still there")
            assert await stream.read() == b"still there"
            assert client.status.phase is Phase.CONNECTED
            assert world.hub.session_count == 1
            assert all(report.verdict is Verdict.GOOD for asked in world.requests for report in asked.reports)

    run(main)


def test_a_change_that_cost_nothing_costs_nothing() -> None:
    async def main() -> None:
        world = World()
        async with running(world, PATIENT) as client:
            await client.connected()
            await until(lambda: client.status.lanes == 8)
            lanes = [lane for bridge in world.bridges for lane in bridge.lanes]
            for _ in range(3):
                client.network_changed()
                await echoes(client)
                await asyncio.sleep(0.02)
            assert len(world.requests) == 1
            assert not any(lane.is_closed for lane in lanes)

    run(main)


def test_a_change_ends_the_wait_after_a_failure() -> None:
    async def main() -> None:
        world = World()
        world.failure = DoorsUnreachable("no answer")
        async with running(world, PATIENT) as client:
            await until(lambda: client.status.cause is Cause.UNREACHABLE)
            world.failure = None
            client.network_changed()
            await echoes(client)

    run(main)


def test_a_request_and_lanes_that_are_under_way_are_begun_anew() -> None:
    async def main() -> None:
        world = World(bridges=0)
        world.waits_for_bridges = True
        async with running(world, PATIENT) as client:
            await until(lambda: len(world.requests) == 1)
            other = World()
            world.bridges = other.bridges
            world.answers_pass.clear()
            client.network_changed()
            await until(lambda: len(world.requests) == 2 and client._opening == 8)
            client.network_changed()
            await until(lambda: len(world.requests) == 3 and client._opening == 8)
            world.answers_pass.set()
            await echoes(client)
            assert not client.status.is_deaf

    run(main)


def test_all_lanes_lost_while_the_broker_hears_of_a_bad_bridge_bridges_are_asked_for_at_once() -> None:
    async def main() -> None:
        world = World(bridges=1)
        world.waits_for_bridges = True
        async with running(world, replace(PATIENT, bridges=1)) as client:
            await until(lambda: client.status.lanes == 4)
            client._book.failed("a bridge of before", Verdict.DEAD, client._clock.monotonic())
            client._changed.set()
            await until(lambda: len(world.requests) == 2)
            assert [report.verdict for report in world.requests[1].reports if report.bridge != "bridge-0"]
            for lane in list(world.bridges[0].lanes):
                lane.close()
            await echoes(client)
            assert world.requests[2].offers == 4

    run(main)


def test_offers_keep_the_order_in_which_they_were_asked_for_however_soon_each_is_ready() -> None:
    async def main() -> None:
        world = World()
        world.slowest_first = 8
        async with running(world) as client:
            await client.connected()
            # Else a first request that has begun with them would not be known again, and be made twice.
            assert world.described[0] == [offer(number) for number in range(8)]

    run(main)
