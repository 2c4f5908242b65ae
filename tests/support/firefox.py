"""A real Firefox, driven by WebDriver BiDi, which it speaks by itself: https://w3c.github.io/webdriver-bidi/.

    start ─► "WebDriver BiDi listening on ws://…" ─► session.new ─► browsingContext.create ─► navigate, evaluate, click

The protocol needs one WebSocket and JSON, so no further package and no driver program between.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE_S = 30.0

_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_PREFERENCES: Mapping[str, bool | int | str] = {
    # It talks to nobody but the operator and the reader.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.startup.page": 0,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "geo.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "messaging-system.rsexperimentloader.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "signon.autofillForms": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "data:,",
    # One page and its bridge; no process is kept in store for a next one.
    "dom.ipc.processPrelaunch.enabled": False,
}


class FirefoxFailed(Exception):
    """Firefox did not do what it was asked for."""


class FirefoxPage:
    """One tab. Get it from ``Firefox.new_page``."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context

    async def goto(self, url: str) -> None:
        """Opens a page and waits until it has loaded."""
        await self._firefox.call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self) -> None:
        """The same page once more."""
        await self._firefox.call("browsingContext.reload", context=self._context, wait="complete")

    async def before_scripts(self, declaration: str) -> None:
        """Runs a function (such as ``() => {…}``) in each of the tab's documents before their own scripts."""
        await self._firefox.call("script.addPreloadScript", functionDeclaration=declaration, contexts=[self._context])

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited; what JSON can say of it."""
        declaration = f"async () => JSON.stringify(await ({expression}))"
        value = await self._function(declaration)
        return json.loads(value["value"]) if value["type"] == "string" else None

    async def click(self, expression: str) -> None:
        """Clicks in the middle of the element that an expression gives, once it is shown, with a real pointer."""
        node = await self._function(
            f"""async () => {{
              const element = await ({expression});
              while (!element.getClientRects().length) await new Promise((later) => setTimeout(later, 20));
              element.scrollIntoView({{ block: 'nearest' }});
              return element;
            }}"""
        )
        if node["type"] != "node":
            raise FirefoxFailed(f"No element: {expression}")
        origin = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps}
        await self._firefox.call("input.performActions", context=self._context, actions=[pointer])

    async def bring_to_front(self) -> None:
        """Makes it the tab that is seen."""
        await self._firefox.call("browsingContext.activate", context=self._context)

    async def set_offline(self, offline: bool) -> None:
        """Takes the network away, or gives it back. What is connected stays so."""
        conditions = {"type": "offline"} if offline else None
        await self._firefox.call(
            "emulation.setNetworkConditions", networkConditions=conditions, contexts=[self._context]
        )

    async def close(self) -> None:
        """Closes the tab."""
        await self._firefox.call("browsingContext.close", context=self._context)

    async def _function(self, declaration: str) -> dict[str, Any]:
        answer = await self._firefox.call(
            "script.callFunction",
            functionDeclaration=declaration,
            awaitPromise=True,
            target={"context": self._context},
            userActivation=False,
        )
        if answer["type"] != "success":
            raise FirefoxFailed(answer["exceptionDetails"]["text"])
        result: dict[str, Any] = answer["result"]
        return result


class Firefox:
    """One browser. Get it from ``firefox``."""

    def __init__(self, process: asyncio.subprocess.Process, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.process = process
        self.errors: list[str] = []
        """Uncaught errors of all pages."""
        self._socket = socket
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0

    async def new_page(self) -> FirefoxPage:
        """A new tab, in front of the others."""
        created = await self.call("browsingContext.create", type="tab")
        return FirefoxPage(self, created["context"])

    async def page_at(self, part: str) -> FirefoxPage:
        """The tab or the frame in one whose URL has ``part`` in it, waited for within a bound."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                contexts = (await self.call("browsingContext.getTree"))["contexts"]
                for context in contexts:
                    if part in context["url"]:
                        return FirefoxPage(self, context["context"])
                    contexts += context["children"]
                await asyncio.sleep(0.05)

    async def install(self, archive: Path) -> str:
        """Installs an extension for good; its id. Without a signature it needs a preference."""
        data = {"type": "archivePath", "path": str(archive)}
        installed = await self.call("webExtension.install", extensionData=data, **{"moz:permanent": True})
        return str(installed["extension"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its result. Raises FirefoxFailed."""
        self._last_id += 1
        number = self._last_id
        self._waiting[number] = future = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send_json({"id": number, "method": method, "params": parameters})
            answer = await asyncio.wait_for(future, PATIENCE_S)
        finally:
            del self._waiting[number]
        if answer["type"] == "error":
            raise FirefoxFailed(f"{method}: {answer['error']}: {answer['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def receive(self) -> None:
        """Hands answers to those who wait, until the browser has gone."""
        try:
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                told = message.json()
                if told["type"] == "event":
                    self._hear(told["method"], told["params"])
                elif (future := self._waiting.get(told.get("id") or 0)) is not None and not future.done():
                    future.set_result(told)
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(FirefoxFailed("Firefox has ended."))

    def _hear(self, method: str, parameters: dict[str, Any]) -> None:
        if method != "log.entryAdded" or parameters["type"] != "javascript" or parameters["level"] != "error":
            return
        # That a server has gone is no error of a script's.
        if not parameters["text"].startswith(("The connection to ", "Firefox can’t establish a connection ")):
            self.errors.append(parameters["text"])


@contextlib.asynccontextmanager
async def firefox(
    executable: str, profile: Path, preferences: Mapping[str, bool | int | str] | None = None
) -> AsyncIterator[Firefox]:
    """A Firefox with a profile of its own, which may be one of before; gone, and all its processes, at the end."""
    _prepare(profile, {**_PREFERENCES, **(preferences or {})})
    process = await asyncio.create_subprocess_exec(
        *(executable, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # Firefox as root refuses a home that is somebody else's.
        env={**os.environ, "HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1", "MOZ_HEADLESS_WIDTH": "1280"},
        start_new_session=True,
    )
    try:
        async with contextlib.AsyncExitStack() as undo:
            url = await asyncio.wait_for(_listening(process), PATIENCE_S)
            # What it says later must be read, or it would stand still with a full pipe.
            reading = asyncio.create_task(_drain(process), name="firefox's words")
            undo.callback(reading.cancel)
            http = await undo.enter_async_context(aiohttp.ClientSession(trust_env=False))
            socket = await undo.enter_async_context(http.ws_connect(f"{url}/session", max_msg_size=0))
            made = Firefox(process, socket)
            receiving = asyncio.create_task(made.receive(), name="firefox's answers")
            undo.callback(receiving.cancel)
            await made.call("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
            await made.call("session.subscribe", events=["log.entryAdded"])
            yield made
            with contextlib.suppress(FirefoxFailed, TimeoutError, ConnectionError):
                await made.call("browser.close")
            await asyncio.wait_for(process.wait(), PATIENCE_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _prepare(profile: Path, preferences: Mapping[str, bool | int | str]) -> None:
    profile.mkdir(parents=True, exist_ok=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    (profile / "user.js").write_text("".join(lines))


async def _listening(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := _LISTENING.search(line.decode(errors="replace")):
            return found[1]
    raise FirefoxFailed("Firefox did not start.")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while await process.stderr.read(65_536):
        pass
