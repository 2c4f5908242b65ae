"""What a visitor sees of the switch, in a real Chromium. No server: requests get the package's own pages."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from tests.support.face import OFF, PAGES, POLICY, Site, helping, site_in

SENTENCE = (
    "While this page is open, your browser passes on encrypted data between this newsroom and people for whom it is "
    "blocked. You cannot see what they read, and the sites they read see the newsroom’s address, never yours."
)
OPEN_SECTIONS = """({ shadowRoot }) => {
  for (const section of shadowRoot.querySelectorAll("details")) section.open = true;
}"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-US")
    yield context
    context.close()


@pytest.fixture
def site(context: BrowserContext) -> Iterator[Site]:
    errors: list[str] = []
    site = site_in(context)
    site.page.on("pageerror", lambda error: errors.append(str(error)))
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
    # Asked for once more, to tell a server that is gone from another version.
    assert asked_parts(site) == [path, path]
    assert site.page.evaluate("globalThis.stolen") is None


# WebKit's way with a preload, in Chromium: whatever its hash is, it is loaded.
WEBKIT = """
  Object.defineProperty(Navigator.prototype, "vendor", { get: () => "Apple Computer, Inc." });
  Object.defineProperty(HTMLLinkElement.prototype, "integrity", { set() {} });
"""


@pytest.mark.parametrize("policy", ["", POLICY])
def test_a_changed_part_is_refused_where_the_hash_of_a_preload_is_not_looked_at(site: Site, policy: str) -> None:
    path = "/widget-words-de.js"
    site.policy = policy
    site.page.add_init_script(WEBKIT)
    site.changed[path] = PAGES[path].body + b"\nglobalThis.stolen = true;"
    site.open(lang="de")
    expect(site.page.get_by_role("switch", name="Help people read freely")).to_be_visible()
    assert site.page.evaluate("globalThis.stolen") is None


def test_a_part_is_loaded_once_where_the_hash_of_a_preload_is_not_looked_at(site: Site) -> None:
    site.policy = ""
    site.page.add_init_script(WEBKIT)
    site.open(lang="de")
    expect(site.page.get_by_role("switch", name="Anderen freies Lesen ermöglichen")).to_be_visible()
    assert asked_parts(site) == ["/widget-words-de.js"]
    assert site.page.locator("head > script").count() == 1


# Firefox before version 115 knows no preload of modules: its events never come.
NO_PRELOAD = """
  const { supports } = DOMTokenList.prototype;
  DOMTokenList.prototype.supports = function (token) {
    return token !== "modulepreload" && supports.call(this, token);
  };
  Object.defineProperty(HTMLLinkElement.prototype, "rel", { set() {} });
"""


def test_a_browser_that_knows_no_preload_of_modules_gets_the_parts_all_the_same(site: Site) -> None:
    site.policy = ""
    site.page.add_init_script(NO_PRELOAD)
    site.open(lang="de")
    expect(site.page.get_by_role("switch", name="Anderen freies Lesen ermöglichen")).to_be_visible()
    assert asked_parts(site) == ["/widget-words-de.js"]
    site.page.get_by_role("button", name="Wie funktioniert das?").click()
    expect(site.page.locator("unwalled-bridge details").first).to_be_visible()


def test_it_refuses_a_changed_part_there_too(site: Site) -> None:
    path = "/widget-words-de.js"
    site.policy = ""
    site.page.add_init_script(NO_PRELOAD)
    site.changed[path] = PAGES[path].body + b"\nglobalThis.stolen = true;"
    site.open(lang="de")
    expect(site.page.get_by_role("switch", name="Help people read freely")).to_be_visible()
    assert site.page.evaluate("globalThis.stolen") is None


def parts_of(locator: Locator) -> str:
    """The accessible tree, one thing a line."""
    return locator.aria_snapshot()


def test_a_screen_reader_finds_the_switch_its_reason_and_a_way_to_learn_more(site: Site) -> None:
    element = site.made_up()
    assert parts_of(element) == (
        '- group "Help people read freely":\n'
        '  - switch "Help people read freely"\n'
        f"  - paragraph: {SENTENCE}\n"
        "  - status: Off. Nothing is sent until you turn it on.\n"
        '  - button "How does this work?"'
    )
    described = "Off. Nothing is sent until you turn it on. " + SENTENCE
    expect(site.page.get_by_role("switch")).to_have_accessible_description(described)
    site.show(on=True, state="paused", reason="charging")
    expect(site.page.get_by_role("switch", checked=True)).to_be_visible()
    expect(site.page.get_by_role("status")).to_have_text("Paused until this device is charging.")


def test_what_is_opened_is_announced_and_every_control_has_its_name(site: Site) -> None:
    element = site.made_up()
    more = site.page.get_by_role("button", name="How does this work?")
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    expect(site.page.get_by_text("Your address is never the one that sites see.")).to_be_visible()
    element.evaluate(OPEN_SECTIONS)
    for role, names in {
        "checkbox": (
            "Keep these numbers in this browser",
            "Only while this device is charging",
            "Also where data costs money, or with the data saver on",
            "Only at these hours",
        ),
        "combobox": ("People at once", "Speed", "Data each month"),
        "button": ("Open in a small window", "Test my connection", "Share this page"),
    }.items():
        for name in names:
            expect(site.page.get_by_role(role, name=name, exact=True)).to_be_visible()  # type: ignore[arg-type]
    more.click()
    expect(more).to_have_attribute("aria-expanded", "false")
    assert element.evaluate("({ shadowRoot }) => shadowRoot.getElementById('details').childElementCount") == 0


def test_everything_can_be_done_with_the_keyboard(site: Site) -> None:
    site.made_up(layout="badge")
    press = site.page.keyboard.press
    pill = site.page.get_by_role("button", name="Help people read freely")
    press("Tab")
    expect(pill).to_be_focused()
    press("Enter")
    expect(site.page.get_by_role("dialog", name="Help people read freely")).to_be_visible()
    expect(site.page.get_by_role("switch")).to_be_focused()
    press("Space")
    assert site.calls() == [["start"]]
    press("Tab")
    expect(site.page.get_by_role("button", name="Close")).to_be_focused()
    press("Tab")
    expect(site.page.get_by_role("button", name="How does this work?")).to_be_focused()
    press("Enter")
    first = site.page.locator("summary").first
    expect(first).to_be_visible()
    press("Tab")
    expect(first).to_be_focused()
    press("Escape")
    expect(site.page.get_by_role("dialog")).to_be_hidden()
    expect(pill).to_be_focused()


def test_the_pill_closes_by_its_button_and_by_a_click_elsewhere(site: Site) -> None:
    site.made_up(layout="floating")
    pill = site.page.get_by_role("button", name="Help people read freely")
    pill.click()
    site.page.get_by_role("button", name="Close").click()
    expect(site.page.get_by_role("dialog")).to_be_hidden()
    pill.click()
    expect(site.page.get_by_role("dialog")).to_be_visible()
    site.page.mouse.click(5, 5)
    expect(site.page.get_by_role("dialog")).to_be_hidden()
    pill.click()
    site.page.get_by_role("button", name="Hide this").click()
    expect(pill).to_be_hidden()


def test_growing_numbers_say_nothing_to_a_screen_reader(site: Site) -> None:
    element = site.made_up(helping(2, 1_000_000))
    element.evaluate("""({ shadowRoot }) => {
      window.spoken = 0;
      const status = shadowRoot.querySelector("[role=status]");
      const changes = { subtree: true, childList: true, characterData: true };
      new MutationObserver(() => { spoken += 1; }).observe(status, changes);
    }""")
    site.show(**helping(2, 9_000_000))
    expect(site.page.get_by_text("9 MB carried so far")).to_be_visible()
    assert site.page.evaluate("spoken") == 0
    site.show(**helping(3, 9_000_000))
    expect(site.page.get_by_role("status")).to_have_text("Helping 3 people right now.")
    assert site.page.evaluate("spoken") > 0


def test_every_setting_reaches_the_volunteer(site: Site) -> None:
    element = site.made_up({**helping(), "keepNumbers": True})
    page = site.page
    page.get_by_role("button", name="How does this work?").click()
    page.get_by_text("Your limits").wait_for()
    element.evaluate(OPEN_SECTIONS)
    page.get_by_label("People at once").select_option("2")
    page.get_by_label("Speed").select_option("5 Mb/s")
    page.get_by_label("Data each month").select_option("10 GB")
    page.get_by_label("Only while this device is charging").check()
    page.get_by_label("Also where data costs money").check()
    page.get_by_role("checkbox", name="Only at these hours").check()
    assert site.calls() == [
        ["set", {"maxReaders": 2}],
        ["set", {"speed": 625_000}],
        ["set", {"monthly": 10_000_000_000}],
        ["set", {"charging": True}],
        ["set", {"metered": True}],
        ["set", {"hours": {"from": 1080, "to": 480}}],
    ]
    site.show(wishes={**OFF["wishes"], "hours": {"from": 1080, "to": 480}})
    page.get_by_label("from", exact=True).fill("22:30")
    assert site.calls() == [["set", {"hours": {"from": 1350, "to": 480}}]]
    page.get_by_label("Keep helping on this site").check()
    page.get_by_label("Keep these numbers").uncheck()
    page.get_by_role("button", name="Delete everything").click()
    page.get_by_role("button", name="Open in a small window").click()
    page.get_by_role("button", name="Test my connection").click()
    assert site.calls() == [["keepHelping", True], ["keepNumbers", False], ["forget"], ["openWindow"], ["check"]]
    page.get_by_role("switch").click()
    assert site.calls() == [["stop"]]


def test_the_self_test_says_what_it_found(site: Site) -> None:
    element = site.made_up()
    site.page.get_by_role("button", name="How does this work?").click()
    site.page.get_by_text("Can my connection help?").wait_for()
    element.evaluate(OPEN_SECTIONS)
    site.show(check={"state": "running"})
    expect(site.page.get_by_text("Testing…")).to_be_visible()
    site.show(
        check={"state": "done", "verdict": "some", "operator": True, "socket": True, "udp": None, "varying": True}
    )
    expect(site.page.locator("[part=verdict]")).to_have_text(
        "Partly. You can help people whose own network is an open one."
    )
    assert site.page.locator("[part=findings] > li").all_inner_texts() == [
        "The newsroom’s server answers.",
        "A lasting connection to it can be opened.",
        "Your network gives this device a new outer address for each connection, so that some readers cannot find it.",
    ]


def test_a_warning_that_could_not_be_loaded_is_shown_once_it_can_be(site: Site) -> None:
    details = "**/widget-details.js*"
    site.page.route(details, lambda route: route.abort())
    with site.page.expect_event("requestfailed", lambda request: request.method == "HEAD"):
        site.made_up({"caution": "IR", "on": True, "state": "waiting"})
    site.page.unroute(details)
    expect(site.page.get_by_role("note")).to_contain_text("Are you in Iran?")


def test_a_visitor_in_a_censored_country_is_warned_and_nobody_is_asked(site: Site) -> None:
    site.made_up({"caution": "IR"})
    expect(site.page.get_by_role("note")).to_contain_text("Are you in Iran?")
    assert asked_parts(site) == ["/widget-details.js"]
    site.page.get_by_role("button", name="I understand").click()
    assert site.calls() == [["dismissCaution"]]
    site.show(caution=None)
    expect(site.page.get_by_role("note")).to_be_hidden()


def test_the_countries_of_today_are_told_though_nobody_is_here_just_now(site: Site) -> None:
    tally = {**helping()["tally"], "countries": ["CN", "IR", "MM"]}
    site.made_up({"on": True, "state": "waiting", "tally": tally})
    site.page.get_by_role("button", name="How does this work?").click()
    site.page.get_by_text("Where they are").click()
    expect(site.page.get_by_text("Today: China, Iran, and Myanmar (Burma).")).to_be_visible()
    expect(site.page.get_by_text("Nobody needs your help just now.")).to_be_visible()
    # The picture to share knows them, too.
    link = site.page.get_by_role("link", name="A picture of what you have done", include_hidden=True)
    assert "countries=CN.IR.MM" in (link.get_attribute("href") or "")
    # An operator that tells none offers no map.
    site.made_up({"on": True, "state": "waiting"})
    site.page.get_by_role("button", name="How does this work?").click()
    site.page.get_by_text("Your limits").wait_for()
    expect(site.page.get_by_text("Where they are")).to_be_hidden()


@pytest.mark.parametrize("layout", ["panel", "banner", "badge", "floating"])
def test_targets_are_large_enough_and_nothing_is_wider_than_a_small_screen(site: Site, layout: str) -> None:
    # 320 px is also what a page of 1280 px has at a zoom of 400 %.
    site.page.set_viewport_size({"width": 320, "height": 700})
    element = site.made_up({**helping(), "keepNumbers": True}, layout=layout)
    if layout in ("badge", "floating"):
        site.page.locator("[part=pill]").click()
    site.page.get_by_role("button", name="How does this work?").click()
    site.page.get_by_text("Your limits").wait_for()
    element.evaluate(OPEN_SECTIONS)
    small = element.evaluate("""({ shadowRoot }) => {
      const targets = [...shadowRoot.querySelectorAll("a, button, summary, select, label, [type=time]")];
      // A control within its label shares the label's target.
      return targets.filter((one) => one.tagName === "LABEL" || !one.closest("label"))
        .map((one) => [one.textContent, one.getBoundingClientRect()])
        .filter(([, { width, height }]) => width > 0 && (height < 44 || width < 44))
        .map(([text, { width, height }]) => `${text}: ${width} x ${height}`);
    }""")
    assert small == []
    assert site.page.evaluate("document.scrollingElement.scrollWidth") <= 320
    panel = element.evaluate("({ shadowRoot }) => shadowRoot.querySelector('[part=panel]').scrollWidth")
    assert panel <= 320


def test_layout_and_theme_change_live(site: Site) -> None:
    element = site.made_up()
    site.page.emulate_media(color_scheme="dark")
    look = "({ shadowRoot }) => getComputedStyle(shadowRoot.querySelector('[part=panel]')).backgroundColor"
    dark = element.evaluate(look)
    element.evaluate("(element) => { element.theme = 'light'; }")
    light = element.evaluate(look)
    assert light != dark
    site.page.emulate_media(color_scheme="light")
    element.evaluate("(element) => { element.theme = 'auto'; }")
    assert element.evaluate(look) == light
    element.evaluate("(element) => { element.theme = 'dark'; }")
    assert element.evaluate(look) == dark
    element.evaluate("(element) => { element.layout = 'badge'; }")
    expect(site.page.locator("[part=pill]")).to_be_visible()
    expect(site.page.get_by_role("switch")).to_be_hidden()
    element.evaluate("(element) => { element.layout = 'nonsense'; }")
    assert element.evaluate("(element) => element.layout") == "panel"
    expect(site.page.get_by_role("switch")).to_be_visible()


def test_nothing_moves_for_who_wishes_no_motion(site: Site) -> None:
    element = site.made_up(helping())
    moving = "({ shadowRoot }) => shadowRoot.getAnimations().filter((one) => one instanceof CSSAnimation).length"
    assert element.evaluate(moving) > 0
    site.page.emulate_media(reduced_motion="reduce")
    assert element.evaluate(moving) == 0


def test_on_and_off_can_be_told_apart_without_colours_of_our_own(site: Site) -> None:
    site.page.emulate_media(forced_colors="active", reduced_motion="reduce")
    element = site.made_up()
    look = "({ shadowRoot }) => getComputedStyle(shadowRoot.querySelector('[part=track]')).backgroundColor"
    off = element.evaluate(look)
    site.show(**helping())
    assert element.evaluate(look) != off


def test_a_right_to_left_language_mirrors_the_switch(site: Site) -> None:
    # The thumb glides to its place otherwise.
    site.page.emulate_media(reduced_motion="reduce")
    element = site.made_up(helping(), lang="ar")
    expect(site.page.get_by_role("switch", name="ساعد الناس")).to_be_visible()
    sides = """({ shadowRoot }) => {
      return ["mark", "label", "track", "thumb"].map((part) => {
        const { left, right } = shadowRoot.querySelector(`[part=panel] [part=${part}]`).getBoundingClientRect();
        return left + right;
      });
    }"""
    mark, label, track, thumb = element.evaluate(sides)
    assert mark > label > track > thumb


def test_every_language_arrives_whole_in_the_browser(site: Site) -> None:
    element = site.made_up(helping(2, 0))
    languages = sorted(
        path.removeprefix("/widget-words-").removesuffix(".js") for path in PAGES if path.startswith("/widget-words-")
    )
    label = site.page.locator("[part=label]")
    seen = {label.inner_text()}
    site.page.set_viewport_size({"width": 320, "height": 700})
    for tag in languages:
        element.evaluate("(element, tag) => { element.lang = tag; }", tag)
        expect(site.page.locator("[part=frame]")).to_have_attribute("lang", tag)
        expect(site.page.locator("[part=frame]")).to_have_attribute(
            "dir", "rtl" if tag in ("ar", "fa", "ur") else "ltr"
        )
        expect(site.page.get_by_role("status")).not_to_contain_text("{")
        assert site.page.evaluate("document.scrollingElement.scrollWidth") <= 320, tag
        seen.add(label.inner_text())
    assert len(seen) == len(languages) + 1


def test_a_language_changes_what_is_open(site: Site) -> None:
    element = site.made_up()
    site.page.get_by_role("button", name="How does this work?").click()
    site.page.get_by_text("Your limits").wait_for()
    element.evaluate("(element) => { element.lang = 'de'; }")
    expect(site.page.get_by_text("Ihre Grenzen")).to_be_visible()
    expect(site.page.get_by_text("Your limits")).to_be_hidden()


def test_the_page_is_told_when_the_details_cannot_be_had(site: Site) -> None:
    site.changed["/widget-details.js"] = b"changed"
    site.made_up()
    site.page.get_by_role("button", name="How does this work?").click()
    expect(site.page.get_by_text("This could not be loaded.")).to_be_visible()


def test_an_engine_of_another_version_is_refused_and_the_visitor_told_to_reload(site: Site) -> None:
    site.changed["/widget-engine.js"] = PAGES["/widget-engine.js"].body + b" "
    site.open()
    site.page.get_by_role("switch").click()
    expect(site.page.get_by_role("status")).to_have_text("This page is too old for its server. Reload it to help.")
    expect(site.page.locator("unwalled-bridge")).to_have_attribute("state", "error")
    site.page.get_by_role("switch").click()
    expect(site.page.locator("unwalled-bridge")).to_have_attribute("state", "off")
