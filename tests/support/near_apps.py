"""Programs of a reader, which use the proxy in every way that it has, all at once.

``python -m tests.support.near_apps HOST:PORT NAME ADDRESS SECONDS`` prints one JSON object: for each way, what it came
to within so many seconds: ``read`` (the site's own text or datagram came), or what the proxy said instead.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys

from tests.support.far_side import BODY
from unwalled.wire.address import Target

READ, SILENCE, NO_PROXY, CUT = "read", "silence", "no proxy", "cut"


async def web(seconds: float, *arguments: str) -> str:
    """Fetches with curl; gives READ, the status of the proxy's own page with its first line, or curl's exit code."""
    curl = ("curl", "-q", "-sS", "--max-time", str(seconds), "-w", "\n%{http_code}\n%{http_connect}", *arguments)
    process = await asyncio.create_subprocess_exec(
        *curl, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"}
    )
    out, _ = await process.communicate()
    text, status, connect = out.decode().rsplit("\n", 2)
    if process.returncode == 0 and (text, status) == (BODY, "200"):
        return READ
    match process.returncode:
        case 0:
            return f"page {status}: {text.partition(chr(10))[0]}"
        case 7:
            return NO_PROXY
        case 28:
            return SILENCE
        case 56 if connect != "000":
            return f"refused {connect}"
        case 52 | 56:
            return CUT
        case code:
            return f"curl {code}"


async def datagrams(proxy: tuple[str, int], target: Target) -> str:
    """Sends datagrams by UDP ASSOCIATE until one comes back."""
    try:
        reader, writer = await asyncio.open_connection(*proxy)
    except OSError:
        return NO_PROXY
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        try:
            writer.write(b"\x05\x01\x00\x05\x03\x00\x01" + bytes(6))
            await reader.readexactly(2)
            reply = await reader.readexactly(10)
            if reply[1]:
                return f"refused {reply[1]}"
            relay = socket.inet_ntoa(reply[4:8]), struct.unpack("!H", reply[8:])[0]
            host = target.host.encode()
            literal = target.literal
            kind = 3 if literal is None else 1 if literal.version == 4 else 4
            named = bytes((kind,)) + (bytes((len(host),)) + host if literal is None else literal.packed)
            while True:
                sock.sendto(b"\0\0\0" + named + target.port.to_bytes(2, "big") + b"a question", relay)
                try:
                    async with asyncio.timeout(0.2):
                        data = await loop.sock_recv(sock, 2048)
                        return READ if data.endswith(b"a question") else "something else"
                except TimeoutError:
                    pass
        except (OSError, asyncio.IncompleteReadError):
            return CUT
        finally:
            writer.close()


async def main(at: str, name: str, address: str, seconds: float) -> dict[str, str]:
    """All ways at once."""
    host, _, port = at.partition(":")
    proxy = host, int(port)
    found: dict[str, str] = {}
    site = f"[{address}]" if ":" in address else address

    async def note(way: str, target: Target) -> None:
        try:
            async with asyncio.timeout(seconds):
                found[way] = await datagrams(proxy, target)
        except TimeoutError:
            found[way] = SILENCE

    async def fetch(way: str, *arguments: str) -> None:
        found[way] = await web(seconds, *arguments)

    async with asyncio.TaskGroup() as group:
        for way, task in {
            "socks5, a name": fetch("socks5, a name", "--socks5-hostname", at, f"http://{name}/"),
            "socks5, an address": fetch("socks5, an address", "--socks5-hostname", at, f"http://{site}/"),
            "socks4a": fetch("socks4a", "--socks4a", at, f"http://{name}/"),
            "http": fetch("http", "--proxy", f"http://{at}", f"http://{name}/"),
            "http connect": fetch("http connect", "--proxytunnel", "--proxy", f"http://{at}", f"http://{name}/"),
            "datagrams, a name": note("datagrams, a name", Target(name, 7)),
            "datagrams, an address": note("datagrams, an address", Target(address, 7)),
            "a question for names": note("a question for names", Target(address, 53)),
        }.items():
            group.create_task(task, name=way)
    return found


if __name__ == "__main__":
    _, given_at, given_name, given_address, given_s = sys.argv
    print(json.dumps(asyncio.run(main(given_at, given_name, given_address, float(given_s)))))
