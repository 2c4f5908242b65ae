"""The packed extension in a real Chromium and a real Firefox is the only bridge of a real chain."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.browsers import Installed, Page, flip_switch, in_state, stats
from tests.support.certificate import self_signed
from tests.support.chain import PATIENCE_S, became, chain
from tests.support.chromium import chromium
from tests.support.curl import curl, needs_curl, ways
from tests.support.firefox import firefox
from tests.support.gateway_sites import run
from tests.support.missing import go_without
from tests.support.newsroom import newsroom
from tests.support.proxy_bench import MIB

WIDGET = Path(__file__).parents[2] / "widget"
WEB = Path(__file__).parents[2] / "src" / "unwalled" / "web"
SHADOW = "document.querySelector('unwalled-bridge').shadowRoot"
CHROMIUM_FLAGS = ("--ignore-certificate-errors",)
# It has no signature of Mozilla's.
FIREFOX_PREFERENCES = {"xpinstall.signatures.required": False}
SIGN = """(async () => [await chrome.action.getBadgeText({}), await chrome.action.getTitle({})])()"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both packages, made as they are made for volunteers."""
    if shutil.which("node") is None or not (WIDGET / "node_modules").is_dir():
        go_without(
            "BROWSER", "The extension cannot be packed: Node.js or widget/node_modules is missing (make widget)."
        )
    folder = tmp_path_factory.mktemp("packages")
    pack(folder)
    return folder


def pack(folder: Path, *arguments: str) -> None:
    """Makes both packages, unpacked and as archives."""
    command = ["node", "scripts/extension.mjs", "--unpacked", str(folder), *arguments]
    subprocess.run(command, cwd=WIDGET, check=True, stdout=subprocess.DEVNULL)


def archive_of(packages: Path, browser: str) -> dict[str, bytes]:
    """The files of one archive."""
    [file] = packages.glob(f"unwalled-{browser}-*")
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def firefox_package(packages: Path) -> Path:
    """The archive for Firefox."""
    [archive] = packages.glob("*.xpi")
    return archive


class Volunteer:
    """A person with the extension in their browser."""

    def __init__(self, options: Page, page_at: Callable[[str], Awaitable[Page]]) -> None:
        self.options = options
        self._page_at = page_at

    async def choose(self, address: str) -> None:
        """Types the address of a newsroom and presses the button."""
        await self.options.evaluate(
            """new Promise((resolve) => {
              const form = document.getElementById('form');
              const look = () => !form.hidden && resolve(true);
              new MutationObserver(look).observe(form, { attributes: true });
              look();
            })"""
        )
        await self.options.evaluate(f"void (document.getElementById('address').value = {address!r})")
        await self.options.click("document.querySelector('[type=submit]')")

    async def verdict(self) -> str:
        """What the options page says of the address."""
        said = await self.options.evaluate(
            """new Promise((resolve) => {
              const place = document.getElementById('verdict');
              const look = () => /[^…]$/.test(place.textContent) && resolve(place.textContent);
              new MutationObserver(look).observe(place, { childList: true });
              look();
            })"""
        )
        return str(said)

    async def popup(self) -> Page:
        """The page that opens from the toolbar, here in a tab."""
        await self.options.evaluate("void window.open('popup.html')")
        return await self._page_at("/popup.html")

    async def leave(self) -> None:
        """Goes from the options page to another, so that no page of the extension is open."""
        await self.options.evaluate("void setTimeout(() => (location.href = 'about:blank#left'))")
        self.options = await self._page_at("about:blank#left")

    async def come_back(self) -> None:
        """To the options page."""
        await self.options.evaluate("void setTimeout(() => history.back())")
        self.options = await self._page_at("/options.html")


@asynccontextmanager
async def volunteer(browser: Installed, packages: Path, profile: Path) -> AsyncIterator[Volunteer]:
    """Installs the extension; the options page has opened by itself."""
    if browser.name == "chromium":
        async with chromium(browser.path, profile, *CHROMIUM_FLAGS) as one:
            await one.install(packages / "chrome")
            yield Volunteer(await one.page_at("/options.html"), one.page_at)
            assert one.errors == []
    else:
        async with firefox(browser.path, profile, FIREFOX_PREFERENCES) as other:
            await other.install(firefox_package(packages))
            yield Volunteer(await other.page_at("/options.html"), other.page_at)
            assert other.errors == []


@pytest.mark.parametrize("browser", ["chrome", "firefox"])
def test_a_package_runs_no_code_but_its_own(packages: Path, browser: str) -> None:
    files = archive_of(packages, browser)
    scripts = {name: text.decode() for name, text in files.items() if name.endswith(".js")}
    pages = {name: text.decode() for name, text in files.items() if name.endswith(".html")}
    assert scripts
    assert pages
    for text in scripts.values():
        # What is imported is named by a literal, and lies in the package.
        imported = re.findall(r"""\bimport\s*\(([^)]*)\)""", text)
        imported += re.findall(r"""\bimport\b[^"'();]*(["'][^"']*["'])""", text)
        assert {name.strip("\"'").removeprefix("./") for name in imported} <= scripts.keys()
        assert not re.search(
            r"\beval\b|\bFunction\s*\(|importScripts|createElement\(.script|innerHTML|insertAdjacent", text
        )
        # No address of anybody stands in it.
        assert set(re.findall(r"\b(?:https?|wss?)://[\w.-]+", text)) <= {"http://www.w3.org", "https://bridge.example"}
    for text in pages.values():
        assert set(re.findall(r"<script[^>]*>.*?</script>", text, re.DOTALL)) == {
            f'<script type="module" src="{name}"></script>'
            for name in re.findall(r'<script type="module" src="([^"]*)"', text)
        }
        linked = re.findall(r'(?:src|href)="([^"]*)"', text)
        assert set(linked) <= files.keys()
        assert not re.search(r"\son\w+=|style=|://", text)
    assert "://" not in files["pages.css"].decode()


@pytest.mark.parametrize(("browser", "permissions"), [("chrome", ["offscreen"]), ("firefox", [])])
def test_a_package_asks_for_no_more_than_it_needs(packages: Path, browser: str, permissions: list[str]) -> None:
    manifest = json.loads(archive_of(packages, browser)["manifest.json"])
    assert manifest.get("permissions", []) == permissions
    reaching = {"host_permissions", "optional_permissions", "optional_host_permissions", "content_scripts"}
    assert not manifest.keys() & {*reaching, "web_accessible_resources", "externally_connectable"}
    assert manifest["content_security_policy"].keys() == {"extension_pages"}
    policy = manifest["content_security_policy"]["extension_pages"].split("; ")
    assert policy[:2] == ["default-src 'none'", "script-src 'self'"]
    assert "connect-src https: wss:" in policy
    assert not any("unsafe" in line for line in policy)


def test_packing_gives_the_same_bytes_each_time_and_what_was_unpacked(packages: Path, tmp_path: Path) -> None:
    pack(tmp_path)
    for browser in ("chrome", "firefox"):
        [first] = packages.glob(f"unwalled-{browser}-*")
        assert first.read_bytes() == (tmp_path / first.name).read_bytes()
        folder = packages / browser
        unpacked = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        assert unpacked == archive_of(packages, browser)


def test_a_package_may_propose_a_newsroom(tmp_path: Path) -> None:
    pack(tmp_path, "--operator", "https://bridge.somewhere.example")
    for browser in ("chrome", "firefox"):
        scripts = [text for name, text in archive_of(tmp_path, browser).items() if name.endswith(".js")]
        assert sum(text.count(b'"https://bridge.somewhere.example"') for text in scripts) == 1


@pytest.mark.parametrize("browser", ["chrome", "firefox"])
def test_a_package_speaks_every_language_of_the_switch(packages: Path, browser: str) -> None:
    files = archive_of(packages, browser)
    spoken = {name.split("/")[1]: json.loads(text) for name, text in files.items() if name.startswith("_locales/")}
    # Of Chinese and Portuguese the browsers know others than we do.
    others = {"zh-Hans": {"zh_CN"}, "zh-Hant": {"zh_TW"}, "pt": {"pt_BR", "pt_PT"}}
    tags = {file.stem.removeprefix("widget-words-") for file in WEB.glob("widget-words-*.js")} | {"en"}
    assert spoken.keys() == set().union(*(others.get(tag, {tag}) for tag in tags))
    for words in spoken.values():
        assert words.keys() == spoken["en"].keys()
        assert all(word["message"] for word in words.values())


def test_its_pages_are_whole_in_a_language_that_is_written_from_right_to_left(
    tmp_path: Path, packages: Path, chromium_path: str
) -> None:
    # A browser in Persian takes the Persian words; in any other this one does too, when it has no others.
    folder = tmp_path / "persian"
    shutil.copytree(packages / "chrome", folder)
    for other in (folder / "_locales").iterdir():
        if other.name != "fa":
            shutil.rmtree(other)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "default_locale": "fa"}))
    words = json.loads((folder / "_locales" / "fa" / "messages.json").read_text())

    async def main() -> None:
        async with asyncio.timeout(60), chromium(chromium_path, tmp_path / "profile", *CHROMIUM_FLAGS) as one:
            await one.install(folder)
            v = Volunteer(await one.page_at("/options.html"), one.page_at)
            await v.choose("http://bridge.example")
            assert await v.verdict() == words["noAddress"]["message"]
            popup = await v.popup()
            for page in (v.options, popup):
                await page.evaluate("customElements.whenDefined('unwalled-bridge').then(() => true)")
                html = await page.evaluate("[document.documentElement.lang, getComputedStyle(document.body).direction]")
                assert html == ["fa", "rtl"]
                # Every place has its words, all in this language.
                said = await page.evaluate("[...document.querySelectorAll('[data-say]')].map((one) => one.textContent)")
                assert set(said) <= {word["message"] for word in words.values()}
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert await popup.evaluate("document.getElementById('whom').textContent") == words["nobody"]["message"]
            # An address stays written from left to right.
            direction = "getComputedStyle(document.getElementById('address')).direction"
            assert await v.options.evaluate(direction) == "ltr"
            # The icon says the same as the switch does.
            off = await v.options.evaluate(f"{SHADOW}.querySelector('[part=status]').textContent")
            await signs(v.options, ["", f"Unwalled: {off}"])
            assert one.errors == []

    run(main)


@needs_curl
def test_the_extension_helps_a_reader_with_no_page_open(
    tmp_path: Path, packages: Path, bridge_browser: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    content = os.urandom(5 * MIB)
    file = tmp_path / "up"
    file.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest().encode()

    async def main() -> None:
        async with (
            asyncio.timeout(100),
            chain(tmp_path / "chain", bridges=0, certificate=certificate) as c,
            volunteer(bridge_browser, packages, tmp_path / "profile") as v,
        ):
            options = v.options

            def bridges() -> int:
                return c.operator._broker.metrics.bridges.total()

            host = c.operator.url.text.removeprefix("https://")
            await v.choose(f"{c.operator.url.text}/?from=newsletter#switch")
            assert await v.verdict() == f"You chose {host}. Turn the switch on to help."
            await in_state(options, "off")
            assert bridges() == 0
            assert await options.evaluate(SIGN) == ["", "Unwalled: Off. Nothing is sent until you turn it on."]

            await flip_switch(options)
            await asyncio.wait_for(c.reader.client.connected(), PATIENCE_S)
            await in_state(options, "helping")
            await signs(options, ["1", "Unwalled: Helping one person right now."])

            popup = await v.popup()
            await in_state(popup, "helping")
            assert host in await popup.evaluate("document.body.innerText")
            await popup.close()

            upload = curl(*ways(c.at)["socks5"], "-H", "Expect:", "-T", str(file), f"{c.site}/up")
            assert await upload == (0, digest)
            await carried(options, 5 * MIB)

            # No page of it is open any more, and it goes on.
            await v.leave()
            assert bridges() == 1
            upload = curl(*ways(c.at)["socks5"], "-H", "Expect:", "-T", str(file), f"{c.site}/up")
            assert await upload == (0, digest)

            await v.come_back()
            await in_state(v.options, "helping")
            await flip_switch(v.options)
            await in_state(v.options, "off")
            await became(lambda: bridges() == 0, "the broker has lost it")
            await signs(v.options, ["", "Unwalled: Off. Nothing is sent until you turn it on."])

    run(main)


async def signs(page: Page, expected: list[str]) -> None:
    """Waits until the toolbar shows a badge and says a title."""
    seen: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while seen != expected:
            seen = await page.evaluate(SIGN)
            await asyncio.sleep(0.05)


async def carried(page: Page, least: int) -> None:
    """Waits until the switch says that it has passed on so much; it hears of it once a second."""
    seen = 0
    async with asyncio.timeout(PATIENCE_S):
        while seen < least:
            seen = (await stats(page))["bytesUp"]
            await asyncio.sleep(0.05)


async def open_details(page: Page) -> None:
    """Opens everything that lies behind the switch."""
    await page.click(f"{SHADOW}.querySelector('[part=more]')")
    await page.evaluate(
        f"""new Promise((resolve) => setInterval(() => {{
          const boxes = {SHADOW}.querySelectorAll('details');
          for (const box of boxes) box.open = true;
          if (boxes.length) resolve(true);
        }}, 50))"""
    )


def test_it_goes_on_after_the_browser_was_restarted_if_the_volunteer_said_so(
    tmp_path: Path, packages: Path, bridge_browser: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    profile = tmp_path / "profile"

    async def main() -> None:
        async with asyncio.timeout(100), newsroom(tmp_path, certificate=certificate) as room:
            async with volunteer(bridge_browser, packages, profile) as v:
                await v.choose(room.operator.url.text)
                await v.verdict()
                await flip_switch(v.options)
                await in_state(v.options, "waiting")
                await open_details(v.options)
                text = "Go on when the browser starts again"
                found = f"[...{SHADOW}.querySelectorAll('label')].find((one) => one.innerText.startsWith({text!r}))"
                await v.options.click(found)
                await v.options.evaluate(
                    """new Promise((resolve) => setInterval(() => {
                      if (document.querySelector('unwalled-bridge').snapshot.keepHelping) resolve(true);
                    }, 50))"""
                )
            await room.bridges_are(0)
            async with started_again(bridge_browser, packages, profile):
                await room.bridges_are(1)

    run(main)


@asynccontextmanager
async def started_again(browser: Installed, packages: Path, profile: Path) -> AsyncIterator[None]:
    """The same browser, which has the extension already. Nobody turns anything on."""
    if browser.name == "chromium":
        # What comes from no store has to be named each time, and then counts as installed just now.
        named = (f"--load-extension={packages / 'chrome'}", "--disable-features=DisableLoadExtensionCommandLineSwitch")
        async with chromium(browser.path, profile, *CHROMIUM_FLAGS, *named):
            yield
    else:
        async with firefox(browser.path, profile, FIREFOX_PREFERENCES):
            yield


@needs_curl
@pytest.mark.long
@pytest.mark.timeout(300)
def test_it_is_there_for_a_reader_who_comes_after_minutes_of_idleness(
    tmp_path: Path, packages: Path, bridge_browser: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def main() -> None:
        async with (
            newsroom(tmp_path, certificate=certificate) as room,
            volunteer(bridge_browser, packages, tmp_path / "profile") as v,
        ):
            await v.choose(room.operator.url.text)
            await v.verdict()
            await flip_switch(v.options)
            await in_state(v.options, "waiting")
            await v.leave()
            # Chrome ends an idle worker, and Firefox an idle background page, after half a minute.
            await asyncio.sleep(120)
            assert room.bridges == 1
            async with room.person() as person:
                await person.is_connected()
                await person.downloads(2)

    run(main)


def test_choosing_another_newsroom_turns_the_switch_off(
    tmp_path: Path, packages: Path, bridge_browser: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def main() -> None:
        async with (
            asyncio.timeout(100),
            newsroom(tmp_path / "one", certificate=certificate) as one,
            newsroom(tmp_path / "two", certificate=certificate) as two,
            volunteer(bridge_browser, packages, tmp_path / "profile") as v,
        ):
            await v.choose("http://bridge.example")
            assert await v.verdict() == "This is no address of a server, such as https://bridge.example."
            await v.choose(one.operator.url.text)
            await v.verdict()
            await flip_switch(v.options)
            await one.bridges_are(1)
            # An address at which nobody answers changes nothing.
            await v.choose("https://127.0.0.1:1")
            assert "cannot be reached" in await v.verdict()
            assert one.bridges == 1
            await v.choose(two.operator.url.text)
            await one.bridges_are(0)
            await in_state(v.options, "off")
            await flip_switch(v.options)
            await two.bridges_are(1)
            assert one.bridges == 0

    run(main)
