"""Pictures of the switch in every state, layout and theme, in three languages and two sizes, with a page to see them;
and of the reader's panel (panel_gallery.py).

``make gallery`` writes build/gallery/index.html. Each picture of the switch is a sheet with all states of one kind.
"""

from __future__ import annotations

import html
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.browser.panel_gallery import panel_sheets, take_panel
from tests.support.browsers import CHROMIUM_ARGS
from tests.support.face import SITUATIONS, Site, helping, site_in

TARGET = Path(__file__).parents[2] / "build" / "gallery"
LANGUAGES = ("en", "zh-Hans", "fa")
THEMES = ("light", "dark")
# Width of the page, columns of a sheet of pills.
SIZES = {"small": (360, 1), "large": (1180, 3)}
LAYOUTS = ("panel", "banner", "badge", "floating")

# A fixed element keeps to a box that has a transform, so that many of them fit on one sheet.
STYLE = """
body { margin: 0; padding: 12px; font: 14px system-ui, sans-serif; display: grid; gap: 20px 16px; align-items: start;
  grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); background: #eceae4; color: #333; }
body.dark { background: #0b1114; color: #bbb; }
figure { margin: 0; position: relative; }
figcaption { margin-block-end: 4px; opacity: 0.8; }
.floating figure > div { transform: translateZ(0); block-size: 90px; border: 1px dashed #8888; }
.open figure > div { transform: translateZ(0); block-size: 640px; border: 1px dashed #8888; }
"""
FILL = {
    **helping(),
    "readers": [
        {"key": str(index), "country": country, "lanes": 2, "bytesUp": 90_000, "bytesDown": 4_000_000}
        for index, country in enumerate(("IR", "RU", ""))
    ],
    "wishes": {
        "maxReaders": 4,
        "speed": 1_250_000,
        "monthly": 20_000_000_000,
        "charging": True,
        "metered": False,
        "hours": {"from": 1080, "to": 480},
    },
    "left": 12_300_000_000,
    "keepHelping": True,
    "keepNumbers": True,
}
OPENED: Mapping[str, Mapping[str, Any]] = {
    "fresh": {},
    "used": {
        **FILL,
        "check": {"state": "done", "verdict": "good", "operator": True, "socket": True, "udp": True, "varying": False},
    },
    "poor": {
        "abilities": {"charging": False, "metered": False, "storage": False, "window": False},
        "check": {"state": "done", "verdict": "none", "operator": True, "socket": False, "udp": False, "varying": True},
    },
}
OPEN_ALL = """async () => {
  for (const { shadowRoot } of document.querySelectorAll("unwalled-bridge")) {
    shadowRoot.querySelector("[part=more]").click();
  }
  await new Promise((done) => setTimeout(done, 300));
  for (const { shadowRoot } of document.querySelectorAll("unwalled-bridge")) {
    for (const section of shadowRoot.querySelectorAll("details")) section.open = true;
  }
}"""
# A pill opens to the side where there is more room: so each is brought to its place in the window first.
OPEN_PILLS = """(block) => {
  for (const element of document.querySelectorAll("unwalled-bridge")) {
    element.parentElement.scrollIntoView({ block });
    element.shadowRoot.querySelector("[part=pill]").click();
  }
}"""


@dataclass(frozen=True)
class Sheet:
    kind: str
    layout: str
    theme: str
    language: str
    size: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.theme}-{self.language}-{self.size}.png"

    @property
    def situations(self) -> Mapping[str, Mapping[str, Any]]:
        if self.kind == "details":
            return OPENED
        if self.kind.endswith("open"):
            return {name: SITUATIONS[name] for name in ("off", "helping", "error: version", "caution")}
        return SITUATIONS


def sheets() -> Iterator[Sheet]:
    kinds = {**{layout: layout for layout in LAYOUTS}, "details": "panel"}
    kinds |= {f"{layout}-open": layout for layout in ("badge", "floating")}
    for kind, layout in kinds.items():
        for theme in THEMES:
            for language in LANGUAGES:
                for size in SIZES:
                    yield Sheet(kind, layout, theme, language, size)


def take(site: Site, sheet: Sheet) -> None:
    width, columns = SIZES[sheet.size]
    if "open" in sheet.kind:
        columns = min(columns, 2)
    if sheet.layout == "banner":
        columns = 1
    elif sheet.layout == "panel" and sheet.kind != "details":
        columns = min(columns, 2)
    site.page.set_viewport_size({"width": width, "height": 800})
    figures = "".join(
        f'<figure><figcaption dir="ltr">{html.escape(name)}</figcaption><div id="s{index}"></div></figure>'
        for index, name in enumerate(sheet.situations)
    )
    site.open(f"<style>{STYLE}body {{ --columns: {columns} }}</style>{figures}", sheet.language)
    body = f"{sheet.theme} {'floating' if sheet.layout == 'floating' else ''} {'open' if 'open' in sheet.kind else ''}"
    direction = "rtl" if sheet.language == "fa" else "ltr"
    site.page.evaluate("([names, dir]) => { document.body.className = names; document.dir = dir; }", [body, direction])
    site.make_up()
    for index, change in enumerate(sheet.situations.values()):
        site.add(change, {"layout": sheet.layout, "theme": sheet.theme}, f"#s{index}")
    site.page.wait_for_load_state("networkidle")
    if sheet.kind == "details":
        site.page.evaluate(OPEN_ALL)
    if sheet.kind.endswith("-open"):
        site.page.evaluate(OPEN_PILLS, "end" if sheet.layout == "floating" else "start")
    site.page.wait_for_timeout(250)
    site.page.screenshot(path=TARGET / sheet.name, full_page=True, animations="disabled")


def index() -> str:
    """The page to look through: one row for each kind of sheet and theme."""
    rows = []
    for name in [sheet.name for sheet in sheets()] + [sheet.name for sheet in panel_sheets()]:
        title = html.escape(name.removesuffix(".png"))
        rows.append(
            f'<figure><figcaption>{title}</figcaption><a href="{name}">'
            f'<img src="{name}" alt="{title}" loading="lazy"></a></figure>'
        )
    style = (
        "body{font:16px system-ui;margin:2rem;background:#f6f6f4}main{display:flex;flex-wrap:wrap;gap:1.5rem}"
        "figure{margin:0}img{block-size:30rem;inline-size:auto;max-inline-size:40rem;object-fit:cover;"
        "object-position:top;border:1px solid #ccc}"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Gallery</title>'
        f"<style>{style}</style>"
        f"<h1>The switch and the reader’s panel</h1><main>{''.join(rows)}</main>\n"
    )


def chromium() -> str | None:
    """The Chromium that UNWALLED_CHROMIUM names, or the one of this machine; None is Playwright's own."""
    return os.environ.get("UNWALLED_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def main(wanted: str) -> None:
    chosen = [sheet for sheet in sheets() if wanted in sheet.name]
    panels = [sheet for sheet in panel_sheets() if wanted in sheet.name]
    if not chosen and not panels:
        sys.exit(f"No sheet has {wanted!r} in its name. One of them is {next(sheets()).name}.")
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "index.html").write_text(index(), encoding="utf-8")
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGS)
        context = browser.new_context(locale="en-US", reduced_motion="reduce", device_scale_factor=1)
        site = site_in(context, policy="")
        site.page.on("pageerror", lambda error: sys.exit(f"An error in a page: {error}"))
        for sheet in chosen:
            take(site, sheet)
        take_panel(browser, panels, TARGET)
        browser.close()
    print(f"file://{TARGET}/index.html")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
