"""The least headless relay: libwebrtc and a WebSocket, and a copy each way.

Run: python -m bench.ceiling.relay WS_URL [SIGNAL_URL]. Each line of standard input is an offer's SDP as a JSON string;
the line that answers it is the answer's. With SIGNAL_URL, offers come from there (see server.py).
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial

import aiohttp
import reactor_webrtc
import uvloop

from bench.ceiling.peer import factory


class _Lane:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.channel: reactor_webrtc.DataChannel | None = None
        self.gathered = asyncio.Event()
        self.candidates: list[str] = []
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.observer = reactor_webrtc.PeerConnectionObserver()
        self.observer.on_ice_candidate = lambda candidate: self.candidates.append(candidate.candidate)
        self.observer.on_ice_gathering_change = self._gathering
        self.observer.on_data_channel = self._channel

    def _gathering(self, state: reactor_webrtc.IceGatheringState) -> None:
        if state == reactor_webrtc.IceGatheringState.Complete:
            self._loop.call_soon_threadsafe(self.gathered.set)

    def _channel(self, channel: reactor_webrtc.DataChannel) -> None:
        channel.on_message(self._message)
        self.channel = channel

    def _message(self, data: bytes, binary: bool) -> None:
        self._loop.call_soon_threadsafe(self._inbox.put_nowait, data)

    async def carry(self, session: aiohttp.ClientSession, url: str) -> None:
        async with session.ws_connect(url, compress=0, max_msg_size=1 << 20) as socket, asyncio.TaskGroup() as group:
            group.create_task(self._up(socket))
            async for message in socket:
                # A lane that the far end floods would close at 16 MiB; its window is 1 MiB.
                assert self.channel is not None
                self.channel.send(message.data)

    async def _up(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await socket.send_bytes(await self._inbox.get())


async def _main(url: str, signal_url: str | None) -> None:
    loop = asyncio.get_running_loop()
    maker = factory()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def readable() -> None:
        line = sys.stdin.readline()
        if line:
            lines.put_nowait(line)

    loop.add_reader(sys.stdin.fileno(), readable)
    kept: list[object] = []
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:

        async def relay(offer: str, is_whole: bool) -> str:
            lane = _Lane(loop)
            peer = maker.create_peer_connection(reactor_webrtc.RtcConfiguration(), lane.observer)
            kept.extend((lane, peer))
            await peer.set_remote_description(reactor_webrtc.SessionDescription("offer", offer))
            answer = await peer.create_answer()
            await peer.set_local_description(answer)
            # Where no STUN server is asked, the other end learns this end's address from its checks.
            if is_whole:
                await lane.gathered.wait()
            group.create_task(partial(lane.carry, session, url)())
            return answer.sdp + "".join(f"a={each}\r\n" for each in tuple(lane.candidates))

        if signal_url is None:
            print("ready", flush=True)
            while True:
                print(json.dumps(await relay(json.loads(await lines.get()), True)), flush=True)
        async with session.ws_connect(signal_url) as signal:
            print("ready", flush=True)
            async for message in signal:
                answers = await asyncio.gather(*(relay(offer, False) for offer in json.loads(message.data)))
                await signal.send_str(json.dumps(answers))


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
