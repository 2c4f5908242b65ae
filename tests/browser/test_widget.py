"""The real switch in a real Chromium, between a real libwebrtc reader and an operator that is played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.operator_double import PATIENCE_S, OperatorDouble

MIB = 1024 * 1024

# Keeps every connection that the page ever makes in sight of the test.
WATCH = """
for (const name of ["WebSocket", "RTCPeerConnection"]) {
  const made = (window["made" + name] = []);
  window[name] = new Proxy(window[name], {
    construct(target, values) { const thing = new target(...values); made.push(thing); return thing; },
  });
}
"""
LEFT = """() => madeWebSocket.filter((socket) => socket.readyState < 2).length
  + madeRTCPeerConnection.filter((peer) => peer.signalingState !== "closed").length"""


@pytest.fixture
def page(browser: Browser, operator: OperatorDouble) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_S * 1000)
    context.add_init_script(WATCH)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(operator.url + "/")
    yield page
    context.close()
    assert errors == []


def in_state(page: Page, state: str) -> None:
    expect(page.locator("unwalled-bridge")).to_have_attribute("state", state, timeout=PATIENCE_S * 1000)


def switch(page: Page) -> None:
    page.get_by_role("switch", name="Help people read freely").click()


def stats(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.locator("unwalled-bridge").evaluate("(element) => element.stats")
    return found


def test_no_request_leaves_the_page_before_the_visitor_turns_it_on(page: Page, operator: OperatorDouble) -> None:
    in_state(page, "off")
    page.wait_for_load_state("networkidle")
    assert sorted(operator.requests) == ["/", "/site.css", "/widget.js"]
    assert page.evaluate("madeWebSocket.length + madeRTCPeerConnection.length") == 0
    expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "false")


def test_twenty_megabytes_go_both_ways_unchanged_and_off_leaves_nothing(page: Page, operator: OperatorDouble) -> None:
    page.evaluate("""() => {
      window.seen = [];
      document.addEventListener("statechange", (event) => seen.push(event.detail.state));
    }""")
    switch(page)
    session = operator.call(operator.bridge())
    in_state(page, "waiting")
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    in_state(page, "helping")
    expect(page.get_by_role("status")).to_have_text("Helping one person right now.")

    sent, back = operator.call(lane.echoed(20 * MIB, 16 * 1024))
    assert sent == back
    counted = stats(page)
    assert (counted["readers"], counted["lanes"]) == (1, 1)
    assert (counted["bytesUp"], counted["bytesDown"]) == (20 * MIB, 20 * MIB)
    assert counted["since"] is not None

    switch(page)
    in_state(page, "off")
    assert page.evaluate(LEFT) == 0
    operator.call(operator.lanes_are(0))
    operator.call(asyncio.wait_for(session.closed.wait(), PATIENCE_S))
    operator.call(lane.is_closed())
    assert page.evaluate("seen") == ["connecting", "waiting", "helping", "off"]
    assert stats(page)["since"] is None


def test_the_largest_message_passes(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    sent, back = operator.call(lane.echoed(1 * MIB, 64 * 1024))
    assert sent == back


def test_eight_readers_with_two_lanes_each_are_helped_at_once(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    session = operator.call(operator.bridge())

    async def all_at_once() -> list[tuple[str, str]]:
        readers = [await operator.reader_lanes(session, f"M{number}", 2) for number in range(8)]
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(lane.echoed(MIB // 2, 16 * 1024)) for lanes in readers for lane in lanes]
        return [job.result() for job in jobs]

    hashes = operator.call(all_at_once())
    assert len(hashes) == 16
    assert all(sent == back for sent, back in hashes)
    counted = stats(page)
    assert (counted["readers"], counted["lanes"]) == (8, 16)

    # There is room for lanes, but not for a ninth reader.
    offer = operator.call(operator.offer())
    [answer] = operator.call(session.match("M8", f"{operator.gateway}/M8", [offer]))
    assert answer == {"offer": 0, "refused": "busy"}


def test_capacity_is_told_as_lanes_come_and_go(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    operator.call(operator.reader_lanes(session, "M1", 2))
    told = operator.call(session.next("capacity"))
    assert told == {"type": "capacity", "free": 62, "readers": 7}
    page.locator("unwalled-bridge").evaluate("(element) => { element.maxReaders = 2; }")
    told = operator.call(session.next("capacity"))
    assert told == {"type": "capacity", "free": 14, "readers": 1}
    operator.call(operator.say_text())
    in_state(page, "waiting")
    while operator.call(session.next("capacity")) != {"type": "capacity", "free": 16, "readers": 2}:
        pass


@pytest.mark.parametrize(
    "gateway",
    [
        "ws://127.0.0.1:1/v1/lane/M1",
        "{gateway}.evil/M1",
        "{gateway}/../M1",
        "{gateway}/M1?x",
        "{gateway}/",
        "{gateway}",
    ],
)
def test_a_gateway_that_is_not_the_operators_is_refused(page: Page, operator: OperatorDouble, gateway: str) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    offer = operator.call(operator.offer())
    answers = operator.call(session.match("M1", gateway.format(gateway=operator.gateway), [offer]))
    assert answers == [{"offer": 0, "refused": "gateway"}]
    # The broker took the lane off; now it hears that it is free again.
    assert operator.call(session.next("capacity")) == {"type": "capacity", "free": 64, "readers": 8}
    assert page.evaluate("madeRTCPeerConnection.length") == 0
    assert page.evaluate("madeWebSocket.length") == 1


def test_a_bad_description_is_refused_and_harms_no_other(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    good = operator.call(operator.offer())
    bad: list[Any] = [
        None,
        7,
        {},
        {**good, "setup": "active"},
        {**good, "ufrag": "a\r\na=x:1"},
        {**good, "candidates": 3},
    ]
    answers = operator.call(session.match("M1", f"{operator.gateway}/M1", [*bad, good]))
    assert [answer.get("refused") for answer in answers] == ["description"] * len(bad) + [None]
    assert answers[-1]["answer"]["setup"] in ("active", "passive")


@pytest.mark.parametrize(
    "message", ["no JSON", "[]", '{"type":"match"}', '{"type":"ready","bridge":"a b"}', "9" * 140_000]
)
def test_nonsense_from_the_broker_makes_the_page_come_back(page: Page, operator: OperatorDouble, message: str) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    in_state(page, "waiting")
    operator.call(session.socket.send_str(message))
    in_state(page, "error")
    operator.call(asyncio.wait_for(session.closed.wait(), PATIENCE_S))
    operator.call(operator.bridge())
    in_state(page, "waiting")


def test_the_broker_dies_and_lanes_live_on_while_the_page_reconnects(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    in_state(page, "helping")
    operator.call(operator.drop_bridge(session))
    again = operator.call(operator.bridge())
    told = operator.call(again.next("capacity"))
    assert told == {"type": "capacity", "free": 63, "readers": 7}
    in_state(page, "helping")
    sent, back = operator.call(lane.echoed(MIB, 16 * 1024))
    assert sent == back
    operator.call(operator.reader_lanes(again, "M2", 1))
    assert stats(page)["readers"] == 2


def test_a_text_message_from_the_gateway_closes_the_lane(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    operator.call(operator.say_text())
    operator.call(lane.is_closed())
    operator.call(operator.lanes_are(0))
    in_state(page, "waiting")


@pytest.mark.parametrize(("message", "binary"), [(b"text", False), (b"", True), (b"x" * 65_537, True)])
def test_a_message_of_the_reader_that_is_not_allowed_closes_the_lane(
    page: Page, operator: OperatorDouble, message: bytes, binary: bool
) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    operator.call(lane.misbehave(message, binary))
    operator.call(lane.is_closed())
    operator.call(operator.lanes_are(0))
    assert stats(page)["bytesUp"] == 0


def test_a_cancelled_match_undoes_what_is_not_open(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    offer = operator.call(operator.offer())
    operator.call(session.match("M1", f"{operator.gateway}/M1", [offer]))
    operator.call(operator.lanes_are(1))
    operator.call(session.socket.send_json({"type": "cancel", "match": "M1"}))
    operator.call(operator.lanes_are(0))
    in_state(page, "waiting")


def test_removal_from_the_document_undoes_everything(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    session = operator.call(operator.bridge())
    [lane] = operator.call(operator.reader_lanes(session, "M1", 1))
    in_state(page, "helping")
    page.evaluate("() => { window.removed = document.querySelector('unwalled-bridge'); removed.remove(); }")
    assert page.evaluate(LEFT) == 0
    assert page.evaluate("removed.state") == "off"
    operator.call(asyncio.wait_for(session.closed.wait(), PATIENCE_S))
    operator.call(lane.is_closed())
    operator.call(operator.lanes_are(0))


def test_an_operator_that_cannot_be_reached_is_an_error_with_a_reason(page: Page) -> None:
    page.locator("unwalled-bridge").evaluate("(element) => { element.operator = 'http://127.0.0.1:1'; }")
    switch(page)
    in_state(page, "error")
    expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    expect(page.get_by_role("status")).to_contain_text("cannot be reached")
    switch(page)
    in_state(page, "off")


def test_a_browser_without_webrtc_says_so(browser: Browser, operator: OperatorDouble) -> None:
    context = browser.new_context()
    context.add_init_script("delete window.RTCPeerConnection")
    page = context.new_page()
    page.goto(operator.url)
    in_state(page, "unsupported")
    button = page.get_by_role("switch")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.click(force=True)
    in_state(page, "unsupported")
    assert "/v1/config" not in operator.requests
    context.close()


def test_offline_pauses_and_coming_back_goes_on(page: Page, operator: OperatorDouble) -> None:
    switch(page)
    operator.call(operator.bridge())
    in_state(page, "waiting")
    page.context.set_offline(True)
    in_state(page, "paused")
    page.context.set_offline(False)
    operator.call(operator.bridge())
    in_state(page, "waiting")


def test_the_keyboard_is_enough(page: Page, operator: OperatorDouble) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("switch")).to_be_focused()
    page.keyboard.press("Space")
    operator.call(operator.bridge())
    expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Enter")
    in_state(page, "off")


def test_without_script_the_page_is_plain_text(browser: Browser, operator: OperatorDouble) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(operator.url)
    expect(page.get_by_text("The switch needs JavaScript")).to_be_visible()
    context.close()


def test_the_embed_page_works_in_a_frame_of_another_site(browser: Browser, operator: OperatorDouble) -> None:
    context = browser.new_context()
    page = context.new_page()
    # Another host name is another site, though it is the same server.
    page.goto(f"http://localhost:{operator.port}/newsroom")
    frame = page.frame_locator("iframe")
    frame.get_by_role("switch").click()
    operator.call(operator.bridge())
    expect(frame.locator("unwalled-bridge")).to_have_attribute("state", "waiting")
    context.close()


def test_an_invite_is_shown_and_never_sent(browser: Browser, operator: OperatorDouble) -> None:
    invite = Path(__file__).with_name("invite.txt").read_text().strip()
    context = browser.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=operator.url)
    page = context.new_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url + str(request.post_data)))
    page.goto(f"{operator.url}/read#{invite}")
    expect(page.locator("#command")).to_have_text(f"unwalled connect {invite}")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"unwalled connect {invite}"
    assert len(urls) == 3
    assert not any(invite[4:20] in url for url in (*urls, *operator.requests))

    damaged = invite[:-1] + ("A" if invite[-1] != "A" else "B")
    page.goto(f"{operator.url}/read#{damaged}")
    expect(page.locator("#verdict")).to_contain_text("damaged")
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    context.close()
