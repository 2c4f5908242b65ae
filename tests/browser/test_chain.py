"""A page in a real Chromium or Firefox is the only bridge of a real chain; curl and others read through it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import async_playwright, expect

from tests.support.browsers import CHROMIUM_ARGS, Installed, flip_switch, in_state, stats
from tests.support.browsers import Page as BridgePage
from tests.support.chain import PATIENCE_S, Chain, became, chain, running_reader
from tests.support.curl import curl, needs_curl, ways
from tests.support.gateway_sites import run
from tests.support.newspaper import newspaper, two_lines
from tests.support.proxy_bench import MIB

IMAGES = 60
COUNT_PEERS = """
window.peers = 0;
window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
  construct(target, values) { peers += 1; return new target(...values); },
});
"""


def through_page(data: Path, browser: Installed, use: Callable[[Chain, BridgePage], Awaitable[None]]) -> None:
    """Runs ``use`` with a chain whose only bridge is a page with the switch on."""

    async def main() -> None:
        async with (
            asyncio.timeout(100),
            chain(data / "chain", bridges=0, names={"gallery.test": [["127.0.0.1"]]}) as c,
            browser.running(data / "profile") as running,
        ):
            page = await running.new_page()
            await page.goto(c.operator.url.text + "/")
            await flip_switch(page)
            await asyncio.wait_for(c.reader.client.connected(), PATIENCE_S)
            await in_state(page, "helping")
            await use(c, page)
            await c.is_idle()

    run(main)


@needs_curl
def test_eight_readers_at_once_read_through_one_page(tmp_path: Path, bridge_browser: Installed) -> None:
    content = os.urandom(2 * MIB)
    file = tmp_path / "up"
    file.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest().encode()

    async def use(c: Chain, page: BridgePage) -> None:
        async with AsyncExitStack() as undo:
            addresses, others = [c.at], []
            for _ in range(7):
                other, at = await undo.enter_async_context(running_reader(c.invite))
                await asyncio.wait_for(other.client.connected(), PATIENCE_S)
                addresses.append(at)
                others.append(other)
            readers = [c.reader, *others]
            await became(lambda: all(one.client.status.lanes > 1 for one in readers), "several lanes for each")
            carried = await stats(page)
            assert carried["readers"] == 8
            assert carried["lanes"] >= 16
            uploads = (curl(*ways(at)["socks5"], "-H", "Expect:", "-T", str(file), f"{c.site}/up") for at in addresses)
            assert list(await asyncio.gather(*uploads)) == [(0, digest)] * 8

    through_page(tmp_path, bridge_browser, use)


def test_a_newsrooms_own_page_asks_nobody_for_anything_but_the_script_until_the_switch_is_on(
    tmp_path: Path, chromium_path: str
) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(100),
            async_playwright() as playwright,
            chain(tmp_path / "data", bridges=0) as c,
            newspaper(two_lines(c.operator.url.text)) as url,
        ):
            browser = await playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGS)
            try:
                page = await browser.new_page()
                asked: list[str] = []
                page.context.on("request", lambda request: asked.append(request.url))
                page.on("websocket", lambda socket: asked.append(socket.url))
                await page.add_init_script(COUNT_PEERS)
                await page.goto(url, wait_until="networkidle")
                await expect(page.locator("unwalled-bridge")).to_have_attribute("state", "off")
                operator = c.operator.url.text
                assert asked == [url, f"{operator}/widget.js"]
                assert await page.evaluate("peers") == 0
                assert await page.context.cookies() == []
                assert not c.operator._broker.metrics.bridges

                await page.get_by_role("switch").click()
                await asyncio.wait_for(c.reader.client.connected(), PATIENCE_S)
                assert (await c.say(b"GET %b/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % c.site.encode()))[
                    :13
                ] == b"HTTP/1.1 200 "
                # Also later it asks only its operator: for the rules, to wait for readers, and for lanes.
                there = (f"{operator}/", f"{c.operator.url.socket_base}/")
                assert all(one.startswith(there) for one in asked[1:])
                assert f"{operator}/v1/config" in asked
                await c.is_idle()
            finally:
                await browser.close()

    run(main)


def picture(number: int) -> bytes:
    """A PNG of ``number`` + 1 by 2 pixels in a colour of its own, with some noise to give it size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes((number, 255 - number, 128)) * (number + 1)
    header = struct.pack(">IIBBBBB", number + 1, 2, 8, 2, 0, 0, 0)
    noise = chunk(b"noIs", os.urandom(20_000))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + noise
        + chunk(b"IDAT", zlib.compress(row * 2))
        + chunk(b"IEND", b"")
    )


@asynccontextmanager
async def gallery() -> AsyncIterator[int]:
    """A page with sixty images, at a name that only the gateway knows."""

    async def index(request: web.Request) -> web.Response:
        images = "".join(f"<img src=/{number}.png>" for number in range(IMAGES))
        return web.Response(text=f"<!doctype html><title>Gallery</title>{images}", content_type="text/html")

    async def image(request: web.Request) -> web.Response:
        return web.Response(body=picture(int(request.match_info["number"])), content_type="image/png")

    app = web.Application()
    app.add_routes([web.get("/", index), web.get("/{number}.png", image)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_readers_browser_opens_a_site_with_sixty_images(tmp_path: Path, chromium_path: str, scheme: str) -> None:
    async def use(c: Chain, page: BridgePage) -> None:
        arguments = [
            *CHROMIUM_ARGS,
            f"--proxy-server={scheme}://{c.at}",
            # A look-up of its own would fail; the proxy's address needs none.
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        ]
        async with gallery() as port, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium_path, args=arguments)
            try:
                reading = await browser.new_page()
                await reading.goto(f"http://gallery.test:{port}/", wait_until="load", timeout=PATIENCE_S * 1000)
                widths = await reading.evaluate("[...document.images].map((image) => image.naturalWidth)")
                assert widths == list(range(1, IMAGES + 1))
                assert "gallery.test" in c.resolver.asked
            finally:
                await browser.close()

    through_page(tmp_path, Installed("chromium", chromium_path), use)
