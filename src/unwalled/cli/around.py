"""What is around the reader in its program: rules, the system's settings, panel, tray. They come after its start."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from unwalled.app.way import load
from unwalled.cli.output import say, warn
from unwalled.errors import ConfigurationError, UnwalledError
from unwalled.settings import APP

if TYPE_CHECKING:
    from unwalled.app.home import Home
    from unwalled.app.rulesbook import RulesBook
    from unwalled.app.service import ReaderService
    from unwalled.desktop.keeper import DesktopKeeper


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
    await load("unwalled.app.ruled")
    from unwalled.app.ruled import with_rules

    async with with_rules(service, home) as rules, asyncio.TaskGroup() as group:
        for notice in service.take_notices():
            warn(notice)
        desktop = None
        if home is not None:
            await load("unwalled.desktop.autostart", "unwalled.desktop.keeper", "unwalled.desktop.system_proxy")
            desktop = _desktop(service, home)
            group.create_task(desktop.run(), name="the system's settings")
            if has_panel and has_session_bus():
                group.create_task(_show_tray(service, home), name="tray")
        if has_panel:
            await _serve_panel(service, home, rules, desktop)
        await asyncio.Event().wait()


def _desktop(service: ReaderService, home: Home) -> DesktopKeeper:
    from unwalled.app.home import SYSTEM_PROXY
    from unwalled.desktop import autostart
    from unwalled.desktop.keeper import DesktopKeeper
    from unwalled.desktop.system_proxy import SystemProxy

    proxy = SystemProxy(home.path(SYSTEM_PROXY))
    # Nothing is opened then, but a later start by hand finds the panel.
    command = autostart.own_command("connect")

    def tell(error: UnwalledError) -> None:
        warn(f"{error.cause} {error.remedy}".rstrip())

    return DesktopKeeper(service, proxy, autostart.login_start(), command, tell)


async def _show_tray(service: ReaderService, home: Home) -> None:
    """An icon in the tray, where there is one and the extra for it is installed; else nothing."""
    try:
        await load("unwalled.desktop.tray", "unwalled.cli.reading", "unwalled.panel.opening")
    except ModuleNotFoundError:
        return
    from unwalled.cli.reading import describe_service
    from unwalled.desktop.tray import Deeds, NoTray, Shown, Tray
    from unwalled.panel.opening import open_panel

    def shown() -> Shown:
        return Shown(describe_service(service.snapshot(), service.reader_status).state, service.is_on)

    async def switch(on: bool) -> None:
        await (service.switch_on() if on else service.switch_off())

    async def panel() -> None:
        await asyncio.to_thread(open_panel, home.folder)

    tray = Tray(shown, Deeds(switch, panel))
    undo = service.subscribe(tray.changed)
    try:
        await tray.run()
    except NoTray:
        pass
    finally:
        undo()


async def _serve_panel(
    service: ReaderService, home: Home | None, rules: RulesBook, desktop: DesktopKeeper | None
) -> None:
    await load("unwalled.panel.server", "unwalled.panel.opening")
    from unwalled.panel.opening import open_panel, remove_opener, write_opener
    from unwalled.panel.server import PanelServer

    panel = PanelServer(service, rules, desktop)
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


def has_session_bus(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether there is a desktop that could have a tray."""
    return platform == "linux" and bool(environment.get("DBUS_SESSION_BUS_ADDRESS"))
