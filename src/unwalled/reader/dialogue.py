"""What the proxy protocols have in common: what an app asks for, and how they are told apart by the first byte.

SOCKS is a state machine without IO: ``receive(data)``, then ``next_event()`` until it gives None, then the bytes of
``data_to_send()`` go to the app. After a request the dialogue waits for ``succeed`` or ``fail``. HTTP has more to
say and its own events, in `unwalled.reader.http`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from unwalled.errors import WireError
from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class DialogueError(WireError):
    """An app broke its proxy protocol. What the protocol answers to that is in ``data_to_send``; close after it."""


class Kind(Enum):
    """Which protocol a connection speaks."""

    SOCKS4 = auto()
    SOCKS5 = auto()
    HTTP = auto()
    UNKNOWN = auto()
    """Most often TLS (0x16): an app that was told to reach an HTTP proxy over HTTPS."""


@dataclass(frozen=True, slots=True)
class ConnectAsked:
    """The app wants a stream. What it sent behind its request is in ``take_rest`` of the dialogue."""

    target: Target


@dataclass(frozen=True, slots=True)
class AssociateAsked:
    """The app wants to send datagrams (SOCKS5 only)."""


Asked = ConnectAsked | AssociateAsked


class SocksDialogue(Protocol):
    """Either version of SOCKS."""

    def receive(self, data: bytes) -> None:
        """Takes bytes from the app, cut anywhere. Raises DialogueError."""

    def next_event(self) -> Asked | None:
        """What the app asks for, once, when it has said it all."""

    def data_to_send(self) -> bytes:
        """What is to be sent to the app now; also after a DialogueError."""

    def succeed(self) -> None:
        """The stream is open."""

    def fail(self, code: Code) -> None:
        """It could not be opened; close after what is to be sent."""

    def take_rest(self) -> bytes:
        """What the app sent behind its request: the first bytes of the stream."""


def detect(first: int) -> Kind:
    """The protocol, from the first byte of a connection.

    An HTTP request begins with its method, of which we know only those of upper-case letters, or with an empty line
    that is to be skipped (RFC 9112 section 2.2).
    """
    if first == 0x05:
        return Kind.SOCKS5
    if first == 0x04:
        return Kind.SOCKS4
    if 0x41 <= first <= 0x5A or first == 0x0D:
        return Kind.HTTP
    return Kind.UNKNOWN
