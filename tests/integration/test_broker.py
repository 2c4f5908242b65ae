"""The real broker over real sockets, the reader's doors, and bridges that follow a script."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from tests.support.descriptions import answer, offer
from unwalled.broker.server import Broker
from unwalled.broker.store import EmbeddedStore
from unwalled.clock import SystemClock
from unwalled.crypto.envelope import seal_request
from unwalled.crypto.hpke import ClassicalPrivateKey
from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.tokens import mint_token
from unwalled.errors import SignalingFailed, SignallingError
from unwalled.operator.invites import InviteBook, token_checker
from unwalled.settings import BrokerLimits, SignallingLimits
from unwalled.signaling.client import MatchResult, SignalingClient
from unwalled.signaling.errors import (
    BrokerBusy,
    DoorNonsense,
    DoorsUnreachable,
    InviteNotTaken,
    InviteOver,
    NoBridge,
    TooManyRequests,
)
from unwalled.wire.description import LaneDescription
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import (
    Answer,
    Answers,
    BridgeConfig,
    Cancel,
    Capacity,
    Client,
    ErrorCode,
    Hello,
    Match,
    MatchRequest,
    Nat,
    Ready,
    Refusal,
    Refused,
    Report,
    Verdict,
    decode_from_broker,
)

PATIENCE_S = 20.0
KEYS = OperatorKeys.make(os.urandom)
# Short where a test waits for it to pass, long where it must not.
QUICK = BrokerLimits(match_wait_s=0.05, answer_timeout_s=5.0, answer_grace_s=5.0)


@dataclass
class Running:
    """A broker that serves on a port of this machine."""

    broker: Broker
    url: str
    checked: Callable[[bytes], bytes]
    runner: web.AppRunner
    gateway_urls: list[str]

    def invite(self, *, expires_s: int = 0, doors: tuple[str, ...] = (), keys: OperatorKeys = KEYS) -> Invite:
        token = mint_token(keys.invite_key, os.urandom(8), expires_s)
        return Invite(keys.identity, keys.broker_key().public, token, doors or (self.url,), ())

    async def stop(self) -> None:
        await self.broker.close()
        await self.runner.cleanup()


async def start(
    folder: Path, limits: BrokerLimits = QUICK, *, port: int = 0, trusted: str = "", allow_private: bool = False
) -> Running:
    checked = token_checker(KEYS, InviteBook(folder), SystemClock())
    gateway_urls: list[str] = []

    def gateway_url(ticket: str) -> str:
        gateway_urls.append(ticket)
        return f"ws://127.0.0.1/v1/lane/{ticket}"

    broker = Broker(
        key=KEYS.broker_key(),
        check_token=checked,
        store=EmbeddedStore(Random(1), limits),
        clock=SystemClock(),
        random_bytes=os.urandom,
        gateway_url=gateway_url,
        bundle=KEYS.bundle(()).encoded,
        config=BridgeConfig(1, "ws://127.0.0.1/v1/bridge", ["ws://127.0.0.1/v1/lane"], ["stun:a"], allow_private),
        trusted_proxies=[ipaddress.ip_network(trusted)] if trusted else [],
        limits=limits,
    )
    app = web.Application()
    app.add_routes(broker.routes())
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return Running(broker, f"http://127.0.0.1:{runner.addresses[0][1]}", checked, runner, gateway_urls)


class ScriptedBridge:
    """A bridge whose answers a test decides. ``script`` gets a match and gives what to send back, None = nothing."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.name = ""
        self.heard: list[Match | Cancel | Refused | Ready] = []
        self.news = asyncio.Event()
        self.ended = asyncio.Event()
        self.script: Callable[[Match], str | None] = answer_all

    async def listen(self) -> None:
        async for message in self.socket:
            assert message.type is WSMsgType.TEXT
            read = decode_from_broker(message.data)
            self.heard.append(read)
            if isinstance(read, Ready):
                self.name = read.bridge
            if isinstance(read, Match) and (said := self.script(read)) is not None:
                await self.socket.send_str(said)
            self.news.set()
            self.news = asyncio.Event()
        self.ended.set()
        self.news.set()

    async def hears(self, kind: type[Any]) -> Any:
        """Waits for a message of a kind; gives the first one."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := [one for one in self.heard if isinstance(one, kind)]):
                assert not self.ended.is_set(), "the broker closed the socket"
                await self.news.wait()
        return found[0]

    async def is_dropped(self) -> ErrorCode | None:
        """Waits for the end; gives the broker's reason if it said one."""
        async with asyncio.timeout(PATIENCE_S):
            await self.ended.wait()
        codes = [one.code for one in self.heard if isinstance(one, Refused)]
        return codes[0] if codes else None


def answer_all(match: Match) -> str:
    return Answers(match.match, tuple(Answer(o.offer, answer=answer(o.offer)) for o in match.offers)).encode()


def refuse(reason: Refusal) -> Callable[[Match], str]:
    return lambda match: Answers(match.match, tuple(Answer(o.offer, refused=reason) for o in match.offers)).encode()


def say_nothing(match: Match) -> None:
    return None


@dataclass
class Scene:
    """What a test plays with."""

    running: Running
    http: aiohttp.ClientSession
    group: asyncio.TaskGroup

    async def bridge(
        self,
        script: Callable[[Match], str | None] = answer_all,
        *,
        nat: Nat = Nat.UNRESTRICTED,
        hello: str | None = None,
        headers: dict[str, str] | None = None,
        capacity: int = 24,
    ) -> ScriptedBridge:
        """A connected bridge; ready when ``hello`` is left out."""
        url = self.running.url.replace("http:", "ws:") + "/v1/bridge"
        bridge = ScriptedBridge(await self.http.ws_connect(url, headers=headers or {}))
        bridge.script = script
        self.group.create_task(self._listen(bridge))
        await bridge.socket.send_str(hello or Hello(1, Client.PAGE, nat, capacity, 8).encode())
        if hello is None:
            await bridge.hears(Ready)
        return bridge

    async def _listen(self, bridge: ScriptedBridge) -> None:
        try:
            await bridge.listen()
        finally:
            await bridge.socket.close()

    def reader(self, invite: Invite | None = None, limits: SignallingLimits | None = None) -> SignalingClient:
        return SignalingClient(
            invite or self.running.invite(),
            SystemClock(),
            os.urandom,
            lambda: self.http,
            limits=limits or SignallingLimits(),
        )

    def connections(self) -> int:
        """How many connections the broker has open, bridges' ones included."""
        assert self.running.runner.server is not None
        return sum(one.transport is not None for one in self.running.runner.server.connections)

    async def post(self, body: Any, **kwargs: Any) -> tuple[int, str, str]:
        """Status, text and Retry-After of a raw request."""
        async with self.http.post(self.running.url + "/v1/match", data=body, **kwargs) as response:
            text = (await response.read()).decode("utf-8", "replace")
            return response.status, text, response.headers.get("Retry-After", "")


def play(
    folder: Path,
    act: Callable[[Scene], Coroutine[Any, Any, None]],
    limits: BrokerLimits = QUICK,
    **options: Any,
) -> None:
    """Runs an act with a broker, and ends everything."""

    async def main() -> None:
        running = await start(folder, limits, **options)
        async with aiohttp.ClientSession() as http:
            try:
                async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                    scene = Scene(running, http, group)
                    try:
                        await act(scene)
                    finally:
                        await running.broker.close()
            finally:
                await running.stop()

    asyncio.run(main())


def offers(count: int) -> list[LaneDescription]:
    return [offer(number) for number in range(count)]


def request_body(running: Running, key: bytes | None = None, **changes: Any) -> bytes:
    request = MatchRequest(
        running.invite().token,
        ClassicalPrivateKey(os.urandom(32)).public,
        Nat.UNKNOWN,
        (offer(),),
        0,
        (),
        b"",
        (),
    )
    return seal_request(replace(request, **changes).encode(), key or KEYS.broker_key().public)


async def eventually(check: Callable[[], bool | Awaitable[bool]]) -> None:
    """Until a check holds; for what the broker does after it has answered."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            held = check()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.005)


# Matches


def test_lanes_over_two_bridges(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridges = [await scene.bridge() for _ in range(2)]
        result = await scene.reader().match(offers(6), spread=2)
        assert [lane.offer for lane in result.lanes] == list(range(6))
        assert {lane.bridge for lane in result.lanes} == {bridge.name for bridge in bridges}
        assert [lane.answer for lane in result.lanes] == [answer(number) for number in range(6)]
        assert result.bundle.gateway_key == KEYS.gateway_key().public
        matches = [await bridge.hears(Match) for bridge in bridges]
        assert sorted(len(match.offers) for match in matches) == [3, 3]
        assert len({match.gateway for match in matches}) == 2
        for match in matches:
            assert [o.description for o in match.offers] == [offer(o.offer) for o in match.offers]
        assert scene.running.broker.metrics.matches == {"ok": 1}
        assert scene.running.broker.metrics.lanes == 6
        assert sum(scene.running.broker.metrics.match_seconds.counts) == 1
        assert scene.running.broker.metrics.bridges["page"] == 2

    play(tmp_path, act)


def test_a_held_bundle_is_not_sent_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        reader = scene.reader()
        first = await reader.match(offers(1))
        again = await reader.match(offers(1), held_bundle=first.bundle)
        assert again.bundle is first.bundle
        changed = KEYS.bundle(("stun:other",))
        assert (await reader.match(offers(1), held_bundle=changed)).bundle == first.bundle

    play(tmp_path, act)


def test_no_bridge_is_said_and_not_before_the_wait_is_over(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(NoBridge) as caught:
            await scene.reader().match(offers(1))
        assert caught.value.retry_after_s == 5.0
        assert scene.running.broker.metrics.matches == {"none": 1}

    play(tmp_path, act)


def test_a_bridge_that_arrives_while_a_reader_waits_is_taken(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        asking = scene.group.create_task(scene.reader().match(offers(2)))
        await eventually(lambda: scene.running.broker.metrics.requests_now == 1)
        bridge = await scene.bridge()
        result = await asking
        assert [lane.bridge for lane in result.lanes] == [bridge.name] * 2

    play(tmp_path, act, replace(QUICK, match_wait_s=PATIENCE_S))


def test_capacity_that_comes_free_is_taken_by_who_waits(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridge = await scene.bridge(capacity=0)
        asking = scene.group.create_task(scene.reader().match(offers(1)))
        await eventually(lambda: scene.running.broker.metrics.requests_now == 1)
        await bridge.socket.send_str(Capacity(1, 1).encode())
        assert len((await asking).lanes) == 1

    play(tmp_path, act, replace(QUICK, match_wait_s=PATIENCE_S))


def test_two_restricted_ends_are_not_brought_together(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge(nat=Nat.RESTRICTED)
        with pytest.raises(NoBridge):
            await scene.reader().match(offers(1), nat=Nat.RESTRICTED)
        assert len((await scene.reader().match(offers(1), nat=Nat.UNRESTRICTED)).lanes) == 1

    play(tmp_path, act)


def test_refused_offers_go_to_another_bridge_and_the_first_is_put_aside(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        failing = await scene.bridge(refuse(Refusal.FAILED))
        good = await scene.bridge(nat=Nat.UNKNOWN)
        reader = scene.reader()
        result = await reader.match(offers(2), spread=1)
        assert {lane.bridge for lane in result.lanes} == {good.name}
        await failing.hears(Match)
        await good.socket.close()
        await eventually(lambda: scene.running.broker.metrics.bridges["page"] == 1)
        with pytest.raises(NoBridge):
            await reader.match(offers(1))
        assert len([one for one in failing.heard if isinstance(one, Match)]) == 1
        assert scene.running.broker.metrics.offers_refused == {"failed": 2}

    play(tmp_path, act)


def test_an_offer_that_is_refused_twice_is_left_and_the_rest_is_kept(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        def refuse_the_second(match: Match) -> str:
            answers = [
                Answer(o.offer, refused=Refusal.DESCRIPTION)
                if o.offer == 1
                else Answer(o.offer, answer=answer(o.offer))
                for o in match.offers
            ]
            return Answers(match.match, tuple(answers)).encode()

        for _ in range(3):
            await scene.bridge(refuse_the_second)
        result = await scene.reader().match(offers(2), spread=1)
        assert [lane.offer for lane in result.lanes] == [0]
        assert scene.running.broker.metrics.offers_refused == {"description": 2}

    play(tmp_path, act)


def test_a_bridge_that_answers_nothing_at_all_is_put_aside(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        silent = await scene.bridge(say_nothing)
        with pytest.raises(NoBridge):
            await scene.reader().match(offers(1))
        cancelled = await silent.hears(Cancel)
        assert cancelled.match == (await silent.hears(Match)).match
        silent.script = answer_all
        with pytest.raises(NoBridge):
            await scene.reader().match(offers(1))
        assert scene.running.broker.metrics.matches == {"failed": 1, "none": 1}

    play(tmp_path, act, replace(QUICK, answer_timeout_s=0.1))


def test_a_slow_bridge_does_not_hold_the_reader_up(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        quick, slow = await scene.bridge(), await scene.bridge(say_nothing)
        result = await scene.reader().match(offers(4), spread=2)
        assert {lane.bridge for lane in result.lanes} == {quick.name}
        assert len(result.lanes) == 2
        cancelled = await slow.hears(Cancel)
        late = await slow.hears(Match)
        assert cancelled.match == late.match
        await slow.socket.send_str(answer_all(late))
        slow.script = answer_all
        # Its late answer did it no harm.
        again = await scene.reader().match(offers(4), spread=2)
        assert {lane.bridge for lane in again.lanes} == {quick.name, slow.name}
        assert scene.running.broker.metrics.stray_answers == 1

    play(tmp_path, act, replace(QUICK, answer_timeout_s=PATIENCE_S, answer_grace_s=0.05))


def test_a_bridge_that_leaves_in_the_middle_is_replaced(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        leaving = await scene.bridge(say_nothing)
        asking = scene.group.create_task(scene.reader().match(offers(1), spread=1))
        await leaving.hears(Match)
        staying = await scene.bridge()
        await leaving.socket.close()
        assert [lane.bridge for lane in (await asking).lanes] == [staying.name]

    play(tmp_path, act, replace(QUICK, answer_timeout_s=PATIENCE_S))


def test_a_reader_who_leaves_frees_the_bridge(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridge = await scene.bridge(say_nothing, capacity=1)
        asking = scene.group.create_task(scene.reader().match(offers(1)))
        match = await bridge.hears(Match)
        asking.cancel()
        await asyncio.wait([asking])
        await eventually(lambda: scene.connections() == 1)
        await bridge.socket.send_str(answer_all(match))
        assert (await bridge.hears(Cancel)).match == match.match
        assert scene.running.broker.metrics.matches == {"gone": 1}

    play(tmp_path, act, replace(QUICK, answer_timeout_s=PATIENCE_S))


def test_avoided_bridges_and_reports(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        first = await scene.bridge()
        reader = scene.reader()
        (lane,) = (await reader.match(offers(1))).lanes
        with pytest.raises(NoBridge):
            await reader.match(offers(1), avoid=[lane.bridge])
        other = await scene.bridge()
        (lane,) = (await reader.match(offers(1), reports=[Report(first.name, Verdict.DEAD)])).lanes
        assert lane.bridge == other.name

    play(tmp_path, act)


def test_private_addresses_reach_neither_end_unless_allowed(tmp_path: Path) -> None:
    def private_answers(match: Match) -> str:
        answers = tuple(Answer(o.offer, answer=answer(address="192.168.0.5")) for o in match.offers)
        return Answers(match.match, answers).encode()

    async def candidates(scene: Scene) -> tuple[int, int]:
        bridge = await scene.bridge(private_answers)
        (lane,) = (await scene.reader().match([offer(address="10.0.0.1")])).lanes
        match = await bridge.hears(Match)
        return len(match.offers[0].description.candidates), len(lane.answer.candidates)

    async def strict(scene: Scene) -> None:
        assert await candidates(scene) == (0, 0)

    async def allowed(scene: Scene) -> None:
        assert await candidates(scene) == (1, 1)

    play(tmp_path, strict)
    play(tmp_path, allowed, allow_private=True)


def test_the_gateways_word_puts_a_bridge_aside_and_takes_it_back(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        broker, reader = scene.running.broker, scene.reader()
        await reader.match(offers(1))
        (ticket,) = scene.running.gateway_urls
        broker.lane_reported("unknown", "bad", 0)
        broker.lane_reported(ticket, "bad", 10)
        await eventually(lambda: len(broker._tasks) == 0)
        with pytest.raises(NoBridge):
            await reader.match(offers(1))
        broker.lane_reported(ticket, "good", 0)
        await eventually(lambda: len(broker._tasks) == 0)
        with pytest.raises(NoBridge):
            await reader.match(offers(1))
        broker.lane_reported(ticket, "good", 5000)
        await eventually(lambda: len(broker._tasks) == 0)
        assert len((await reader.match(offers(1))).lanes) == 1

    play(tmp_path, act)


# Requests that get no lanes


def test_a_repeated_request_gets_409(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        body = request_body(scene.running)
        assert (await scene.post(body))[0] == 200
        status, text, _ = await scene.post(body)
        assert (status, text.strip()) == (409, "This request was made before. Make a new one.")

    play(tmp_path, act)


def test_an_oversized_request_gets_413_with_and_without_a_length(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async def pieces() -> Any:
            for _ in range(70):
                yield bytes(1024)

        assert (await scene.post(bytes(64 * 1024 + 1)))[0] == 413
        assert (await scene.post(pieces()))[0] == 413
        assert (await scene.post(bytes(64 * 1024)))[0] == 400

    play(tmp_path, act)


def test_garbage_and_wrong_keys_get_400(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        running = scene.running
        flipped = bytearray(request_body(running))
        flipped[-1] ^= 1
        other = ClassicalPrivateKey(os.urandom(32)).public
        bodies = [
            b"",
            b"{}",
            os.urandom(2000),
            bytes(flipped),
            request_body(running, key=other),
            request_body(running, reply_key=bytes(32)),
            seal_request(b"not json", KEYS.broker_key().public),
            seal_request(b"[" * 60_000, KEYS.broker_key().public),
            request_body(running, token=b"short"),
        ]
        assert [(await scene.post(body))[0] for body in bodies] == [400] * len(bodies)
        assert running.broker.metrics.refused == {"malformed": len(bodies)}
        assert running.broker.metrics.requests_now == 0

    play(tmp_path, act)


def test_a_request_that_never_ends_gets_408(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(scene.running.url.rpartition(":")[2]))
        writer.write(b"POST /v1/match HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        assert b" 408 " in await reader.readline()
        writer.close()
        await writer.wait_closed()

    play(tmp_path, act, replace(QUICK, body_timeout_s=0.1))


def test_too_many_requests_from_a_prefix_get_429_and_others_are_served(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        def came_from(address: str) -> dict[str, Any]:
            return {"headers": {"X-Forwarded-For": f"6.6.6.6, {address}"}}

        near = [await scene.post(request_body(scene.running), **came_from(f"192.0.2.{n}")) for n in range(3)]
        assert [status for status, _, _ in near] == [200, 200, 429]
        assert int(near[2][2]) >= 1
        assert (await scene.post(request_body(scene.running), **came_from("198.51.100.1")))[0] == 200

    play(tmp_path, act, replace(QUICK, match_burst=2.0, matches_per_s=0.01), trusted="127.0.0.0/8")


def test_a_forwarded_address_is_believed_only_from_a_trusted_proxy(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        statuses = [
            (await scene.post(request_body(scene.running), headers={"X-Forwarded-For": f"192.0.{n}.1"}))[0]
            for n in range(3)
        ]
        assert statuses == [200, 200, 429]
        with pytest.raises(TooManyRequests) as caught:
            await scene.reader().match(offers(1))
        assert caught.value.retry_after_s is not None
        assert caught.value.retry_after_s >= 1

    play(tmp_path, act, replace(QUICK, match_burst=2.0, matches_per_s=0.01))


def test_too_many_requests_with_one_invite_are_told_under_seal(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        shared, other = scene.reader(), scene.reader(scene.running.invite())
        await shared.match(offers(1))
        with pytest.raises(TooManyRequests):
            await shared.match(offers(1))
        await other.match(offers(1))

    play(tmp_path, act, replace(QUICK, invite_match_burst=1.0, invite_matches_per_s=0.01))


def test_a_full_broker_says_503(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(BrokerBusy) as caught:
            await scene.reader().match(offers(1))
        assert caught.value.retry_after_s == 5.0

    play(tmp_path, act, replace(QUICK, max_requests=0))
    play(tmp_path, act, replace(QUICK, max_replays=0))


def test_expired_foreign_and_revoked_invites_are_told_apart_under_seal(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        running = scene.running
        with pytest.raises(InviteOver):
            await scene.reader(running.invite(expires_s=5)).match(offers(1))
        good = running.invite()
        with pytest.raises(InviteNotTaken):
            await scene.reader(replace(good, token=bytes(28))).match(offers(1))
        book = InviteBook(tmp_path)
        book.add(good.token[:8], "", 0, 0)
        book.revoke(good.token[:8].hex())
        with pytest.raises(InviteNotTaken):
            await scene.reader(good).match(offers(1))
        assert running.broker.metrics.refused == {"expired": 1, "foreign": 2}

    play(tmp_path, act)


# Bridges that misbehave


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
        for socket in (mute, alive):
            await socket.send_str(Hello(1, Client.PAGE, Nat.UNKNOWN, 1, 1).encode())
            assert (await socket.receive()).type is WSMsgType.TEXT
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


def test_claims_of_huge_capacity_do_not_count(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        greedy = await scene.bridge(hello=Hello(1, Client.PAGE, Nat.UNRESTRICTED, 4096, 4096).encode())
        await greedy.hears(Ready)
        await greedy.socket.send_str(Capacity(4096, 4096).encode())
        result = await scene.reader().match(offers(6), spread=1)
        assert len(result.lanes) == 4

    play(tmp_path, act, replace(QUICK, max_claimed_lanes=4))


# The operator's side


def test_the_configuration_is_for_any_page(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async with scene.http.get(scene.running.url + "/v1/config") as response:
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            config = BridgeConfig.decode(await response.read())
        assert config.gateways == ["ws://127.0.0.1/v1/lane"]
        assert config.stun == ["stun:a"]

    play(tmp_path, act)


def test_a_broker_that_restarts_is_found_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        before = await scene.bridge()
        reader = scene.reader()
        held = (await reader.match(offers(1))).bundle
        port = int(scene.running.url.rpartition(":")[2])
        await scene.running.stop()
        assert await before.is_dropped() is None
        with pytest.raises(DoorsUnreachable):
            await reader.match(offers(1), held_bundle=held)
        scene.running = await start(tmp_path, port=port)
        try:
            after = await scene.bridge()
            (lane,) = (await reader.match(offers(1), held_bundle=held)).lanes
            assert lane.bridge == after.name != before.name
        finally:
            await scene.running.stop()

    play(tmp_path, act)


def test_a_closing_broker_turns_everyone_away(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.running.broker.close()
        assert (await scene.post(request_body(scene.running)))[0] == 503
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await scene.http.ws_connect(scene.running.url + "/v1/bridge")
        assert caught.value.status == 503
        scene.running.broker.lane_reported("ticket", "bad", 1)

    play(tmp_path, act)


# The reader's doors


@asynccontextmanager
async def stand_in(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """Something else that answers at a door."""
    app = web.Application()
    app.router.add_post("/v1/match", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return handler


async def closed_port() -> str:
    """A URL at which nobody listens."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (always(200, b"<html>Sign in to this hotel's network</html>"), DoorNonsense),
        (always(200, b""), DoorNonsense),
        (always(200, bytes(300 * 1024)), DoorNonsense),
        (always(302, Location="https://hotel.example/"), DoorNonsense),
        (always(404), DoorNonsense),
        (always(400), DoorNonsense),
        (always(502), DoorsUnreachable),
        (always(429, Retry_After="17"), TooManyRequests),
        (always(503, Retry_After="soon"), BrokerBusy),
    ],
)
def test_what_else_may_answer_at_a_door(tmp_path: Path, handler: Any, error: type[SignalingFailed]) -> None:
    async def act(scene: Scene) -> None:
        async with stand_in(handler) as url:
            with pytest.raises(error) as caught:
                await scene.reader(scene.running.invite(doors=(url,))).match(offers(1))
            assert caught.value.cause
            assert caught.value.remedy
            assert "127.0.0.1" not in str(caught.value)
            if error is TooManyRequests:
                assert caught.value.retry_after_s == 17.0
            if error is BrokerBusy:
                assert caught.value.retry_after_s is None

    play(tmp_path, act)


def test_the_next_door_is_taken_and_remembered(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        asked = 0

        async def count(request: web.Request) -> web.StreamResponse:
            nonlocal asked
            asked += 1
            return web.Response(status=404)

        async with stand_in(count) as wrong:
            invite = scene.running.invite(doors=(await closed_port(), wrong, scene.running.url))
            reader = scene.reader(invite)
            assert len((await reader.match(offers(1))).lanes) == 1
            assert len((await reader.match(offers(1))).lanes) == 1
            assert asked == 1

    play(tmp_path, act)


def test_a_door_that_hangs_is_overtaken_by_the_next(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        left = asyncio.Event()

        async def hang(request: web.Request) -> web.StreamResponse:
            try:
                await asyncio.Event().wait()
            finally:
                left.set()
            raise AssertionError

        async with stand_in(hang) as stuck:
            invite = scene.running.invite(doors=(stuck, scene.running.url))
            reader = scene.reader(invite, SignallingLimits(door_fallback_s=0.05))
            assert len((await reader.match(offers(1))).lanes) == 1
            async with asyncio.timeout(PATIENCE_S):
                await left.wait()

    play(tmp_path, act)


def test_a_door_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async def hang(request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        async with stand_in(hang) as stuck:
            reader = scene.reader(scene.running.invite(doors=(stuck,)), SignallingLimits(door_timeout_s=0.1))
            with pytest.raises(DoorsUnreachable, match="no answer"):
                await reader.match(offers(1))

    play(tmp_path, act)


def test_the_brokers_own_word_ends_the_search_through_the_doors(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        asked = False

        async def note(request: web.Request) -> web.StreamResponse:
            nonlocal asked
            asked = True
            return web.Response(status=404)

        async with stand_in(note) as second:
            reader = scene.reader(scene.running.invite(doors=(scene.running.url, second)))
            with pytest.raises(NoBridge):
                await reader.match(offers(1))
            assert not asked

    play(tmp_path, act)


def test_a_broker_that_the_operator_did_not_sign_for_is_not_believed(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        invite = replace(scene.running.invite(), identity=OperatorKeys.make(os.urandom).identity)
        with pytest.raises(DoorNonsense):
            await scene.reader(invite).match(offers(1))

    play(tmp_path, act)


def test_a_request_without_or_with_too_many_offers_is_not_made(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for count in (0, 17):
            with pytest.raises(SignallingError, match="1 to 16"):
                await scene.reader().match(offers(count))

    play(tmp_path, act)


def test_a_reader_closes_what_it_opened(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        reader = SignalingClient(scene.running.invite(), SystemClock(), os.urandom)
        results: list[MatchResult] = [await reader.match(offers(1)) for _ in range(2)]
        assert all(result.lanes for result in results)
        await reader.aclose()
        await reader.aclose()

    play(tmp_path, act)
