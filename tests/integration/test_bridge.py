"""The headless bridge between a real reader's end and a real WebSocket, with a broker that follows the documents."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.support.bridge_world import BridgeWorld, Recorder, echo, offers, pump
from tests.support.proxy_bench import until
from unwalled.bridge.client import Bridge, BridgeEvent, BridgeLost, BridgeReady
from unwalled.lanes.base import Lane
from unwalled.lanes.webrtc import OfferedLane, ReactorStack
from unwalled.settings import BRIDGE
from unwalled.wire.description import LaneDescription

Scenario = Callable[["Scene"], Awaitable[None]]


class Scene:
    """A bridge that the broker has called ready, and a reader's stack."""

    def __init__(self, world: BridgeWorld, bridge: Bridge, stack: ReactorStack) -> None:
        self.world = world
        self.bridge = bridge
        self.stack = stack
        self.socket: web.WebSocketResponse
        self.events: list[BridgeEvent] = []

    async def open(self, name: str, count: int = 1, reader: str | None = None) -> tuple[list[Lane], list[Recorder]]:
        """A match whose lanes all open."""
        offered = await offers(self.stack, count)
        descriptions = [each.description.to_dict() for each in offered]
        answers = await self.world.match(self.socket, name, descriptions, reader=reader)
        lanes = await asyncio.gather(*(accept(each, answer) for each, answer in zip(offered, answers, strict=True)))
        recorders = [Recorder() for _ in lanes]
        for lane, recorder in zip(lanes, recorders, strict=True):
            lane.start(recorder)
        return list(lanes), recorders

    async def capacity(self, free: int, readers: int) -> None:
        """Waits until the bridge tells this capacity."""
        wanted = {"type": "capacity", "free": free, "readers": readers}
        while await self.world.next("capacity") != wanted:
            pass


async def accept(offered: OfferedLane, answer: dict[str, Any]) -> Lane:
    return await offered.accept(LaneDescription.from_dict(answer["answer"]))


def play(scenario: Scenario, world: BridgeWorld | None = None, **options: Any) -> None:
    async def main() -> None:
        async with (world or BridgeWorld()).running() as running:
            stack = ReactorStack()
            events: list[BridgeEvent] = []
            bridge = Bridge(running.base, rng=random.Random(1), on_event=events.append, **options)
            scene = Scene(running, bridge, stack)
            scene.events = events
            try:
                async with asyncio.timeout(50), asyncio.TaskGroup() as group:
                    task = group.create_task(bridge.run())
                    scene.socket = await running.ready_bridge()
                    await scenario(scene)
                    task.cancel()
            finally:
                await stack.aclose()

    asyncio.run(main())


def test_two_lanes_carry_twenty_megabytes_there_and_back() -> None:
    async def scenario(scene: Scene) -> None:
        assert scene.world.hello == {
            "type": "hello", "v": 1, "client": "headless", "nat": "unknown", "capacity": 64, "readers": 8,
        }  # fmt: skip
        lanes, recorders = await scene.open("M1", 2)
        data = [random.Random(seed).randbytes(10 << 20) for seed in range(2)]
        await asyncio.gather(*(pump(lane, each) for lane, each in zip(lanes, data, strict=True)))
        echoes = await asyncio.gather(*(each.received(10 << 20) for each in recorders))
        assert echoes == data
        stats = scene.bridge.stats
        assert (stats.readers, stats.lanes, stats.bytes_up, stats.bytes_down) == (1, 2, 20 << 20, 20 << 20)
        assert scene.world.tickets == ["M1", "M1"]
        assert BridgeReady("b1") in scene.events

    play(scenario)


def test_room_is_told_after_the_answers_and_when_lanes_end() -> None:
    async def scenario(scene: Scene) -> None:
        lanes, recorders = await scene.open("M1", 2)
        await scene.capacity(0, 0)
        offered = await scene.stack.offer()
        answers = await scene.world.match(scene.socket, "M2", [offered.description.to_dict()])
        assert answers == [{"offer": 0, "refused": "busy"}]
        lanes[0].close()
        assert await scene.world.close_codes.get() == 1000
        lanes[1].close()
        await scene.capacity(8, 1)
        assert recorders[0].reason == "closed"

    play(scenario, max_readers=1)


def test_further_lanes_of_one_reader_take_no_further_reader_place() -> None:
    async def scenario(scene: Scene) -> None:
        await scene.open("M1", 1, "reader")
        await scene.capacity(0, 0)
        await scene.open("M2", 2, "reader")
        stranger = (await offers(scene.stack, 1))[0].description.to_dict()
        for name, reader in (("M3", "other"), ("M4", None), ("M5", "")):
            answers = await scene.world.match(scene.socket, name, [stranger], reader=reader)
            assert answers == [{"offer": 0, "refused": "busy"}]
        await until(lambda: scene.bridge.stats.lanes == 3)
        assert scene.bridge.stats.readers == 1

    play(scenario, max_readers=1)


def test_offers_beyond_the_room_are_busy_and_the_rest_is_answered() -> None:
    async def scenario(scene: Scene) -> None:
        offered = await offers(scene.stack, 10)
        answers = await scene.world.match(scene.socket, "M1", [each.description.to_dict() for each in offered])
        assert ["answer" in each for each in answers] == [True] * 8 + [False] * 2
        assert answers[8:] == [{"offer": 8, "refused": "busy"}, {"offer": 9, "refused": "busy"}]

    play(scenario, max_readers=1)


def test_a_gateway_that_is_not_the_operators_is_refused_and_never_dialled() -> None:
    async def scenario(scene: Scene) -> None:
        description = (await scene.stack.offer()).description.to_dict()
        world = scene.world
        strangers = [
            "ws://127.0.0.1:1/v1/lane/T1",
            world.gateway_url + "X/T1",
            world.gateway_url + "/../T1",
            world.gateway_url + "/T1?x=1",
            world.gateway_url + "/",
            world.gateway_url,
        ]
        for number, url in enumerate(strangers):
            answers = await world.match(scene.socket, f"M{number}", [description], gateway=url)
            assert answers == [{"offer": 0, "refused": "gateway"}]
            assert await world.next("capacity") == {"type": "capacity", "free": 64, "readers": 8}
        assert world.tickets == []

    play(scenario)


def test_a_gateway_that_was_added_since_is_learnt_by_asking_again_now_and_then() -> None:
    async def scenario(scene: Scene) -> None:
        world = scene.world
        offered = await offers(scene.stack, 3)
        first, second, third = (each.description.to_dict() for each in offered)
        added = world.gateway_url.replace("127.0.0.1", "localhost")
        world.config_changes = {"gateways": [world.gateway_url, added]}
        (answer,) = await world.match(scene.socket, "M1", [first], gateway=f"{added}/T1")
        assert "answer" in answer
        assert world.configs_told == 2
        (answer,) = await world.match(scene.socket, "M2", [second], gateway="ws://127.0.0.1:1/v1/lane/T2")
        assert answer == {"offer": 0, "refused": "gateway"}
        assert world.configs_told == 2
        (answer,) = await world.match(scene.socket, "M3", [third], gateway=f"{added}/T3")
        assert "answer" in answer

    play(scenario)


def test_a_malformed_description_is_refused_alone() -> None:
    async def scenario(scene: Scene) -> None:
        good = (await scene.stack.offer()).description.to_dict()
        bad: list[Any] = [{**good, "pwd": "a\r\nb"}, {**good, "setup": "active"}, None, 7, {}]
        answers = await scene.world.match(scene.socket, "M1", [*bad, good])
        assert [each.get("refused") for each in answers] == ["description"] * 5 + [None]

    play(scenario)


def test_a_gateway_that_cannot_be_reached_ends_the_lane_and_frees_its_place() -> None:
    async def scenario(scene: Scene) -> None:
        offered = await scene.stack.offer()
        await scene.world.match(
            scene.socket, "M1", [offered.description.to_dict()], gateway="ws://127.0.0.1:9/v1/lane/T"
        )
        await scene.capacity(64, 8)

    world = BridgeWorld()
    world.config_changes = {"gateways": ["ws://127.0.0.1:9/v1/lane"]}
    play(scenario, world)


async def say_text(socket: web.WebSocketResponse) -> None:
    await socket.receive()
    await socket.send_str("hello")
    await socket.receive()


async def say_too_much(socket: web.WebSocketResponse) -> None:
    await socket.receive()
    await socket.send_bytes(bytes(64 * 1024 + 1))
    await socket.receive()


async def say_nothing(socket: web.WebSocketResponse) -> None:
    await socket.receive()
    await socket.send_bytes(b"")
    await socket.receive()


async def break_off(socket: web.WebSocketResponse) -> None:
    await socket.receive()
    assert socket._req is not None
    assert socket._req.transport is not None
    socket._req.transport.abort()


@pytest.mark.parametrize(
    ("gateway", "codes"), [(say_text, {1002}), (say_too_much, {1009}), (say_nothing, {1002}), (break_off, {1006, None})]
)
def test_a_gateway_that_misbehaves_or_breaks_off_closes_the_readers_side(
    gateway: Callable[[web.WebSocketResponse], Awaitable[None]], codes: set[int | None]
) -> None:
    async def scenario(scene: Scene) -> None:
        (lane,), (recorder,) = await scene.open("M1")
        lane.send(b"x")
        await recorder.closed.wait()
        assert await scene.world.close_codes.get() in codes
        await scene.capacity(64, 8)

    play(scenario, BridgeWorld(gateway))


@pytest.mark.parametrize(("data", "binary"), [(b"text", False), (bytes(64 * 1024 + 1), True)])
def test_a_reader_that_misbehaves_loses_its_lane_only(data: bytes, binary: bool) -> None:
    async def scenario(scene: Scene) -> None:
        lanes, recorders = await scene.open("M1", 2)
        lanes[0]._channel.send(data, binary)  # type: ignore[attr-defined]
        await recorders[0].closed.wait()
        assert await scene.world.close_codes.get() == 1000
        lanes[1].send(b"still here")
        assert await recorders[1].received(10) == b"still here"

    play(scenario)


DYING_READER = """
import asyncio, json, sys
from unwalled.lanes.webrtc import ReactorStack
from unwalled.wire.description import LaneDescription

async def main():
    offered = await ReactorStack().offer()
    print(json.dumps(offered.description.to_dict()), flush=True)
    answer = LaneDescription.from_dict(json.loads(await asyncio.to_thread(sys.stdin.readline)))
    lane = await offered.accept(answer)
    print("open", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_reader_that_dies_without_a_word_is_noticed() -> None:
    async def scenario(scene: Scene) -> None:
        reader = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DYING_READER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert reader.stdin is not None
        assert reader.stdout is not None
        offer = json.loads(await reader.stdout.readline())
        (answer,) = await scene.world.match(scene.socket, "M1", [offer])
        reader.stdin.write(json.dumps(answer["answer"]).encode() + b"\n")
        assert await reader.stdout.readline() == b"open\n"
        await scene.capacity(63, 7)
        os.kill(reader.pid, signal.SIGKILL)
        await reader.wait()
        # ICE needs up to half a minute of silence before it gives an end up.
        async with asyncio.timeout(40):
            assert await scene.world.close_codes.get() == 1000

    play(scenario)


def test_cancel_undoes_lanes_that_are_not_open() -> None:
    async def scenario(scene: Scene) -> None:
        lanes, recorders = await scene.open("M1")
        offered = await scene.stack.offer()
        await scene.world.match(scene.socket, "M2", [offered.description.to_dict()])
        await scene.capacity(62, 6)
        await scene.socket.send_json({"type": "cancel", "match": "M1"})
        await scene.socket.send_json({"type": "cancel", "match": "M2"})
        await scene.capacity(63, 7)
        lanes[0].send(b"still here")
        assert await recorders[0].received(10) == b"still here"
        assert scene.bridge.stats.lanes == 1

    play(scenario)


@pytest.mark.parametrize("nonsense", ["{", '{"type":"match"}', '{"type":"party"}', '{"type":"error","code":"full"}'])
def test_after_nonsense_or_an_error_the_bridge_connects_anew_and_its_lanes_live_on(nonsense: str) -> None:
    async def scenario(scene: Scene) -> None:
        lanes, recorders = await scene.open("M1")
        await scene.socket.send_str(nonsense)
        socket = await scene.world.ready_bridge()
        assert scene.world.hello["capacity"] == 64
        await scene.capacity(63, 7)
        lanes[0].send(b"alive")
        assert await recorders[0].received(5) == b"alive"
        assert any(isinstance(event, BridgeLost) for event in scene.events)
        assert not socket.closed

    play(scenario)


def test_a_rate_is_kept_and_nothing_is_lost() -> None:
    async def scenario(scene: Scene) -> None:
        lanes, recorders = await scene.open("M1", 2)
        loop = asyncio.get_running_loop()
        started = loop.time()
        for lane in lanes:
            for _ in range(32):
                lane.send(bytes(16384))
        await asyncio.gather(*(each.received(512 * 1024) for each in recorders))
        # 2 MiB in both directions together, less the burst, at 40 Mbit/s: a bound that no slow machine can break.
        assert loop.time() - started >= (2 * 1024 * 1024 - 256 * 1024 - 65536) * 8 / 40e6

    play(scenario, rate_bps=40_000_000)


class NoPatience(random.Random):
    """Notes between which bounds a wait is to be drawn, and draws the shortest."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.asked.append((a, b))
        return a


def test_an_operator_that_is_away_is_tried_for_ever_with_random_waits_no_longer_than_it_is_away() -> None:
    rng = NoPatience()
    causes: list[str] = []

    async def main() -> None:
        enough = asyncio.Event()

        def note(event: BridgeEvent) -> None:
            if isinstance(event, BridgeLost):
                causes.append(event.cause)
            if len(causes) == 12:
                enough.set()

        with socket.create_server(("127.0.0.1", 0)) as unused:
            nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        task = asyncio.create_task(Bridge(nobody, rng=rng, on_event=note).run())
        async with asyncio.timeout(30):
            await enough.wait()
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert set(causes) == {"The operator cannot be reached."}
    least, ceilings = zip(*rng.asked[:12], strict=True)
    assert set(least) == {0.0}
    # The waits took no time here, so that they may not grow much either.
    assert ceilings[:2] == (1, 2)
    assert list(ceilings) == sorted(ceilings)
    assert ceilings[-1] < BRIDGE.reconnect_max_s


def test_stopping_closes_everything_at_once() -> None:
    async def main() -> None:
        async with BridgeWorld(echo).running() as world:
            stack = ReactorStack()
            bridge = Bridge(world.base, on_event=lambda event: None)
            async with asyncio.timeout(50), asyncio.TaskGroup() as group:
                task = group.create_task(bridge.run())
                scene = Scene(world, bridge, stack)
                scene.socket = await world.ready_bridge()
                _, recorders = await scene.open("M1", 4)
                task.cancel()
                async with asyncio.timeout(5):
                    for each in recorders:
                        await each.closed.wait()
                    codes = [await world.close_codes.get() for _ in range(4)]
            assert codes == [1000] * 4
            assert {each.reason for each in recorders} == {"closed"}
            await stack.aclose()

    asyncio.run(main())
