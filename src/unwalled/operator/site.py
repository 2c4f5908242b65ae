"""The operator's own pages, its health and its numbers, as routes of the one application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cache

from aiohttp import hdrs, web

from unwalled.web.pages import Page, documents, pages
from unwalled.web.render import ENGLISH, choose_language

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_HSTS = "max-age=31536000"


def page_routes(
    connect_sources: Sequence[str] = (), further: Sequence[Page] = (), on_further: Callable[[], None] = lambda: None
) -> list[web.RouteDef]:
    """GET and HEAD for each page, in the visitor's language; 304 for who has it already.

    ``connect_sources``: see ``pages``. ``further``: older versions of the widget that go on being served;
    ``on_further`` is told when the script of one is.
    """
    of_before = {page.path for page in further if page.path.endswith("/widget.js")}

    @cache
    def in_language(language: str, is_asked: bool) -> dict[str, Page]:
        return documents(connect_sources, language, is_asked=is_asked)

    def serve(page: Page) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            if page.path in of_before and page.path not in known:
                on_further()
            if not page.is_document or page.path not in known:
                return answer_with(request, page)
            asked = request.query.get("lang", "")
            language = choose_language(asked, request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
            is_asked = language is not None and language == choose_language(asked, "")
            return answer_with(request, in_language(language or ENGLISH, is_asked)[page.path])

        return answer

    known = pages(connect_sources)
    older = [page for page in further if page.path not in known]
    return [web.get(page.path, serve(page)) for page in (*known.values(), *older)]


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


def answer_with(request: web.Request, page: Page) -> web.Response:
    """The page, or 304 for who has it."""
    etag = page.headers["ETag"]
    known = request.headers.get(hdrs.IF_NONE_MATCH, "")
    if known == "*" or etag in (one.strip().removeprefix("W/") for one in known.split(",")):
        return web.Response(status=304, headers=page.headers)
    return web.Response(body=page.body, headers={**page.headers, hdrs.CONTENT_TYPE: page.content_type})
