"""The operator's pages in a real Chromium: what they load, what a site takes along, frames, pictures."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.operator_double import PATIENCE_S, OperatorDouble
from unwalled.operator.numbers.rows import DAY_S, Row
from unwalled.operator.numbers.totals import totals
from unwalled.web.pages import pages, widget_integrity, widget_version

DOCUMENTS = ("/", "/add", "/embed", "/impact", "/read", "/totals", "/window")
DEEDS = "people=12&bytes=3400000000&seconds=7300&countries=IR.CN.XX"
PEOPLE = """[
  {key: "a", country: "IR", bytesUp: 5, bytesDown: 90},
  {key: "b", country: "IR", bytesUp: 5, bytesDown: 5},
  {key: "c", country: "CN", bytesUp: 0, bytesDown: 0},
  {key: "d", country: "", bytesUp: 1, bytesDown: 2},
]"""
TEXTS = """{
  label: "A map", nobody: "Nobody", people: (count, country) => (country || "elsewhere") + " " + count,
}"""


@pytest.fixture(scope="module")
def operator() -> Iterator[OperatorDouble]:
    with OperatorDouble() as operator:
        yield operator


@pytest.fixture
def context(browser: Browser, operator: OperatorDouble) -> Iterator[BrowserContext]:
    """Any complaint of the browser, such as one of the policy, fails the test."""
    operator.newsroom = operator.newsroom_policy = ""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    context.set_default_timeout(PATIENCE_S * 1000)
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_page_loads_what_is_the_operators_and_leaves_nothing_behind(
    page: Page, operator: OperatorDouble, path: str
) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(operator.url + path)
    page.wait_for_load_state("networkidle")
    assert {url.removeprefix(operator.url) for url in urls} <= {*pages(), "/totals.json"}
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length].join()") == ",0,0"
    assert page.context.cookies() == []


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("language", ["de", "fa", "my", "zh-Hans"])
def test_a_page_fits_into_a_narrow_window(page: Page, operator: OperatorDouble, path: str, language: str) -> None:
    # 320 CSS pixels are also what is left of 1280 at a zoom of 400 %.
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{operator.url}{path}?lang={language}#{DEEDS}")
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "fa" else "ltr")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize(("language", "people"), [("en", "1,200"), ("fa", "۱٬۲۰۰")])
def test_totals_are_shown_once_there_are_some(page: Page, operator: OperatorDouble, language: str, people: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    operator.totals = totals([], 0.0)
    page.goto(f"{operator.url}/totals?lang={language}")
    expect(page.locator("#how")).to_contain_text("%")
    expect(page.locator("#none")).to_be_visible()
    expect(page.locator("#numbers")).to_be_hidden()
    days = [Row(day * DAY_S, up_s=3600.0, people=1234, bridges=9.0, down_bytes=10**10) for day in range(20_000, 20_040)]
    operator.totals = totals(days, 20_050 * DAY_S)
    page.reload()
    expect(page.locator("#people")).to_have_text(people)
    expect(page.locator("#numbers > div:visible")).to_have_count(6)
    expect(page.locator("#none")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("path", ["/add", "/impact", "/read", "/totals"])
def test_everything_that_can_be_operated_has_a_name(page: Page, operator: OperatorDouble, path: str) -> None:
    page.goto(f"{operator.url}{path}#{DEEDS}")
    nameless = page.evaluate("""() => [...document.querySelectorAll("input, select, button, a, canvas")]
      .filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label")
        || document.getElementById(one.getAttribute("aria-describedby") ?? "")?.textContent.trim()))
      .map((one) => one.outerHTML)""")
    assert nameless == []


def test_a_site_chooses_sees_and_takes_along(page: Page, operator: OperatorDouble) -> None:
    page.goto(operator.url + "/add")
    preview = page.locator("#preview unwalled-bridge")
    expect(preview).to_have_attribute("state", "off")
    expect(page.locator("#script")).to_contain_text(f'integrity="{widget_integrity()}"')
    expect(page.locator("#css-section")).to_be_hidden()

    page.get_by_label("Badge").check()
    page.get_by_label("Dark").check()
    page.get_by_label("at most").fill("3")
    page.get_by_label("Use a colour").check()
    page.locator("[name=colour]").fill("#6a1b9a")
    page.get_by_label("Pin this version").uncheck()
    for name, value in {"layout": "badge", "theme": "dark", "max-readers": "3"}.items():
        expect(preview).to_have_attribute(name, value)
    assert preview.evaluate("(one) => getComputedStyle(one).getPropertyValue('--uw-live')") == "#6a1b9a"
    script = page.locator("#script").text_content() or ""
    assert script.startswith(f'<script type="module" src="{operator.url}/widget.js"></script>\n')
    assert '<unwalled-bridge layout="badge" theme="dark" max-readers="3">' in script
    expect(page.locator("#css")).to_have_text("unwalled-bridge { --uw-live: #6a1b9a; }")
    expect(page.locator("#frame")).to_contain_text("layout=badge&amp;theme=dark&amp;max-readers=3&amp;colour=%236a1b9a")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=operator.url)
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == script


def test_what_a_site_takes_along_works_on_another_site_under_the_policy_that_the_page_names(
    page: Page, operator: OperatorDouble
) -> None:
    page.goto(operator.url + "/add")
    operator.newsroom = page.locator("#script").text_content() or ""
    operator.newsroom_policy = f"default-src 'none'; img-src data:; {page.locator('#policy').text_content()}"
    assert f"/widget/{widget_version()}/widget.js" in operator.newsroom
    # Another host name is another site, though it is the same server. A browser asks each site for its icon.
    page.goto(f"http://localhost:{operator.port}/newsroom")
    page.get_by_role("switch").click()
    operator.call(operator.bridge())
    expect(page.locator("unwalled-bridge")).to_have_attribute("state", "waiting")


FRAME = """<iframe src="{url}/embed?{query}" width="360" height="100"></iframe>
<script>
  window.heard = [];
  addEventListener("message", ({{ data, origin, source }}) => {{
    heard.push({{ ...data, origin, fromFrame: source === document.querySelector("iframe").contentWindow }});
  }});
  function ask() {{
    document.querySelector("iframe").contentWindow.postMessage({{ unwalled: 1, type: "hello" }}, "{url}");
  }}
</script>"""


def framed(page: Page, operator: OperatorDouble, query: str = "") -> Any:
    operator.newsroom = FRAME.format(url=operator.url, query=query)
    page.goto(f"http://localhost:{operator.port}/newsroom")
    frame = page.frame_locator("iframe")
    expect(frame.locator("unwalled-bridge")).to_have_attribute("state", "off")
    return frame


def test_a_frame_takes_the_sites_choices_and_no_nonsense(page: Page, operator: OperatorDouble) -> None:
    frame = framed(page, operator, "layout=banner&theme=dark&max-readers=2&colour=%23ff0000")
    bridge = frame.locator("unwalled-bridge")
    for name, value in {"layout": "banner", "theme": "dark", "max-readers": "2"}.items():
        expect(bridge).to_have_attribute(name, value)
    assert bridge.evaluate("(one) => one.style.getPropertyValue('--uw-live')") == "#ff0000"
    frame = framed(page, operator, "layout=x&theme=y&max-readers=99&colour=red;x&operator=http://evil.example")
    names = frame.locator("unwalled-bridge").evaluate("(one) => one.getAttributeNames()")
    assert set(names) == {"state"}


def test_a_frame_tells_who_asks_its_height_and_state_and_nobody_else(page: Page, operator: OperatorDouble) -> None:
    frame = framed(page, operator)
    frame.get_by_role("switch").click()
    session = operator.call(operator.bridge())
    expect(frame.locator("unwalled-bridge")).to_have_attribute("state", "waiting")
    assert page.evaluate("heard") == []

    page.evaluate("ask()")
    page.wait_for_function("heard.length === 2")
    heard = page.evaluate("heard")
    assert {one["origin"] for one in heard} == {operator.url}
    assert all(one["fromFrame"] and one["unwalled"] == 1 for one in heard)
    [size, state] = heard
    assert (size["type"], state["type"], state["state"]) == ("size", "state", "waiting")
    # All of it can be seen when the frame is that high.
    page.evaluate("(height) => { document.querySelector('iframe').height = height; }", size["height"])
    assert frame.locator("html").evaluate("(root) => root.scrollHeight <= innerHeight")

    operator.call(operator.drop_bridge(session))
    page.wait_for_function("heard.length >= 3")
    assert page.evaluate("heard.at(-1).state") in ("error", "connecting")
    operator.call(operator.bridge())


def test_a_badge_in_a_frame_tells_how_much_room_its_panel_needs(page: Page, operator: OperatorDouble) -> None:
    frame = framed(page, operator, "layout=badge&theme=dark")
    page.evaluate("ask()")
    page.wait_for_function("heard.length === 2")
    closed = page.evaluate("heard[0].height")
    frame.get_by_role("button", name="Help people read freely").click()
    page.wait_for_function("(closed) => heard.at(-1).type === 'size' && heard.at(-1).height > closed + 200", arg=closed)
    page.evaluate("document.querySelector('iframe').height = heard.at(-1).height")
    switch = frame.get_by_role("switch")
    expect(switch).to_be_in_viewport(ratio=1)
    # A site that is light stays so around a dark badge: the frame's own ground is transparent.
    assert frame.locator("html").evaluate("(root) => getComputedStyle(root).colorScheme") == "light"


def test_the_picture_of_ones_deeds_is_drawn_here_and_sent_to_nobody(page: Page, operator: OperatorDouble) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url.partition("#")[0]))
    page.goto(f"{operator.url}/impact#{DEEDS}")
    expect(page.locator("#says")).to_contain_text("I helped 12 people read freely.")
    expect(page.locator("#says")).to_contain_text("Iran and China")
    colours = page.locator("canvas").evaluate("""(canvas) => {
      const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, 1200, 630).data.buffer);
      return new Set(pixels).size;
    }""")
    assert colours > 20
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save the picture").click()
    png = waiting.value.path().read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1200, 630)
    assert not any(request.count("people") for request in operator.requests)
    assert {url.removeprefix(operator.url).split("/")[1] for url in urls if url.startswith("http")} <= {
        "impact",
        "impact.js",
        "site.css",
    }


def test_without_deeds_there_is_no_picture_but_a_way_to_one(page: Page, operator: OperatorDouble) -> None:
    page.goto(f"{operator.url}/impact#people=0")
    expect(page.get_by_text("There are no numbers here yet.")).to_be_visible()
    expect(page.locator("canvas")).to_be_hidden()


def mount(page: Page, operator: OperatorDouble) -> None:
    """The map in a shadow tree, under the policy of the operator's pages."""
    page.goto(operator.url + "/")
    page.evaluate(f"""async () => {{
      const {{ mount }} = await import("/widget-picture.js");
      const host = document.createElement("section");
      document.body.append(host);
      window.root = host.attachShadow({{ mode: "open" }});
      const box = document.createElement("div");
      root.append(box);
      window.picture = mount(box, {TEXTS});
    }}""")


def test_the_map_shows_each_country_as_a_line_and_in_words(page: Page, operator: OperatorDouble) -> None:
    mount(page, operator)
    page.evaluate("picture.update([])")
    expect(page.get_by_role("listitem").last).to_have_text("Nobody")
    page.evaluate(f"picture.update({PEOPLE})")
    lines = page.evaluate("[...root.querySelectorAll('li')].map((one) => one.textContent)")
    assert lines == ["IR 2", "CN 1", "elsewhere 1"]
    expect(page.get_by_role("img", name="A map")).to_be_visible()
    assert page.evaluate("root.querySelectorAll('.arc').length") == 2
    box = page.locator("svg.uw-map").bounding_box()
    assert box is not None
    assert box["width"] > 200
    assert box["height"] > 100


def test_lines_move_only_while_data_flows_and_not_for_who_wants_no_motion(page: Page, operator: OperatorDouble) -> None:
    mount(page, operator)
    moving = """() => [...root.querySelectorAll("[data-flow]")]
      .map((one) => one.dataset.flow + " " + getComputedStyle(one.querySelector(".flow")).animationName)"""
    page.evaluate(f"picture.update({PEOPLE})")
    assert page.evaluate(moving) == ["out uw-flow"]
    page.evaluate(f"picture.update({PEOPLE})")
    assert page.evaluate(moving) == []
    page.evaluate(f"picture.update({PEOPLE}.map((one) => ({{ ...one, bytesUp: one.bytesUp + 9 }})))")
    assert page.evaluate(moving) == ["in uw-flow", "in uw-flow"]
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == ["in none", "in none"]


def test_nothing_of_the_map_is_left_when_it_is_removed(page: Page, operator: OperatorDouble) -> None:
    mount(page, operator)
    page.evaluate(f"picture.update({PEOPLE})")
    page.evaluate("picture.remove()")
    assert page.evaluate("[root.firstElementChild.childElementCount, root.adoptedStyleSheets.length]") == [0, 0]
