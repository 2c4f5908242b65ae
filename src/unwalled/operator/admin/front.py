"""``/admin``: the door, the login, the pages and the API, behind two routes of the operator's one application.

    request ─► is there an admin, and may one come from there? ─► login, logout
                        │ no: 404                             ├─► /admin/api/…  checked, bounded, JSON (api.py)
                                                              └─► a page: the same for everybody, without a number in it

It is loaded when the first request comes: an operator without an admin has nothing of it in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

import msgspec
from aiohttp import hdrs, web

from unwalled.operator.admin.door import AdminDoor
from unwalled.operator.admin.problems import Problem
from unwalled.operator.bounds import ADMIN

PREFIX = "/admin"
API_PREFIX = "/admin/api/"
_HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FORM = "application/x-www-form-urlencoded"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Login(msgspec.Struct, frozen=True):
    token: str


class Admin:
    """Answers everything below ``/admin``."""

    def __init__(self, door: AdminDoor, api: Handler, pages: Mapping[str, Handler]) -> None:
        """``api`` answers what is below API_PREFIX once the door has let it in; ``pages`` by path, to GET and HEAD."""
        self._door = door
        self._api = api
        self._pages = pages
        self._under_way = 0
        self._logins_under_way = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request whose path is PREFIX or below it. Raises HTTPNotFound as for a path that nobody knows."""
        if not self._door.is_there(request):
            raise web.HTTPNotFound
        try:
            response = await self._answer(request)
        except Problem as problem:
            response = problem.response()
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.startswith(API_PREFIX):
            self._door.check(request)
            if self._under_way >= ADMIN.requests:
                raise Problem(503, "Too many requests are in progress.", "Try again.", retry_after_s=1.0)
            self._under_way += 1
            try:
                return await self._api(request)
            finally:
                self._under_way -= 1
        if path in (f"{PREFIX}/login", f"{PREFIX}/logout"):
            _need_method(request, "POST")
            return await (self._log_in(request) if path.endswith("login") else self._log_out(request))
        page = self._pages.get(path)
        if page is None:
            raise Problem(404, "There is no such page.", f"The pages begin at {PREFIX}.")
        _need_method(request, "GET", "HEAD")
        return await page(request)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        if self._logins_under_way >= ADMIN.requests:
            raise Problem(503, "Too many log in just now.", "Try again.", retry_after_s=1.0)
        self._logins_under_way += 1
        try:
            body = await read_body(request)
        finally:
            self._logins_under_way -= 1
        is_form = request.content_type == _FORM
        put_cookie = self._door.log_in(request, _token_of_form(body) if is_form else _token_of(request, body))
        response = web.Response(status=303, headers={hdrs.LOCATION: PREFIX}) if is_form else web.Response(status=204)
        put_cookie(response)
        return response

    async def _log_out(self, request: web.Request) -> web.StreamResponse:
        self._door.log_out(request)
        return web.Response(status=204)


async def read_body(request: web.Request) -> bytes:
    """The body, within its bounds. Raises Problem (408, 413)."""
    too_large = Problem(413, f"A body has at most {ADMIN.body_bytes} bytes.", "Send less.")
    if (request.content_length or 0) > ADMIN.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(ADMIN.body_timeout_s):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > ADMIN.body_bytes:
                    raise too_large
    except TimeoutError:
        raise Problem(408, "The request did not arrive in time.", "Send it again.") from None
    return bytes(body)


def need_json(request: web.Request) -> None:
    """Raises Problem (415) unless the body is said to be JSON: no page's form can say so."""
    if request.content_type != "application/json":
        raise Problem(415, "The body has to be JSON.", "Send it with Content-Type: application/json.")


def _token_of(request: web.Request, body: bytes) -> str:
    need_json(request)
    try:
        return msgspec.json.decode(body, type=_Login).token
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Problem(400, "This is no login.", 'Send {"token": "…"}.') from None


def _token_of_form(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode(), max_num_fields=4)
    except ValueError:
        raise Problem(400, "This is no login.", "Send the form of /admin.") from None
    return fields.get("token", [""])[0].strip()


def _need_method(request: web.Request, *methods: str) -> None:
    if request.method not in methods:
        raise Problem(405, f"{request.method} is not possible here.", headers={hdrs.ALLOW: ", ".join(methods)})
