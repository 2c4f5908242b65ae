"""What stands at the far side of `tests.support.namespaces`, as programs.

``python -m tests.support.far_side site ADDRESS`` is a web site on port 80 that also returns datagrams on ports 7 and
53; ``… stun ADDRESS`` answers STUN's binding requests (RFC 8489) on port 3478; ``… portal ADDRESS PORT`` answers each
HTTP request with a log-in page, as a hotel does in everybody's place. Each prints ``ready`` and
runs until it is killed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
import sys

from aiohttp import web

BODY = "the far side"
LOG_IN = "<html>Welcome! Give your room's number to use this network.</html>"
STUN_PORT = 3478
_COOKIE = 0x2112A442
_BINDING_REQUEST, _BINDING_SUCCESS, _XOR_MAPPED_ADDRESS = 0x0001, 0x0101, 0x0020


class Echo(asyncio.DatagramProtocol):
    """Returns each datagram."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Sends the answer, if there is one."""
        if (answer := self.answer(data, address)) is not None:
            self._transport.sendto(answer, address)

    def answer(self, data: bytes, address: tuple[str, int]) -> bytes | None:
        """What goes back."""
        return data


class Stun(Echo):
    """Tells who asks from which address the question came."""

    def answer(self, data: bytes, address: tuple[str, int]) -> bytes | None:
        """See Echo."""
        if len(data) < 20 or struct.unpack_from("!HHI", data)[::2] != (_BINDING_REQUEST, _COOKIE):
            return None
        host = ipaddress.ip_address(address[0])
        key = data[4:8] if host.version == 4 else data[4:20]
        masked = bytes(a ^ b for a, b in zip(host.packed, key, strict=True))
        port = address[1] ^ (_COOKIE >> 16)
        value = struct.pack("!BBH", 0, 1 if host.version == 4 else 2, port) + masked
        attribute = struct.pack("!HH", _XOR_MAPPED_ADDRESS, len(value)) + value
        return struct.pack("!HH", _BINDING_SUCCESS, len(attribute)) + data[4:20] + attribute


async def _serve_http(address: str, port: int, text: str, kind: str) -> None:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text=text, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()


async def main(role: str, address: str, *more: str) -> None:
    """Runs until it is killed."""
    loop = asyncio.get_running_loop()
    match role:
        case "site":
            await _serve_http(address, 80, BODY, "text/plain")
            for port in (7, 53):
                await loop.create_datagram_endpoint(Echo, (address, port))
        case "stun":
            await loop.create_datagram_endpoint(Stun, (address, STUN_PORT))
        case "portal":
            await _serve_http(address, int(more[0]), LOG_IN, "text/html")
        case _:
            raise SystemExit(f"there is no {role}")
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
