"""A real Chromium that opens the operator's page and flips the real switch, driven by the DevTools protocol.

    start ─► "DevTools listening on ws://…" ─► createTarget(page) ─► attach ─► click on the switch ─► its state

The protocol needs one WebSocket and JSON, so no further package: https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import aiohttp

from unwalled.demo.processes import Program, ProgramEnded
from unwalled.errors import UnwalledError
from unwalled.settings import PROGRAM
from unwalled.tasks import TaskOwner

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_MAC_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_FLAGS = (
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--use-mock-keychain",
    # It talks to nobody but the operator and the reader.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-client-side-phishing-detection",
    "--metrics-recording-only",
    "--no-pings",
    "--no-proxy-server",
    # The reader is on this machine, where WebRTC does not look by default.
    "--allow-loopback-in-peer-connection",
    # Nobody looks at the window, and still it is the bridge.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
_LISTENING = re.compile(r"DevTools listening on (ws://\S+)")
_ELEMENT = "document.querySelector('unwalled-bridge')"
_MIDDLE_OF_SWITCH = f"""
(async () => {{
  await customElements.whenDefined('unwalled-bridge');
  const box = {_ELEMENT}.shadowRoot.querySelector('[role=switch]').getBoundingClientRect();
  return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
}})()"""
_IN_STATE = f"""
new Promise((resolve) => {{
  const wanted = ['waiting', 'helping', 'error', 'unsupported'];
  const look = () => wanted.includes({_ELEMENT}.state) && resolve({_ELEMENT}.state);
  document.addEventListener('statechange', look);
  look();
}})"""
_STATS = f"(({{ readers, lanes, bytesUp, bytesDown }}) => ({{ readers, lanes, bytesUp, bytesDown }}))({_ELEMENT}.stats)"


class BrowserFailed(UnwalledError):
    """The browser did not start, or did not do what it was asked for."""


def find_chromium() -> str | None:
    """The path of a Chromium or one of its kin; the one that UNWALLED_CHROMIUM names comes first."""
    named = os.environ.get("UNWALLED_CHROMIUM")
    if named:
        return shutil.which(named)
    if sys.platform == "darwin":
        return next((path for path in _MAC_PATHS if Path(path).exists()), None)
    return next((path for name in _NAMES if (path := shutil.which(name)) is not None), None)


class Chromium:
    """One browser with one page. Get it from ``start``; ``stop`` it in the end."""

    def __init__(self, program: Program, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        """For ``start``."""
        self._program = program
        self._http = http
        self._socket = socket
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._page = ""
        self._loaded = asyncio.Event()
        self._tasks = TaskOwner()
        self._tasks.start(self._receive(), "browser messages")
        self.version = ""
        """Such as ``Chrome/131.0.6778.85``."""

    @classmethod
    async def start(cls, executable: str, profile: Path, *, headed: bool) -> Chromium:
        """Starts a browser with a fresh profile. Raises BrowserFailed."""
        flags = [*_FLAGS, f"--user-data-dir={profile}"]
        if not headed:
            flags.append("--headless=new")
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Chromium refuses to sandbox itself as root; this one opens a single page of our own.
            flags.append("--no-sandbox")
        async with contextlib.AsyncExitStack() as undo:
            http = await undo.enter_async_context(aiohttp.ClientSession(trust_env=False))
            try:
                program = await Program.start("Chromium", [executable, *flags, "about:blank"])
                undo.push_async_callback(program.stop)
                line = await program.line(lambda line: _LISTENING.search(line) is not None, errors=True)
                socket = await http.ws_connect(line.partition("listening on ")[2].strip(), max_msg_size=0)
            except (ProgramEnded, aiohttp.ClientError, OSError) as error:
                raise BrowserFailed(f"Chromium did not start: {error}") from None
            browser = cls(program, http, socket)
            undo.push_async_callback(browser.stop)
            browser.version = str((await browser._call("Browser.getVersion"))["product"])
            undo.pop_all()
            return browser

    @property
    def program(self) -> Program:
        """The browser's process."""
        return self._program

    async def open(self, url: str) -> None:
        """Opens the page. Raises BrowserFailed."""
        target = await self._call("Target.createTarget", {"url": "about:blank"})
        attached = await self._call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        self._page = attached["sessionId"]
        await self._call("Page.enable")
        self._loaded.clear()
        navigated = await self._call("Page.navigate", {"url": url})
        if navigated.get("errorText"):
            raise BrowserFailed("The page with the switch could not be opened.")
        try:
            async with asyncio.timeout(PROGRAM.demo_step_s):
                await self._loaded.wait()
        except TimeoutError:
            raise BrowserFailed("The page with the switch did not load in time.") from None

    async def flip_switch(self) -> None:
        """Clicks on the switch as a visitor does, and waits until the page is a bridge. Raises BrowserFailed."""
        middle = await self._evaluate(_MIDDLE_OF_SWITCH)
        for kind in ("mousePressed", "mouseReleased"):
            click = {"type": kind, "x": middle["x"], "y": middle["y"], "button": "left", "clickCount": 1}
            await self._call("Input.dispatchMouseEvent", click)
        state = await self._evaluate(_IN_STATE)
        if state not in ("waiting", "helping"):
            raise BrowserFailed(f"The switch was flipped, but the page says {state!r}.")

    async def stats(self) -> dict[str, int]:
        """What the page says of itself: readers, lanes, bytesUp, bytesDown."""
        found: dict[str, int] = await self._evaluate(_STATS)
        return found

    async def stop(self) -> None:
        """Ends the browser."""
        await self._tasks.close()
        await self._http.close()
        await self._program.stop()

    async def _evaluate(self, expression: str) -> Any:
        answer = await self._call(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
        if "exceptionDetails" in answer:
            raise BrowserFailed("The page with the switch did not work in this browser.")
        return answer["result"].get("value")

    async def _call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        self._last_id += 1
        number = self._last_id
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters or {}}
        if self._page:
            message["sessionId"] = self._page
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout(PROGRAM.demo_step_s):
                await self._socket.send_json(message)
                answer = await future
        except (TimeoutError, aiohttp.ClientError, ConnectionError):
            raise BrowserFailed("Chromium does not answer any more.") from None
        finally:
            del self._waiting[number]
        if "error" in answer:
            raise BrowserFailed(f"Chromium refused {method}: {answer['error'].get('message', '')}")
        result: dict[str, Any] = answer["result"]
        return result

    async def _receive(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    answer = message.json()
                    if answer.get("method") == "Page.loadEventFired":
                        self._loaded.set()
                    future = self._waiting.get(answer.get("id", 0))
                    if future is not None and not future.done():
                        future.set_result(answer)
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(BrowserFailed("Chromium has ended."))
