"""What the bytes of a direct connection show: what may be asked again, and what only a censor answers. Pure.

A proxy sees bytes, not certificates: in TLS 1.3 they are encrypted. What it can see is that an answer is not TLS at
all, and that the program itself breaks a handshake off with an alert, as it does when it does not like a certificate.

A TLS record is one byte of type, two of version, two of length, then its content (RFC 8446 section 5.1)::

    0x14 change cipher spec   0x15 alert   0x16 handshake   0x17 encrypted
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum, auto

from unwalled.network.addresses import is_public
from unwalled.rules.bounds import RULES
from unwalled.rules.memory import Sign

_RECORD_HEAD_BYTES = 5
_MAX_RECORD_BYTES = (1 << 14) + 256
_CHANGE, _ALERT, _HANDSHAKE, _ENCRYPTED = 0x14, 0x15, 0x16, 0x17
_CLIENT_HELLO = 1
_FATAL = 2
# bad, unsupported, revoked, expired, unknown certificate; unknown authority (RFC 8446 section 6)
_CERTIFICATE_ALERTS = frozenset({42, 43, 44, 45, 46, 48})
# Two bytes of alert, one of type, sixteen of tag. A Finished, which else comes here, has at least 36 bytes.
_ENCRYPTED_ALERT_BYTES = 19
_SAFE_METHODS = (b"GET ", b"HEAD ", b"OPTIONS ")
_HEAD_END = b"\r\n\r\n"
# An answer that leads to an address: where a block page is. The answer's first bytes only, and no unbounded repeat.
_LEADS_TO = re.compile(
    rb"(?:\nlocation:[ \t]{0,8}|<iframe[^<>]{0,120}?src=[\"']?)https?://(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b",
    re.IGNORECASE,
)
_LOOKED_AT_BYTES = 2048


class Asked(Enum):
    """What an application has sent so far on a new connection."""

    NOTHING = auto()
    TLS_HELLO = auto()
    """A TLS ClientHello, or the beginning of one, and nothing else."""
    SAFE_REQUEST = auto()
    """One whole HTTP request that has no effect and no body (RFC 9110 section 9.2.1)."""
    OTHER = auto()
    """Something that a site must not get twice, or that is too long to be kept."""

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again."""
        return self is not Asked.OTHER


def asked(sent: bytes) -> Asked:
    """What all bytes are that an application has sent."""
    if not sent:
        return Asked.NOTHING
    if len(sent) > RULES.repeatable_bytes:
        return Asked.OTHER
    if sent[0] == _HANDSHAKE:
        return Asked.TLS_HELLO if _is_hello(sent) else Asked.OTHER
    if sent.startswith(_SAFE_METHODS) and sent.find(_HEAD_END) == len(sent) - len(_HEAD_END):
        head = sent.lower()
        if b"\ncontent-length:" not in head and b"\ntransfer-encoding:" not in head and b"\nupgrade:" not in head:
            return Asked.SAFE_REQUEST
    return Asked.OTHER


def _is_hello(sent: bytes) -> bool:
    """Whether it is one ClientHello, whole or not, in however many records, with nothing behind it."""
    message = bytearray()
    at = 0
    while at < len(sent):
        head = sent[at : at + _RECORD_HEAD_BYTES]
        if head[0] != _HANDSHAKE or head[1:2] not in (b"", b"\x03"):
            return False
        length = int.from_bytes(head[3:5]) if len(head) == _RECORD_HEAD_BYTES else 0
        message += sent[at + _RECORD_HEAD_BYTES : at + _RECORD_HEAD_BYTES + length]
        at += _RECORD_HEAD_BYTES + length
    if message and message[0] != _CLIENT_HELLO:
        return False
    return len(message) < 4 or len(message) <= 4 + int.from_bytes(message[1:4])


def judge_answer(kind: Asked, answer: bytes) -> Sign | None:
    """What the first bytes of an answer show, None when nothing is wrong with them."""
    match kind:
        case Asked.TLS_HELLO if answer[0] not in (_ALERT, _HANDSHAKE) or answer[1:2] not in (b"", b"\x03"):
            return Sign.OTHER_ANSWER
        case Asked.SAFE_REQUEST:
            found = _LEADS_TO.search(answer[:_LOOKED_AT_BYTES])
            if found is not None and _is_private(found.group(1).decode("ascii")):
                return Sign.OTHER_ANSWER
        case _:
            pass
    return None


def _is_private(text: str) -> bool:
    try:
        return not is_public(ipaddress.IPv4Address(text))
    except ValueError:
        return False


class HandshakeWatch:
    """Looks at what an application sends after its ClientHello, until it is clear how the handshake ends.

    Give it what was sent from the very first byte on. It holds no more than the head of one record.
    """

    __slots__ = ("_head", "_is_hello_over", "_skip", "is_over", "is_refused")

    def __init__(self) -> None:
        self._head = bytearray()
        self._skip = 0
        self._is_hello_over = False
        self.is_over = False
        """Nothing more will be learned; it need not be given any more."""
        self.is_refused = False
        """The application broke the handshake off: with an alert about the certificate, or with an encrypted one."""

    def receive(self, data: bytes) -> None:
        """What the application has sent."""
        at = 0
        while at < len(data) and not self.is_over:
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            step = min(self._wanted - len(self._head), len(data) - at)
            self._head += data[at : at + step]
            at += step
            if len(self._head) == self._wanted:
                self._judge()

    @property
    def _wanted(self) -> int:
        """Bytes of a record that are looked at: of an alert the content as well."""
        return _RECORD_HEAD_BYTES + (2 if self._head[:1] == bytes((_ALERT,)) else 0)

    def _judge(self) -> None:
        kind, length = self._head[0], int.from_bytes(self._head[3:5])
        match kind:
            case _ if self._head[1] != 3 or length > _MAX_RECORD_BYTES:
                self.is_over = True
            case 0x15:
                self.is_over = True
                self.is_refused = self._head[5] == _FATAL and self._head[6] in _CERTIFICATE_ALERTS
            case 0x17:
                self.is_over = True
                self.is_refused = length == _ENCRYPTED_ALERT_BYTES
            case 0x14 | 0x16:
                # Of TLS 1.2 the messages before Finished are in the clear; after a change of the cipher the next record
                # is either an encrypted one or, in TLS 1.2, a Finished of type handshake.
                if kind == _HANDSHAKE and self._is_hello_over:
                    self.is_over = True
                self._is_hello_over = self._is_hello_over or kind == _CHANGE
                self._skip = length
            case _:
                self.is_over = True
        self._head.clear()
