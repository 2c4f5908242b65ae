"""The near end of a ceiling: libwebrtc and nothing else.

Run: python -m bench.ceiling.peer DIRECTION LANES MESSAGE_BYTES SECONDS. Prints one offer (SDP as a JSON string) for
each lane and reads one answer for each, then moves bytes for SECONDS and prints a `Flow`: of what came (download), or
of what the far end said that it has (upload).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import reactor_webrtc

from bench.ceiling.server import ACK_BYTES, WINDOW_BYTES
from bench.flow import Flow

_POLL_S = 0.002


def factory() -> reactor_webrtc.PeerConnectionFactory:
    """As the reader sets libwebrtc up."""
    builder = reactor_webrtc.PeerConnectionFactoryBuilder()
    builder.with_metadata(False)
    builder.with_dc_callbacks_on_network_thread(True)
    return builder.build()


class _Lane:
    def __init__(self, maker: reactor_webrtc.PeerConnectionFactory, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.received = self.told = self.sent = self.acked = 0
        self.candidates: list[str] = []
        self.gathered = asyncio.Event()
        observer = reactor_webrtc.PeerConnectionObserver()
        observer.on_ice_candidate = lambda candidate: self.candidates.append(candidate.candidate)
        observer.on_ice_gathering_change = self._gathering
        self._observer = observer
        self.peer = maker.create_peer_connection(reactor_webrtc.RtcConfiguration(), observer)
        self.channel = self.peer.create_data_channel("data")
        self.open = asyncio.Event()
        self.channel.on_message(self._message)
        self.channel.on_open(self._opened)

    def _gathering(self, state: reactor_webrtc.IceGatheringState) -> None:
        if state == reactor_webrtc.IceGatheringState.Complete:
            self._loop.call_soon_threadsafe(self.gathered.set)

    def _opened(self) -> None:
        self._loop.call_soon_threadsafe(self.open.set)

    def _message(self, data: bytes, binary: bool) -> None:
        if len(data) == 8:
            self.acked = int.from_bytes(data, "big")
        self.received += len(data)

    async def offer(self) -> str:
        offer = await self.peer.create_offer()
        await self.peer.set_local_description(offer)
        await self.gathered.wait()
        return offer.sdp + "".join(f"a={candidate}\r\n" for candidate in self.candidates)

    def start(self, direction: str, message_bytes: int) -> None:
        self.channel.send(json.dumps({"direction": direction, "message_bytes": message_bytes}).encode())


def _download(lanes: list[_Lane], seconds: float) -> Flow:
    flow = Flow()
    while not flow.size or time.monotonic() - flow.first_at < seconds:
        time.sleep(_POLL_S)
        total = 0
        for lane in lanes:
            received = lane.received
            total += received
            if received - lane.told >= ACK_BYTES:
                lane.told = received
                lane.channel.send(received.to_bytes(8, "big"))
        if total > flow.size:
            flow.add(total - flow.size)
    return flow


def _upload(lanes: list[_Lane], message: bytes, seconds: float) -> Flow:
    flow = Flow()
    while not flow.size or time.monotonic() - flow.first_at < seconds:
        busy = False
        for lane in lanes:
            # A few messages at a time, so that no lane waits for another's window.
            for _ in range(8):
                if lane.sent - lane.acked < WINDOW_BYTES:
                    lane.channel.send(message)
                    lane.sent += len(message)
                    busy = True
        total = sum(lane.acked for lane in lanes)
        if total > flow.size:
            flow.add(total - flow.size)
        if not busy:
            time.sleep(_POLL_S)
    return flow


async def _main(direction: str, count: int, message_bytes: int, seconds: float) -> None:
    maker = factory()
    lanes = [_Lane(maker, asyncio.get_running_loop()) for _ in range(count)]
    for lane in lanes:
        print(json.dumps(await lane.offer()), flush=True)
    for lane in lanes:
        answer = json.loads(sys.stdin.readline())
        await lane.peer.set_remote_description(reactor_webrtc.SessionDescription("answer", answer))
    async with asyncio.timeout(20):
        for lane in lanes:
            await lane.open.wait()
    for lane in lanes:
        lane.start(direction, message_bytes)
    flow = _download(lanes, seconds) if direction == "down" else _upload(lanes, bytes(message_bytes), seconds)
    print(json.dumps(flow.to_dict()), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
    # Callbacks of the library may still come, and would meet an interpreter that is gone.
    os._exit(0)
