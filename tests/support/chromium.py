"""A real Chromium, driven by the DevTools protocol over a pipe: https://chromedevtools.github.io/devtools-protocol/.

It is as a visitor has it: nothing is emulated, timers of hidden pages are held back, other tabs are really hidden. (The
usual drivers turn all that off.) The pipe is also the only way on which Chromium takes an extension from a driver.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 30.0

_NO_PROXY = "--no-proxy-server"
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--enable-unsafe-extension-debugging",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    # It talks to nobody but the operator and the reader.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-client-side-phishing-detection",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
    _NO_PROXY,
)
_MOST_BYTES = 1 << 26

Event = Callable[[dict[str, Any]], None]


class ChromiumFailed(Exception):
    """Chromium did not do what it was asked for."""


class ChromiumPage:
    """One page, or another thing that runs scripts. Get it from ``Chromium``."""

    def __init__(self, chromium: Chromium, target: str, session: str) -> None:
        self._chromium = chromium
        self._target = target
        self._session = session
        self._loaded = asyncio.Event()
        chromium.hear(session, "Page.loadEventFired", lambda _: self._loaded.set())
        chromium.hear(session, "Page.javascriptDialogOpening", self._answer)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command to this page. Raises ChromiumFailed."""
        return await self._chromium.call(method, self._session, **parameters)

    def hear(self, method: str, event: Event) -> None:
        """Calls ``event`` with the parameters of each such event of this page."""
        self._chromium.hear(self._session, method, event)

    def _answer(self, dialog: dict[str, Any]) -> None:
        """A page that helps somebody asks whether to leave it; until that is answered it goes nowhere."""
        if dialog["type"] == "beforeunload":
            self._chromium.send("Page.handleJavaScriptDialog", self._session, accept=True)

    async def goto(self, url: str) -> None:
        """Opens a page and waits until it has loaded."""
        self._loaded.clear()
        navigated = await self.call("Page.navigate", url=url)
        if navigated.get("errorText"):
            raise ChromiumFailed(f"navigation: {navigated['errorText']}")
        await asyncio.wait_for(self._loaded.wait(), PATIENCE_S)

    async def reload(self) -> None:
        """The same page once more."""
        self._loaded.clear()
        await self.call("Page.reload")
        await asyncio.wait_for(self._loaded.wait(), PATIENCE_S)

    async def before_scripts(self, declaration: str) -> None:
        """Runs a function (such as ``() => {…}``) in each of the tab's documents before their own scripts."""
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=f"({declaration})()")

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited; what JSON can say of it."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise ChromiumFailed(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    async def click(self, expression: str) -> None:
        """Clicks in the middle of the element that an expression gives, once it is shown, with a real pointer."""
        middle = await self.evaluate(
            f"""(async () => {{
              const element = await ({expression});
              while (!element.getClientRects().length) await new Promise((later) => setTimeout(later, 20));
              element.scrollIntoView({{ block: 'nearest' }});
              const box = element.getBoundingClientRect();
              return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, **middle, button="left", clickCount=1)

    async def bring_to_front(self) -> None:
        """Makes it the tab that is seen."""
        await self._chromium.call("Target.activateTarget", targetId=self._target)

    async def set_offline(self, offline: bool) -> None:
        """Takes the network away, or gives it back. What is connected stays so."""
        await self.call("Network.enable")
        rate = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        await self.call("Network.emulateNetworkConditions", offline=offline, **rate)

    async def close(self) -> None:
        """Closes the tab."""
        await self._chromium.call("Target.closeTarget", targetId=self._target)


class Chromium:
    """One browser. Get it from ``chromium``."""

    def __init__(self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, write_end: int) -> None:
        self.process = process
        self.errors: list[str] = []
        """Uncaught errors of all pages."""
        self._reader = reader
        self._write_end = write_end
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[tuple[str, str], list[Event]] = {}
        self._last_id = 0

    def hear(self, session: str, method: str, event: Event) -> None:
        """Calls ``event`` with the parameters of each such event."""
        self._events.setdefault((session, method), []).append(event)

    async def new_page(self) -> ChromiumPage:
        """A new tab, in front of the others."""
        created = await self.call("Target.createTarget", url="about:blank")
        return await self._attach(created["targetId"])

    async def page_at(self, part: str) -> ChromiumPage:
        """The page, or other thing that runs scripts, whose URL has ``part`` in it; waited for within a bound."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                everything = [{"type": "tab", "exclude": True}, {}]
                targets = await self.call("Target.getTargets", filter=everything)
                for target in targets["targetInfos"]:
                    if part in target["url"]:
                        return await self._attach(target["targetId"])
                await asyncio.sleep(0.05)

    async def install(self, folder: Path) -> str:
        """Installs an unpacked extension; its id."""
        return str((await self.call("Extensions.loadUnpacked", path=str(folder)))["id"])

    async def call(self, method: str, session: str = "", /, **parameters: Any) -> dict[str, Any]:
        """One command and its result. Raises ChromiumFailed."""
        number = self.send(method, session, **parameters)
        self._waiting[number] = future = asyncio.get_running_loop().create_future()
        try:
            answer = await asyncio.wait_for(future, PATIENCE_S)
        finally:
            del self._waiting[number]
        if "error" in answer:
            raise ChromiumFailed(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def send(self, method: str, session: str = "", /, **parameters: Any) -> int:
        """One command whose result nobody waits for; its number."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        # Commands are far smaller than what a pipe holds.
        os.write(self._write_end, json.dumps(message).encode() + b"\0")
        return self._last_id

    async def receive(self) -> None:
        """Hands answers and events to those who wait for them, until the browser has gone."""
        try:
            while True:
                told = json.loads((await self._reader.readuntil(b"\0"))[:-1])
                if "id" not in told:
                    self._tell(told)
                elif (future := self._waiting.get(told["id"])) is not None and not future.done():
                    future.set_result(told)
        except asyncio.IncompleteReadError:
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ChromiumFailed("Chromium has ended."))

    def _tell(self, told: dict[str, Any]) -> None:
        if told["method"] == "Runtime.exceptionThrown":
            details = told["params"]["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        for event in self._events.get((told.get("sessionId", ""), told["method"]), ()):
            event(told["params"])

    async def _attach(self, target: str) -> ChromiumPage:
        attached = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = ChromiumPage(self, target, attached["sessionId"])
        await page.call("Runtime.enable")
        # A worker has no page.
        with contextlib.suppress(ChromiumFailed):
            await page.call("Page.enable")
        return page


@contextlib.asynccontextmanager
async def chromium(executable: str, profile: Path, *flags: str) -> AsyncIterator[Chromium]:
    """A Chromium with a profile of its own, which may be one of before; gone, and all its processes, at the end.

    It uses no proxy, unless a flag names one.
    """
    own = [flag for flag in _FLAGS if flag != _NO_PROXY or not any(given.startswith("--proxy-") for given in flags)]
    to_browser, write_end = os.pipe()
    read_end, from_browser = os.pipe()
    arguments = (executable, *own, f"--user-data-dir={profile}", *flags, "about:blank")
    try:
        process = await asyncio.create_subprocess_exec(
            # It reads from descriptor 3 and writes to 4. (Dash would know only descriptors of one digit.)
            *("bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(to_browser, from_browser),
            start_new_session=True,
        )
    finally:
        os.close(to_browser)
        os.close(from_browser)
    try:
        async with contextlib.AsyncExitStack() as undo:
            undo.callback(os.close, write_end)
            reader = asyncio.StreamReader(limit=_MOST_BYTES)
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
            )
            undo.callback(transport.close)
            made = Chromium(process, reader, write_end)
            receiving = asyncio.create_task(made.receive(), name="chromium's answers")
            undo.callback(receiving.cancel)
            yield made
            with contextlib.suppress(ChromiumFailed, TimeoutError, OSError):
                await made.call("Browser.close")
            await asyncio.wait_for(process.wait(), PATIENCE_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
