"""The small window takes over the help from the page that opened it, with the volunteer's limits, and gives it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser.operator_double import PATIENCE_S, OperatorDouble
from tests.browser.test_helping import becomes, carried, context, do, is_shown, snapshot, visit
from tests.browser.test_widget import LEFT

__all__ = ["context", "visit"]


def newsroom(operator: OperatorDouble) -> str:
    """An article with the operator's switch, on what is another site for the browser: other storage, other locks."""
    return f"http://localhost:{operator.port}/article"


def open_window(page: Page) -> Page:
    # Browsers open windows only for a click.
    page.evaluate(
        """() => {
          document.querySelector("#open")?.remove();
          const button = Object.assign(document.createElement("button"), { id: "open" });
          button.addEventListener("click", () => document.querySelector("unwalled-bridge").driver.openWindow());
          document.body.prepend(button);
        }"""
    )
    with page.expect_popup() as opened:
        page.locator("#open").click()
    return opened.value


def test_the_window_helps_on_without_dropping_anybody_and_the_page_goes_on_when_it_closes(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit()
    do(page, "start()")
    first = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(first, "M1", 1))
    window = open_window(page)
    second = operator.call(operator.bridge())
    is_shown(window, "waiting")
    becomes(page, "snapshot.inWindow")
    is_shown(page, "paused", "elsewhere")
    operator.call(asyncio.wait_for(first.closed.wait(), PATIENCE_S))
    # Whoever was here stays until they leave, and new ones come to the window.
    sent, back = operator.call(lane.echoed(1 << 20, 16 * 1024))
    assert sent == back
    operator.call(operator.reader_lanes(second, "M2", 1))
    is_shown(window, "helping")
    window.close()
    operator.call(asyncio.wait_for(second.closed.wait(), PATIENCE_S))
    operator.call(operator.bridge())
    becomes(page, "!snapshot.inWindow")


def test_the_window_outlives_its_page_and_keeps_what_was_lent(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit({"wishes": {"monthly": 3_000_000, "speed": 4_000_000}}, url=newsroom(operator))
    do(page, "start()")
    first = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(first, "M1", 1))
    operator.call(lane.echoed(512 * 1024, 16 * 1024))
    used = carried(page)
    window = open_window(page)
    second = operator.call(operator.bridge())
    becomes(page, "snapshot.inWindow")
    assert snapshot(window)["wishes"]["speed"] == 3_000_000
    assert snapshot(window)["left"] <= 3_000_000 - used
    page.goto("about:blank")
    operator.call(lane.is_closed())
    [lane] = operator.call(operator.reader_lanes(second, "M2", 1))
    operator.start(lane.echoed(8 << 20, 16 * 1024))
    is_shown(window, "paused", "spent")
    assert used + carried(window) <= 3_000_000
    assert window.evaluate(LEFT) == 0


def test_a_site_that_opens_the_window_cannot_loosen_what_the_visitor_has_set_at_the_operators_own(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    visit({"wishes": {"monthly": 2_000_000, "speed": 4_000_000}}).close()
    # A site may say in the visitor's name whatever it likes.
    page = visit({"wishes": {"monthly": 900_000_000}}, url=newsroom(operator))
    do(page, "start()")
    operator.call(operator.bridge())
    window = open_window(page)
    session = operator.call(operator.bridge())
    becomes(page, "snapshot.inWindow")
    wishes = snapshot(window)["wishes"]
    assert (wishes["monthly"], wishes["speed"]) == (2_000_000, 4_000_000)
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    operator.start(lane.echoed(8 << 20, 16 * 1024))
    is_shown(window, "paused", "spent")
    assert carried(window) <= 2_000_000
    # What the site has lent comes back to it, but for what was passed on.
    used = carried(window)
    window.close()
    becomes(page, f"!snapshot.inWindow && snapshot.left <= 900_000_000 - {used}")


def test_what_the_window_did_not_use_comes_back_and_switching_off_closes_it(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit({"wishes": {"monthly": 50_000_000}}, url=newsroom(operator))
    do(page, "start()")
    operator.call(operator.bridge())
    window = open_window(page)
    session = operator.call(operator.bridge())
    becomes(page, "snapshot.inWindow")
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    operator.call(lane.echoed(512 * 1024, 16 * 1024))
    with window.expect_event("close"):
        do(window, "stop()")
    # Off is off, wherever the visitor says so.
    is_shown(page, "off")
    do(page, "start()")
    operator.call(operator.bridge())
    becomes(page, "snapshot.left === 50_000_000 - 1_048_576")

    window = open_window(page)
    session = operator.call(operator.bridge())
    becomes(page, "snapshot.inWindow")
    # Closed without a word, it loses what it may have had in hand.
    window.close()
    session = operator.call(operator.bridge())
    becomes(page, "snapshot.left > 40_000_000 && snapshot.left < 50_000_000 - 1_048_576")

    window = open_window(page)
    session = operator.call(operator.bridge())
    becomes(page, "snapshot.inWindow")
    with window.expect_event("close"):
        do(page, "stop()")
    operator.call(asyncio.wait_for(session.closed.wait(), PATIENCE_S))


def test_the_window_listens_to_nobody_but_its_opener_and_starts_nothing_by_itself(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit()
    page.goto(f"{operator.url}/window")
    is_shown(page, "off")
    message = {"unwalled": "help", "loan": {"wishes": {}, "bytes": None}}
    page.evaluate("(message) => postMessage(message, '*')", message)
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")
    is_shown(page, "off")
    assert operator.bridges.empty()
