"""The smallest program that does what a reader's start does: TCP, one request, libwebrtc, one byte. Nothing else.

Run: python -m bench.ceiling.first HOST PORT LANES COUNT. Its request over plain HTTP brings so many offers to the relay
and its answers back; over the first lane that opens it asks for a byte. Then come COUNT round trips of 100 B, one every
20 ms. Prints a line of JSON: the moment (monotonic) of the first byte, and the round trips in seconds.
"""

from __future__ import annotations

import socket
import sys

_PACKET_BYTES = 100
_INTERVAL_S = 0.02
_TIMEOUT_S = 20.0


def _knock(host: str, port: int) -> socket.socket:
    """A connection that is under way, before anything that takes long to load."""
    knocking = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    knocking.setblocking(False)
    knocking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    knocking.connect_ex((host, port))
    return knocking


def _main(host: str, port: int, lanes: int, count: int) -> None:
    connection = _knock(host, port)
    import asyncio
    import json
    import time

    import reactor_webrtc

    class Lane:
        def __init__(self, maker: reactor_webrtc.PeerConnectionFactory, arrived: asyncio.Queue[float]) -> None:
            loop = asyncio.get_running_loop()
            self.is_open = asyncio.Event()
            self._found = asyncio.Event()
            self._candidates: list[str] = []
            self._post = loop.call_soon_threadsafe
            self._observer = reactor_webrtc.PeerConnectionObserver()
            self._observer.on_ice_candidate = self._candidate
            self.peer = maker.create_peer_connection(reactor_webrtc.RtcConfiguration(), self._observer)
            self.channel = self.peer.create_data_channel("data")
            self.channel.on_open(self._opened)
            self.channel.on_message(self._message)
            self._arrived = arrived

        def _opened(self) -> None:
            self._post(self.is_open.set)

        def _message(self, data: bytes, binary: bool) -> None:
            self._post(self._arrived.put_nowait, time.monotonic())

        def _candidate(self, candidate: reactor_webrtc.IceCandidate) -> None:
            self._candidates.append(candidate.candidate)
            self._post(self._found.set)

        async def offer(self) -> str:
            offer = await self.peer.create_offer()
            await self.peer.set_local_description(offer)
            await self._found.wait()
            return offer.sdp + "".join(f"a={candidate}\r\n" for candidate in tuple(self._candidates))

    async def exchange(offers: list[str]) -> list[str]:
        loop = asyncio.get_running_loop()
        # Connecting again says that it is under way, or done.
        await loop.sock_connect(connection, (host, port))
        body = json.dumps(offers).encode()
        head = f"POST /match HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        await loop.sock_sendall(connection, head.encode() + body)
        reply = b""
        while piece := await loop.sock_recv(connection, 1 << 16):
            reply += piece
        answers: list[str] = json.loads(reply.partition(b"\r\n\r\n")[2])
        return answers

    async def run() -> dict[str, object]:
        arrived: asyncio.Queue[float] = asyncio.Queue()
        maker = reactor_webrtc.PeerConnectionFactoryBuilder().build()
        offered = [Lane(maker, arrived) for _ in range(lanes)]
        answers = await exchange(list(await asyncio.gather(*(lane.offer() for lane in offered))))
        for lane, answer in zip(offered, answers, strict=True):
            await lane.peer.set_remote_description(reactor_webrtc.SessionDescription("answer", answer))
        opening = [asyncio.create_task(lane.is_open.wait()) for lane in offered]
        await asyncio.wait(opening, return_when=asyncio.FIRST_COMPLETED)
        channel = next(lane.channel for lane in offered if lane.is_open.is_set())
        channel.send(json.dumps({"direction": "echo"}).encode())
        first_at = await arrived.get()
        round_trips = []
        for _ in range(count):
            sent_at = time.monotonic()
            channel.send(bytes(_PACKET_BYTES))
            elapsed = await arrived.get() - sent_at
            round_trips.append(elapsed)
            await asyncio.sleep(max(_INTERVAL_S - elapsed, 0))
        return {"first_at": first_at, "round_trips_s": round_trips}

    print(json.dumps(asyncio.run(asyncio.wait_for(run(), _TIMEOUT_S + count))), flush=True)
    # Callbacks of the library may still come, and would meet an interpreter that is gone.
    import os

    os._exit(0)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
