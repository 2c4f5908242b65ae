"""The site that is read: as fast as plain sockets are. Run: python -m bench.site ADDRESS PORT.

The first line of a connection says what it does: ``down`` sends until the other end is gone, ``up`` counts and answers
with JSON, ``echo`` gives back what comes, and an HTTP request gets a small page. Datagrams to the port of the same
number are sent back, with the moment at which they came.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

from bench.flow import Flow, block

STAMP = struct.Struct(">Idd")
"""How a datagram begins: its number, when it was sent, and when the site had it (CLOCK_MONOTONIC)."""
_PIECE_BYTES = 256 * 1024
_PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 10000\r\nConnection: close\r\n\r\n" + b"x" * 10_000
)


def _down(connection: socket.socket, congestion: bytes) -> None:
    if congestion:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion)
    data = memoryview(block())
    while True:
        for start in range(0, len(data), _PIECE_BYTES):
            connection.sendall(data[start : start + _PIECE_BYTES])


def _up(connection: socket.socket, first: bytes) -> None:
    flow = Flow()
    if first:
        flow.add(len(first))
    buffer = bytearray(_PIECE_BYTES)
    while size := connection.recv_into(buffer):
        flow.add(size)
    connection.sendall(json.dumps(flow.to_dict()).encode())
    connection.shutdown(socket.SHUT_WR)


def _echo(connection: socket.socket, first: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = first
    while True:
        if data:
            connection.sendall(data)
        data = connection.recv(_PIECE_BYTES)
        if not data:
            return


def _serve(connection: socket.socket) -> None:
    with connection:
        connection.settimeout(120)
        try:
            received = b""
            while b"\n" not in received:
                piece = connection.recv(4096)
                if not piece:
                    return
                received += piece
            line, _, rest = received.partition(b"\n")
            word, _, argument = line.strip().partition(b" ")
            if word == b"down":
                _down(connection, argument)
            elif word == b"up":
                _up(connection, rest)
            elif word == b"echo":
                _echo(connection, rest)
            elif word == b"GET":
                connection.sendall(_PAGE)
        except OSError:
            pass


def _return_datagrams(address: str, port: int) -> None:
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    channel.bind((address, port))
    while True:
        data, source = channel.recvfrom(65_536)
        number, sent_at, _ = STAMP.unpack_from(data)
        channel.sendto(STAMP.pack(number, sent_at, time.monotonic()) + data[STAMP.size :], source)


def listen(address: str, port: int, serve: Callable[[socket.socket], None]) -> None:
    """Serves each connection in a thread of its own, for ever; says ``ready PORT`` when it listens."""
    listener = socket.create_server((address, port), backlog=128)
    port = listener.getsockname()[1]
    threading.Thread(target=_return_datagrams, args=(address, port), daemon=True).start()
    print("ready", port, flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    block()
    listen(sys.argv[1], int(sys.argv[2]), _serve)
