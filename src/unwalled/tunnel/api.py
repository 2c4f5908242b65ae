"""The streams and datagrams of a session, as the roles see them.

The reader's proxies and the gateway's dialler are written against these interfaces; `unwalled.tunnel` has the
implementation over a real session, and tests may bring their own.
"""

from __future__ import annotations

from typing import Protocol

from unwalled.wire.address import Target
from unwalled.wire.codes import Code


class Stream(Protocol):
    """A two-way byte stream with half-close, like TCP. One task may read while another writes."""

    async def read(self) -> bytes:
        """The next bytes in order (at least one, at most 256 KiB), or b"" once the other end has finished.

        Raises StreamReset when the stream was cut. Cancelling it loses nothing.
        The bytes count as consumed when this returns, and the sender may then send as many again.
        """

    async def write(self, data: bytes) -> None:
        """Sends ``data``; waits while the send buffer is full (back-pressure). Raises StreamReset when cut.

        When cancelled, either all of ``data`` was taken or a prefix of it; reset the stream then.
        """

    async def finish(self) -> None:
        """Half-close: no more will be written; reading goes on. Raises StreamReset when cut."""

    def reset(self, code: Code) -> None:
        """Cuts both directions at once and frees everything. Does nothing on a stream that has ended."""


class IncomingStream(Stream, Protocol):
    """A stream that the other end asked for. The gateway answers it with ``accept`` or ``reset(code)``."""

    @property
    def target(self) -> Target:
        """Where the reader wants to go."""

    def accept(self) -> None:
        """Tells the reader that the connection stands. Call it before the first write."""


class DatagramFlow(Protocol):
    """Unordered, unreliable datagrams, each with its own far address: one UDP association."""

    async def receive(self) -> tuple[Target, bytes]:
        """The next datagram and where it came from (reader) or goes to (gateway). Raises StreamReset at the end.

        Cancelling it loses nothing. When nobody receives, the oldest waiting datagrams are dropped.
        """

    def send(self, target: Target, payload: bytes) -> None:
        """Sends one datagram of at most 65,507 bytes, or drops it when lanes are full. Never raises or waits."""

    def close(self) -> None:
        """Ends the flow at both ends."""


class Tunnel(Protocol):
    """The reader's way out: opens streams and datagram flows through whatever bridges there are."""

    async def open(self, target: Target, *, at_once: bool = False) -> Stream:
        """Opens a stream. Waits for the gateway's answer (and, within a bound, for a bridge).

        Raises OpenFailed with the gateway's code, or with NO_BRIDGE. When cancelled, the open is withdrawn. With
        ``at_once``, and for targets that were reached lately, it does not wait for the answer: what is written
        travels right behind the open, and a failure comes as the StreamReset of a later call, with the same code.
        """

    async def open_datagrams(self) -> DatagramFlow:
        """Opens a datagram flow; raises OpenFailed like ``open``."""
