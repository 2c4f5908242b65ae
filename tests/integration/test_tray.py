"""The icon in the tray over a real message bus, with a tray that the test plays."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jeepney
import pytest
from jeepney.io.asyncio import DBusConnection, open_dbus_connection

from tests.support.missing import go_without
from unwalled.desktop.tray import Deeds, NoTray, Shown, Tray, picture

PATIENCE_S = 20.0
WATCHER = "org.kde.StatusNotifierWatcher"
_BUS = jeepney.DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    program = shutil.which("dbus-daemon")
    if program is None:
        go_without("DESKTOP", "dbus-daemon is missing (Debian: apt install dbus-daemon)")
    command = [program, "--session", "--nofork", "--nopidfile", "--print-address=1"]
    with subprocess.Popen(
        [*command, f"--address=unix:path={tmp_path}/bus"], stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", daemon.stdout.readline().strip())
        try:
            yield
        finally:
            daemon.kill()


class FakeTray:
    """A desktop's tray: has the watcher's name, hears who registers, asks and clicks."""

    def __init__(self, connection: DBusConnection) -> None:
        self._connection = connection
        self.heard: list[Any] = []

    async def call(self, address: Any, member: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> Any:
        """The answer's body. What comes before it is kept in ``heard``."""
        message = jeepney.new_method_call(address, member, signature, body)
        serial = 1_000 + len(self.heard)
        await self._connection.send(message, serial=serial)
        reply = jeepney.HeaderFields.reply_serial
        answer = await self.until(lambda other: other.header.fields.get(reply) == serial)
        self.heard.append(answer)
        if answer.header.message_type is jeepney.MessageType.error:
            raise LookupError(answer.header.fields[jeepney.HeaderFields.error_name])
        return answer.body

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The first message that is wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self._connection.receive()
                if wanted(message):
                    return message
                self.heard.append(message)

    async def named(self, member: str) -> Any:
        """The first message with this member, of those heard already or to come."""
        field = jeepney.HeaderFields.member
        for message in self.heard:
            if message.header.fields.get(field) == member:
                self.heard.remove(message)
                return message
        return await self.until(lambda other: other.header.fields.get(field) == member)


@asynccontextmanager
async def tray() -> AsyncIterator[FakeTray]:
    connection = await open_dbus_connection("SESSION")
    try:
        made = FakeTray(connection)
        await made.call(_BUS, "RequestName", "su", (WATCHER, 0))
        await made.call(_BUS, "AddMatch", "s", ("type='signal',interface='org.kde.StatusNotifierItem'",))
        await made.call(_BUS, "AddMatch", "s", ("type='signal',interface='com.canonical.dbusmenu'",))
        yield made
    finally:
        await connection.close()


class World:
    """What is shown, and what clicks have done."""

    def __init__(self) -> None:
        self.shown = Shown("connected", True)
        self.opened = 0
        self.item = Tray(lambda: self.shown, Deeds(self._switch, self._open))

    async def _switch(self, on: bool) -> None:
        self.shown = Shown("connected" if on else "switched off", on)
        self.item.changed()

    async def _open(self) -> None:
        self.opened += 1


@asynccontextmanager
async def shown() -> AsyncIterator[World]:
    world = World()
    running = asyncio.create_task(world.item.run())
    try:
        yield world
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.usefixtures("bus")
def test_a_click_switches_and_the_icon_follows() -> None:
    async def main() -> None:
        async with tray() as desktop, shown() as world:
            (name,) = (await desktop.named("RegisterStatusNotifierItem")).body
            item = jeepney.DBusAddress("/StatusNotifierItem", name, "org.kde.StatusNotifierItem")
            asked = jeepney.DBusAddress("/StatusNotifierItem", name, "org.freedesktop.DBus.Properties")
            menu = jeepney.DBusAddress("/Menu", name, "com.canonical.dbusmenu")
            (values,) = await desktop.call(asked, "GetAll", "s", ("org.kde.StatusNotifierItem",))
            assert (values["Title"], values["Menu"]) == (("s", "Unwalled"), ("o", "/Menu"))
            assert values["ToolTip"][1][3] == "connected"
            ((width, height, lit),) = values["IconPixmap"][1]
            assert len(lit) == width * height * 4

            revision, (_, _, rows) = await desktop.call(menu, "GetLayout", "iias", (0, -1, []))
            labels = {number: properties["label"][1] for _, (number, properties, _) in rows}
            assert labels == {1: "connected", 2: "Switch off", 3: "Open the panel"}
            await desktop.call(menu, "Event", "isvu", (2, "hovered", ("s", ""), 0))
            assert world.shown.is_on
            await desktop.call(menu, "Event", "isvu", (2, "clicked", ("s", ""), 0))
            assert not world.shown.is_on
            assert (await desktop.named("LayoutUpdated")).body == (revision + 1, 0)
            (again,) = await desktop.call(asked, "Get", "ss", ("org.kde.StatusNotifierItem", "IconPixmap"))
            assert again[1][0][2] == picture(False)[2] != lit
            (found,) = await desktop.call(menu, "GetGroupProperties", "aias", ([2, 9], []))
            assert [(number, properties["label"][1]) for number, properties in found] == [(2, "Switch on")]
            await desktop.call(menu, "EventGroup", "a(isvu)", ([(2, "clicked", ("s", ""), 0)],))
            assert world.shown.is_on

            await desktop.call(item, "Activate", "ii", (0, 0))
            await desktop.call(menu, "Event", "isvu", (3, "clicked", ("s", ""), 0))
            assert world.opened == 2

    asyncio.run(main())


@pytest.mark.usefixtures("bus")
def test_nonsense_is_answered_with_an_error_and_harms_nothing() -> None:
    async def main() -> None:
        async with tray() as desktop, shown():
            (name,) = (await desktop.named("RegisterStatusNotifierItem")).body
            menu = jeepney.DBusAddress("/Menu", name, "com.canonical.dbusmenu")
            asked = jeepney.DBusAddress("/Menu", name, "org.freedesktop.DBus.Properties")
            for address, member, signature, body in (
                (menu, "Nonsense", None, ()),
                (menu, "Event", None, ()),
                (menu, "GetProperty", "is", (99, "label")),
                (asked, "Get", "ss", ("com.canonical.dbusmenu", "Nonsense")),
                (asked, "GetAll", "s", ("org.example",)),
            ):
                with pytest.raises(LookupError):
                    await desktop.call(address, member, signature, body)
            assert await desktop.call(menu, "AboutToShow", "i", (0,)) == (False,)

    asyncio.run(main())


@pytest.mark.usefixtures("bus")
def test_a_tray_that_comes_later_gets_the_icon_too() -> None:
    async def main() -> None:
        async with shown():
            for _ in range(2):
                async with tray() as desktop:
                    await desktop.named("RegisterStatusNotifierItem")

    asyncio.run(main())


def test_without_a_desktop_there_is_no_tray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for address in (f"unix:path={tmp_path}/none", "nonsense", ""):
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        with pytest.raises(NoTray):
            asyncio.run(World().item.run())
