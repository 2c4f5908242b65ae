"""Chromium and Firefox as bridges, driven in the same way, and what tests ask a page with the switch on it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from tests.support.chromium import chromium
from tests.support.firefox import firefox

PATIENCE_S = 30.0
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
"""Of a Chromium that Playwright starts. It talks to nobody but the page's servers."""

_ELEMENT = "document.querySelector('unwalled-bridge')"


class Page(Protocol):
    """One tab of either browser."""

    async def goto(self, url: str) -> None: ...
    async def reload(self) -> None: ...
    async def before_scripts(self, declaration: str) -> None: ...
    async def evaluate(self, expression: str) -> Any: ...
    async def click(self, expression: str) -> None: ...
    async def bring_to_front(self) -> None: ...
    async def set_offline(self, offline: bool) -> None: ...
    async def close(self) -> None: ...


class Browser(Protocol):
    """Either browser."""

    errors: list[str]
    process: asyncio.subprocess.Process

    async def new_page(self) -> Page: ...
    async def page_at(self, part: str) -> Page: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Installed:
    """A browser of this machine."""

    name: Literal["chromium", "firefox"]
    path: str

    @asynccontextmanager
    async def running(self, profile: Path, *flags: str) -> AsyncIterator[Browser]:
        """Starts it; ``flags`` are for Chromium. No page may have had an uncaught error when it ends."""
        if self.name == "chromium":
            async with chromium(self.path, profile, *flags) as one:
                yield one
                errors = one.errors
        else:
            async with firefox(self.path, profile) as other:
                yield other
                errors = other.errors
        assert errors == [], errors


async def flip_switch(page: Page) -> None:
    """Clicks on the switch, as a visitor does."""
    await page.click(f"""customElements.whenDefined('unwalled-bridge').then(
      () => {_ELEMENT}.shadowRoot.querySelector('[role=switch]'))""")


async def in_state(page: Page, *states: str, within_s: float = PATIENCE_S) -> None:
    """Waits until the switch shows one of the states."""
    try:
        async with asyncio.timeout(within_s):
            await page.evaluate(f"""new Promise((resolve) => {{
              const look = () => {list(states)}.includes({_ELEMENT}.state) && resolve(true);
              document.addEventListener('statechange', look);
              look();
            }})""")
    except TimeoutError:
        raise AssertionError(f"not {states}, but {await page.evaluate(_ELEMENT + '.state')}") from None


async def stats(page: Page) -> dict[str, int]:
    """What the page says of itself: readers, lanes, bytesUp, bytesDown."""
    found: dict[str, int] = await page.evaluate(
        f"(({{ readers, lanes, bytesUp, bytesDown }}) => ({{ readers, lanes, bytesUp, bytesDown }}))({_ELEMENT}.stats)"
    )
    return found
