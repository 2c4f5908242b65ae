"""A reader's own Chromium reads a page of 200 objects and plays a film, while the bridges under it come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench import page_site
from tests.support.chain import PATIENCE_S, chain
from tests.support.chromium import chromium
from tests.support.gateway_sites import run

FILM_S = 6
EVERYTHING = f"(async () => {{ const film = page.play({FILM_S}); return [await page.load(), await film]; }})()"


def test_a_page_and_a_film_arrive_whole_while_bridges_come_and_go(tmp_path: Path, chromium_path: str) -> None:
    async def main() -> None:
        site = await page_site.start("127.0.0.1", 0)
        try:
            async with asyncio.timeout(100), chain(tmp_path / "chain", bridges=2) as c:
                # Without the last flag a browser goes to addresses of its own machine by itself.
                flags = (f"--proxy-server=socks5://{c.at}", "--proxy-bypass-list=<-loopback>")
                async with chromium(chromium_path, tmp_path / "profile", *flags) as browser:
                    page = await browser.new_page()
                    await page.goto(f"http://127.0.0.1:{site.addresses[0][1]}/")
                    reading = asyncio.create_task(page.evaluate(EVERYTHING), name="read")
                    while len(c.bridges) < 5:
                        await c.add_bridge()
                        gone = c.bridges[len(c.bridges) - 3]
                        await gone.stop()
                        await asyncio.sleep(0.5)
                    async with asyncio.timeout(PATIENCE_S):
                        loaded, film = await reading
                    assert loaded["right"] == page_site.OBJECTS
                    assert film["wrong"] == 0
                    assert film["bytes"] == FILM_S * page_site.PIECES_PER_S * page_site.PIECE_BYTES
                    assert browser.errors == []
                assert c.reader.client.status.phase == "connected"
        finally:
            await site.cleanup()

    run(main)
