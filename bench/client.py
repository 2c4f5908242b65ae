"""The program that reads: through SOCKS5, or straight when PROXY is ``-``. Standard library only, to start at once.

Run: python -m bench.client PROXY SITE COMMAND [ARGUMENT …], each address as HOST:PORT. The result is one line of JSON.

    download SECONDS [CONGESTION]   what arrived, with its SHA-256; "ended" says whether the connection ended early
    upload SECONDS [CONGESTION]     what the site saw arrive
    echo COUNT INTERVAL_S BYTES     round trips in seconds; an unanswered one ends it after 30 s
    many COUNT BYTES SECONDS        so many connections do that at once, without a pause: round trips in each second
    first                           says "ready", reads a moment (monotonic) from standard input, waits for the proxy,
                                    loads a page: seconds from that moment to the first byte
    page COUNT                      new connections one after another: seconds from connect to first byte of each
    fetch BYTES                     as download, so many bytes through one connection
    datagrams PER_S BYTES SECONDS   there and back by UDP: how many were sent, and of each that came its number and the
                                    seconds up and down (all processes of a machine share CLOCK_MONOTONIC)
"""

from __future__ import annotations

import hashlib
import json
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.flow import Flow, block
from bench.site import STAMP

_PIECE_BYTES = 256 * 1024
_TIMEOUT_S = 60.0
_POLL_S = 0.005
_STRAGGLERS_S = 2.0

Address = tuple[str, int]


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("ended early")
        data += piece
    return data


def connect(proxy: Address | None, site: Address) -> socket.socket:
    """A connection to the site; through the proxy in the two steps in which browsers do it."""
    if proxy is None:
        return socket.create_connection(site, _TIMEOUT_S)
    connection = socket.create_connection(proxy, _TIMEOUT_S)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"\x05\x01\x00")
        _read(connection, 2)
        connection.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(site[0]) + site[1].to_bytes(2, "big"))
        reply = _read(connection, 10)
        if reply[1]:
            raise ConnectionError(f"the proxy answered {reply[1]}")
    except BaseException:
        connection.close()
        raise
    return connection


def download(proxy: Address | None, site: Address, seconds: float, congestion: str = "") -> dict[str, Any]:
    """Reads for ``seconds`` after the first byte."""
    return _read_until(proxy, site, congestion, lambda flow: time.monotonic() - flow.first_at >= seconds)


def fetch(proxy: Address | None, site: Address, size: int) -> dict[str, Any]:
    """Reads ``size`` bytes, or a little more."""
    return _read_until(proxy, site, "", lambda flow: flow.size >= size)


def _read_until(
    proxy: Address | None, site: Address, congestion: str, is_done: Callable[[Flow], bool]
) -> dict[str, Any]:
    flow, digest, ended = Flow(), hashlib.sha256(), False
    with connect(proxy, site) as connection:
        connection.sendall(b"down " + congestion.encode() + b"\n")
        buffer = bytearray(_PIECE_BYTES)
        view = memoryview(buffer)
        connection.settimeout(_TIMEOUT_S)
        while not flow.size or not is_done(flow):
            size = connection.recv_into(buffer)
            if not size:
                ended = True
                break
            flow.add(size)
            digest.update(view[:size])
    return {**flow.to_dict(), "sha256": digest.hexdigest(), "ended": ended}


def upload(proxy: Address | None, site: Address, seconds: float, congestion: str = "") -> dict[str, Any]:
    """Writes for ``seconds``, and gives what the site saw."""
    data = memoryview(block())
    with connect(proxy, site) as connection:
        if congestion:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        connection.sendall(b"up\n")
        deadline = time.monotonic() + seconds
        start = 0
        while time.monotonic() < deadline:
            start += connection.send(data[start : start + _PIECE_BYTES])
            start %= len(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    result: dict[str, Any] = json.loads(answer)
    return result


def echo(proxy: Address | None, site: Address, count: int, interval_s: float, size: int) -> dict[str, Any]:
    """Sends ``size`` bytes every ``interval_s``, each after the answer to the one before."""
    round_trips: list[float] = []
    with connect(proxy, site) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(30)
        connection.sendall(b"echo\n")
        for number in range(count + 2):
            started = time.monotonic()
            connection.sendall(b"e" * size)
            _read(connection, size)
            elapsed = time.monotonic() - started
            # The first two also pay for the connection from gateway to site.
            if number >= 2:
                round_trips.append(elapsed)
            time.sleep(max(interval_s - elapsed, 0))
    return {"round_trips_s": round_trips}


def many(proxy: Address | None, site: Address, count: int, size: int, seconds: float) -> dict[str, Any]:
    """Short round trips over many connections at once, each with one on its way."""
    message = b"e" * size
    connections = [connect(proxy, site) for _ in range(count)]
    try:
        missing: dict[socket.socket, int] = {}
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(b"echo\n" + message)
            missing[connection] = size
        done, began = 0, time.monotonic()
        while (now := time.monotonic()) < began + seconds:
            readable, _, _ = select.select(connections, [], [], began + seconds - now)
            for connection in readable:
                piece = connection.recv(missing[connection])
                if not piece:
                    raise ConnectionError("ended early")
                missing[connection] -= len(piece)
                if not missing[connection]:
                    done += 1
                    missing[connection] = size
                    connection.sendall(message)
        return {"per_s": done / (time.monotonic() - began)}
    finally:
        for connection in connections:
            connection.close()


def _load(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: site\r\n\r\n")
    _read(connection, 1)


def first(proxy: Address | None, site: Address, since: float) -> dict[str, Any]:
    """The first page of all: tries until the proxy listens, then loads the page."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            socket.create_connection(proxy or site, _TIMEOUT_S).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
    listening_s = time.monotonic() - since
    while True:
        try:
            with connect(proxy, site) as connection:
                _load(connection)
            break
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
    return {"listening_s": listening_s, "first_byte_s": time.monotonic() - since}


def page(proxy: Address | None, site: Address, count: int) -> dict[str, Any]:
    """First bytes of new connections, one after another."""
    times: list[float] = []
    for _ in range(count):
        started = time.monotonic()
        with connect(proxy, site) as connection:
            _load(connection)
        times.append(time.monotonic() - started)
        time.sleep(0.05)
    return {"first_byte_s": times}


def _associate(proxy: Address) -> tuple[socket.socket, socket.socket]:
    """A UDP association (RFC 1928 section 7): the connection that keeps it, and a socket that talks to it."""
    control = socket.create_connection(proxy, _TIMEOUT_S)
    control.sendall(b"\x05\x01\x00")
    _read(control, 2)
    control.sendall(b"\x05\x03\x00\x01" + bytes(6))
    reply = _read(control, 10)
    if reply[1]:
        raise ConnectionError(f"the proxy answered {reply[1]}")
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.connect((socket.inet_ntoa(reply[4:8]), int.from_bytes(reply[8:10], "big")))
    return control, datagrams


def datagrams(proxy: Address | None, site: Address, per_s: float, size: int, seconds: float) -> dict[str, Any]:
    """Sends at even times, whatever comes back; waits a little for the last ones."""
    head = b""
    control: socket.socket | None = None
    if proxy is None:
        channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        channel.connect(site)
    else:
        control, channel = _associate(proxy)
        head = b"\0\0\0\x01" + socket.inet_aton(site[0]) + site[1].to_bytes(2, "big")
    channel.setblocking(False)
    count = int(per_s * seconds)
    came: dict[int, tuple[float, float]] = {}
    began = time.monotonic()
    sent = 0
    while (now := time.monotonic()) < began + seconds + _STRAGGLERS_S and len(came) < count:
        if sent < count and now >= began + sent / per_s:
            stamp = STAMP.pack(sent, now, 0.0)
            sent += 1
            try:
                channel.send(head + stamp + bytes(size - len(stamp)))
            except (BlockingIOError, ConnectionRefusedError):
                # It counts as lost.
                pass
            continue
        until = began + sent / per_s if sent < count else began + seconds + _STRAGGLERS_S
        if select.select([channel], [], [], max(until - now, 0))[0]:
            answer = channel.recv(65_536)
            arrived = time.monotonic()
            number, sent_at, there_at = STAMP.unpack_from(answer, len(head))
            came.setdefault(number, (there_at - sent_at, arrived - there_at))
    channel.close()
    if control is not None:
        control.close()
    return {
        "sent": sent,
        "came": [(number, round(up, 6), round(down, 6)) for number, (up, down) in sorted(came.items())],
    }


def main(arguments: list[str]) -> None:
    """Runs one command and prints its result."""
    proxy = None if arguments[0] == "-" else _address(arguments[0])
    site = _address(arguments[1])
    match arguments[2:]:
        case ["download", seconds, *rest]:
            result = download(proxy, site, float(seconds), *rest)
        case ["upload", seconds, *rest]:
            result = upload(proxy, site, float(seconds), *rest)
        case ["echo", count, interval_s, size]:
            result = echo(proxy, site, int(count), float(interval_s), int(size))
        case ["many", count, size, seconds]:
            result = many(proxy, site, int(count), int(size), float(seconds))
        case ["first"]:
            print("ready", flush=True)
            result = first(proxy, site, float(sys.stdin.readline()))
        case ["page", count]:
            result = page(proxy, site, int(count))
        case ["fetch", size]:
            result = fetch(proxy, site, int(size))
        case ["datagrams", per_s, size, seconds]:
            result = datagrams(proxy, site, float(per_s), int(size), float(seconds))
        case _:
            raise SystemExit(__doc__)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
