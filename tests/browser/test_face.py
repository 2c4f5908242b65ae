"""What a visitor sees of the switch, in a real Chromium. No server: requests get the package's own pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect, sync_playwright

from unwalled.web.pages import pages

CHROMIUM_ARGS = ["--no-sandbox", "--headless=new", "--disable-background-networking", "--no-first-run"]
OPERATOR = "https://operator.test"
NEWSROOM = "https://news.test/"
POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {OPERATOR}",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


@dataclass
class Site:
    """A newsroom's page with the switch of another site, under a strict policy. ``changed`` replaces what is served."""

    page: Page
    asked: list[str] = field(default_factory=list)
    changed: dict[str, bytes] = field(default_factory=dict)
    body: str = ""

    def open(self, element: str = "<unwalled-bridge></unwalled-bridge>", lang: str = "en") -> Locator:
        script = f'<script type="module" src="{OPERATOR}/widget.js"></script>'
        head = f'<!doctype html><html lang="{lang}"><title>News</title><link rel="icon" href="data:,">{script}'
        self.body = head + element
        self.page.goto(NEWSROOM)
        return self.page.locator("unwalled-bridge")

    def answer(self, route: Route) -> None:
        url = route.request.url
        self.asked.append(url)
        path = urlsplit(url).path
        if url == NEWSROOM:
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
            route.fulfill(body=self.body, headers=headers)
        elif url.startswith(OPERATOR) and path in PAGES:
            served = PAGES[path]
            headers = {**served.headers, "Content-Type": served.content_type}
            route.fulfill(body=self.changed.get(path, served.body), headers=headers)
        else:
            route.abort()


PAGES = pages()


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-US")
    yield context
    context.close()


@pytest.fixture
def site(context: BrowserContext) -> Iterator[Site]:
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    site = Site(page)
    context.route("**/*", site.answer)
    yield site
    assert errors == []


def asked_parts(site: Site) -> list[str]:
    return [urlsplit(url).path for url in site.asked if "/widget-" in url]


def test_an_english_page_loads_one_script_and_no_words(site: Site) -> None:
    site.open()
    expect(site.page.get_by_role("switch", name="Help people read freely")).to_be_visible()
    assert [urlsplit(url).path for url in site.asked] == ["/", "/widget.js"]


def test_the_switch_speaks_the_language_of_the_page_and_loads_no_other(site: Site) -> None:
    site.open(lang="de-AT")
    expect(site.page.get_by_role("switch", name="Anderen freies Lesen ermöglichen")).to_be_visible()
    assert asked_parts(site) == ["/widget-words-de.js"]


def test_the_elements_own_language_wins_and_changes_live(site: Site) -> None:
    element = site.open('<unwalled-bridge lang="en"></unwalled-bridge>', lang="de")
    expect(site.page.get_by_role("switch", name="Help people read freely")).to_be_visible()
    assert asked_parts(site) == []
    element.evaluate("(element) => { element.lang = 'de'; }")
    expect(site.page.get_by_role("switch", name="Anderen freies Lesen ermöglichen")).to_be_visible()
    element.evaluate("(element) => { element.removeAttribute('lang'); document.documentElement.lang = 'en'; }")
    expect(site.page.get_by_role("switch", name="Help people read freely")).to_be_visible()


def test_a_part_that_was_changed_on_the_server_is_refused(site: Site) -> None:
    path = "/widget-words-de.js"
    site.changed[path] = PAGES[path].body + b"\nglobalThis.stolen = true;"
    site.open(lang="de")
    expect(site.page.get_by_role("switch", name="Help people read freely")).to_be_visible()
    assert asked_parts(site) == [path]
    assert site.page.evaluate("globalThis.stolen") is None
