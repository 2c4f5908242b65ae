"""What is around the reader in its program: the panel. It comes when the start is over, which is waited for."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from unwalled.app.way import load
from unwalled.cli.output import say, warn
from unwalled.errors import ConfigurationError
from unwalled.settings import APP

if TYPE_CHECKING:
    from unwalled.app.home import Home
    from unwalled.app.service import ReaderService


@asynccontextmanager
async def surrounded(service: ReaderService, home: Home | None, *, has_panel: bool) -> AsyncIterator[None]:
    """All of it, for as long as the block runs. ``home`` None = nothing may be left on the disk."""
    async with asyncio.TaskGroup() as group:
        around = group.create_task(_keep(service, home, has_panel), name="around the reader")
        try:
            yield
        finally:
            around.cancel()


async def _keep(service: ReaderService, home: Home | None, has_panel: bool) -> None:
    if service.has_invite:
        await service.settled(APP.start_s)
        await asyncio.sleep(APP.after_start_s)
    if has_panel:
        await _serve_panel(service, home)


async def _serve_panel(service: ReaderService, home: Home | None) -> None:
    await load("unwalled.panel.server", "unwalled.panel.opening")
    from unwalled.panel.opening import open_panel, remove_opener, write_opener
    from unwalled.panel.server import PanelServer

    panel = PanelServer(service)
    try:
        try:
            await panel.start()
        except ConfigurationError as error:
            warn(f"There is no panel: {error.cause}")
            return
        place = panel.url if sys.stdout.isatty() else ""
        if home is not None:
            try:
                file = write_opener(home.folder, panel.url)
            except ConfigurationError:
                warn("The panel's address could not be written down, so a second start will not find it.")
            else:
                # The address is a secret, which should not get into a log.
                place = place or file.as_uri()
        if place:
            say(f"panel {place}")
        if home is not None and not service.has_invite:
            await asyncio.to_thread(open_panel, home.folder)
        await asyncio.Event().wait()
    finally:
        if home is not None:
            remove_opener(home.folder)
        await panel.close()


def has_screen(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a browser can be opened for whoever started this program."""
    return platform in ("win32", "darwin") or any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
