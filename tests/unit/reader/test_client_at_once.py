"""Streams of the reader's client that do not wait for the gateway's answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.support.proxy_bench import until
from tests.support.reader_world import (
    ECHO,
    MUTE,
    QUICK,
    World,
    echoes,
    run,
    running,
)
from unwalled.crypto.handshake import open_hello
from unwalled.errors import OpenFailed, StreamReset
from unwalled.reader.status import Phase
from unwalled.signaling.errors import NoBridge
from unwalled.tunnel.api import Stream
from unwalled.wire.codes import Code
from unwalled.wire.frames import Data, Open, decode_frames
from unwalled.wire.messages import Hello, decode_message


async def _reset_code(stream: Stream) -> Code:
    with pytest.raises(StreamReset) as failed:
        await stream.read()
    return failed.value.code


def test_what_is_sent_before_the_first_session_stands_travels_with_its_hello(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        world = World()
        world.answers_pass.clear()
        async with running(world) as client:
            await until(lambda: client.status.phase is Phase.CONNECTING)
            stream = await client.open(ECHO)
            await stream.write(b"GET / HTTP/1.1\r\n\r\n")
            firsts = _first_messages(world, monkeypatch)
            world.answers_pass.set()
            assert await stream.read() == b"GET / HTTP/1.1\r\n\r\n"
            hello = decode_message(firsts[0])
            assert isinstance(hello, Hello)
            early = decode_frames(open_hello(hello, world.key).early)
            assert [type(frame) for frame in early] == [Open, Data]
            stream.reset(Code.CANCELLED)

    run(main)


def _first_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The first message of each lane that comes to the gateway from now on."""
    seen: list[bytes] = []
    greeted = world.hub.greeted

    def note(greeter: Any, first: bytes) -> Any:
        seen.append(first)
        return greeted(greeter, first)

    monkeypatch.setattr(world.hub, "greeted", note)
    return seen


def test_the_first_stream_of_all_hears_late_that_its_target_refuses() -> None:
    async def main() -> None:
        world = World()
        world.refuses.add(ECHO)
        async with running(world) as client:
            assert await _reset_code(await client.open(ECHO)) is Code.CONNECTION_REFUSED
            with pytest.raises(OpenFailed):
                await client.open(ECHO)

    run(main)


def test_a_target_that_was_reached_lately_is_opened_without_waiting_until_it_fails() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            await echoes(client)
            world.refuses.add(ECHO)
            stream = await client.open(ECHO)
            assert await _reset_code(stream) is Code.CONNECTION_REFUSED
            with pytest.raises(OpenFailed) as failed:
                await client.open(ECHO)
            assert failed.value.code is Code.CONNECTION_REFUSED
            world.refuses.clear()
            await echoes(client)

    run(main)


def test_whoever_wants_exact_answers_waits_for_each() -> None:
    async def main() -> None:
        world = World()
        async with running(world, is_exact=True) as client:
            await echoes(client)
            world.refuses.add(ECHO)
            with pytest.raises(OpenFailed):
                await client.open(ECHO)

    run(main)


def test_a_stream_that_is_opened_at_once_carries_data_before_the_answer_and_before_there_is_a_bridge() -> None:
    async def main() -> None:
        world = World()
        world.failure = NoBridge(0.002)
        async with running(world) as client:
            await until(lambda: client.status.phase is Phase.NO_BRIDGE)
            opening = asyncio.create_task(client.open(ECHO, at_once=True))
            world.failure = None
            stream = await opening
            await stream.write(b"early")
            assert await stream.read() == b"early"
            stream.reset(Code.CANCELLED)

    run(main)


def test_a_stream_that_is_opened_at_once_waits_while_the_gateway_may_have_forgotten_the_session() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            await echoes(client)
            world.new_gateway()
            world.answers_pass.clear()
            for bridge in world.bridges:
                for lane in bridge.lanes:
                    lane.close()
            await until(lambda: client.status.phase is Phase.CONNECTING)
            opening = asyncio.create_task(client.open(ECHO, at_once=True))
            await asyncio.sleep(0)
            world.answers_pass.set()
            stream = await opening
            await stream.write(b"to the new session")
            assert await stream.read() == b"to the new session"
            stream.reset(Code.CANCELLED)

    run(main)


def test_a_reader_is_connected_again_once_the_gateway_has_spoken_and_not_before() -> None:
    async def main() -> None:
        world = World(bridges=1)
        async with running(world) as client:
            await echoes(client)
            (bridge,) = world.bridges
            bridge.swallows = True
            for lane in bridge.lanes:
                lane.close()
            await until(lambda: bridge.open_lanes > 0)
            assert client.status.phase is Phase.CONNECTING
            bridge.swallows = False
            for lane in bridge.lanes:
                lane.close()
            await until(lambda: client.status.phase is Phase.CONNECTED)
            await echoes(client)

    run(main)


def test_a_stream_that_is_opened_at_once_ends_when_no_answer_comes() -> None:
    async def main() -> None:
        world = World()
        async with running(world, replace(QUICK, open_wait_s=0.02, answer_wait_s=0.04)) as client:
            await client.connected()
            stream = await client.open(MUTE, at_once=True)
            assert await _reset_code(stream) is Code.TIMED_OUT
            await until(lambda: world.withdrawn == 1)

    run(main)


def test_an_application_that_leaves_before_the_answer_spoils_nothing() -> None:
    async def main() -> None:
        world = World()
        async with running(world) as client:
            await echoes(client)
            stream = await client.open(ECHO)
            stream.reset(Code.CANCELLED)
            await until(lambda: len(client._tasks) == 0)
            world.refuses.add(ECHO)
            again = await client.open(ECHO)
            assert await _reset_code(again) is Code.CONNECTION_REFUSED

    run(main)
