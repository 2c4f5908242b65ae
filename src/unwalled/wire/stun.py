"""STUN's Binding method (RFC 8489), as far as finding one's own address needs it: both ends, bytes in, values out.

    header = type 2, length 2, cookie 0x2112A442, transaction 12; then attributes: type 2, length 2, value, padding to 4

A request may have a FINGERPRINT, and may ask with CHANGE-REQUEST (RFC 5780 section 7.2) for an answer from the server's
other port, which tells whether a network lets in what comes from a port that nobody wrote to. An answer is 40 bytes for
an IPv4 address and 52 for IPv6, an error at most 48: with UDP and IP 1.4 to 1.6 times the shortest request.

Credentials are neither asked for nor looked at, and no SOFTWARE, MAPPED-ADDRESS or RESPONSE-ORIGIN is sent: these would
make answers longer, and the last one tells what a server behind NAT is called inside.
"""

from __future__ import annotations

import ipaddress
import struct
import zlib
from dataclasses import dataclass, field

from unwalled.errors import StunError

TRANSACTION_BYTES = 12
MAX_REQUEST_BYTES = 548
"""What fits into the smallest packet that every IPv4 host takes (RFC 8489 section 6.1)."""

_HEADER = struct.Struct(">HHI12s")
_FIELD = struct.Struct(">HH")
_COOKIE = 0x2112A442
_COOKIE_BYTES = _COOKIE.to_bytes(4, "big")
_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111

_CHANGE_REQUEST = 0x0003
_ERROR_CODE = 0x0009
_UNKNOWN_ATTRIBUTES = 0x000A
_XOR_MAPPED_ADDRESS = 0x0020
_FINGERPRINT = 0x8028
_OPTIONAL_FROM = 0x8000
# MAPPED-ADDRESS, USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM, USERHASH:
# known to every server by RFC 8489, and of no use to one that asks nobody for a name.
_IGNORED = frozenset({0x0001, 0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E})
_CHANGE_ADDRESS, _CHANGE_PORT = 0x04, 0x02
_FINGERPRINT_XOR = 0x5354554E
_FINGERPRINT_BYTES = 8
_IPV4, _IPV6 = 0x01, 0x02
_UNKNOWN_ATTRIBUTE = 420
_MOST_UNKNOWN = 4
"""Attributes that an error names; a request with more gets an error about these."""


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """Somebody asks from which address this comes."""

    transaction: bytes
    change_port: bool = False
    """The answer shall come from the server's other port."""
    unknown: tuple[int, ...] = ()
    """Attributes that one must understand and this server does not. Such a request gets an error."""


@dataclass(frozen=True, slots=True)
class SeenAddress:
    """Where a server saw a request come from."""

    host: str = field(repr=False)
    port: int = field(repr=False)


def encode_request(transaction: bytes, *, change_port: bool = False) -> bytes:
    """A request with a FINGERPRINT; ``transaction`` is random, 12 bytes."""
    change = _attribute(_CHANGE_REQUEST, _CHANGE_PORT.to_bytes(4, "big")) if change_port else b""
    return _message(_REQUEST, transaction, change)


def decode_request(data: bytes) -> BindingRequest:
    """Reads a request. Raises StunError for anything else: that gets no answer (RFC 8489 section 6.3)."""
    if len(data) > MAX_REQUEST_BYTES:
        raise StunError("A STUN request is too long.")
    kind, transaction = _head(data)
    if kind != _REQUEST:
        raise StunError("Not a STUN Binding request.")
    change = 0
    unknown: dict[int, None] = {}
    for attribute, value in _attributes(data):
        if attribute == _CHANGE_REQUEST and len(value) == 4:
            change = value[3]
        elif attribute < _OPTIONAL_FROM and attribute not in _IGNORED:
            unknown[attribute] = None
    if change & _CHANGE_ADDRESS:
        # There is one address only, so that flag cannot be heeded (RFC 5780 section 7.2).
        unknown[_CHANGE_REQUEST] = None
    return BindingRequest(transaction, bool(change & _CHANGE_PORT), tuple(unknown)[:_MOST_UNKNOWN])


def encode_answer(transaction: bytes, packed: bytes, port: int) -> bytes:
    """Tells where a request came from: ``packed`` is the address in network order, 4 or 16 bytes."""
    family = _IPV4 if len(packed) == 4 else _IPV6
    hidden = bytes(a ^ b for a, b in zip(packed, _COOKIE_BYTES + transaction, strict=False))
    value = struct.pack(">xBH", family, port ^ (_COOKIE >> 16)) + hidden
    return _message(_SUCCESS, transaction, _attribute(_XOR_MAPPED_ADDRESS, value))


def encode_unknown(request: BindingRequest) -> bytes:
    """The error that names what was not understood (420, RFC 8489 section 14.8)."""
    return _refusal(request.transaction, request.unknown)


def encode_no_other_port(transaction: bytes) -> bytes:
    """The error for whoever wants an answer from another port where there is none."""
    return _refusal(transaction, (_CHANGE_REQUEST,))


def decode_answer(data: bytes, transaction: bytes) -> SeenAddress:
    """Reads the answer to a request. Raises StunError for an error, and for what is no answer to it."""
    kind, answered = _head(data)
    if answered != transaction or kind not in (_SUCCESS, _ERROR):
        raise StunError("Not the answer to this STUN request.")
    fields = dict(reversed(list(_attributes(data))))
    value = fields.get(_XOR_MAPPED_ADDRESS)
    if kind == _ERROR or value is None:
        raise StunError("A STUN server did not tell the address.")
    size = {_IPV4: 4, _IPV6: 16}.get(value[1] if len(value) > 1 else 0)
    if size is None or len(value) != 4 + size:
        raise StunError("A STUN server told an address that is none.")
    packed = bytes(a ^ b for a, b in zip(value[4:], _COOKIE_BYTES + transaction, strict=False))
    port = int.from_bytes(value[2:4], "big") ^ (_COOKIE >> 16)
    return SeenAddress(str(ipaddress.ip_address(packed)), port)


def _head(data: bytes) -> tuple[int, bytes]:
    """Type and transaction of a message that is whole."""
    if len(data) < _HEADER.size:
        raise StunError("A STUN message is too short.")
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if cookie != _COOKIE or length % 4 or len(data) != _HEADER.size + length:
        raise StunError("Not a STUN message.")
    return kind, transaction


def _attributes(data: bytes) -> list[tuple[int, bytes]]:
    """The attributes of a message; a FINGERPRINT must be right, and the last one."""
    found: list[tuple[int, bytes]] = []
    at = _HEADER.size
    while at < len(data):
        # A message's length is a multiple of 4, so there is always room for the head of an attribute.
        kind, length = _FIELD.unpack_from(data, at)
        value = data[at + 4 : at + 4 + length]
        if len(value) != length:
            raise StunError("A STUN attribute is cut short.")
        if kind == _FINGERPRINT:
            end = at + _FINGERPRINT_BYTES
            if length != 4 or end != len(data) or value != _fingerprint(data[:at]):
                raise StunError("A STUN message has a wrong fingerprint.")
        found.append((kind, value))
        at += 4 + length + -length % 4
    return found


def _refusal(transaction: bytes, unknown: tuple[int, ...]) -> bytes:
    code = _attribute(_ERROR_CODE, struct.pack(">xxBB", _UNKNOWN_ATTRIBUTE // 100, _UNKNOWN_ATTRIBUTE % 100))
    named = _attribute(_UNKNOWN_ATTRIBUTES, struct.pack(f">{len(unknown)}H", *unknown))
    return _message(_ERROR, transaction, code + named)


def _message(kind: int, transaction: bytes, attributes: bytes) -> bytes:
    # The fingerprint's own place counts in the length that it covers.
    head = _HEADER.pack(kind, len(attributes) + _FINGERPRINT_BYTES, _COOKIE, transaction) + attributes
    return head + _attribute(_FINGERPRINT, _fingerprint(head))


def _attribute(kind: int, value: bytes) -> bytes:
    return _FIELD.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _fingerprint(before: bytes) -> bytes:
    return (zlib.crc32(before) ^ _FINGERPRINT_XOR).to_bytes(4, "big")
