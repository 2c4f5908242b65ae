"""SOCKS4 and SOCKS4a from the proxy's end, without IO.

Layouts (big-endian; "SOCKS: A protocol for TCP proxy across firewalls" and "SOCKS 4A", Ying-Da Lee)::

    app    04 ‖ command (1) ‖ port (u16) ‖ IPv4 (4) ‖ user, NUL            01 CONNECT, 02 BIND
    4a     … with IPv4 = 0.0.0.x, x ≠ 0, and behind the user: name, NUL
    proxy  00 ‖ 5A granted, 5B refused or failed ‖ 0000 ‖ 00000000

The protocol has one word for every failure. User names are ignored.
"""

from __future__ import annotations

import ipaddress

from unwalled.errors import FrameError
from unwalled.reader.dialogue import Asked, ConnectAsked, DialogueError
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

VERSION = 4
_CONNECT = 1
_GRANTED = b"\x00\x5a\0\0\0\0\0\0"
_REFUSED = b"\x00\x5b\0\0\0\0\0\0"
_FIXED_BYTES = 8
_MAX_TEXT_BYTES = 255


class Socks4Dialogue:
    """One connection, until its stream stands. See SocksDialogue."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._out = b""
        self._event: Asked | None = None
        self._is_over = False

    def receive(self, data: bytes) -> None:
        """See SocksDialogue."""
        self._buffer += data
        if not self._is_over:
            try:
                self._read()
            except (FrameError, DialogueError) as error:
                self.fail(Code.GENERAL)
                raise DialogueError(error.cause) from None

    def next_event(self) -> Asked | None:
        """See SocksDialogue."""
        event, self._event = self._event, None
        return event

    def data_to_send(self) -> bytes:
        """See SocksDialogue."""
        out, self._out = self._out, b""
        return out

    def succeed(self) -> None:
        """See SocksDialogue."""
        self._is_over = True
        self._out += _GRANTED

    def fail(self, code: Code) -> None:
        """See SocksDialogue. All codes read alike here."""
        self._is_over = True
        self._out += _REFUSED

    def take_rest(self) -> bytes:
        """See SocksDialogue."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _read(self) -> None:
        buffer = self._buffer
        if buffer and buffer[0] != VERSION:
            raise DialogueError("A SOCKS4 request has another version.")
        if len(buffer) > 1 and buffer[1] != _CONNECT:
            raise DialogueError("A SOCKS4 request is not CONNECT.")
        if len(buffer) < _FIXED_BYTES:
            return
        user_end = self._text_end(_FIXED_BYTES)
        if user_end is None:
            return
        port = int.from_bytes(buffer[2:4], "big")
        end, host = user_end, str(ipaddress.IPv4Address(bytes(buffer[4:8])))
        if buffer[4:7] == b"\0\0\0" and buffer[7]:
            name_end = self._text_end(user_end)
            if name_end is None:
                return
            try:
                end, host = name_end, buffer[user_end : name_end - 1].decode()
            except UnicodeDecodeError:
                raise DialogueError("A host name is not UTF-8.") from None
        self._event = ConnectAsked(Target.parse(host, port))
        self._is_over = True
        del buffer[:end]

    def _text_end(self, start: int) -> int | None:
        """The position behind the NUL that ends a text; None while it has not come."""
        at = self._buffer.find(0, start, start + _MAX_TEXT_BYTES + 1)
        if at >= 0:
            return at + 1
        if len(self._buffer) > start + _MAX_TEXT_BYTES:
            raise DialogueError("A name in a SOCKS4 request is too long.")
        return None
