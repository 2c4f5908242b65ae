"""Several brokers over one Redis server: bridges of others, brokers that die, and a server that goes and comes back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from tests.support.broker_scene import (
    KEYS,
    PATIENCE_S,
    Running,
    Scene,
    ScriptedBridge,
    answer_all,
    eventually,
    offers,
    say_nothing,
    start,
)
from tests.support.programs import Command, words
from tests.support.redis_server import RedisProcess
from unwalled.broker.redis.bounds import RedisLimits
from unwalled.broker.redis.shared import SharedRedis
from unwalled.clock import SystemClock
from unwalled.settings import BrokerLimits
from unwalled.signaling.client import SignalingClient
from unwalled.signaling.doors import HttpDoor
from unwalled.signaling.errors import NoBridge
from unwalled.wire import b64
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import Cancel, Capacity, Client, Hello, Match, Nat, Ready

# Nobody looks again without news: what comes, comes because it was told.
LIMITS = BrokerLimits(match_wait_s=PATIENCE_S, supply_poll_s=60.0, answer_timeout_s=10.0, answer_grace_s=5.0)
AT_ONCE = BrokerLimits(match_wait_s=0.05, answer_timeout_s=5.0, answer_grace_s=5.0)
QUICK = RedisLimits(first_pause_s=0.01, longest_pause_s=0.05, beat_s=0.1, answer_s=1.5)

Act = Callable[[Scene, Scene], Coroutine[Any, Any, None]]


@pytest.fixture(name="process")
def _process() -> Iterator[RedisProcess]:
    process = RedisProcess()
    yield process
    process.close()


def play(folder: Path, process: RedisProcess, act: Act, limits: BrokerLimits = LIMITS) -> None:
    """Runs an act with two brokers over one server, and ends everything."""

    async def broker(name: str) -> Running:
        shared = SharedRedis(
            process.url, KEYS.store_key(), name, Random(name), os.urandom, limits=limits, redis_limits=QUICK
        )
        return await start(folder, limits, shared=shared)

    async def main() -> None:
        near, far = await broker("near"), await broker("far")
        async with aiohttp.ClientSession() as http:
            try:
                async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                    scenes = Scene(near, http, group), Scene(far, http, group)
                    try:
                        await act(*scenes)
                    finally:
                        for scene in scenes:
                            for reader in scene.readers:
                                await reader.aclose()
                            await scene.running.broker.close()
            finally:
                await near.stop()
                await far.stop()

    asyncio.run(main())


def test_a_reader_gets_a_bridge_that_hangs_at_another_broker(tmp_path: Path, process: RedisProcess) -> None:
    async def act(near: Scene, far: Scene) -> None:
        bridge = await far.bridge(capacity=2)
        reader = near.reader()
        result = await reader.match(offers(2))
        assert [(lane.offer, lane.bridge) for lane in result.lanes] == [(0, bridge.name), (1, bridge.name)]
        # What it says after its answers is heard: it is full, and then it is not.
        await bridge.socket.send_str(Capacity(0, 1).encode())
        await eventually(lambda: _waiting(near, 0))
        await bridge.socket.send_str(Capacity(2, 1).encode())
        assert len((await reader.match(offers(2))).lanes) == 2
        heard = [one for one in bridge.heard if isinstance(one, Match)]
        assert len({one.reader for one in heard}) == 1
        assert heard[0].reader

    play(tmp_path, process, act)


def test_a_reader_has_one_name_at_a_bridge_whichever_broker_it_asks(tmp_path: Path, process: RedisProcess) -> None:
    async def act(near: Scene, far: Scene) -> None:
        bridge = await far.bridge()
        invite = Invite(KEYS.identity, KEYS.broker_key().public, near.running.invite().token, (near.running.url,), ())
        reader = near.reader(invite)
        await reader.match(offers(1))
        there = HttpDoor(far.running.url, reader._limits)
        again = SignalingClient(invite, SystemClock(), lambda size: os.urandom(size), make_door=lambda *_: there)
        again._reader = reader._reader
        near.readers.append(again)
        await again.match(offers(1))
        names = [one.reader for one in bridge.heard if isinstance(one, Match)]
        assert len(names) == 2
        assert len(set(names)) == 1

    play(tmp_path, process, act)


def test_who_waits_hears_of_a_bridge_that_comes_to_another_broker(tmp_path: Path, process: RedisProcess) -> None:
    async def act(near: Scene, far: Scene) -> None:
        waiting = near.group.create_task(near.reader().match(offers(1)))
        await eventually(lambda: near.running.broker.metrics.requests_now == 1)
        bridge = await far.bridge()
        assert (await waiting).lanes[0].bridge == bridge.name

    play(tmp_path, process, act)


def test_a_reader_who_leaves_is_told_to_the_bridge_at_the_other_broker(tmp_path: Path, process: RedisProcess) -> None:
    async def act(near: Scene, far: Scene) -> None:
        silent = await far.bridge(say_nothing)
        asking = near.group.create_task(near.reader().match(offers(1)))
        await silent.hears(Match)
        asking.cancel()
        await silent.hears(Cancel)
        # And what was reserved is free again.
        silent.script = answer_all
        assert (await near.reader().match(offers(1))).lanes[0].bridge == silent.name

    play(tmp_path, process, act, BrokerLimits(match_wait_s=PATIENCE_S, answer_timeout_s=0.3, aside_first_s=0.01))


def test_a_bridge_that_leaves_in_the_middle_is_replaced_at_once(tmp_path: Path, process: RedisProcess) -> None:
    async def act(near: Scene, far: Scene) -> None:
        leaving = await far.bridge(say_nothing)
        asking = near.group.create_task(near.reader().match(offers(1)))
        await leaving.hears(Match)
        other = await near.bridge()
        await leaving.socket.close()
        assert (await asking).lanes[0].bridge == other.name

    play(tmp_path, process, act)


def test_a_broker_that_is_cut_off_loses_its_bridges_and_gets_them_back(tmp_path: Path, process: RedisProcess) -> None:
    async def act(near: Scene, far: Scene) -> None:
        bridge = await far.bridge()
        shared = far.running.shared
        assert shared is not None
        # All that it had to the server ends, as when the network between them breaks.
        await shared.store._tasks.close()
        await shared.server._tasks.close()
        shared.server._is_up = False
        with pytest.raises(NoBridge):
            await near.reader().match(offers(1))
        await eventually(lambda: _waiting(near, 0))
        assert not bridge.ended.is_set()
        await shared.start()
        await eventually(lambda: _waiting(near, 1))
        assert (await near.reader().match(offers(1))).lanes[0].bridge == bridge.name

    play(tmp_path, process, act, AT_ONCE)


def test_while_the_server_is_gone_bridges_stay_and_readers_are_told_to_try_again(
    tmp_path: Path, process: RedisProcess
) -> None:
    async def act(near: Scene, far: Scene) -> None:
        before = await far.bridge()
        process.kill()
        await eventually(lambda: not _is_up(near) and not _is_up(far))
        with pytest.raises(NoBridge) as raised:
            await near.reader().match(offers(1))
        assert raised.value.retry_after_s == AT_ONCE.retry_no_bridge_s
        assert near.running.broker.metrics.refused["store"] == 1
        meanwhile = await near.bridge()
        gone = await near.bridge()
        await gone.socket.close()
        process.start()
        # It came back empty: all are listed anew, and who left is not.
        await eventually(lambda: _waiting(near, 2))
        assert not before.ended.is_set()
        # The first to ask may do so before the other broker hears again.
        reader = near.reader()

        async def finds_both() -> bool:
            try:
                found = {lane.bridge for lane in (await reader.match(offers(2), spread=2)).lanes}
            except NoBridge:
                return False
            assert found <= {before.name, meanwhile.name}
            return len(found) == 2

        await eventually(finds_both)

    play(tmp_path, process, act, AT_ONCE)


def test_a_paused_server_stops_nobody_for_long(tmp_path: Path, process: RedisProcess) -> None:
    async def act(near: Scene, far: Scene) -> None:
        bridge = await far.bridge()
        process.pause()
        with pytest.raises(NoBridge):
            await near.reader().match(offers(1))
        process.go_on()
        await eventually(lambda: _waiting(near, 1))
        assert (await near.reader().match(offers(1))).lanes[0].bridge == bridge.name

    play(tmp_path, process, act, AT_ONCE)


def test_nothing_at_the_server_tells_who_asks(tmp_path: Path, process: RedisProcess) -> None:
    async def act(near: Scene, far: Scene) -> None:
        shared = near.running.shared
        assert shared is not None
        bridge = await far.bridge()
        reader = near.reader()
        await reader.match(offers(1))
        # Packed, a name could be in it and not be found.
        await shared.server.command("CONFIG", "SET", "rdbcompression", "no")
        dump = b""
        for key in await shared.server.command("KEYS", "*"):
            dump += key + await shared.server.command("DUMP", key)
        assert bridge.name.encode() in dump
        for name in (reader._reader, reader._invite.token[:8]):
            for shown in (name, name.hex().encode(), b64.encode(name).encode()):
                assert shown not in dump
        assert b"127.0.0" not in dump

    play(tmp_path, process, act)


def test_matches_go_on_when_a_broker_is_killed(tmp_path: Path, process: RedisProcess) -> None:
    secret = tmp_path / "redis-url"
    secret.write_text(f"{process.url}\n")
    secret.chmod(0o600)

    def operate(folder: Path) -> Command:
        return Command(
            *("operate", "--listen", "127.0.0.1:0", "--allow-private", "--data", str(folder)),
            *("--redis-file", str(secret)),
        )

    async def bridge(http: aiohttp.ClientSession, url: str, group: asyncio.TaskGroup) -> ScriptedBridge:
        hung = ScriptedBridge(await http.ws_connect(url.replace("http:", "ws:") + "/v1/bridge"))
        group.create_task(hung.listen())
        await hung.socket.send_str(Hello(1, Client.PAGE, Nat.UNRESTRICTED, 8, 8).encode())
        await hung.hears(Ready)
        return hung

    async def act(first: Command, second: Command) -> None:
        stays, dies = words(first.line("ready")), words(second.line("ready"))
        reader = SignalingClient(Invite.parse(stays["invite"], SystemClock().wall()), SystemClock(), os.urandom)
        async with aiohttp.ClientSession() as http, asyncio.timeout(60), asyncio.TaskGroup() as group:
            hung = await bridge(http, dies["url"], group)
            assert (await reader.match(offers(1))).lanes[0].bridge == hung.name
            second.process.send_signal(signal.SIGKILL)
            await hung.ended.wait()
            # It comes back elsewhere, as a page and `unwalled bridge` do by themselves.
            back = await bridge(http, stays["url"], group)
            assert (await reader.match(offers(1))).lanes[0].bridge == back.name
            await reader.aclose()
            await back.socket.close()

    with operate(tmp_path / "one") as first:
        first.line("ready")
        shutil.copytree(tmp_path / "one", tmp_path / "two")
        with operate(tmp_path / "two") as second:
            asyncio.run(act(first, second))


async def _waiting(scene: Scene, count: int) -> bool:
    return await scene.running.broker.waiting() == count


def _is_up(scene: Scene) -> bool:
    assert scene.running.shared is not None
    return scene.running.shared.server.is_up
