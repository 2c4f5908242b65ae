"""The operator's own pages, its health and its numbers, as routes of the one application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from unwalled.web.pages import Page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_HSTS = "max-age=31536000"


def page_routes(pages: Mapping[str, Page]) -> list[web.RouteDef]:
    """GET and HEAD for each page; 304 for who has it already."""
    return [web.get(path, _serve(page)) for path, page in pages.items()]


def add_security_headers(app: web.Application, *, is_encrypted: bool) -> None:
    """Makes every answer say how careful a browser has to be with it, errors included. A page's own headers win."""

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.popall(hdrs.SERVER, None)
        if hdrs.CONTENT_SECURITY_POLICY not in headers:
            for name, value in _ALWAYS.items():
                headers.setdefault(name, value)
        if is_encrypted:
            headers[hdrs.STRICT_TRANSPORT_SECURITY] = _HSTS

    app.on_response_prepare.append(prepare)


def _serve(page: Page) -> Handler:
    etag = page.headers["ETag"]

    async def serve(request: web.Request) -> web.Response:
        known = request.headers.get(hdrs.IF_NONE_MATCH, "")
        if known == "*" or etag in (one.strip().removeprefix("W/") for one in known.split(",")):
            return web.Response(status=304, headers=page.headers)
        headers = {**page.headers, hdrs.CONTENT_TYPE: page.content_type}
        return web.Response(body=page.body, headers=headers)

    return serve
