"""A page that helps only people whom its visitor knows, and the readers who may and may not come."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.browsers import Installed, Page, flip_switch, in_state
from tests.support.chain import became
from tests.support.curl import needs_curl
from tests.support.gateway_sites import run
from tests.support.newsroom import newsroom
from unwalled.reader.status import Cause
from unwalled.wire.invite import Invite

# Enough for what the script decides; test_chain has both as bridges.
ONE_BROWSER = pytest.mark.parametrize("bridge_browser", ["chromium"], indirect=True)
ROOT = "document.querySelector('unwalled-bridge').shadowRoot"
CHOOSE = f"""new Promise((resolve) => {{
  const look = () => {{
    const labels = [...{ROOT}.querySelectorAll('label')];
    const box = labels.find((label) => label.textContent.startsWith('Help only people I know'));
    if (!box) return setTimeout(look, 20);
    box.closest('details').open = true;
    box.querySelector('input').click();
    resolve(true);
  }};
  {ROOT}.querySelector('[part=more]').click();
  look();
}})"""
LINK = f"""new Promise((resolve) => {{
  const look = () => {{
    const {{ value }} = {ROOT}.querySelector('input[aria-label="Link for the people you know"]');
    if (value) resolve(value); else setTimeout(look, 20);
  }};
  look();
}})"""


async def choose(page: Page) -> None:
    await page.evaluate("customElements.whenDefined('unwalled-bridge').then(() => true)")
    await page.evaluate(CHOOSE)


@needs_curl
@ONE_BROWSER
@pytest.mark.timeout(120)
def test_only_those_with_the_link_of_a_page_read_through_it(tmp_path: Path, bridge_browser: Installed) -> None:
    async def main() -> None:
        async with (
            newsroom(tmp_path, private_swarms="on") as room,
            bridge_browser.running(tmp_path / "profile") as browser,
        ):
            page = await browser.new_page()
            await page.goto(f"{room.operator.url.text}/")
            await choose(page)
            await flip_switch(page)
            await in_state(page, "waiting")
            link = await page.evaluate(LINK)
            invite = Invite.parse(link, 0.0)
            assert link.startswith(f"{room.operator.url.text}/read#uw2.")
            async with room.person(invite) as aunt, room.person() as stranger:
                await aunt.is_connected()
                await aunt.downloads(2)
                await became(lambda: stranger.program.client.status.cause is Cause.NO_BRIDGE, "nobody for a stranger")
                assert stranger.program.client.status.bridges == 0

            # The page of later has the same link, and is as private by itself.
            await page.goto(f"{room.operator.url.text}/")
            await page.evaluate("customElements.whenDefined('unwalled-bridge').then(() => true)")
            await flip_switch(page)
            await in_state(page, "waiting")
            await page.evaluate(f"{ROOT}.querySelector('[part=more]').click()")
            await page.evaluate(
                "new Promise((resolve) => {"
                f"const look = () => {ROOT}.querySelector('input[aria-label]') ? resolve(true) : setTimeout(look, 20);"
                "look(); })"
            )
            assert await page.evaluate(LINK) == link
            async with room.person(invite) as aunt:
                await aunt.is_connected()
                await flip_switch(page)
                await in_state(page, "off")
                await became(
                    lambda: aunt.program.client.status.cause is Cause.NO_HELPER, "none of the helpers is there"
                )

    run(main)


@needs_curl
@ONE_BROWSER
@pytest.mark.timeout(60)
def test_a_server_that_takes_no_private_helpers_gets_none(tmp_path: Path, bridge_browser: Installed) -> None:
    async def main() -> None:
        async with newsroom(tmp_path) as room, bridge_browser.running(tmp_path / "profile") as browser:
            page = await browser.new_page()
            await page.goto(f"{room.operator.url.text}/")
            await choose(page)
            await flip_switch(page)
            await in_state(page, "error")
            assert room.bridges == 0

    run(main)
