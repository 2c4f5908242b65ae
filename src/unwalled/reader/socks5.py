"""SOCKS5 (RFC 1928) from the proxy's end, without IO, and the header of its datagrams.

Layouts (big-endian)::

    app    05 ‖ count (1) ‖ methods (count)
    proxy  05 ‖ method (1)                              00 none, 02 name and password, FF nothing we know
    app    01 ‖ n ‖ name (n) ‖ m ‖ password (m)         only after 02 (RFC 1929)
    proxy  01 ‖ 00
    app    05 ‖ command (1) ‖ 00 ‖ address              01 CONNECT, 02 BIND, 03 UDP ASSOCIATE
    proxy  05 ‖ reply (1) ‖ 00 ‖ address

    datagram, both ways    0000 ‖ fragment (1) ‖ address ‖ payload

``address`` is laid out as in `unwalled.wire.address`. The longest message has 513 bytes, so nothing here needs a bound.

A name and password are taken and not checked, whatever they are: many apps cannot leave them out, and there is nothing
here that they would protect. Only Tor's interface reads them, which hides arguments in them.
"""

from __future__ import annotations

from enum import Enum, auto

from unwalled.errors import FrameError
from unwalled.privacy import Hidden
from unwalled.reader.dialogue import Asked, AssociateAsked, ConnectAsked, DialogueError
from unwalled.wire import address
from unwalled.wire.address import KIND_IPV4, KIND_NAME, Target
from unwalled.wire.codes import Code

VERSION = 5
_NO_AUTHENTICATION, _PASSWORD, _NOTHING_ACCEPTABLE = 0x00, 0x02, 0xFF
_CONNECT, _BIND, _ASSOCIATE = 0x01, 0x02, 0x03
_GENERAL_FAILURE, _COMMAND_UNSUPPORTED, _KIND_UNSUPPORTED = 0x01, 0x07, 0x08
_UNSPECIFIED = bytes((KIND_IPV4, 0, 0, 0, 0, 0, 0))
_DATAGRAM_PREFIX = b"\0\0\0"

_REPLIES = {
    Code.NOT_ALLOWED: 0x02,
    Code.OWN_NETWORK: 0x02,
    Code.NETWORK_UNREACHABLE: 0x03,
    Code.NO_BRIDGE: 0x03,
    Code.HOST_UNREACHABLE: 0x04,
    Code.NAME_UNKNOWN: 0x04,
    Code.NAME_FAILED: 0x04,
    Code.CONNECTION_REFUSED: 0x05,
    Code.TIMED_OUT: 0x06,
}


def reply_for(code: Code) -> int:
    """The reply field for a stream that could not be opened (RFC 1928 section 6)."""
    return _REPLIES.get(code, _GENERAL_FAILURE)


class _State(Enum):
    GREETING = auto()
    PASSWORD = auto()
    REQUEST = auto()
    ASKED = auto()
    OVER = auto()


class Socks5Dialogue:
    """One connection, until its stream or association stands. See SocksDialogue."""

    def __init__(self, *, prefers_password: bool = False) -> None:
        """``prefers_password``: ask for a name and password where the app offers them."""
        self._prefers_password = prefers_password
        self.credentials: Hidden[tuple[bytes, bytes]] | None = None
        """Name and password that the app has given."""
        self._state = _State.GREETING
        self._buffer = bytearray()
        self._out = bytearray()
        self._event: Asked | None = None

    def receive(self, data: bytes) -> None:
        """See SocksDialogue."""
        self._buffer += data
        while self._advance():
            pass

    def next_event(self) -> Asked | None:
        """See SocksDialogue."""
        event, self._event = self._event, None
        return event

    def data_to_send(self) -> bytes:
        """See SocksDialogue."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def succeed(self, bound: Target | None = None) -> None:
        """See SocksDialogue. ``bound``: where the proxy takes datagrams; for a stream it tells nothing."""
        self._reply(0x00, _UNSPECIFIED if bound is None else bound.encode())

    def fail(self, code: Code) -> None:
        """See SocksDialogue."""
        self._reply(reply_for(code), _UNSPECIFIED)

    def take_rest(self) -> bytes:
        """See SocksDialogue."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _reply(self, reply: int, bound: bytes) -> None:
        self._state = _State.OVER
        self._out += bytes((VERSION, reply, 0)) + bound

    def _refuse(self, reply: int, cause: str) -> DialogueError:
        self._reply(reply, _UNSPECIFIED)
        return DialogueError(cause)

    def _advance(self) -> bool:
        match self._state:
            case _State.GREETING:
                return self._greeting()
            case _State.PASSWORD:
                return self._password()
            case _State.REQUEST:
                return self._request()
            case _:
                return False

    def _greeting(self) -> bool:
        buffer = self._buffer
        if buffer and buffer[0] != VERSION:
            self._state = _State.OVER
            raise DialogueError("A SOCKS5 greeting has another version.")
        if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
            return False
        methods = buffer[2 : 2 + buffer[1]]
        del buffer[: 2 + buffer[1]]
        if _NO_AUTHENTICATION in methods and not (self._prefers_password and _PASSWORD in methods):
            self._out += bytes((VERSION, _NO_AUTHENTICATION))
            self._state = _State.REQUEST
        elif _PASSWORD in methods:
            self._out += bytes((VERSION, _PASSWORD))
            self._state = _State.PASSWORD
        else:
            self._out += bytes((VERSION, _NOTHING_ACCEPTABLE))
            self._state = _State.OVER
            raise DialogueError("A SOCKS5 greeting offers no way to go on without a secret.")
        return True

    def _password(self) -> bool:
        buffer = self._buffer
        if buffer and buffer[0] != 1:
            self._out += b"\x01\x01"
            self._state = _State.OVER
            raise DialogueError("A SOCKS5 password message has another version.")
        if len(buffer) < 2:
            return False
        second = 2 + buffer[1]
        if len(buffer) <= second or len(buffer) < second + 1 + buffer[second]:
            return False
        end = second + 1 + buffer[second]
        self.credentials = Hidden((bytes(buffer[2:second]), bytes(buffer[second + 1 : end])))
        del buffer[:end]
        self._out += b"\x01\x00"
        self._state = _State.REQUEST
        return True

    def _request(self) -> bool:
        buffer = self._buffer
        if buffer and buffer[0] != VERSION:
            raise self._refuse(_GENERAL_FAILURE, "A SOCKS5 request has another version.")
        if len(buffer) < 5:
            return False
        if buffer[1] not in (_CONNECT, _ASSOCIATE):
            raise self._refuse(_COMMAND_UNSUPPORTED, "A SOCKS5 request is neither CONNECT nor UDP ASSOCIATE.")
        end = _address_end(buffer, 3)
        if end is None:
            raise self._refuse(_KIND_UNSUPPORTED, "A SOCKS5 request has an address of an unknown kind.")
        if len(buffer) < end:
            return False
        message = bytes(buffer[:end])
        del buffer[:end]
        self._state = _State.ASKED
        if message[1] == _ASSOCIATE:
            # Where the app means to send from is often zeros and sometimes wrong: the first datagram shows it.
            self._event = AssociateAsked()
            return False
        try:
            self._event = ConnectAsked(read_address(message, 3)[0])
        except FrameError as error:
            raise self._refuse(_GENERAL_FAILURE, error.cause) from None
        return False


def _address_end(data: bytes | bytearray, at: int) -> int | None:
    """Where an address ends whose first two bytes are there; None for an unknown kind."""
    match data[at]:
        case address.KIND_IPV4:
            return at + 7
        case address.KIND_NAME:
            return at + 4 + data[at + 1]
        case address.KIND_IPV6:
            return at + 19
        case _:
            return None


def read_address(data: bytes, at: int) -> tuple[Target, int]:
    """A target and the position behind it. Raises FrameError.

    Other than `Target.decode` it takes names in UTF-8, which some apps send for names that are not ASCII, and
    addresses that are written out as names.
    """
    if len(data) < at + 2 or data[at] != KIND_NAME:
        return Target.decode(data, at)
    start, end = at + 2, at + 2 + data[at + 1]
    if len(data) < end + 2:
        raise FrameError("An address is cut short.")
    try:
        name = data[start:end].decode()
    except UnicodeDecodeError:
        raise FrameError("A host name is not UTF-8.") from None
    return Target.parse(name, int.from_bytes(data[end : end + 2], "big")), end + 2


def decode_datagram(datagram: bytes) -> tuple[Target, bytes]:
    """Target and payload of a datagram from the app (RFC 1928 section 7). Raises DialogueError.

    Fragments are refused, as the RFC allows: no app is known to send any.
    """
    if datagram[:3] != _DATAGRAM_PREFIX:
        raise DialogueError("A datagram is a fragment or has no SOCKS5 header.")
    try:
        target, at = read_address(datagram, 3)
    except FrameError as error:
        raise DialogueError(error.cause) from None
    return target, datagram[at:]


def encode_datagram(source: Target, payload: bytes) -> bytes:
    """A datagram for the app."""
    return _DATAGRAM_PREFIX + source.encode() + payload
