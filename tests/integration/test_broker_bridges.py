"""Bridges that break the protocol with the real broker: they are dropped, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from aiohttp import WSMsgType

from tests.support.broker_scene import (
    PATIENCE_S,
    QUICK,
    Scene,
    eventually,
    offers,
    play,
)
from tests.support.descriptions import answer
from unwalled.wire.signalling import (
    Answer,
    Answers,
    Capacity,
    Client,
    ErrorCode,
    Hello,
    Match,
    Nat,
    Ready,
    Refused,
    decode_from_broker,
)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("garbage", ErrorCode.MALFORMED),
        ("[" * 60_000, ErrorCode.MALFORMED),
        ('{"type":"hello","v":1}', ErrorCode.MALFORMED),
        (Capacity(1, 1).encode(), ErrorCode.MALFORMED),
        (Hello(2, Client.PAGE, Nat.UNKNOWN, 1, 1).encode(), ErrorCode.VERSION),
    ],
)
def test_a_bridge_whose_hello_is_wrong_is_told_and_dropped(tmp_path: Path, said: str, code: ErrorCode) -> None:
    async def act(scene: Scene) -> None:
        bridge = await scene.bridge(hello=said)
        assert await bridge.is_dropped() is code
        assert scene.running.broker.metrics.refused == {f"bridge_{code.value}": 1}

    play(tmp_path, act)


def test_a_bridge_that_says_nothing_at_first_is_dropped(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        url = scene.running.url + "/v1/bridge"
        async with scene.http.ws_connect(url) as socket:
            message = await socket.receive()
            assert decode_from_broker(message.data) == Refused(ErrorCode.MALFORMED)

    play(tmp_path, act, replace(QUICK, body_timeout_s=0.05))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("garbage", ErrorCode.MALFORMED),
        ("binary", ErrorCode.MALFORMED),
        ("second hello", ErrorCode.MALFORMED),
        ("oversized", None),
        ("flood", ErrorCode.LIMITED),
    ],
)
def test_a_bridge_that_breaks_the_protocol_is_dropped_and_harms_nobody(
    tmp_path: Path, kind: str, code: ErrorCode | None
) -> None:
    async def act(scene: Scene) -> None:
        good, bad = await scene.bridge(), await scene.bridge()
        match kind:
            case "garbage":
                await bad.socket.send_str('{"type":"capacity","free":-1,"readers":1}')
            case "binary":
                await bad.socket.send_bytes(Capacity(1, 1).encode().encode())
            case "second hello":
                await bad.socket.send_str(Hello(1, Client.PAGE, Nat.UNKNOWN, 1, 1).encode())
            case "oversized":
                await bad.socket.send_str("x" * (128 * 1024 + 2))
            case _:
                for _ in range(12):
                    await bad.socket.send_str(Capacity(1, 1).encode())
        assert await bad.is_dropped() is code
        await eventually(lambda: scene.running.broker.metrics.bridges["page"] == 1)
        result = await scene.reader().match(offers(4), spread=2)
        assert {lane.bridge for lane in result.lanes} == {good.name}

    play(tmp_path, act, replace(QUICK, bridge_message_burst=10.0, bridge_messages_per_s=0.01))


@pytest.mark.parametrize(
    "script",
    [
        lambda match: Answers(match.match, (Answer(7, answer=answer()),)).encode(),
        lambda match: Answers(match.match, ()).encode(),
        lambda match: Answers("unknown", (Answer(0, answer=answer()),)).encode(),
        lambda match: json.dumps({"type": "answers", "match": match.match, "answers": [{"offer": 0, "answer": {}}]}),
        lambda match: "text garbage",
    ],
    ids=["another offer", "no answers", "unknown match", "no description", "garbage"],
)
def test_a_match_that_is_answered_wrongly_goes_to_another_bridge(
    tmp_path: Path, script: Callable[[Match], str]
) -> None:
    async def act(scene: Scene) -> None:
        bad = await scene.bridge(script)
        good = await scene.bridge(nat=Nat.UNKNOWN)
        (lane,) = (await scene.reader().match(offers(1), spread=1)).lanes
        assert lane.bridge == good.name
        await bad.hears(Match)

    play(tmp_path, act, replace(QUICK, answer_timeout_s=0.3))


def test_answers_to_a_match_that_was_not_asked_are_counted_and_dropped(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridge = await scene.bridge()
        await bridge.socket.send_str(Answers("unknown", (Answer(0, answer=answer()),)).encode())
        assert len((await scene.reader().match(offers(1))).lanes) == 1
        assert scene.running.broker.metrics.stray_answers == 1

    play(tmp_path, act)


def test_a_bridge_that_does_not_pong_is_dropped_and_one_that_does_is_kept(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        url = scene.running.url + "/v1/bridge"
        mute = await scene.http.ws_connect(url, autoping=False)
        alive = await scene.http.ws_connect(url, autoping=False)
        for each in (mute, alive):
            await each.send_str(Hello(1, Client.PAGE, Nat.UNKNOWN, 1, 1).encode())
            assert (await each.receive()).type is WSMsgType.TEXT
        pings = 0
        while True:
            message = await alive.receive(timeout=PATIENCE_S)
            assert message.type is WSMsgType.PING
            await alive.pong(message.data)
            pings += 1
            if pings > 2 and scene.running.broker.metrics.bridges["page"] == 1:
                break
        while (message := await mute.receive(timeout=PATIENCE_S)).type is WSMsgType.PING:
            pass
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
        await alive.ping(b"hey")
        while (message := await alive.receive(timeout=PATIENCE_S)).type is WSMsgType.PING:
            await alive.pong(message.data)
        assert (message.type, bytes(message.data)) == (WSMsgType.PONG, b"hey")
        await alive.close()

    play(tmp_path, act, replace(QUICK, ping_s=0.05, bridge_silence_s=0.5))


def test_bridges_are_limited_in_all_and_for_each_prefix(tmp_path: Path) -> None:
    async def full(scene: Scene) -> None:
        await scene.bridge()
        second = await scene.bridge(hello=Hello(1, Client.PAGE, Nat.UNKNOWN, 1, 1).encode())
        assert await second.is_dropped() is ErrorCode.FULL

    async def limited(scene: Scene) -> None:
        near = {"X-Forwarded-For": "192.0.2.1"}
        await scene.bridge(headers=near)
        second = await scene.bridge(hello=Hello(1, Client.PAGE, Nat.UNKNOWN, 1, 1).encode(), headers=near)
        assert await second.is_dropped() is ErrorCode.LIMITED
        await scene.bridge(headers={"X-Forwarded-For": "198.51.100.1"})

    play(tmp_path, full, replace(QUICK, max_bridges=1))
    play(tmp_path, limited, replace(QUICK, join_burst=1.0, joins_per_s=0.01), trusted="127.0.0.1/32")
    play(tmp_path, limited, replace(QUICK, bridges_per_prefix=1), trusted="127.0.0.1/32")
    play(tmp_path, limited, replace(QUICK, wide_bridges=1), trusted="127.0.0.1/32")


def test_a_bridge_that_left_makes_room_for_another_of_its_prefix(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        first = await scene.bridge()
        await first.socket.close()
        hub = scene.running.broker._hub
        await eventually(lambda: not hub._all._of_narrow and not hub._all._of_wide)
        await scene.bridge()

    play(tmp_path, act, replace(QUICK, bridges_per_prefix=1))


def test_claims_of_huge_capacity_do_not_count(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        greedy = await scene.bridge(hello=Hello(1, Client.PAGE, Nat.UNRESTRICTED, 4096, 4096).encode())
        await greedy.hears(Ready)
        await greedy.socket.send_str(Capacity(4096, 4096).encode())
        result = await scene.reader().match(offers(6), spread=1)
        assert len(result.lanes) == 4

    play(tmp_path, act, replace(QUICK, max_claimed_lanes=4))


def test_a_bridge_that_does_not_read_is_cut_and_its_readers_are_served_elsewhere(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        port = int(scene.running.url.rpartition(":")[2])
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", port))
            deaf.sendall(_UPGRADE + _masked(Hello(1, Client.PAGE, Nat.UNRESTRICTED, 256, 64).encode().encode()))
            await eventually(lambda: scene.running.broker.metrics.bridges["page"] == 1)
            server = scene.running.runner.server
            assert server is not None
            for connection in server.connections:
                assert connection.transport is not None
                connection.transport.set_write_buffer_limits(high=0)
                held = connection.transport.get_extra_info("socket")
                held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            candidates = tuple(f"{n} 1 udp {n} 198.51.100.7 {40000 + n} typ host" for n in range(24))
            large = [msgspec.structs.replace(one, candidates=candidates) for one in offers(16)]
            asking = [scene.group.create_task(scene.reader().match(large, spread=1)) for _ in range(8)]
            await eventually(lambda: scene.running.broker.metrics.requests_now == 8)
            good = await scene.bridge(nat=Nat.UNKNOWN, capacity=256)
            await asyncio.wait(asking)
            assert {lane.bridge for task in asking for lane in task.result().lanes} == {good.name}
            await eventually(lambda: scene.running.broker.metrics.bridges["page"] == 1)

    play(tmp_path, act, replace(QUICK, send_timeout_s=1.0, answer_timeout_s=3.0))


def test_a_bridge_that_does_not_say_goodbye_does_not_hold_the_broker_up(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        port = int(scene.running.url.rpartition(":")[2])
        with socket.socket() as deaf:
            deaf.connect(("127.0.0.1", port))
            deaf.sendall(_UPGRADE + _masked(Hello(1, Client.PAGE, Nat.UNKNOWN, 1, 1).encode().encode()))
            await eventually(lambda: scene.running.broker.metrics.bridges["page"] == 1)
            await scene.running.broker.close()
            await eventually(lambda: scene.connections() == 0)
            assert scene.running.broker.metrics.bridges["page"] == 0

    # aiohttp itself would wait for ten seconds; the one below is longer than this test's patience.
    play(tmp_path, act, replace(QUICK, goodbye_s=0.05, send_timeout_s=100.0))


_UPGRADE = (
    b"GET /v1/bridge HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
)


def _masked(text: bytes) -> bytes:
    """One text frame of a client (RFC 6455 section 5.2) under a mask of zeros."""
    return bytes((0x81, 0x80 | len(text))) + bytes(4) + text


def test_a_bridge_tells_its_readers_apart_but_two_bridges_cannot_compare_them(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridges = [await scene.bridge(), await scene.bridge()]
        one, other = scene.reader(), scene.reader()
        for reader in (one, one, other):
            assert len((await reader.match(offers(2), spread=2)).lanes) == 2
        names = [[heard.reader for heard in bridge.heard if isinstance(heard, Match)] for bridge in bridges]
        for first, again, others in names:
            assert first == again != others
            assert first
        assert not set(names[0]) & set(names[1])

    play(tmp_path, act)


def test_a_bridge_that_comes_back_with_its_salt_meets_the_same_names_even_at_a_broker_that_restarted(
    tmp_path: Path,
) -> None:
    names: list[str] = []
    reader = os.urandom(16)

    async def act(scene: Scene) -> None:
        for salt in ("A" * 22, "A" * 22, "B" * 22, ""):
            bridge = await scene.bridge(hello=Hello(1, Client.PAGE, Nat.UNRESTRICTED, 24, 8, salt).encode())
            await bridge.hears(Ready)
            client = scene.reader()
            client._reader = reader
            await client.match(offers(1))
            names.append((await bridge.hears(Match)).reader)
            await bridge.socket.close()
            await eventually(lambda: not scene.running.broker.metrics.bridges["page"])

    play(tmp_path, act)
    play(tmp_path, act)
    salted, other, fresh = names[0], names[2], names[3]
    assert names == [salted, salted, other, fresh, salted, salted, other, names[7]]
    assert len({salted, other, fresh, names[7]}) == 4
