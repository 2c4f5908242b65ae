"""Doors: the ways to the broker. A door is untrusted; what goes through it is sealed.

A door does one thing, ``post``. Its failures are DoorFailed, with a status when something answered.

Whether a certificate's dates fit this computer's clock decides nothing: a computer whose clock is wrong must get as far
as the broker's sealed answer, which tells the time. Names and signatures of certificates do count, since they tell a
hotel's log-in page from a door.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from typing import Protocol
from urllib.parse import urlsplit

import aiohappyeyeballs

from unwalled.errors import SignallingError, UnwalledError
from unwalled.settings import SIGNALLING, SignallingLimits
from unwalled.signaling.ahead import EarlyConnection, address_of
from unwalled.signaling.errors import DoorSign
from unwalled.signaling.http import HttpExchange, HttpReply
from unwalled.tasks import TaskOwner
from unwalled.wire.invite import is_private_url

_log = logging.getLogger(__name__)
_MATCH_PATH = "/v1/match"
_MAX_RETRY_S = 86_400.0
_READ_BYTES = 64 * 1024
_ONLY_ITS_DATES = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL: names and signatures are checked, dates are not."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
"""OpenSSL's words for an answer that is no TLS."""
_OTHER_FAMILY_S = 0.25
"""When an address does not answer at once, the next one is tried beside it (RFC 8305 section 5)."""


class DoorFailed(UnwalledError):
    """A door brought no reply. ``word``: a few fixed words for a person; ``status``: of HTTP, 0 = nothing answered."""

    def __init__(
        self,
        word: str,
        status: int = 0,
        retry_after_s: float | None = None,
        sign: DoorSign = DoorSign.SILENCE,
        body: bytes = b"",
    ) -> None:
        """``body``: what came with the status."""
        super().__init__(f"A door failed: {word}.")
        self.body = body
        self.sign = sign
        self.word = word
        self.status = status
        self.retry_after_s = retry_after_s


class Door(Protocol):
    """One way to the broker."""

    @property
    def is_private(self) -> bool:
        """Whether the door itself is on a private address, so that private addresses in answers are meant."""

    async def post(self, body: bytes) -> bytes:
        """Brings a sealed request to the broker and its sealed reply back. Raises DoorFailed.

        When cancelled, the connection is closed, so that the broker sees that nobody waits any more.
        """

    def sign_of(self, status: int) -> DoorSign:
        """What it means that something answered there that was no sealed reply, with this HTTP status."""

    def knock(self) -> None:
        """Begins to connect, for the next ``post``; what goes wrong is told there."""

    def drop(self) -> None:
        """Forgets what is kept open, since it may lead nowhere any more. A later ``post`` connects anew."""

    async def aclose(self) -> None:
        """The same, and waits until it has gone."""


class HttpDoor:
    """A door that is the broker's own URL, or a host that passes everything on to it. Keeps its connection."""

    def __init__(
        self, base_url: str, limits: SignallingLimits = SIGNALLING, *, ahead: EarlyConnection | None = None
    ) -> None:
        """``ahead``: to the same URL, begun already; it is the door's from now on."""
        parts = urlsplit(base_url)
        self._is_tls = parts.scheme == "https"
        self._host, self._port = address_of(base_url)
        self._ahead = ahead
        self._authority = parts.netloc.rpartition("@")[2]
        self._path = parts.path.rstrip("/") + _MATCH_PATH
        self._is_private = is_private_url(base_url)
        self._limits = limits
        self._kept: list[_Connection] = []
        self._tasks = TaskOwner()
        self._knocking: asyncio.Task[None] | None = None
        self._unheard: DoorFailed | None = None

    def __repr__(self) -> str:
        return "HttpDoor(…)"

    @property
    def is_private(self) -> bool:
        """See Door."""
        return self._is_private

    def sign_of(self, status: int) -> DoorSign:
        """See Door."""
        # Who holds the door's certificate is the door. Without one anybody may have answered, and hotels do so with
        # pages of theirs, with redirects to them, and with 511 (RFC 6585, section 6).
        is_page = 200 <= status < 400 or status == 511
        return DoorSign.STRANGER if is_page and not self._is_tls else DoorSign.ERROR

    def knock(self) -> None:
        """See Door."""
        if self._knocking is None:
            self._knocking = self._tasks.start(self._knock(), "knock at a door")

    async def _knock(self) -> None:
        try:
            self._kept.append(await self._connect())
        except DoorFailed as failed:
            self._unheard = failed

    async def post(self, body: bytes) -> bytes:
        """See Door."""
        try:
            async with asyncio.timeout(self._limits.door_timeout_s):
                reply = await self._exchange(await self._connection(), body)
        except TimeoutError:
            raise DoorFailed("no answer") from None
        if reply.status != 200:
            raise DoorFailed(
                _word(reply.status),
                reply.status,
                _retry_after_s(reply.retry_after),
                self.sign_of(reply.status),
                reply.body,
            )
        return reply.body

    def drop(self) -> None:
        """See Door."""
        kept, self._kept = self._kept, []
        for connection in kept:
            connection.abort()

    async def aclose(self) -> None:
        """See Door."""
        await self._tasks.close()
        self._knocking = self._unheard = None
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
        kept, self._kept = self._kept, []
        for connection in kept:
            await connection.aclose()

    async def _connection(self) -> _Connection:
        if (knocking := self._knocking) is not None:
            await asyncio.wait((knocking,))
            self._knocking = None
            if (unheard := self._unheard) is not None:
                self._unheard = None
                raise unheard
        while self._kept:
            connection = self._kept.pop()
            if connection.is_usable:
                return connection
            connection.abort()
        return await self._connect()

    async def _exchange(self, connection: _Connection, body: bytes) -> HttpReply:
        try:
            reply = await connection.run(HttpExchange(self._authority, self._path, body, self._limits.max_reply_bytes))
        except BaseException as failed:
            connection.abort()
            if isinstance(failed, SignallingError):
                raise DoorFailed("its answer is no answer of a broker", 200, sign=self.sign_of(200)) from None
            if isinstance(failed, OSError) and not isinstance(failed, TimeoutError):
                raise DoorFailed("the connection broke") from None
            raise
        if reply.is_last:
            connection.abort()
        else:
            self._kept.append(connection)
        return reply

    async def _connect(self) -> _Connection:
        try:
            async with asyncio.timeout(self._limits.door_connect_timeout_s):
                try:
                    return await self._dial()
                except ssl.SSLCertVerificationError as error:
                    if error.verify_code not in _ONLY_ITS_DATES:
                        raise
                # What goes through is sealed, and so is what comes back.
                return await self._dial(at_any_date=True)
        except socket.gaierror:
            raise DoorFailed("its name was not found", sign=DoorSign.UNKNOWN_NAME) from None
        except ssl.SSLError as error:
            is_other = isinstance(error, ssl.SSLCertVerificationError) or error.reason in _NO_TLS
            sign = DoorSign.STRANGER if is_other else DoorSign.SILENCE
            raise DoorFailed("its certificate is not right", sign=sign) from None
        except TimeoutError:
            raise DoorFailed("no answer") from None
        except (OSError, ValueError):
            raise DoorFailed("no connection") from None

    async def _dial(self, *, at_any_date: bool = False) -> _Connection:
        sock = await self._dial_tcp()
        try:
            # Without this the request's second packet waits for the first one's ack.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            context = ssl.create_default_context() if self._is_tls else None
            if context is not None and at_any_date:
                context.verify_flags |= _NO_CHECK_TIME
            name = self._host if self._is_tls else None
            streams = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
        except BaseException:
            sock.close()
            raise
        _log.debug("A door is connected.")
        return _Connection(*streams)

    async def _dial_tcp(self) -> socket.socket:
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            return await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=_OTHER_FAMILY_S, interleave=1)
        try:
            await _is_over(ahead)
            found = ahead.addresses()
            if (connected := ahead.connected()) is not None:
                return connected
            return await aiohappyeyeballs.start_connection(
                found, happy_eyeballs_delay=_OTHER_FAMILY_S, interleave=1, socket_factory=ahead.make_socket
            )
        finally:
            ahead.close()


class _Connection:
    """One connection to a door, for one exchange at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def is_usable(self) -> bool:
        """Whether the other end has neither closed it nor said what nobody asked for."""
        return not self._reader.at_eof() and not self._writer.is_closing() and self._reader.exception() is None

    async def run(self, exchange: HttpExchange) -> HttpReply:
        """Sends a request and reads its reply. Raises OSError or SignallingError; abort it then, or when cancelled."""
        self._writer.write(exchange.request)
        await self._writer.drain()
        while True:
            if (reply := exchange.receive(await self._reader.read(_READ_BYTES))) is not None:
                return reply

    def abort(self) -> None:
        """Closes it at once."""
        self._writer.transport.abort()

    async def aclose(self) -> None:
        """Closes it at once, and waits until it has gone."""
        self.abort()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass


async def _is_over(ahead: EarlyConnection) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def tell() -> None:
        # Whoever waited may have gone, with the loop, before a name was found.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(over.set)

    ahead.when_over(tell)
    await over.wait()


def _word(status: int) -> str:
    return "it sent us elsewhere" if 300 <= status < 400 else "it answered with an error"


def _retry_after_s(text: str) -> float | None:
    return min(float(text), _MAX_RETRY_S) if text.isascii() and text.isdigit() and len(text) < 9 else None
