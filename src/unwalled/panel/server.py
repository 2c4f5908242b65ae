"""The panel's server: one page, its state as a stream, and its verbs, at a loopback address.

The token travels in a header, never in a cookie: browsers send cookies to every port of a host, so that any other local
server would get it, and count every page of 127.0.0.1 as the same site, so that ``SameSite`` would not keep those out.
See guard.py for who is answered at all, and docs/reference/panel.md for the whole.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import logging
import os
import socket
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import hdrs, web

from unwalled.clock import Clock, SystemClock
from unwalled.errors import ConfigurationError, UnwalledError
from unwalled.operator.bounds import OPERATOR
from unwalled.operator.listener import HttpServer
from unwalled.panel.files import HEADERS, PAGE, panel_files
from unwalled.panel.guard import Address, Asked, Place, has_token, is_answered
from unwalled.panel.messages import RELOAD, Failure, Line, Settings, ShownRules, decode, encode
from unwalled.panel.ports import Desktop, Rules, Service
from unwalled.panel.report import Chronicle
from unwalled.panel.stream import Streams
from unwalled.panel.verbs import Verbs, program_version
from unwalled.settings import PANEL, PanelLimits

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_JSON = "application/json"
_PAC_TYPE = "application/x-ns-proxy-autoconfig"
_API = "api/"
_log = logging.getLogger(__name__)


class PanelServer:
    """Serves the panel from ``start`` to ``close``, in one event loop.

    ``rules``, ``desktop``: None where there is none; the page then shows no such settings. ``port``: 0 = a free one.
    ``random_bytes(n)`` makes the secrets of the panel's addresses, new ones for each server.
    """

    def __init__(
        self,
        service: Service,
        rules: Rules | None = None,
        desktop: Desktop | None = None,
        *,
        port: int = 0,
        clock: Clock | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
        limits: PanelLimits = PANEL,
    ) -> None:
        self._service = service
        self._rules = rules
        self._desktop = desktop
        self._port = port
        self._clock = clock or SystemClock()
        self._limits = limits
        self._secrets = [_secret(random_bytes(limits.secret_bytes)) for _ in range(3)]
        self._address: Address | None = None
        self._chronicle = Chronicle()
        self._streams = Streams(self._whole, self._clock, limits)
        self._verbs = Verbs(service, rules, desktop, self._chronicle, self._clock, limits).by_name
        self._http: HttpServer | None = None
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def address(self) -> Address:
        """Where it is. Only after ``start``."""
        assert self._address is not None, "the panel has not started"
        return self._address

    @property
    def url(self) -> str:
        """What a person opens, and a second start of the program, too. Secret: keep it in a private file."""
        return self.address.url

    @property
    def pac_url(self) -> str:
        """Where the rules are as a PAC file, for a browser that is set by hand. Answers 404 without rules."""
        return self.address.pac_url

    async def start(self) -> None:
        """Listens on 127.0.0.1. Raises ConfigurationError when it cannot."""
        bound = self._bind()
        self._address = Address(bound.getsockname()[1], *self._secrets)
        app = web.Application(client_max_size=self._limits.list_bytes)
        limits = dataclasses.replace(
            OPERATOR,
            max_connections=self._limits.max_connections,
            max_requests=self._limits.max_requests,
            first_request_s=self._limits.first_request_s,
            keep_alive_s=self._limits.keep_alive_s,
            close_timeout_s=self._limits.close_timeout_s,
            linger_s=self._limits.close_timeout_s,
        )
        self._http = HttpServer(app, limits, is_silent=True)
        # After the server's own, which must see every request to count connections.
        app.middlewares.append(self._guarded)
        app.on_response_prepare.append(_add_headers)
        app.router.add_route("*", "/{path:.*}", self._answer)
        await self._http.start([bound])
        self._unsubscribe = self._service.subscribe(self._changed)
        self._changed()

    async def close(self) -> None:
        """Ends all streams and stops listening. Safe to call again, and without ``start``."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._streams.close()
        if self._http is not None:
            await self._http.close()

    def _bind(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            # On Windows another program could share a port that is reused.
            if os.name == "posix":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            sock.bind(("127.0.0.1", self._port))
            sock.listen(self._limits.max_connections)
        except OSError as error:
            sock.close()
            raise ConfigurationError(
                f"The panel cannot listen on port {self._port} of this computer ({error.strerror}).",
                "Leave the port to the system, or stop the program that has it.",
            ) from None
        return sock

    def _changed(self) -> None:
        self._chronicle.note(self._service.snapshot(), self._clock.monotonic())
        self._streams.wake()

    def _whole(self) -> Line:
        snapshot = self._service.snapshot()
        self._chronicle.note(snapshot, self._clock.monotonic())
        settings = Settings(
            language=self._service.preferences.language,
            version=program_version(),
            has_rules=self._rules is not None,
            can_set_proxy=self._desktop is not None and self._desktop.can_set_proxy,
            can_start_at_login=self._desktop is not None and self._desktop.can_start_at_login,
        )
        if self._rules is None:
            return Line(snapshot, settings)
        return Line(snapshot, settings, ShownRules.of(self._rules.view()))

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_answered(_asked(request), self.address):
            request.protocol.force_close()
            return web.Response()
        return await handler(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        match self.address.place(request.rel_url.raw_path):
            case Place.PAC:
                return self._pac(request)
            case Place.PAGE:
                return _file(request, PAGE)
            case _:
                name = request.rel_url.raw_path.split("/", 2)[2]
                if name.startswith(_API):
                    return await self._api(request, name.removeprefix(_API))
                return _file(request, name)

    async def _api(self, request: web.Request, name: str) -> web.StreamResponse:
        if not has_token(request.headers.get(hdrs.AUTHORIZATION, ""), self.address):
            return _failure(401, "no-token", "This link to the panel is not, or no longer, good.", REOPEN)
        if name == "events":
            return await self._events(request)
        if (verb := self._verbs.get(name)) is None:
            return _failure(404, "not-found", "The panel asked for something that this program does not have.", RELOAD)
        if request.method != hdrs.METH_POST:
            return _failure(405, "bad-request", "This address takes POST only.")
        if request.content_type != _JSON or hdrs.CONTENT_ENCODING in request.headers:
            return _failure(415, "bad-request", "The body has to be JSON, as it is.")
        body = await self._body(request, verb.most_bytes)
        if isinstance(body, web.Response):
            return body
        wanted = decode(body, verb.body)
        if isinstance(wanted, Failure):
            return _json(400, wanted)
        try:
            answer = await verb.run(wanted)
        except UnwalledError as error:
            return _json(400, Failure.of(error))
        self._streams.wake()
        return _json(200, answer)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if request.method != hdrs.METH_GET:
            return _failure(405, "bad-request", "This address takes GET only.")
        if self._streams.is_full:
            return _failure(429, "too-many", "Too many panels are open.", "Close the others.")
        return await self._streams.serve(request)

    async def _body(self, request: web.Request, most_bytes: int) -> bytes | web.Response:
        """The body, or the answer to one that is too large or too slow. Never holds more than ``most_bytes``."""
        too_large = _failure(413, "too-large", "This is too large.", "Take a smaller list.")
        if (request.content_length or 0) > most_bytes:
            return _last(too_large)
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > most_bytes:
                        return _last(too_large)
        except TimeoutError:
            return _last(_failure(408, "too-slow", "The request took too long to come."))
        return bytes(body)

    def _pac(self, request: web.Request) -> web.Response:
        if self._rules is None or request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return _failure(404, "not-found", "There are no rules here.")
        try:
            text = self._rules.pac()
        except UnwalledError as error:
            # A browser that gets no file takes no proxy, or keeps what it has, as its owner has set it.
            return _json(503, Failure.of(error))
        return web.Response(body=text.encode(), headers={hdrs.CONTENT_TYPE: _PAC_TYPE})


REOPEN = "Open the panel anew: run unwalled connect once more, or use the tray's menu."


def _secret(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).decode().rstrip("=")


def _asked(request: web.Request) -> Asked:
    headers = request.headers
    return Asked(
        method=request.method,
        # As it was sent: a whole URL, as to a proxy, is no path.
        path=request.rel_url.raw_path if request.raw_path.startswith("/") else "",
        hosts=tuple(headers.getall(hdrs.HOST, ())),
        origin=headers.get(hdrs.ORIGIN, ""),
        fetch_site=headers.get("Sec-Fetch-Site", ""),
        fetch_mode=headers.get("Sec-Fetch-Mode", ""),
        fetch_dest=headers.get("Sec-Fetch-Dest", ""),
    )


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall(hdrs.SERVER, None)
    response.headers.update(HEADERS)


def _file(request: web.Request, name: str) -> web.Response:
    file = panel_files().get(name)
    if file is None or request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
        return _failure(404, "not-found", "There is nothing here.")
    return web.Response(body=file.body, headers={hdrs.CONTENT_TYPE: file.content_type})


def _json(status: int, message: msgspec.Struct) -> web.Response:
    return web.Response(status=status, body=encode(message), headers={hdrs.CONTENT_TYPE: _JSON})


def _failure(status: int, code: str, cause: str, remedy: str = "") -> web.Response:
    return _json(status, Failure(code, cause, remedy))


def _last(response: web.Response) -> web.Response:
    """What is left of the request's body is not waited for."""
    response.force_close()
    return response
