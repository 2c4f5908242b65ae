"""What happens to a page that helps: networks and servers come and go, people go elsewhere, sites are strict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.browsers import Browser, Installed, Page, flip_switch, in_state
from tests.support.chain import became
from tests.support.curl import needs_curl
from tests.support.gateway_sites import run
from tests.support.newspaper import newspaper, two_lines
from tests.support.newsroom import Newsroom, Person, newsroom

# What a policy forbade, in every document of the tab.
WATCH_POLICY = """() => {
  window.forbidden = [];
  document.addEventListener('securitypolicyviolation', (event) => forbidden.push(event.blockedURI));
}"""


def helping(
    tmp_path: Path, installed: Installed, use: Callable[[Newsroom, Person, Browser, Page], Awaitable[None]]
) -> None:
    """Runs ``use`` when a page in the browser helps a reader."""

    async def main() -> None:
        async with (
            asyncio.timeout(100),
            newsroom(tmp_path) as room,
            installed.running(tmp_path / "profile") as browser,
            room.person() as person,
        ):
            page = await browser.new_page()
            await room.turn_on(page)
            await person.is_connected()
            await in_state(page, "helping")
            await use(room, person, browser, page)

    run(main)


@needs_curl
def test_a_page_that_was_offline_helps_again_by_itself(tmp_path: Path, bridge_browser: Installed) -> None:
    async def use(room: Newsroom, person: Person, browser: Browser, page: Page) -> None:
        await page.set_offline(True)
        await in_state(page, "paused", "helping")
        assert not await page.evaluate("navigator.onLine")
        await page.set_offline(False)
        await in_state(page, "waiting", "helping")
        await room.bridges_are(1)
        await person.downloads(2)
        await in_state(page, "helping")

    helping(tmp_path, bridge_browser, use)


@needs_curl
def test_a_page_finds_an_operator_that_was_restarted(tmp_path: Path, bridge_browser: Installed) -> None:
    async def main() -> None:
        async with asyncio.timeout(100), bridge_browser.running(tmp_path / "profile") as browser:
            page = await browser.new_page()
            async with newsroom(tmp_path) as room, room.person() as person:
                await room.turn_on(page)
                await person.is_connected()
                await person.downloads(1)
            await in_state(page, "error")
            port = int(room.operator.url.text.rpartition(":")[2])
            async with newsroom(tmp_path, port=port) as again, again.person() as person:
                assert again.operator.url == room.operator.url
                await in_state(page, "waiting", "helping")
                await person.is_connected()
                await person.downloads(1)

    run(main)


@needs_curl
def test_going_to_another_page_ends_the_helping_at_once(tmp_path: Path, bridge_browser: Installed) -> None:
    async def use(room: Newsroom, person: Person, browser: Browser, page: Page) -> None:
        await page.goto("about:blank")
        await room.bridges_are(0)
        await became(lambda: room.operator._lanes.open_sockets == 0, "no lane is open")
        # The reader finds the next one who helps.
        other = await browser.new_page()
        await room.turn_on(other)
        await person.downloads(1)

    helping(tmp_path, bridge_browser, use)


@needs_curl
def test_one_tab_of_a_browser_helps_and_another_takes_over_when_it_goes(
    tmp_path: Path, bridge_browser: Installed
) -> None:
    async def use(room: Newsroom, person: Person, browser: Browser, page: Page) -> None:
        other = await browser.new_page()
        await other.goto(f"{room.operator.url.text}/")
        await flip_switch(other)
        await in_state(other, "paused")
        assert await other.evaluate("document.querySelector('unwalled-bridge').reason") == "elsewhere"
        assert room.bridges == 1
        await page.close()
        await in_state(other, "waiting", "helping")
        await room.bridges_are(1)
        await person.downloads(1)

    helping(tmp_path, bridge_browser, use)


@needs_curl
def test_the_strictest_policy_that_the_manual_names_is_enough(tmp_path: Path, bridge_browser: Installed) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(100),
            newsroom(tmp_path) as room,
            bridge_browser.running(tmp_path / "profile") as browser,
            room.person() as person,
        ):
            url = room.operator.url
            policy = (
                f"default-src 'none'; script-src {url.text}; connect-src {url.text} {url.socket_base}; "
                "require-trusted-types-for 'script'; trusted-types 'none'"
            )
            async with newspaper(two_lines(url.text), policy) as article:
                page = await browser.new_page()
                await page.before_scripts(WATCH_POLICY)
                await page.goto(article)
                await flip_switch(page)
                await person.is_connected()
                await person.downloads(1)
                await in_state(page, "helping")
                assert await page.evaluate("forbidden") == []

    run(main)


@needs_curl
def test_the_switch_helps_from_within_a_frame_of_another_site(tmp_path: Path, bridge_browser: Installed) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(100),
            newsroom(tmp_path) as room,
            bridge_browser.running(tmp_path / "profile") as browser,
            room.person() as person,
        ):
            operator = room.operator.url.text
            body = f'<iframe src="{operator}/embed" width="400" height="400"></iframe>'
            async with newspaper(body, f"default-src 'none'; frame-src {operator}") as article:
                page = await browser.new_page()
                await page.goto(article)
                frame = await browser.page_at(f"{operator}/embed")
                await frame.evaluate("customElements.whenDefined('unwalled-bridge').then(() => true)")
                await frame.evaluate("void document.querySelector('unwalled-bridge').start()")
                await person.is_connected()
                await person.downloads(1)
                await in_state(frame, "helping")
                await page.goto("about:blank")
                await room.bridges_are(0)

    run(main)
