"""Codes that end a stream or refuse an open, as they stand in ``reset`` frames.

One byte on the wire. A code that a peer does not know reads as ``GENERAL``.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Why a stream was refused or cut. Values are part of the protocol (docs/protocol/session.md)."""

    GENERAL = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TIMED_OUT = 6
    NAME_UNKNOWN = 7
    NAME_FAILED = 8
    CONNECTION_RESET = 9
    LIMIT_REACHED = 10
    CANCELLED = 11
    PROTOCOL = 12
    USED_UP = 13
    # The four below are only for use inside one program; they are never sent.
    NO_BRIDGE = 200
    SESSION_LOST = 201
    SWITCHED_OFF = 202
    OWN_NETWORK = 203

    @property
    def text(self) -> str:
        """A few words for a person."""
        return _TEXTS[self]

    @property
    def on_wire(self) -> int:
        """The byte that is sent; private codes go out as GENERAL."""
        return Code.GENERAL if self >= Code.NO_BRIDGE else self

    @classmethod
    def from_wire(cls, value: int) -> Code:
        """The code for a received byte; unknown and private values read as GENERAL."""
        if value >= cls.NO_BRIDGE:
            return cls.GENERAL
        try:
            return cls(value)
        except ValueError:
            return cls.GENERAL


_TEXTS = {
    Code.GENERAL: "the gateway could not say why",
    Code.NOT_ALLOWED: "the operator does not allow this destination",
    Code.NETWORK_UNREACHABLE: "the gateway has no route to this network",
    Code.HOST_UNREACHABLE: "the site's host cannot be reached",
    Code.CONNECTION_REFUSED: "the site refused the connection",
    Code.TIMED_OUT: "the site did not answer in time",
    Code.NAME_UNKNOWN: "there is no site of that name",
    Code.NAME_FAILED: "the name could not be looked up just now",
    Code.CONNECTION_RESET: "the site cut the connection",
    Code.LIMIT_REACHED: "a limit for this reader was reached",
    Code.CANCELLED: "it was no longer wanted",
    Code.PROTOCOL: "the other end broke the protocol",
    Code.USED_UP: "the operator has used up the traffic that it can pay for",
    Code.NO_BRIDGE: "no bridge is connected yet",
    Code.SESSION_LOST: "the session with the gateway was lost",
    Code.SWITCHED_OFF: "Unwalled is switched off",
    Code.OWN_NETWORK: "this is an address of your own computer or network",
}
