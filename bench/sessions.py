"""Idle sessions at a gateway: real WebSockets and real sessions, without WebRTC, so that there can be hundreds.

python -m bench.sessions serve            the gateway's end: prints its port and its key
python -m bench.sessions hold PORT KEY    opens sessions as told on standard input: "COUNT LANES" a line, and
                                          answers each line when they stand
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys

import aiohttp
from aiohttp import web

from unwalled.cli.running import run
from unwalled.crypto.hpke import PostQuantumPrivateKey
from unwalled.errors import UnwalledError
from unwalled.gateway.endpoint import LaneEndpoint
from unwalled.gateway.policy import EgressPolicy
from unwalled.gateway.server import GatewayServer
from unwalled.gateway.sessions import SessionHub, TokenVerdict
from unwalled.lanes.websocket import WebSocketLane, connect_websocket
from unwalled.operator.listener import HttpServer, bind
from unwalled.operator.options import ListenAddress
from unwalled.session.events import LeaveReason
from unwalled.session.reader import ReaderSession
from unwalled.settings import GATEWAY
from unwalled.tunnel.pump import Pump
from unwalled.tunnel.streams import TunnelFlow, TunnelStream
from unwalled.wire.codes import Code

_TOKEN_BYTES = 28


class _Gateway:
    """What an operator's process has of a gateway, with the tickets that the lanes of ``hold`` ask for."""

    def __init__(self) -> None:
        self.key = PostQuantumPrivateKey(os.urandom(96))
        server = GatewayServer(EgressPolicy(allow_private=True))
        self._hub = SessionHub(
            self.key, lambda token: TokenVerdict.GOOD, server.new_handler, os.urandom, lambda report: None
        )

    async def serve(self) -> int:
        """Listens until it is cancelled, having said where."""

        async def knows_ticket(ticket: str) -> bool:
            return True

        application = web.Application()
        application.add_routes(LaneEndpoint(self._hub, knows_ticket).routes())
        sockets = bind(ListenAddress.parse("127.0.0.1:0"))
        await HttpServer(application).start(sockets)
        print(sockets[0].getsockname()[1], self.key.public.hex(), flush=True)
        await asyncio.Event().wait()
        return 0


class _Reader:
    """One reader's session over WebSockets that a bridge would hold."""

    def __init__(self, key: bytes, base: str, client: aiohttp.ClientSession, name: str) -> None:
        loop = asyncio.get_running_loop()
        self._session = ReaderSession(key, os.urandom(_TOKEN_BYTES), os.urandom, loop.time())
        self._pump = Pump(self._session, self._session.core, self)
        self._url = f"{base}/{name}"
        self._client = client

    async def open(self, lanes: int) -> None:
        """Opens so many lanes, and waits until the gateway has taken them all."""
        for number in range(lanes):
            # A ticket is good for the lanes of one match.
            lane = await connect_websocket(self._client, f"{self._url}-{number // GATEWAY.lanes_per_ticket}")
            self._take(lane)
        while sum(state.confirmed for state in self._session.core.lanes.values()) < lanes:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    def _take(self, lane: WebSocketLane) -> None:
        key = self._session.lane_opened(self._pump.now())
        lane.start(self._pump.attach(key, lane))

    def established(self) -> None:
        """See PumpUser."""

    def resumed(self) -> None:
        """See PumpUser."""

    def stream_opened(self, stream: TunnelStream) -> None:
        """See PumpUser."""

    def flow_opened(self, flow: TunnelFlow) -> None:
        """See PumpUser."""

    def lanes_limited(self) -> None:
        """See PumpUser."""

    def lane_left(self, lane: int, reason: LeaveReason) -> None:
        """See PumpUser."""
        raise UnwalledError("A lane of an idle session has gone.")

    def lane_fell_silent(self) -> None:
        """See PumpUser."""

    def session_closed(self, code: Code) -> None:
        """See PumpUser."""


async def _hold(port: int, key: bytes) -> int:
    loop = asyncio.get_running_loop()
    held: list[_Reader] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            count, lanes = map(int, line.split())
            for _ in range(count):
                reader = _Reader(key, f"http://127.0.0.1:{port}/v1/lane", client, f"s{len(held)}")
                held.append(reader)
                await reader.open(lanes)
            gc.collect()
            print("open", flush=True)
    return 0


def main(arguments: list[str]) -> int:
    """One of the two ends."""
    match arguments:
        case ["serve"]:
            return run(_Gateway().serve)
        case ["hold", port, key]:
            return run(lambda: _hold(int(port), bytes.fromhex(key)))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
