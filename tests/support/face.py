"""A newsroom's page with the switch on it, without any server: requests get the package's own pages.

A made-up volunteer can stand behind the switch, so that every state can be seen and every setting be pressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Locator, Page, Route

from unwalled.web.pages import pages

OPERATOR = "https://operator.test"
NEWSROOM = "https://news.test/"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src data:",
        f"script-src {OPERATOR}",
        f"connect-src {OPERATOR}",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
PAGES = pages()

NOBODY = {"readers": 0, "lanes": 0, "bytesUp": 0, "bytesDown": 0}
OFF: Mapping[str, Any] = {
    "on": False,
    "state": "off",
    "reason": "",
    "until": None,
    "counts": NOBODY,
    "readers": [],
    "since": None,
    "tally": {"today": 0, "ever": 0, "countries": [], "bytes": 0, "seconds": 0},
    "wishes": {"maxReaders": 8, "speed": None, "monthly": None, "charging": False, "metered": False, "hours": None},
    "left": None,
    "abilities": {"charging": True, "metered": True, "storage": True, "window": True},
    "keepHelping": False,
    "keepNumbers": False,
    "check": {"state": "none"},
    "caution": None,
    "inWindow": False,
}
PAUSES = ("offline", "hidden", "charging", "metered", "hours", "spent", "elsewhere")
ERRORS = ("unreachable", "operator", "full", "version", "protocol", "network")


def helping(readers: int = 3, carried: int = 48_200_000) -> dict[str, Any]:
    counts = {"readers": readers, "lanes": readers * 2, "bytesUp": carried // 10, "bytesDown": carried - carried // 10}
    tally = {"today": readers + 2, "ever": 128, "countries": [], "bytes": carried * 40, "seconds": 39_600}
    return {"on": True, "state": "helping", "counts": counts, "tally": tally}


# Everything that the switch can say, each as what differs from OFF.
SITUATIONS: Mapping[str, Mapping[str, Any]] = {
    "off": {},
    "connecting": {"on": True, "state": "connecting"},
    "waiting": {"on": True, "state": "waiting"},
    "helping one": helping(1, 0),
    "helping": helping(),
    **{f"paused: {reason}": {"on": True, "state": "paused", "reason": reason} for reason in PAUSES},
    **{f"error: {reason}": {"on": True, "state": "error", "reason": reason} for reason in ERRORS},
    "unsupported": {"state": "unsupported", "reason": "browser"},
    "caution": {"caution": "IR"},
}

# `made` holds the volunteers, newest last; each notes what was asked of it in `calls`.
MADE_UP = """async ([script, off]) => {
  const { UnwalledBridgeElement } = await import(script);
  window.made = [];
  UnwalledBridgeElement.prototype.makeDriver = function () {
    const element = this;
    const calls = [];
    const change = element.dataset.snapshot ? JSON.parse(element.dataset.snapshot) : {};
    const driver = new Proxy({ calls, snapshot: { ...off, ...change } }, {
      get: (target, name) => name in target ? target[name] : (...values) => void calls.push([name, ...values]),
      set: (target, name, value) => {
        if (name === "snapshot") { target.snapshot = { ...target.snapshot, ...value }; element.changed(); }
        else calls.push([name, value]);
        return true;
      },
    });
    made.push(driver);
    return driver;
  };
}"""
ADD = """([attributes, change, into]) => {
  const element = document.createElement("unwalled-bridge");
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.dataset.snapshot = JSON.stringify(change);
  document.querySelector(into).append(element);
}"""


@dataclass
class Site:
    """A newsroom's page. ``asked`` are the addresses that were asked for; ``changed`` replaces what is served."""

    page: Page
    policy: str = POLICY
    asked: list[str] = field(default_factory=list)
    changed: dict[str, bytes] = field(default_factory=dict)
    body: str = ""

    def open(self, element: str = "<unwalled-bridge></unwalled-bridge>", lang: str = "en") -> Locator:
        script = f'<script type="module" src="{OPERATOR}/widget.js"></script>'
        head = f'<!doctype html><html lang="{lang}"><title>News</title><link rel="icon" href="data:,">{script}'
        self.body = f'{head}<meta name="viewport" content="width=device-width"><body>{element}'
        self.page.goto(NEWSROOM)
        return self.page.locator("unwalled-bridge")

    def made_up(self, change: Mapping[str, Any] = OFF, lang: str = "en", **attributes: str) -> Locator:
        """Opens a page with one switch that shows a made-up volunteer."""
        found = self.open("", lang)
        self.make_up()
        self.add(change, attributes)
        return found

    def make_up(self) -> None:
        """Elements that are added from now on have made-up volunteers."""
        self.page.evaluate(MADE_UP, [f"{OPERATOR}/widget.js", dict(OFF)])

    def add(self, change: Mapping[str, Any], attributes: Mapping[str, str], into: str = "body") -> None:
        self.page.evaluate(ADD, [dict(attributes), dict(change), into])

    def show(self, **change: Any) -> None:
        """Something happens to the volunteer."""
        self.page.evaluate("(change) => { made.at(-1).snapshot = change; }", change)

    def calls(self) -> list[list[Any]]:
        """What was asked of the volunteer since the last look, but for what the element sets by itself."""
        found: list[list[Any]] = self.page.evaluate("() => made.at(-1).calls.splice(0)")
        return [call for call in found if call[0] not in ("operator", "maxReaders", "pauseHidden", "end")]

    def answer(self, route: Route) -> None:
        url = route.request.url
        self.asked.append(url)
        path = urlsplit(url).path
        if url == NEWSROOM:
            policy = {"Content-Security-Policy": self.policy} if self.policy else {}
            route.fulfill(body=self.body, headers={"Content-Type": "text/html; charset=utf-8", **policy})
        elif url.startswith(OPERATOR) and path in PAGES:
            served = PAGES[path]
            headers = {**served.headers, "Content-Type": served.content_type}
            route.fulfill(body=self.changed.get(path, served.body), headers=headers)
        else:
            route.abort()


def site_in(context: BrowserContext, policy: str = POLICY) -> Site:
    site = Site(context.new_page(), policy)
    context.route("**/*", site.answer)
    return site
