"""The demo's story, step by step: wall, operator, switch, match, page, download. Each step is shown as it happens.

    site (this process) ◄── operator ◄── bridge (Chromium's page, or the headless twin) ◄── reader ◄── this process

All but the site are processes of their own, as they would be on machines of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console

from unwalled.clock import SystemClock
from unwalled.demo.browser import BrowserFailed, Chromium, find_chromium
from unwalled.demo.processes import Program, ProgramEnded
from unwalled.demo.site import Content, WalledSite, gateway_address
from unwalled.errors import UnwalledError
from unwalled.settings import PROGRAM

_NUMBER = re.compile(r"^unwalled_(gateway_lanes|broker_bridges)(?:\{[^}]*\})? (\d+)", re.MULTILINE)
_READER_OPTIONS = ("--listen", "127.0.0.1:0", "--no-remember", "--no-panel")
_CLIENT_ERRORS = (aiohttp.ClientError, ConnectionError, TimeoutError)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `unwalled demo` is told."""

    once: bool = False
    no_browser: bool = False
    headed: bool = False


class StepFailed(UnwalledError):
    """A step of the demo did not go as it must."""


async def run_demo(options: DemoOptions) -> int:
    """Shows the chain; 0 when every step worked, 1 when one did not. When cancelled, everything is ended first."""
    async with contextlib.AsyncExitStack() as undo:
        return await _Story(options, undo).tell()


class _Story:
    """One run. What it starts goes on the stack ``undo``, which ends the last first."""

    def __init__(self, options: DemoOptions, undo: contextlib.AsyncExitStack) -> None:
        self._options = options
        self._undo = undo
        self._clock = SystemClock()
        self._console = Console(highlight=False)
        self._began = self._clock.monotonic()
        self._content = Content.make()
        self._programs: list[Program] = []
        self._http: aiohttp.ClientSession
        self._folder: Path
        self._site: WalledSite
        self._allowed: str | None = None
        self._site_url = ""
        self._operator_url = ""
        self._invite = ""
        self._proxy = ""
        self._browser: Chromium | None = None

    async def tell(self) -> int:
        """All steps, and then the addresses for playing by hand."""
        say = self._console.print
        timeout = aiohttp.ClientTimeout(total=PROGRAM.demo_step_s)
        self._http = await self._undo.enter_async_context(aiohttp.ClientSession(timeout=timeout, trust_env=False))
        folder = tempfile.TemporaryDirectory(prefix="unwalled-demo-", ignore_cleanup_errors=True)
        self._folder = Path(self._undo.enter_context(folder))
        steps = (
            ("starting a site behind a wall", self._start_site),
            ("trying to read it directly", self._read_directly),
            ("starting the operator", self._start_operator),
            ("finding a bridge", self._start_bridge),
            ("starting the reader", self._start_reader),
            ("waiting for the match", self._match),
            ("reading the page", self._read_page),
            ("downloading", self._download),
            ("counting", self._count),
        )
        say("[bold]Unwalled[/bold]: the whole chain on this computer\n")
        for doing, step in steps:
            began = self._clock.monotonic()
            try:
                with self._console.status(f"{doing} …"):
                    done = await step()
            except (UnwalledError, *_CLIENT_ERRORS) as error:
                self._show_failure(doing, error)
                return 1
            self._show(done, began)
        if self._options.once:
            say("\n[green]All steps worked.[/green]")
            return 0
        self._show_addresses()
        return await self._stay()

    # The steps. Each gives the sentence that tells what came of it.

    async def _start_site(self) -> str:
        self._allowed = gateway_address()
        self._site = WalledSite(self._content, self._allowed)
        self._undo.push_async_callback(self._site.close)
        self._site_url = await self._site.start()
        if self._allowed is None:
            return f"A site is up at {self._site_url}. [yellow]This system has no second address, so it lets all in."
        return f"A site is up at {self._site_url}. It lets in the gateway's address {self._allowed} and nobody else"

    async def _read_directly(self) -> str:
        try:
            async with self._http.get(self._site_url) as response:
                await response.read()
        except _CLIENT_ERRORS:
            if not self._site.cut:
                raise StepFailed("The site could not be reached, but it did not cut the connection either.") from None
            return "Direct access is [red]refused[/red]: the site cuts the connection"
        if self._allowed is None:
            return "[yellow]Direct access is not refused here[/yellow], see above"
        raise StepFailed("The site let in a reader who came directly.", "The wall does not stand; please tell us.")

    async def _start_operator(self) -> str:
        arguments = ["--listen", "127.0.0.1:0", "--data", str(self._folder / "operator"), "--allow-private"]
        if self._allowed is not None:
            arguments += ["--egress-bind", self._allowed]
        operator = await self._start("The operator", "operate", *arguments)
        ready = dict(word.split("=", 1) for word in (await operator.line(_is_ready)).split()[1:])
        self._operator_url, self._invite = ready["url"], ready["invite"]
        return f"The operator serves at {self._operator_url}: broker, gateway, and the page with the switch"

    async def _start_bridge(self) -> str:
        chromium = None if self._options.no_browser else find_chromium()
        if chromium is None:
            why = "as you wished" if self._options.no_browser else "no Chromium or Chrome was found"
            return await self._start_twin(why)
        try:
            async with contextlib.AsyncExitStack() as undo:
                browser = await Chromium.start(chromium, self._folder / "profile", headed=self._options.headed)
                undo.push_async_callback(browser.stop)
                await browser.open(self._operator_url + "/")
                await browser.flip_switch()
                self._undo.push_async_exit(undo.pop_all())
        except BrowserFailed as failed:
            return await self._start_twin(f"a browser was found, but: {failed}")
        self._browser = browser
        self._programs.append(browser.program)
        return f"The switch is flipped in a real browser ({browser.version}): its page is a bridge now"

    async def _start_twin(self, why: str) -> str:
        twin = await self._start("The bridge", "bridge", self._operator_url)
        await twin.line(_is_ready)
        return f"The headless bridge waits for readers ([yellow]no browser[/yellow]: {why})"

    async def _start_reader(self) -> str:
        invite = (self._invite + "\n").encode()
        reader = await self._start("The reader", "connect", "-", *_READER_OPTIONS, stdin=invite)
        self._proxy = (await reader.line(_is_ready)).partition("proxy=")[2]
        return f"The reader is up: a SOCKS5 and HTTP proxy at {self._proxy}"

    async def _match(self) -> str:
        reader = self._programs[-1]
        await reader.line(lambda line: line.startswith("connected"))
        return "The broker has matched reader and bridge, and the session with the gateway stands"

    async def _read_page(self) -> str:
        began = self._clock.monotonic()
        async with self._http.get(self._site_url, proxy=f"http://{self._proxy}") as response:
            page = await response.read()
        took_s = self._clock.monotonic() - began
        if response.status != 200:
            raise StepFailed(f"The page was not read: {page.decode(errors='replace').strip()}")
        digest = hashlib.sha256(page).hexdigest()
        if digest != self._content.page_hash:
            raise StepFailed("What came through the bridge is not what the site sent.")
        return (
            f"The page is [green]read through the bridge[/green] in {took_s * 1000:.0f} ms, unchanged ({digest[:12]}…)"
        )

    async def _download(self) -> str:
        began = self._clock.monotonic()
        digest, size = hashlib.sha256(), 0
        async with self._http.get(f"{self._site_url}/download", proxy=f"http://{self._proxy}") as response:
            async for chunk in response.content.iter_any():
                digest.update(chunk)
                size += len(chunk)
        took_s = self._clock.monotonic() - began
        if response.status != 200 or digest.hexdigest() != self._content.download_hash:
            raise StepFailed("The download through the bridge is not what the site sent.")
        rate = size * 8 / took_s / 1e6
        return f"{size / 1e6:.0f} MB came in {took_s:.1f} s: [bold]{rate:.0f} Mbit/s[/bold], unchanged"

    async def _count(self) -> str:
        async with self._http.get(f"{self._operator_url}/metrics") as response:
            numbers = {name: int(value) for name, value in _NUMBER.findall(await response.text())}
        bridges, lanes = numbers.get("broker_bridges", 0), numbers.get("gateway_lanes", 0)
        if not bridges or not lanes:
            raise StepFailed("The operator counts no bridge or no lane, though bytes came through.")
        words = f"The gateway counts {lanes} lanes over {bridges} bridge"
        if self._browser is None:
            return words
        page = await self._browser.stats()
        carried = (page["bytesUp"] + page["bytesDown"]) / 1e6
        return f"{words}; the page counts {page['lanes']} lanes and {carried:.1f} MB for {page['readers']} reader"

    # Around the steps.

    async def _start(self, name: str, *arguments: str, stdin: bytes = b"") -> Program:
        program = await Program.start_own(name, *arguments, stdin=stdin)
        self._undo.push_async_callback(program.stop)
        self._programs.append(program)
        return program

    async def _stay(self) -> int:
        """Until Ctrl-C, or until a part ends by itself."""
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(program.ended(), name="demo program") for program in self._programs]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
        gone = next(program for program in self._programs if not program.is_running)
        self._show_failure("staying up", ProgramEnded(f"{gone.name} has ended: {gone.last_words}"))
        return 1

    def _show(self, sentence: str, began: float) -> None:
        took_s = self._clock.monotonic() - began
        self._console.print(f"[green]✓[/green] {took_s:5.2f} s  {sentence}", soft_wrap=True)

    def _show_failure(self, doing: str, error: BaseException) -> None:
        words = str(error) or type(error).__name__
        self._console.print(f"[red]✗[/red] {doing}: ", end="", soft_wrap=True)
        self._console.print(words, markup=False, soft_wrap=True)
        for program in self._programs:
            if not program.is_running:
                self._console.print(f"  {program.name} has ended: {program.last_words}", markup=False, soft_wrap=True)

    def _show_addresses(self) -> None:
        lines = (
            "",
            "Everything stays up. Try it by hand:",
            f"  the page with the switch   {self._operator_url}/",
            f"  through the bridge         curl -x http://{self._proxy} {self._site_url}/",
            f"  the same by SOCKS5         curl -x socks5h://{self._proxy} {self._site_url}/",
            f"  directly, and refused      curl {self._site_url}/",
            f"  the operator's numbers     {self._operator_url}/metrics",
            "",
            "Ctrl-C ends all of it.",
        )
        for line in lines:
            self._console.print(line, markup=False, soft_wrap=True)


def _is_ready(line: str) -> bool:
    return line.startswith("ready ")
