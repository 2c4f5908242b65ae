"""What whoever looks up this machine's address finds: what it is, what its operator can know, and whom to write to.

In English, since it is for administrators, lawyers and the police anywhere. Served at ``/abuse`` and
``/about-this-address`` by the site and by each gateway, since it is a gateway's address that others see;
docs/how-to/complaints.md says what to do with what then comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from html import escape

from aiohttp import web

from unwalled.operator.site import Handler, answer_with
from unwalled.web.pages import Page

PATHS = ("/abuse", "/about-this-address")
_HEADERS = {
    "Cache-Control": "public, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noarchive">
<title>About this address</title>
<link rel="stylesheet" href="site.css">
</head>
<body>
<main>
<h1>About this address</h1>
<p>You may have found this address in your logs. It belongs to a gateway of Unwalled: a service with which people whose
network blocks the news can read it. What comes from here was asked for by one of its readers. It was not made by
whoever runs this server, and no computer behind it was broken into.</p>
<h2>What readers can reach</h2>
<p>{reach}</p>
<p>Private networks cannot be reached through it. The number of connections of each reader is limited.</p>
<h2>What is known about a connection</h2>
<p>Nothing is kept that could tell who made it. The program writes down neither addresses nor names of sites nor times,
and what readers send arrives through the browsers of volunteers, who cannot read it and did not ask for it. So there is
no record of the past that could be looked up or handed over. The program is free software: anybody can check that.</p>
<h2>What can be done at once</h2>
<ul>
<li>We can close this gateway for a site, an address or a port: tell us which, and it will open no connection there any
more. That takes us a minute.</li>
<li>You can refuse this address. Please do not refuse its whole network: others use it.</li>
</ul>
<h2>Contact</h2>
<p>{contact}</p>
<p>Please name the address and port that were reached, and the time with its zone. Please send no personal data of
others.</p>
</main>
</body>
</html>
"""
_OPEN = (
    "Public sites on the Internet. The ports of sending mail and of Windows file sharing are closed, unless the "
    "operator opened them."
)
_LISTED = "Only sites that the operator of this gateway has listed: its own, as a rule, and what their pages need."
_NO_CONTACT = "The operator of this server has not said here how to reach it. The provider of its network can."


def abuse_routes(contact: str, is_listed: Callable[[], bool]) -> list[web.RouteDef]:
    """Routes to the pages; ``is_listed`` says whether the policy of now opens listed sites only."""

    @cache
    def pages(is_listed_now: bool) -> dict[str, Page]:
        return {page.path: page for page in abuse_pages(contact, is_listed=is_listed_now)}

    def serve(path: str) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            return answer_with(request, pages(is_listed())[path])

        return answer

    return [web.get(path, serve(path)) for path in PATHS]


def abuse_pages(contact: str, *, is_listed: bool) -> list[Page]:
    """The pages. ``contact`` is text: a mail address, a URL, anything."""
    html = _HTML.format(reach=_LISTED if is_listed else _OPEN, contact=_linked(contact) if contact else _NO_CONTACT)
    body = html.encode()
    headers = {**_HEADERS, "ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"'}
    return [Page(path, body, "text/html; charset=utf-8", headers) for path in PATHS]


def _linked(contact: str) -> str:
    text = escape(contact)
    if contact.startswith(("https://", "http://")) and " " not in contact:
        return f'<a href="{text}" rel="noreferrer">{text}</a>'
    if contact.count("@") == 1 and " " not in contact and ":" not in contact:
        return f'<a href="mailto:{text}">{text}</a>'
    return text
