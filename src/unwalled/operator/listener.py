"""The listening sockets and the one HTTP server behind them, with bounds that aiohttp leaves open."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import OPERATOR, OperatorLimits
from unwalled.operator.options import ListenAddress

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)

_BARE = {"Server": "", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def bind(
    listen: ListenAddress, kind: socket.SocketKind = socket.SOCK_STREAM, option: str = "--listen"
) -> list[socket.socket]:
    """Sockets on all addresses of the host, all with the same port; those of streams listen.

    Raises ConfigurationError with cause and remedy; ``option`` is where the address was given.
    """
    remedy = f"Choose another address with {option}."
    try:
        found = socket.getaddrinfo(
            listen.host or None, listen.port, type=kind, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except (OSError, UnicodeError):
        raise ConfigurationError(f"The host of {listen} is not known.", remedy) from None
    sockets: list[socket.socket] = []
    port = listen.port
    try:
        for family, _, protocol, _, address in dict.fromkeys(found):
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError:
                continue  # IPv6 is switched off
            sockets.append(sock)
            if kind == socket.SOCK_STREAM:
                # With datagrams it would let two programs share a port, each with a part of what comes.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setblocking(False)
            sock.bind((address[0], port, *address[2:]))
            port = sock.getsockname()[1]
            if kind == socket.SOCK_STREAM:
                sock.listen(OPERATOR.listen_backlog)
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise _cannot_listen(listen, error, option) from None
    if not sockets:
        raise ConfigurationError(f"The host of {listen} has no address that this machine can use.", remedy)
    return sockets


def _cannot_listen(listen: ListenAddress, error: OSError, option: str) -> ConfigurationError:
    match error.errno:
        case errno.EADDRINUSE:
            return ConfigurationError(
                f"Another program listens on {listen} already.", f"Stop it, or choose another port with {option}."
            )
        case errno.EACCES | errno.EPERM:
            return ConfigurationError(
                f"You may not listen on {listen}.",
                f"Choose a port from 1024 on with {option}; a reverse proxy may have the others.",
            )
        case errno.EADDRNOTAVAIL:
            return ConfigurationError(
                f"{listen.host} is not an address of this machine.", f"Choose one that is with {option}."
            )
        case _:
            return ConfigurationError(
                f"It is not possible to listen on {listen} ({error.strerror}).",
                f"Choose another address with {option}.",
            )


class HttpServer:
    """Serves an application on sockets. Bounds connections, requests in progress, and the wait for a first request."""

    def __init__(
        self,
        app: web.Application,
        limits: OperatorLimits = OPERATOR,
        further_connections: Callable[[], int] = lambda: 0,
        *,
        is_silent: bool = False,
    ) -> None:
        """Adds a middleware to ``app``; call it before the application is used. ``further_connections``: how many came
        through this server and are served by others now; they count in the same bound. ``is_silent``: a connection for
        which there is no place is closed without a word."""
        self._limits = limits
        self._word_when_full = b"" if is_silent else _FULL
        self._further_connections = further_connections
        self._requests = 0
        self.turned_away = 0
        """Connections for which there was no place."""
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}
        self._forgot_at = float("-inf")
        self._unmade_s = limits.lost_check_s
        """A connection that has no transport after so long has gone."""
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_silent_logger(),
            keepalive_timeout=limits.keep_alive_s,
            shutdown_timeout=limits.close_timeout_s,
            lingering_time=limits.linger_s,
            handle_signals=False,
        )
        self._servers: list[asyncio.Server] = []
        # Outermost: whatever another one answers by itself is counted, too.
        app.middlewares.insert(0, self._bounded)

    async def start(self, sockets: list[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Takes the sockets over and serves, with TLS if there is a context for it."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        handshake_s = end_s = None
        if tls is not None:
            handshake_s, end_s = self._limits.tls_handshake_s, self._limits.close_timeout_s
            # While the handshake goes on, there is no transport either.
            self._unmade_s = handshake_s + self._limits.lost_check_s
        for sock in sockets:
            server = await loop.create_server(
                self._new_protocol, sock=sock, ssl=tls, ssl_handshake_timeout=handshake_s, ssl_shutdown_timeout=end_s
            )
            self._servers.append(server)

    def stop_listening(self) -> None:
        """Takes no new connections; those that are open go on."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def close(self) -> None:
        """Closes everything; requests in progress get ``close_timeout_s`` to end. Safe to call again."""
        self.stop_listening()
        await self._runner.cleanup()

    def _new_protocol(self) -> asyncio.Protocol:
        server = self._runner.server
        most = self._limits.max_connections
        if len(self._silent) >= most:
            self._forget_lost()
        if server is None:
            return _Full(self._word_when_full)
        if len(server.connections) + self._further_connections() >= most or len(self._silent) >= most:
            self.turned_away += 1
            return _Full(self._word_when_full)
        protocol = _Handler(server, loop=asyncio.get_running_loop(), **server._kwargs)
        loop = asyncio.get_running_loop()
        self._silent[protocol] = loop.call_later(self._limits.first_request_s, self._said_nothing, protocol)
        return protocol

    def _forget_lost(self) -> None:
        """Who connects and leaves at once, over and over, must not keep places that nobody has any more."""
        now = asyncio.get_running_loop().time()
        if now < self._forgot_at + self._limits.lost_check_s:
            return
        self._forgot_at = now
        # A connection that was just taken has no transport yet either.
        youngest = now + self._limits.first_request_s - self._unmade_s
        lost = [one for one, timer in self._silent.items() if one.transport is None and timer.when() <= youngest]
        for protocol in lost:
            self._silent.pop(protocol).cancel()

    def _said_nothing(self, protocol: RequestHandler) -> None:
        del self._silent[protocol]
        protocol.force_close()

    @web.middleware
    async def _bounded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if (timer := self._silent.pop(request.protocol, None)) is not None:
            timer.cancel()
        try:
            return await self._take(request, handler)
        except (web.HTTPException, asyncio.CancelledError):
            raise
        except Exception as error:
            # What a traceback or a message shows may hold an address, so only the kind of the error is told.
            _log.error("A request failed: %s", type(error).__name__)
            return web.Response(status=500, text="Something went wrong here.\n")

    async def _take(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(("/v1/lane/", "/v1/bridge")):
            # WebSockets last; the broker and the gateway bound theirs.
            return await handler(request)
        if self._requests >= self._limits.max_requests:
            return web.Response(status=503, text="The server is busy. Try again later.\n", headers={"Retry-After": "5"})
        self._requests += 1
        try:
            return await handler(request)
        finally:
            self._requests -= 1


def _silent_logger() -> logging.Logger:
    """aiohttp names the address of whoever sent a request that failed; nobody may read that."""
    logger = logging.getLogger("unwalled.operator.aiohttp")
    logger.disabled = True
    return logger


class _Handler(RequestHandler):
    """aiohttp's own, but for what it says to requests that are none: without a version, and without their bytes."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See RequestHandler."""
        response = super().handle_error(request, status, exc, message)
        if isinstance(response, web.Response):
            response.text = (
                "This is not a request that can be read.\n" if status < 500 else "Something went wrong here.\n"
            )
        response.headers.update(_BARE)
        return response


class _Full(asyncio.Protocol):
    def __init__(self, word: bytes) -> None:
        self._word = word

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        # uvloop's transports are not asyncio's by type.
        stream = cast(asyncio.WriteTransport, transport)
        stream.write(self._word)
        stream.close()
