"""The reader's panel in a real Chromium: what a person sees of the program, and what they can ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.panel_double import INVITE, OFF, TEXT, PanelDouble
from tests.support.panel_scenes import CONNECTED, SCENES
from unwalled.app.preferences import Preferences
from unwalled.app.snapshot import RuleMode, State, Trouble
from unwalled.errors import UsageError
from unwalled.panel.opening import write_opener
from unwalled.panel.qr import draw

PATIENCE_MS = 20_000


@pytest.fixture(scope="module")
def shared() -> Iterator[PanelDouble]:
    with PanelDouble().running() as panel:
        yield panel


@pytest.fixture
def panel(shared: PanelDouble) -> PanelDouble:
    """As it is when the program starts."""
    shared.service.asked.clear()
    shared.service.fails = None
    shared.service.preferences = Preferences()
    shared.service.now = OFF
    shared.rules.own, shared.rules.lists, shared.rules.learned = [], [], 3
    shared.rules.asked.clear()
    shared.desktop.asked.clear()
    shared.desktop.can_set_proxy = shared.desktop.can_start_at_login = True
    return shared


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Any complaint of the browser, such as one of the policy, fails the test."""
    context = browser.new_context(locale="en-US", viewport={"width": 1100, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda message: complaints.append(message.text) if message.type == "warning" else None)
    # What the program refuses is an error in the console, but none of the page.
    context.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext, panel: PanelDouble) -> Page:
    page = context.new_page()
    page.goto(panel.server.url)
    expect(page.locator("main")).to_be_visible()
    return page


def test_it_loads_from_this_computer_alone_and_leaves_no_secret_in_sight(
    context: BrowserContext, panel: PanelDouble
) -> None:
    page = context.new_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(panel.server.url)
    expect(page.locator("main")).to_be_visible()
    base = panel.server.url.partition("#")[0]
    assert all(url.startswith(base) for url in urls)
    assert page.url == base
    assert context.cookies() == []
    assert page.evaluate("[document.cookie, localStorage.length].join()") == ",0"
    token = panel.server.address.token
    assert token not in page.content()
    assert not any(token in url for url in urls if "#" not in url)


def test_it_can_be_reloaded_and_another_tab_needs_the_link(page: Page, panel: PanelDouble) -> None:
    page.reload()
    expect(page.locator("main")).to_be_visible()
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("alert")).to_contain_text("This link is not, or no longer, good.")
    # A link that is opened in a tab which is here already.
    other.goto(f"{page.url}#wrong")
    expect(other.get_by_role("alert")).to_contain_text("unwalled connect")
    expect(other.locator("main")).to_be_hidden()


def test_a_private_file_leads_to_it(context: BrowserContext, panel: PanelDouble, tmp_path: Path) -> None:
    page = context.new_page()
    page.goto(write_opener(tmp_path, panel.server.url).as_uri())
    expect(page.locator("main")).to_be_visible()
    assert page.evaluate("document.referrer") == ""


def test_the_switch_is_flipped_by_mouse_and_keyboard(page: Page, panel: PanelDouble) -> None:
    switch = page.get_by_role("switch", name="Read freely")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(page.locator(".status")).to_have_text("Looking for a bridge…")
    switch.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false")
    assert panel.service.asked == [("on",), ("off",)]


def test_every_trouble_is_told_in_words_of_its_own_with_what_to_do(page: Page, panel: PanelDouble) -> None:
    advice = page.locator(".advice")
    expect(advice).to_be_hidden()
    seen: list[str] = []
    for trouble in Trouble:
        if trouble is Trouble.NONE:
            continue
        panel.show(replace(CONNECTED, state=State.WAITING, trouble=trouble, clock_error_s=90_000.0))
        page.wait_for_function(
            "(seen) => { const text = document.querySelector('.advice').textContent; return text && text !== seen; }",
            arg=seen[-1] if seen else "",
        )
        expect(advice.locator("span")).not_to_be_empty()
        seen.append(advice.text_content() or "")
    assert len(set(seen)) == len(Trouble) - 1
    assert not any("{" in text for text in seen)
    assert "This computer’s clock is wrong by 25 hours." in "".join(seen)


def test_every_state_has_its_words_and_is_read_aloud(page: Page, panel: PanelDouble) -> None:
    seen = set()
    for state in State:
        panel.show(replace(OFF, state=state))
        expect(page.locator(f".now[data-state={state}]")).to_be_visible()
        seen.add(page.locator(".status").text_content())
        expect(page).to_have_title(f"{page.locator('.status').text_content()} · Unwalled")
    assert len(seen) == len(State)
    assert page.locator(".status").evaluate("(one) => one.closest('[role=status]') !== null")


def test_bridges_and_lanes_are_a_picture_and_words(page: Page, panel: PanelDouble) -> None:
    panel.show(CONNECTED)
    expect(page.locator(".way .summary")).to_have_text("2 bridges, 8 lanes")
    expect(page.locator(".bridges li").first).to_contain_text("Bridge 1: 4 lanes")
    expect(page.get_by_role("img", name="From this computer, lanes pass the wall")).to_be_visible()
    assert page.locator(".picture .lane").count() == 10
    moving = "(one) => getComputedStyle(one).animationName"
    assert page.locator(".picture .lane .flow").first.evaluate(moving) == "flow"
    page.emulate_media(reduced_motion="reduce")
    assert page.locator(".picture .lane .flow").first.evaluate(moving) == "none"


def test_speed_and_amounts_are_shown(page: Page, panel: PanelDouble) -> None:
    panel.show(CONNECTED)
    expect(page.locator(".rates")).to_contain_text("8.4 Mb/s")
    expect(page.locator(".facts").nth(1)).to_contain_text("48 MB")
    expect(page.get_by_role("img", name="Speed of the last two minutes")).to_be_visible()


def test_an_invite_is_pasted_shown_handed_on_and_forgotten(page: Page, panel: PanelDouble) -> None:
    form = page.locator(".now form")
    form.get_by_label("Paste an invite").fill("hello")
    form.get_by_role("button").click()
    expect(form.get_by_role("status")).to_contain_text("The invite is damaged.")
    form.get_by_label("Paste an invite").fill(TEXT)
    form.get_by_label("A name for it").fill("<b>From Mina</b>")
    form.get_by_role("button").click()
    row = page.locator(".invites .row")
    expect(row).to_contain_text("<b>From Mina</b>")
    expect(row).to_contain_text("in use")
    expect(form).to_be_hidden()

    row.get_by_role("button", name="Hand on").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert page.locator(".code .dark").get_attribute("d") == draw(TEXT)[1]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=panel.server.address.origin)
    row.get_by_role("button", name="Copy").click()
    expect(row.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == TEXT
    row.get_by_role("button", name="Hide").click()
    assert TEXT not in page.content()

    row.get_by_role("button", name="Forget").click()
    page.keyboard.press("Tab")
    expect(row.get_by_role("button", name="Forget")).to_have_text("Forget")
    row.get_by_role("button", name="Forget").click()
    row.get_by_role("button", name="Really forget").click()
    expect(form).to_be_visible()
    assert panel.service.now.invites == ()


def test_another_invite_is_put_into_use(page: Page, panel: PanelDouble) -> None:
    panel.show(replace(OFF, invites=(INVITE, replace(INVITE, id="second", label="Second", is_active=False))))
    page.get_by_role("button", name="Use this one").click()
    expect(page.locator(".row[data-active]")).to_contain_text("Second")
    assert ("use", "second") in panel.service.asked


def becomes(page: Page, condition: Callable[[], bool]) -> None:
    """Waits for the program: the page shows a wish at once, before its answer has come."""
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(50)
    assert condition()


def test_rules_are_chosen_and_own_sites_added_and_removed(page: Page, panel: PanelDouble) -> None:
    expect(page.get_by_label("Add a site")).to_be_hidden()
    page.get_by_label("Only what is blocked").check()
    expect(page.locator(".rules .quiet").first).to_have_text("3 sites were found to be blocked.")
    becomes(page, lambda: panel.service.preferences.rules is RuleMode.BLOCKED)
    page.get_by_label("Add a site").fill("news.example")
    page.get_by_label("Add a site").press("Enter")
    expect(page.locator(".sites")).to_contain_text("news.example")
    page.get_by_label("Add a site").fill("nonsense")
    page.get_by_label("Add a site").press("Enter")
    expect(page.locator(".rules .problems").first).to_have_text("Line 1: This is no name of a site.")
    page.get_by_role("button", name="Remove news.example").click()
    expect(page.locator(".sites li")).to_have_count(0)
    # Who removed it with the keyboard is still near.
    assert page.evaluate("document.activeElement.textContent") == "Your own sites"
    page.get_by_role("button", name="Forget those").click()
    expect(page.get_by_role("button", name="Forget those")).to_be_hidden()


def test_a_mode_that_is_refused_is_not_shown_as_chosen(page: Page, panel: PanelDouble) -> None:
    panel.service.fails = UsageError("The disk is full.", "Make room.")
    page.get_by_label("Only my own list").click()
    expect(page.locator(".rules > .note")).to_have_text("That did not work. The disk is full. Make room.")
    expect(page.get_by_label("Everything")).to_be_checked()


def test_a_list_is_imported_from_a_file_and_its_errors_are_shown(
    page: Page, panel: PanelDouble, tmp_path: Path
) -> None:
    panel.show(replace(OFF, rules=RuleMode.LISTED))
    page.get_by_text("Add a list", exact=True).click()
    file = tmp_path / "blocked.txt"
    file.write_text("a.example\n??\nb.example\n", encoding="utf-8")
    page.get_by_label("From a file").set_input_files(file)
    expect(page.get_by_label("Name of the list")).to_have_value("blocked.txt")
    page.get_by_label("directly", exact=True).check()
    page.get_by_role("button", name="Add this list").click()
    expect(page.get_by_text("2 names were taken. 1 line was not understood:")).to_be_visible()
    row = page.locator(".rules .row")
    expect(row).to_contain_text("blocked.txt")
    expect(row).to_contain_text("2 names, directly, as of")
    assert panel.rules.lists[0].is_direct
    page.get_by_role("button", name="Remove blocked.txt").click()
    expect(row).to_have_count(0)


def test_the_desktops_settings_are_switched_where_there_are_any(page: Page, panel: PanelDouble) -> None:
    page.get_by_role("switch", name="Use it for the whole system").click()
    page.get_by_role("switch", name="Start with the computer").click()
    page.wait_for_function("() => document.querySelectorAll('.programs [aria-disabled]').length === 0")
    assert panel.desktop.asked == [("proxy", True), ("login", True)]
    panel.show(replace(OFF, is_system_proxy=True, starts_at_login=True, proxy="127.0.0.1:1080"))
    expect(page.get_by_role("switch", name="Start with the computer")).to_have_attribute("aria-checked", "true")
    expect(page.get_by_role("group", name="Address of the proxy")).to_contain_text("127.0.0.1:1080")
    panel.desktop.can_set_proxy = False
    expect(page.get_by_role("switch", name="Use it for the whole system")).to_be_disabled()
    expect(page.get_by_text("Not possible on this desktop.")).to_be_visible()


def test_a_report_is_seen_and_changed_before_it_is_saved(page: Page, panel: PanelDouble) -> None:
    panel.show(replace(CONNECTED, invites=(INVITE,)))
    page.get_by_role("button", name="Write a report").click()
    text = page.get_by_label("The report, in English")
    expect(text).to_be_focused()
    assert "127.0.0.1" not in text.input_value()
    text.fill("It is slow.\n")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as a file").click()
    assert waiting.value.suggested_filename == "unwalled-report.txt"
    assert waiting.value.path().read_text() == "It is slow.\n"


def test_another_language_is_chosen_and_remembered(page: Page, panel: PanelDouble) -> None:
    page.get_by_label("Language").focus()
    page.get_by_label("Language").select_option("fa")
    root = page.locator("html")
    expect(root).to_have_attribute("dir", "rtl")
    expect(page.locator(".status")).to_contain_text("خاموش است")
    assert page.evaluate("document.activeElement.localName") == "select"
    names = page.locator("select option").all_inner_texts()
    assert len(names) == 17
    assert {"English", "Беларуская", "မြန်မာ", "简体中文", "اردو"} <= set(names)
    page.reload()
    expect(root).to_have_attribute("lang", "fa")
    page.locator("select").select_option("")
    expect(root).to_have_attribute("lang", "en")
    assert panel.service.preferences.language == ""


def test_it_says_when_the_program_has_ended(context: BrowserContext) -> None:
    page = context.new_page()
    with PanelDouble().running() as short:
        page.goto(short.server.url)
        expect(page.locator("main")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("The program has ended, or does not answer.")
    expect(page.locator("main")).to_have_attribute("inert", "")


@pytest.mark.parametrize("language", ["de", "fa", "my", "zh-Hans"])
@pytest.mark.parametrize("name", ["rules-blocked", "invites", "no-invite"])
def test_it_fits_into_a_narrow_window(context: BrowserContext, panel: PanelDouble, language: str, name: str) -> None:
    # 320 CSS pixels are also what is left of 640 at a zoom of 200 %, or of 1280 at 400 %.
    scene = SCENES[name]
    panel.service.preferences = Preferences(language=language)
    panel.rules.own, panel.rules.lists = list(scene.own), list(scene.lists)
    panel.service.now = scene.snapshot
    page = context.new_page()
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(panel.server.url)
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("main")).to_be_visible()
    for folded in page.locator("summary").all():
        if folded.is_visible():
            folded.click()
    if name == "invites":
        page.locator(".invites .button[aria-expanded]").first.click()
        expect(page.locator(".code")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_everything_that_can_be_operated_has_a_name_and_room_for_a_finger(page: Page, panel: PanelDouble) -> None:
    scene = SCENES["rules-blocked"]
    panel.rules.own, panel.rules.lists = list(scene.own), list(scene.lists)
    panel.show(scene.snapshot)
    expect(page.locator(".sites li")).to_have_count(3)
    for folded in page.locator("summary").all():
        folded.click()
    found = page.evaluate("""() => [...document.querySelectorAll("main :is(button, input, textarea, select, summary)")]
      .filter((one) => one.checkVisibility())
      .map((one) => {
        const ids = (one.getAttribute("aria-labelledby") ?? "").split(" ");
        const by = ids.map((id) => document.getElementById(id)?.textContent);
        const name = by.join("") || one.getAttribute("aria-label") || one.labels?.[0]?.textContent || one.textContent;
        const box = (one.closest("label") ?? one).getBoundingClientRect();
        return [name.trim() !== "", box.height >= 38, one.outerHTML.slice(0, 120)];
      })""")
    assert len(found) > 20
    assert [html for named, _, html in found if not named] == []
    assert [html for _, high, html in found if not high] == []
    headings = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((one) => one.localName)")
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
