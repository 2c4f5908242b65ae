"""Which lanes a reader keeps, over which bridges: more, fewer, and others when some fall silent."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from tests.support.proxy_bench import until
from tests.support.reader_world import (
    ECHO,
    QUICK,
    Bridge,
    World,
    echoes,
    run,
    running,
)
from unwalled.clock import SystemClock
from unwalled.reader.status import Phase
from unwalled.settings import READER
from unwalled.signaling.errors import NoBridge
from unwalled.wire.signalling import Verdict


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
            # Before the gateway's answer an open may still fail; this is about a session that stands.
            await stream.write(b"here")
            assert await stream.read() == b"here"
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
            # The client may also have asked for a bridge in place of the one that failed.
            (asked,) = (one for one in world.requests if one.spread == READER.growth_bridges)
            assert asked.avoid == ("bridge-0",)
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


def test_lanes_that_are_given_back_leave_each_bridge_some() -> None:
    async def main() -> None:
        world = World(bridges=1)
        async with running(world) as client:
            await until(lambda: client.status.lanes == READER.base_lanes)
            world.bridges.append(Bridge(1))
            await until(lambda: len(world.bridges[1].lanes) == READER.lanes_per_bridge)
            await until(lambda: client.status.lanes == READER.base_lanes == world.open_lanes)
            assert [bridge.open_lanes for bridge in world.bridges] == [READER.base_lanes // 2] * 2
            assert len(world.bridges[1].lanes) == READER.lanes_per_bridge, "none of the spare's lanes was given back"

    run(main)


def test_of_more_bridges_than_lanes_are_needed_some_are_left() -> None:
    async def main() -> None:
        world = World()
        names = (f"bridge-of-its-own-{number}" for number in count())
        world.mangle = lambda lanes: [replace(lane, bridge=next(names)) for lane in lanes]
        async with running(world) as client:
            await until(lambda: client.status.lanes == READER.base_lanes)
            client.lanes_limited()
            await until(lambda: client.status.bridges > READER.base_lanes + 1)
            await until(lambda: client.status.lanes == READER.base_lanes == client.status.bridges)
            await echoes(client)

    run(main)


def test_lanes_that_are_silent_are_given_back_first() -> None:
    async def main() -> None:
        world = World(bridges=1)
        async with running(world, replace(QUICK, bridge_silence_s=0.01, growth_judge_s=0.3)) as client:
            stream = await client.open(ECHO)
            await until(lambda: client.status.lanes == READER.base_lanes)
            stuck = world.bridges[0].lanes[1:]
            for lane in stuck:
                assert lane.other is not None
                lane.black_hole = lane.other.black_hole = True
            for number in range(20):
                await stream.write(bytes((number,)))
                assert await stream.read() == bytes((number,))
            world.bridges.append(Bridge(1))
            await until(lambda: client.status.lanes > READER.base_lanes)
            await until(lambda: client.status.lanes == READER.base_lanes)
            assert not world.bridges[0].lanes[0].is_closed, "it is the only one through this bridge that speaks"
            assert world.bridges[1].open_lanes == READER.lanes_per_bridge
            assert sum(lane.is_closed for lane in stuck) == READER.lanes_per_bridge

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
