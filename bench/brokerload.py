"""What loads a broker in ``python -m bench broker``: bridges and readers on bare sockets, so that little of the machine
is theirs. Reads commands as JSON lines, answers each with one; runs as a process of its own.

Bridges hang at the broker and answer each match at once. Readers send requests that were sealed before the clock
started, and their replies are opened after it has stopped. All come from addresses 127.x.y.z of their own, so that the
broker's limits for prefixes and invites are those of every day.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from tests.support.descriptions import answer, offer
from unwalled.crypto.envelope import open_reply, seal_request
from unwalled.crypto.hpke import ClassicalPrivateKey
from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.tokens import mint_token
from unwalled.wire.signalling import Answer, Answers, Client, Hello, MatchReply, MatchRequest, Nat, Status

REQUESTS_OF_AN_INVITE = 100
CONNECTIONS = 256
"""Of readers; each sends one request after another."""


class _Asked(msgspec.Struct):
    offer: int


class _Match(msgspec.Struct):
    match: str
    offers: list[_Asked]


_MATCHES = msgspec.json.Decoder(_Match)


def _frame(text: bytes) -> bytes:
    """A WebSocket frame of a client; its mask is zero, which changes nothing."""
    head = b"\x81" + (bytes((0x80 | len(text),)) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big"))
    return head + bytes(4) + text


class Bridge(asyncio.Protocol):
    """Connects, says hello, answers."""

    def __init__(self, ready: asyncio.Semaphore) -> None:
        self._ready = ready
        self._held = bytearray()
        self._is_open = False
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport
        self._transport.write(  # type: ignore[attr-defined]
            b"GET /v1/bridge HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._held += data
        if not self._is_open:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._held[: end + 4]
            self._is_open = True
            hello = Hello(1, Client.PAGE, Nat.UNRESTRICTED, 24, 8).encode()
            self._transport.write(_frame(hello.encode()))  # type: ignore[attr-defined]
        while len(self._held) >= 2:
            size, at = self._held[1], 2
            if size == 126:
                size, at = int.from_bytes(self._held[2:4], "big"), 4
            if len(self._held) < at + size:
                return
            opcode, payload = self._held[0] & 15, bytes(self._held[at : at + size])
            del self._held[: at + size]
            self._take(opcode, payload)

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 9:
            self._transport.write(b"\x8a" + bytes((0x80 | len(payload),)) + bytes(4) + payload)  # type: ignore[attr-defined]
        elif payload.startswith(b'{"type":"ready"'):
            self._ready.release()
        elif payload.startswith(b'{"type":"match"'):
            asked = _MATCHES.decode(payload)
            text = Answers(asked.match, tuple(_ANSWER[one.offer] for one in asked.offers)).encode()
            self._transport.write(_frame(text.encode()))  # type: ignore[attr-defined]

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.lost = True


_ANSWER = [Answer(at, answer=answer(at)) for at in range(16)]


class Reader(asyncio.Protocol):
    """One connection, over which one request after another goes."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.answer: asyncio.Future[tuple[bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = transport

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Sends a whole request; gives the head and the body of the answer."""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)  # type: ignore[attr-defined]
        return await self.answer

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._held += data
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._held[:end])
        at = head.lower().find(b"content-length:")
        size = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self._held) >= end + 4 + size and self.answer is not None:
            body = bytes(self._held[end + 4 : end + 4 + size])
            self._held.clear()
            self.answer.set_result((head, body))

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result((b"lost", b""))


class Load:
    """All bridges and readers."""

    def __init__(self, ports: list[int], keys: OperatorKeys) -> None:
        self._ports = ports
        self._keys = keys
        self._bridges: list[Bridge] = []
        self._readers: list[Reader] = []

    async def hang(self, count: int, batch: int = 100) -> dict[str, float]:
        """Connects bridges until there are so many."""
        loop, ready = asyncio.get_running_loop(), asyncio.Semaphore(0)
        began = time.monotonic()
        while len(self._bridges) < count:
            more = range(len(self._bridges), min(count, len(self._bridges) + batch))
            made = await asyncio.gather(
                *(
                    loop.create_connection(
                        lambda: Bridge(ready),
                        "127.0.0.1",
                        self._ports[at % len(self._ports)],
                        local_addr=(f"127.{at % 100 + 100}.{at // 100 % 100}.7", 0),
                    )
                    for at in more
                )
            )
            self._bridges += [bridge for _, bridge in made]
            for _ in more:
                await ready.acquire()
        return {"seconds": time.monotonic() - began}

    async def ask(self, rate: float, seconds: float, offers: int, spread: int, path: str) -> dict[str, object]:
        """Readers come at a steady rate; a request's time counts from when it was due."""
        loop = asyncio.get_running_loop()
        count = max(int(rate * seconds), 1)
        requests = [self._request(at, offers, spread, path) for at in range(count)]
        while len(self._readers) < CONNECTIONS:
            at = len(self._readers)
            _, reader = await loop.create_connection(
                Reader, "127.0.0.1", self._ports[at % len(self._ports)], local_addr=(f"127.{at % 250}.{at}.9", 0)
            )
            self._readers.append(reader)
        free: asyncio.Queue[Reader] = asyncio.Queue()
        for reader in self._readers:
            free.put_nowait(reader)
        times_s: list[float] = []
        replies: list[tuple[int, bytes, bytes]] = []
        used_before = time.process_time()
        began = time.monotonic() + 0.1

        async def one(at: int, due: float) -> None:
            reader = await free.get()
            head, body = await reader.ask(requests[at][0])
            times_s.append(time.monotonic() - due)
            replies.append((at, head, body))
            free.put_nowait(reader)

        async with asyncio.TaskGroup() as group:
            for at in range(count):
                due = began + at / rate
                if (rest_s := due - time.monotonic()) > 0.0005:
                    await asyncio.sleep(rest_s)
                group.create_task(one(at, due))
        took_s = time.monotonic() - began
        used_s = time.process_time() - used_before
        is_good = [self._is_good(requests[at], head, body, path) for at, head, body in replies]
        times_s.sort()
        return {
            "asked": count,
            "good": sum(is_good),
            "per_s": sum(is_good) / took_s,
            "p50_ms": times_s[len(times_s) // 2] * 1000,
            "p99_ms": times_s[int(len(times_s) * 0.99)] * 1000,
            "worst_ms": times_s[-1] * 1000,
            "cpu_s": used_s,
            "took_s": took_s,
            "lost": sum(bridge.lost for bridge in self._bridges),
        }

    def _request(self, at: int, offers: int, spread: int, path: str) -> tuple[bytes, bytes, ClassicalPrivateKey]:
        if at % REQUESTS_OF_AN_INVITE == 0:
            self._token = mint_token(self._keys.invite_key, os.urandom(8), 0)
        reply_key = ClassicalPrivateKey(os.urandom(32))
        asked = MatchRequest(
            self._token,
            reply_key.public,
            Nat.UNKNOWN,
            tuple(offer(number) for number in range(offers)),
            spread,
            (),
            b"",
            (),
            os.urandom(16),
        )
        body = seal_request(asked.encode(), self._keys.broker_key().public)
        head = f"POST {path} HTTP/1.1\r\nHost: broker\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body, body, reply_key

    def _is_good(self, request: tuple[bytes, bytes, ClassicalPrivateKey], head: bytes, body: bytes, path: str) -> bool:
        if not head.startswith(b"HTTP/1.1 200"):
            return False
        if path != "/v1/match":
            return True
        reply = MatchReply.decode(open_reply(body, request[2], request[1]))
        return reply.status is Status.OK and len(reply.lanes) > 0


async def serve() -> None:
    """Does what the lines of standard input say, until they end."""
    loads: dict[str, Load] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        kind = command.pop("do")
        if kind == "at":
            keys = OperatorKeys.load(Path(command["data"]))
            assert keys is not None
            loads["now"] = Load(command["ports"], keys)
            result: object = {}
        elif kind == "hang":
            result = await loads["now"].hang(**command)
        else:
            result = await loads["now"].ask(**command)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    uvloop.run(serve())
