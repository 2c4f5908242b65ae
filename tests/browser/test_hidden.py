"""A page that nobody looks at, in both browsers, with their real restraint of such pages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.browsers import Browser, Installed, Page, in_state
from tests.support.curl import needs_curl
from tests.support.gateway_sites import run
from tests.support.newsroom import newsroom

# After some minutes Chromium lets the timers of a page out of sight fire only once a minute. Here it does so after one
# second. Firefox has no such flag, and no such rule.
SOON = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1/grace_period_seconds_loaded/1"
SIX_MINUTES_S = 360
QUICKLY_S = 12
WAITS = [QUICKLY_S, pytest.param(SIX_MINUTES_S, marks=pytest.mark.long)]
# Counts what a timer of 100 ms comes to.
TICK = "() => { window.ticks = 0; setInterval(() => (window.ticks += 1), 100); }"


async def hide(browser: Browser, page: Page) -> None:
    """Another tab comes before it."""
    await (await browser.new_page()).bring_to_front()
    await page.evaluate(
        """new Promise((resolve) => {
          document.addEventListener('visibilitychange', () => resolve(true));
          if (document.hidden) resolve(true);
        })"""
    )


def flags(wait_s: int) -> list[str]:
    """The real rule when there is time for it."""
    return [] if wait_s == SIX_MINUTES_S else [SOON]


@needs_curl
@pytest.mark.timeout(SIX_MINUTES_S + 180)
@pytest.mark.parametrize("wait_s", WAITS)
def test_a_page_out_of_sight_that_was_idle_helps_when_it_is_asked(
    tmp_path: Path, bridge_browser: Installed, wait_s: int
) -> None:
    async def main() -> None:
        async with (
            newsroom(tmp_path) as room,
            bridge_browser.running(tmp_path / "profile", *flags(wait_s)) as browser,
        ):
            page = await browser.new_page()
            await page.before_scripts(TICK)
            await room.turn_on(page)
            await hide(browser, page)
            watched_s = min(60, wait_s * 2 / 3)
            await asyncio.sleep(wait_s - watched_s)
            before = await page.evaluate("ticks")
            await asyncio.sleep(watched_s)
            ticks = await page.evaluate("ticks") - before
            # The browser really holds its timers back, to one a second, and Chromium in the end to one a minute.
            assert ticks <= (4 if bridge_browser.name == "chromium" else watched_s * 2)
            assert room.bridges == 1
            async with room.person() as person:
                await person.is_connected()
                await in_state(page, "helping")
                await person.downloads(5)
                await person.uploads(5)
            assert await page.evaluate("document.hidden")

    run(main)


@needs_curl
@pytest.mark.timeout(SIX_MINUTES_S + 180)
@pytest.mark.parametrize("wait_s", WAITS)
def test_a_page_out_of_sight_goes_on_helping(tmp_path: Path, bridge_browser: Installed, wait_s: int) -> None:
    async def main() -> None:
        async with (
            newsroom(tmp_path) as room,
            bridge_browser.running(tmp_path / "profile", *flags(wait_s)) as browser,
            room.person() as person,
        ):
            page = await browser.new_page()
            await room.turn_on(page)
            await person.is_connected()
            await hide(browser, page)
            loop = asyncio.get_running_loop()
            end = loop.time() + wait_s
            while loop.time() < end:
                await person.downloads(1)
                await person.uploads(1)
                await asyncio.sleep(wait_s / 60)
            # Nobody else comes to it in the meantime: a second reader does so only now.
            async with room.person() as another:
                await another.is_connected()
                await another.downloads(1)
            assert await page.evaluate("document.hidden")

    run(main)
