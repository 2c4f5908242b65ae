"""Pictures of the reader's panel: every scene in both themes, three languages and two sizes. Run by gallery.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.support.panel_double import PanelDouble
from tests.support.panel_scenes import SCENES, Scene
from unwalled.settings import PANEL

LANGUAGES = ("en", "zh-Hans", "fa")
THEMES = ("light", "dark")
SIZES = {"small": 360, "large": 1180}


def _show_invite(page: Page) -> None:
    page.locator(".invites .row .button[aria-expanded]").first.click()
    expect(page.locator(".code")).to_be_visible()


def _write_report(page: Page) -> None:
    page.locator(".help .button").first.click()
    expect(page.locator(".help textarea")).to_be_visible()


def _import(page: Page) -> None:
    page.locator(".rules summary").click()
    page.locator(".rules .fold textarea").fill("news.example\n\n??\nother.example\n!!")
    page.locator(".rules .fold input[type=text]").fill("My list")
    page.locator(".rules .fold [type=submit]").click()
    expect(page.locator(".rules .fold .problems li").first).to_be_visible()


def _bad_invite(page: Page) -> None:
    page.locator(".now textarea").fill("hello")
    page.locator(".now [type=submit]").click()
    expect(page.locator(".now .note[data-kind=bad]")).to_be_visible()


# What a person does in a scene before the picture is taken.
DEEDS: Mapping[str, tuple[str, Callable[[Page], None]]] = {
    "deed-handing-on": ("invites", _show_invite),
    "deed-report": ("connected", _write_report),
    "deed-import": ("rules-blocked", _import),
    "deed-bad-invite": ("no-invite", _bad_invite),
}


# The program ends while its page is open.
LOST = "lost"
SLOW_CLOCK = """() => {
  const began = performance.now();
  let more = 0;
  performance.now = () => began + more;
  window.later = (ms) => { more += ms; };
}"""
POINTS = "(count) => document.querySelector('.graph .down.line').getAttribute('d').split('L').length === count"


@dataclass(frozen=True)
class PanelSheet:
    """One picture."""

    kind: str
    theme: str
    language: str
    size: str

    @property
    def name(self) -> str:
        return f"panel-{self.kind}-{self.theme}-{self.language}-{self.size}.png"


def panel_sheets() -> Iterator[PanelSheet]:
    for kind in (*SCENES, *DEEDS, LOST):
        for theme in THEMES:
            for language in LANGUAGES:
                for size in SIZES:
                    yield PanelSheet(kind, theme, language, size)


def take_panel(browser: Browser, sheets: list[PanelSheet], target: Path) -> None:
    """Takes the pictures. Any error in the page is raised."""
    errors: list[str] = []
    with PanelDouble(replace(PANEL, stream_rest_s=0.0)).running() as panel:
        for theme in THEMES:
            chosen = [sheet for sheet in sheets if sheet.theme == theme]
            if chosen:
                context = browser.new_context(
                    locale="en-US", reduced_motion="reduce", color_scheme="dark" if theme == "dark" else "light"
                )
                context.on("weberror", lambda error: errors.append(str(error.error)))
                for sheet in chosen:
                    page = context.new_page()
                    _take(page, panel, sheet, target)
                    page.close()
                context.close()
    assert errors == []


def _take(page: Page, panel: PanelDouble, sheet: PanelSheet, target: Path) -> None:
    if sheet.kind == LOST:
        with PanelDouble().running() as other:
            _open(page, other, sheet, "connected")
        expect(page.locator(".lost strong")).to_be_visible()
        page.screenshot(path=target / sheet.name, full_page=True, animations="disabled")
        return
    scene, deed = DEEDS.get(sheet.kind, (sheet.kind, None))
    _open(page, panel, sheet, scene)
    _speed_up(page, panel, SCENES[scene])
    if deed is not None:
        deed(page)
    page.evaluate("document.activeElement?.blur()")
    page.screenshot(path=target / sheet.name, full_page=True, animations="disabled")


def _open(page: Page, panel: PanelDouble, sheet: PanelSheet, scene: str) -> None:
    _set(panel, SCENES[scene], sheet.language)
    page.set_viewport_size({"width": SIZES[sheet.size], "height": 800})
    page.goto(panel.server.url)
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", sheet.language)


def _set(panel: PanelDouble, scene: Scene, language: str) -> None:
    panel.service.preferences = replace(panel.service.preferences, language=language)
    panel.rules.own = list(scene.own)
    panel.rules.lists = list(scene.lists)
    panel.show(scene.snapshot)


def _speed_up(page: Page, panel: PanelDouble, scene: Scene) -> None:
    """Two minutes of different speeds, on a clock that runs when it is told, so that there is a graph."""
    if not scene.snapshot.down_bps:
        return
    page.evaluate(SLOW_CLOCK)
    for step in range(1, 40):
        page.evaluate("later(3000)")
        factor = 0.35 + 0.65 * abs(((step * 7) % 20) / 10 - 1)
        panel.show(replace(scene.snapshot, down_bps=scene.snapshot.down_bps * factor, up_bps=300_000.0 + step))
        page.wait_for_function(POINTS, arg=step + 1)
    page.evaluate("later(1000)")
    panel.show(scene.snapshot)
    page.wait_for_function(POINTS, arg=41)
