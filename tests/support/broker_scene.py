"""A real broker on a port of this machine, bridges that follow a script, and readers: what a test plays with."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec
from aiohttp import WSMsgType, web

from tests.support.admitting import admission
from tests.support.descriptions import answer, offer
from unwalled.broker.countries import FindCountry
from unwalled.broker.directory import EmbeddedDirectory
from unwalled.broker.gateways import GatewayPlace
from unwalled.broker.peers import LocalPeers
from unwalled.broker.redis.shared import SharedRedis
from unwalled.broker.server import Broker
from unwalled.broker.store import EmbeddedStore
from unwalled.clock import SystemClock
from unwalled.crypto.envelope import seal_request
from unwalled.crypto.hpke import ClassicalPrivateKey
from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.tokens import mint_token
from unwalled.operator.invites.admission import Admission
from unwalled.operator.options import PublicUrl
from unwalled.settings import BrokerLimits, SignallingLimits
from unwalled.signaling.client import SignalingClient
from unwalled.signaling.doors import Door, HttpDoor
from unwalled.wire.description import LaneDescription
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import (
    Answer,
    Answers,
    BridgeConfig,
    Cancel,
    Client,
    ErrorCode,
    Hello,
    Match,
    MatchRequest,
    Nat,
    Ready,
    Refusal,
    Refused,
    decode_from_broker,
)

PATIENCE_S = 20.0
KEYS = OperatorKeys.make(os.urandom)
# Short where a test waits for it to pass, long where it must not.
QUICK = BrokerLimits(match_wait_s=0.05, answer_timeout_s=5.0, answer_grace_s=5.0)


class _Noted(GatewayPlace, frozen=True):
    noted: list[str] = msgspec.field(default_factory=list)

    def lane_url(self, ticket: str) -> str:
        self.noted.append(ticket)
        return super().lane_url(ticket)


@dataclass
class Running:
    """A broker that serves on a port of this machine."""

    broker: Broker
    url: str
    admission: Admission
    runner: web.AppRunner
    gateway_urls: list[str]
    shared: SharedRedis | None = None

    def invite(self, *, expires_s: int = 0, doors: tuple[str, ...] = (), keys: OperatorKeys = KEYS) -> Invite:
        token = mint_token(keys.invite_key, os.urandom(8), expires_s)
        return Invite(keys.identity, keys.broker_key().public, token, doors or (self.url,), ())

    async def stop(self) -> None:
        await self.broker.close()
        if self.shared is not None:
            await self.shared.close()
        await self.runner.cleanup()


async def start(
    folder: Path,
    limits: BrokerLimits = QUICK,
    *,
    port: int = 0,
    trusted: str = "",
    allow_private: bool = False,
    find_country: FindCountry = lambda address: "",
    shared: SharedRedis | None = None,
    swarms: bool = False,
) -> Running:
    admitting = admission(KEYS, folder, swarms=swarms)
    gateway_urls: list[str] = []

    directory = EmbeddedDirectory(SystemClock(), KEYS.naming_key())
    await directory.announce(_Noted("g1", "ws://127.0.0.1/v1/lane", noted=gateway_urls))
    broker = Broker(
        key=KEYS.broker_key(),
        check_token=admitting.terms,
        share_wait_s=admitting.wait_s,
        invite_for_swarm=lambda tag: admitting.invite_for_swarm(tag, PublicUrl("http://127.0.0.1"), ()),
        store=EmbeddedStore(Random(1), limits) if shared is None else shared.store,
        clock=SystemClock(),
        random_bytes=os.urandom,
        directory=directory,
        bundle=KEYS.bundle(()).encoded,
        config=BridgeConfig(
            1, "ws://127.0.0.1/v1/bridge", ["ws://127.0.0.1/v1/lane"], ["stun:a"], allow_private, swarms
        ),
        naming_key=KEYS.naming_key(),
        trusted_proxies=[ipaddress.ip_network(trusted)] if trusted else [],
        find_country=find_country,
        make_peers=LocalPeers if shared is None else shared.peers,
        prefix_key=b"" if shared is None else shared.prefix_key,
        limits=limits,
    )
    if shared is not None:
        await shared.start()
    app = web.Application()
    app.add_routes(broker.routes())
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return Running(broker, f"http://127.0.0.1:{runner.addresses[0][1]}", admitting, runner, gateway_urls, shared)


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
    readers: list[SignalingClient] = field(default_factory=list)

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

    def reader(
        self, invite: Invite | None = None, limits: SignallingLimits | None = None, door: Door | None = None
    ) -> SignalingClient:
        """``door``: the only one that it goes to."""
        reader = SignalingClient(
            invite or self.running.invite(),
            SystemClock(),
            os.urandom,
            limits=limits or SignallingLimits(),
            make_door=lambda url, limits: door or HttpDoor(url, limits),
        )
        self.readers.append(reader)
        return reader

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
                        for reader in scene.readers:
                            await reader.aclose()
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
