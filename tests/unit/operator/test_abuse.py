from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from unwalled.operator.abuse import PATHS, abuse_pages, abuse_routes


def text(contact: str, *, is_listed: bool = False) -> str:
    pages = abuse_pages(contact, is_listed=is_listed)
    assert [page.path for page in pages] == list(PATHS)
    return pages[0].body.decode()


def test_the_page_says_what_readers_can_reach() -> None:
    assert "Public sites on the Internet" in text("")
    assert "Only sites that the operator" in text("", is_listed=True)


def test_the_page_follows_the_policy_of_now() -> None:
    is_listed = False
    routes = {route.path: route.handler for route in abuse_routes("", lambda: is_listed)}
    assert list(routes) == list(PATHS)

    async def words() -> str:
        response = await routes["/abuse"](make_mocked_request("GET", "/abuse"))
        assert isinstance(response, web.Response)
        return str(response.text)

    assert "Public sites on the Internet" in asyncio.run(words())
    is_listed = True
    assert "Only sites that the operator" in asyncio.run(words())


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("", "has not said here how to reach it"),
        ("abuse@news.example", '<a href="mailto:abuse@news.example">abuse@news.example</a>'),
        ("https://news.example/abuse?a=1&b", '<a href="https://news.example/abuse?a=1&amp;b" rel="noreferrer">'),
        ("javascript:alert@1", "<p>javascript:alert@1</p>"),
        ("+49 30 123", "<p>+49 30 123</p>"),
        ('"><script>alert(1)</script>', "<p>&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
    ],
)
def test_the_contact_is_shown_as_what_it_is_and_can_bring_no_markup(contact: str, shown: str) -> None:
    assert shown in text(contact)


def test_the_page_loads_nothing_from_elsewhere() -> None:
    (page, _) = abuse_pages("", is_listed=False)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert b"<script" not in page.body
    assert b"http" not in page.body
