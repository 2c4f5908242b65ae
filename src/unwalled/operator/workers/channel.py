"""Messages, and descriptors beside them, between the operator and one of its gateway workers: one socket pair.

Each message is one packet (AF_UNIX, SOCK_SEQPACKET), so that a descriptor stays with the message that it came with.
Both ends are this program, started by the same user; what cannot be read is the end of the other side.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

import msgspec

from unwalled.operator.workers.bounds import WORKERS

_CLOSED = b""


class Channel:
    """One end. ``on_message`` gets each message as bytes with its descriptor, which it then owns, or None.

    ``on_end`` is called once, when the other end has gone or what it says cannot be received.
    """

    def __init__(
        self,
        end: socket.socket,
        on_message: Callable[[bytes, socket.socket | None], None],
        on_end: Callable[[], None],
    ) -> None:
        self._socket = end
        self._on_message = on_message
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, socket.socket | None]] = deque()
        self._is_open = True
        end.setblocking(False)
        self._loop.add_reader(end.fileno(), self._readable)

    def send(self, message: msgspec.Struct, descriptor: socket.socket | None = None) -> bool:
        """Sends a message, and closes ``descriptor`` here. False when the other end is gone or reads too slowly."""
        packet = msgspec.msgpack.encode(message)
        fits = len(packet) <= WORKERS.message_bytes and len(self._waiting) < WORKERS.waiting_messages
        if not self._is_open or not fits:
            if descriptor is not None:
                descriptor.close()
            return False
        self._waiting.append((packet, descriptor))
        if len(self._waiting) == 1:
            self._write()
        return True

    def close(self) -> None:
        """Closes this end; what was not sent is dropped. Safe to call again."""
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        for _, descriptor in self._waiting:
            if descriptor is not None:
                descriptor.close()
        self._waiting.clear()

    def _write(self) -> None:
        while self._waiting:
            packet, descriptor = self._waiting[0]
            try:
                if descriptor is None:
                    self._socket.send(packet)
                else:
                    socket.send_fds(self._socket, [packet], [descriptor.fileno()])
            except BlockingIOError:
                self._loop.add_writer(self._socket.fileno(), self._write)
                return
            except OSError:
                self._end()
                return
            self._waiting.popleft()
            if descriptor is not None:
                descriptor.close()
        self._loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        for _ in range(WORKERS.read_batch):
            if not self._is_open:
                return
            try:
                packet, numbers, _, _ = socket.recv_fds(self._socket, WORKERS.message_bytes + 1, 1)
            except BlockingIOError:
                return
            except OSError:
                self._end()
                return
            descriptor = socket.socket(fileno=numbers[0]) if numbers else None
            if packet == _CLOSED or len(packet) > WORKERS.message_bytes:
                if descriptor is not None:
                    descriptor.close()
                self._end()
                return
            self._on_message(packet, descriptor)

    def _end(self) -> None:
        self.close()
        self._on_end()
