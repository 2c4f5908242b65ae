"""The volunteer's own limits, numbers and choices, in a real Chromium: they hold over reloads, tabs and losses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.operator_double import PATIENCE_S, OperatorDouble
from tests.browser.test_widget import LEFT, MIB, WATCH

CHOICES = "unwalled-bridge"
NUMBERS = "unwalled-bridge-numbers"

# Lets the test reach the element's volunteer, as the details of the face can.
OPEN = """
const define = customElements.define.bind(customElements);
customElements.define = (name, made) => define(name, class extends made {
  makeDriver() { return (this.driver = super.makeDriver()); }
});
"""


@pytest.fixture
def context(browser: Browser, operator: OperatorDouble) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_S * 1000)
    context.add_init_script(WATCH + OPEN)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert errors == []


@pytest.fixture
def visit(context: BrowserContext, operator: OperatorDouble) -> Callable[..., Page]:
    def visit(choices: Any = None, script: str = "", url: str = operator.url + "/") -> Page:
        """A new tab, in a browser that keeps these choices from before; None = as they are."""
        page = context.new_page()
        if script:
            page.add_init_script(script)
        page.goto(urljoin(url, "/read"))
        if choices is not None:
            text = choices if isinstance(choices, str) else json.dumps({"v": 1, **choices})
            page.evaluate("([name, text]) => localStorage.setItem(name, text)", [CHOICES, text])
        page.goto(url)
        return page

    return visit


def becomes(page: Page, condition: str) -> None:
    """Waits in the page, whose policy allows no strings that are evaluated there later."""
    page.evaluate(f"""() => new Promise((resolve) => {{
      const look = () => {{
        const {{ snapshot }} = document.querySelector("unwalled-bridge");
        if ({condition}) resolve();
        else setTimeout(look, 20);
      }};
      look();
    }})""")


def is_shown(page: Page, state: str, reason: str = "") -> None:
    becomes(page, f"snapshot.state === '{state}' && snapshot.reason === '{reason}'")


def do(page: Page, call: str) -> Any:
    """Runs a call on the volunteer."""
    return page.evaluate(f"() => document.querySelector('unwalled-bridge').driver.{call}")


def snapshot(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = do(page, "snapshot")
    return found


def kept(page: Page, name: str) -> Any:
    return page.evaluate("(name) => JSON.parse(localStorage.getItem(name))", name)


def carried(page: Page) -> int:
    counts = snapshot(page)["counts"]
    return int(counts["bytesUp"] + counts["bytesDown"])


def test_a_speed_limit_is_kept_in_both_directions_together_and_loses_nothing(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit({"wishes": {"speed": 1_000_000}})
    do(page, "start()")
    session = operator.call(operator.bridge())
    first, second = operator.call(operator.reader_lanes(session, "M1", 2))
    began = page.evaluate("performance.now()")

    async def both() -> list[tuple[str, str]]:
        return list(await asyncio.gather(first.echoed(MIB, 16 * 1024), second.echoed(MIB, 8 * 1024)))

    for sent, back in operator.call(both()):
        assert sent == back
    elapsed_ms = page.evaluate("performance.now()") - began
    assert carried(page) == 4 * MIB
    # Slower is always possible, faster never: what may go at once after a pause is a tenth of a second's worth.
    assert elapsed_ms >= (4 * MIB - 200_000) / 1_000
    assert snapshot(page)["counts"]["lanes"] == 2


def test_a_months_data_is_not_passed_even_by_pages_that_are_reloaded(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit({"wishes": {"monthly": 3_000_000}})
    total = 0
    for name in ("M1", "M2"):
        do(page, "start()")
        session = operator.call(operator.bridge())
        [lane] = operator.call(operator.reader_lanes(session, name, 1))
        sent, back = operator.call(lane.echoed(512 * 1024, 16 * 1024))
        assert sent == back
        total += carried(page)
        page.reload()
    do(page, "start()")
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M3", 1))
    operator.start(lane.echoed(8 * MIB, 16 * 1024))
    is_shown(page, "paused", "spent")
    operator.call(lane.is_closed())
    total += carried(page)
    # Each reload may cost what was set aside for the page that went.
    assert 2_000_000 < total <= 3_000_000
    until = snapshot(page)["until"]
    assert until > page.evaluate("Date.now()")
    when = page.evaluate("(at) => new Date(at).toLocaleDateString('en', { month: 'long', day: 'numeric' })", until)
    said = page.get_by_role("status").inner_text()
    assert said == f"Paused: this month\N{RIGHT SINGLE QUOTATION MARK}s data is used up. Thank you! It goes on: {when}."
    assert page.evaluate(LEFT) == 0
    page.reload()
    do(page, "start()")
    is_shown(page, "paused", "spent")


def test_one_tab_helps_and_the_next_takes_over_when_it_closes(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    first = visit()
    do(first, "start()")
    session = operator.call(operator.bridge())
    is_shown(first, "waiting")
    second = visit()
    do(second, "start()")
    is_shown(second, "paused", "elsewhere")
    assert operator.bridges.empty()
    assert second.evaluate(LEFT) == 0
    first.close()
    operator.call(asyncio.wait_for(session.closed.wait(), PATIENCE_S))
    operator.call(operator.bridge())
    is_shown(second, "waiting")


def test_the_next_page_starts_by_itself_only_for_somebody_who_wants_that_and_until_switched_off(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit()
    do(page, "start()")
    operator.call(operator.bridge())
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    is_shown(page, "off")

    do(page, "start()")
    operator.call(operator.bridge())
    page.evaluate("() => { document.querySelector('unwalled-bridge').driver.keepHelping = true; }")
    page.goto(operator.url + "/")
    operator.call(operator.bridge())
    is_shown(page, "waiting")
    assert snapshot(page)["keepHelping"] is True

    other = visit()
    is_shown(other, "paused", "elsewhere")
    do(page, "stop()")
    is_shown(other, "off")
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    is_shown(page, "off")


def test_a_person_counts_once_over_losses_of_the_broker_and_reloads(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit({"numbers": True})
    do(page, "start()")
    session = operator.call(operator.bridge())
    operator.call(operator.reader_lanes(session, "M1", 1, "one-reader"))
    operator.call(operator.reader_lanes(session, "M2", 1, "two-reader"))
    salt = session.hello["salt"]
    operator.call(operator.drop_bridge(session))
    session = operator.call(operator.bridge())
    assert session.hello["salt"] == salt
    operator.call(operator.reader_lanes(session, "M3", 1, "one-reader"))
    assert (snapshot(page)["counts"]["readers"], snapshot(page)["tally"]["today"]) == (2, 2)

    page.reload()
    do(page, "start()")
    session = operator.call(operator.bridge())
    assert session.hello["salt"] == salt
    [lane] = operator.call(operator.reader_lanes(session, "M4", 1, "one-reader"))
    operator.call(operator.reader_lanes(session, "M5", 1, "six-reader"))
    operator.call(lane.echoed(64 * 1024, 16 * 1024))
    do(page, "stop()")
    tally = snapshot(page)["tally"]
    assert (tally["today"], tally["ever"], tally["bytes"]) == (3, 3, 128 * 1024)
    numbers = kept(page, NUMBERS)
    # Not even the names are kept, only their beginning.
    assert numbers["names"] == ["one-re", "two-re", "six-re"]
    assert sorted(numbers) == ["bytes", "countries", "day", "nameless", "names", "past", "salt", "seconds"]
    page.evaluate("() => { document.querySelector('unwalled-bridge').driver.keepNumbers = false; }")
    assert page.evaluate("localStorage.length") == 0


SAVING = """
Object.defineProperty(navigator, "connection", { value: Object.assign(new EventTarget(), { saveData: true }) });
"""
UNPLUGGED = """
window.battery = Object.assign(new EventTarget(), { charging: false });
navigator.getBattery = async () => battery;
"""


def test_with_the_data_saver_it_helps_only_when_the_visitor_says_so(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit(script=SAVING)
    do(page, "start()")
    is_shown(page, "paused", "metered")
    assert operator.bridges.empty()
    do(page, "set({ metered: true })")
    operator.call(operator.bridge())
    is_shown(page, "waiting")
    do(page, "set({ metered: false })")
    is_shown(page, "paused", "metered")
    page.evaluate(
        "() => { navigator.connection.saveData = false; navigator.connection.dispatchEvent(new Event('change')); }"
    )
    operator.call(operator.bridge())
    is_shown(page, "waiting")


def test_only_while_charging(visit: Callable[..., Page], operator: OperatorDouble) -> None:
    page = visit({"wishes": {"charging": True}}, script=UNPLUGGED)
    do(page, "start()")
    is_shown(page, "paused", "charging")
    page.evaluate("() => { battery.charging = true; battery.dispatchEvent(new Event('chargingchange')); }")
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    page.evaluate("() => { battery.charging = false; battery.dispatchEvent(new Event('chargingchange')); }")
    is_shown(page, "paused", "charging")
    operator.call(lane.is_closed())
    assert page.evaluate(LEFT) == 0


def test_outside_of_the_hours_it_pauses_and_says_until_when(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit()
    hour = page.evaluate("new Date().getHours()")
    do(page, f"set({{ hours: {{ from: {(hour + 2) % 24 * 60}, to: {(hour + 3) % 24 * 60} }} }})")
    do(page, "start()")
    is_shown(page, "paused", "hours")
    until = snapshot(page)["until"]
    assert until > page.evaluate("Date.now()")
    when = page.evaluate("(at) => new Date(at).toLocaleTimeString('en', { hour: 'numeric', minute: '2-digit' })", until)
    assert page.get_by_role("status").inner_text() == f"Paused until the hours that you chose. It goes on: {when}."
    do(page, f"set({{ hours: {{ from: {hour * 60}, to: {(hour + 2) % 24 * 60} }} }})")
    operator.call(operator.bridge())
    is_shown(page, "waiting")


REFUSED = """
for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("refused", "SecurityError"); } });
}
"""


@pytest.mark.parametrize("script", [REFUSED, "delete window.indexedDB; Object.defineProperty(window, 'indexedDB', {})"])
def test_without_storage_it_helps_and_limits_hold_for_the_page(
    visit: Callable[..., Page], operator: OperatorDouble, script: str
) -> None:
    page = visit(script=script)
    do(page, "set({ monthly: 1_000_000, speed: 5_000_000 })")
    do(page, "start()")
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    operator.start(lane.echoed(4 * MIB, 16 * 1024))
    is_shown(page, "paused", "spent")
    assert carried(page) <= 1_000_000
    do(page, "forget()")


@pytest.mark.parametrize(
    "choices", ["{", "null", '{"v":1,"wishes":{"speed":"fast","hours":[]},"help":7}', '{"v":9,"help":true}']
)
def test_damaged_choices_are_as_good_as_none(
    visit: Callable[..., Page], operator: OperatorDouble, choices: str
) -> None:
    page = visit(choices)
    is_shown(page, "off")
    do(page, "start()")
    operator.call(operator.bridge())
    is_shown(page, "waiting")


def test_the_page_asks_once_before_it_is_closed_on_somebody(
    visit: Callable[..., Page], operator: OperatorDouble
) -> None:
    page = visit()
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.locator("unwalled-bridge").get_by_role("switch").click()
    session = operator.call(operator.bridge())
    is_shown(page, "waiting")
    operator.call(operator.reader_lanes(session, "M1", 1))
    is_shown(page, "helping")
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
    is_shown(page, "helping")
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]


def test_a_network_without_udp_is_found_and_said(visit: Callable[..., Page], operator: OperatorDouble) -> None:
    page = visit()
    do(page, "check()")
    becomes(page, "snapshot.check.state === 'done'")
    check = snapshot(page)["check"]
    # This operator has nothing to test UDP with.
    assert check == {
        "state": "done",
        "verdict": "unknown",
        "operator": True,
        "socket": True,
        "udp": None,
        "varying": None,
    }
    assert sorted(set(operator.requests)) == [
        "/",
        "/read",
        "/read.js",
        "/site.css",
        "/v1/bridge",
        "/v1/config",
        "/widget-engine.js",
        "/widget.js",
    ]
    # A port on which nobody answers.
    operator.stun = ["stun:127.0.0.1:9"]
    do(page, "check()")
    becomes(page, "snapshot.check.verdict === 'none'")
    assert page.evaluate(LEFT) == 0
    do(page, "start()")
    operator.call(operator.bridge())
    is_shown(page, "error", "network")


def test_back_from_the_back_forward_cache_it_goes_on(visit: Callable[..., Page], operator: OperatorDouble) -> None:
    page = visit()
    do(page, "start()")
    session = operator.call(operator.bridge())
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    is_shown(page, "paused", "hidden")
    assert page.evaluate(LEFT) == 0
    operator.call(asyncio.wait_for(session.closed.wait(), PATIENCE_S))
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    operator.call(operator.bridge())
    is_shown(page, "waiting")


def test_switched_off_nothing_is_left(visit: Callable[..., Page], operator: OperatorDouble) -> None:
    page = visit(
        {"wishes": {"monthly": 10_000_000, "speed": 100_000, "hours": {"from": 0, "to": 1439}}, "numbers": True}
    )
    do(page, "start()")
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    operator.start(lane.echoed(4 * MIB, 16 * 1024))
    do(page, "stop()")
    assert page.evaluate(LEFT) == 0
    operator.call(lane.is_closed())
    locks = page.evaluate("navigator.locks.query()")
    assert (locks["held"], locks["pending"]) == ([], [])
    expect(page.locator("unwalled-bridge")).to_have_attribute("state", "off")
