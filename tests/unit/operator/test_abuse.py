from __future__ import annotations

import pytest

from unwalled.gateway.policy import EgressPolicy, site_list
from unwalled.operator.abuse import PATHS, abuse_pages


def text(contact: str, policy: EgressPolicy | None = None) -> str:
    pages = abuse_pages(contact, policy or EgressPolicy())
    assert [page.path for page in pages] == list(PATHS)
    return pages[0].body.decode()


def test_the_page_says_what_readers_can_reach() -> None:
    assert "Public sites on the Internet" in text("")
    assert "Only sites that the operator" in text("", EgressPolicy(publisher=True, allow=site_list(["news.example"])))
    assert "news.example" not in text("", EgressPolicy(publisher=True, allow=site_list(["news.example"])))


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
    (page, _) = abuse_pages("", EgressPolicy())
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert b"<script" not in page.body
    assert b"http" not in page.body
