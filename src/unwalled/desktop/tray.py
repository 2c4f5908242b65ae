"""An icon in the tray of a Linux desktop: what is the case, on and off, the panel.

Sources: the StatusNotifierItem specification (freedesktop.org) and ``com.canonical.dbusmenu``. KDE, Xfce, Cinnamon,
MATE, Budgie and Unity have such a tray, GNOME with an extension. D-Bus is spoken by ``jeepney``, an extra of the
package (``unwalled[tray]``).

::

    tray ◄── RegisterStatusNotifierItem ── we ── icon, title, menu ──► tray ── Activate, Event ──► we
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import jeepney
from jeepney.io.asyncio import DBusConnection, open_dbus_connection

from unwalled.desktop.entry import APPLICATION
from unwalled.errors import ConfigurationError

_ITEM, _ITEM_PATH = "org.kde.StatusNotifierItem", "/StatusNotifierItem"
_MENU, _MENU_PATH = "com.canonical.dbusmenu", "/Menu"
_WATCHER = "org.kde.StatusNotifierWatcher"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_BUS = jeepney.DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
_SIZE = 24
_WORDS, _SWITCH, _PANEL = 1, 2, 3
_WALL = {True: (0x0B, 0x7A, 0x53), False: (0x66, 0x73, 0x7F)}
_LIGHT, _DARK = (0xFF, 0xE9, 0xA8), (0x0D, 0x14, 0x1B)


class NoTray(ConfigurationError):
    """There is no session bus to a desktop."""

    def __init__(self) -> None:
        super().__init__("No desktop with a tray was found.", "The panel has the same switches.")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the icon and its menu say."""

    words: str
    """The state in a few words."""
    is_on: bool


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a click does."""

    switch: Callable[[bool], Awaitable[None]]
    open_panel: Callable[[], Awaitable[None]]


class Tray:
    """The icon, for as long as ``run`` runs."""

    def __init__(self, shown: Callable[[], Shown], deeds: Deeds) -> None:
        """``shown`` is asked for whenever ``changed`` was called, and whenever a tray asks."""
        self._shown = shown
        self._deeds = deeds
        self._changed = asyncio.Event()
        self._bus: DBusConnection | None = None
        self._name = f"{_ITEM}-{os.getpid()}-1"
        self._revision = 1

    def changed(self) -> None:
        """Something that is shown may be different."""
        self._changed.set()

    async def run(self) -> None:
        """Shows the icon until cancelled, or until the session ends; a tray that comes later, or anew, gets it, too.

        Raises NoTray when there is no session.
        """
        try:
            self._bus = await open_dbus_connection("SESSION")
        except (OSError, KeyError, ValueError, EOFError, jeepney.AuthenticationError):
            raise NoTray from None
        try:
            await self._call(_BUS, "RequestName", "su", (self._name, 0))
            rule = f"type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{_WATCHER}'"
            await self._call(_BUS, "AddMatch", "s", (rule,))
            await self._register()
            async with asyncio.TaskGroup() as group:
                announcing = group.create_task(self._announce(), name="tray changes")
                await self._listen()
                announcing.cancel()
        finally:
            await self._bus.close()

    async def _listen(self) -> None:
        assert self._bus is not None
        try:
            while True:
                await self._receive(await self._bus.receive())
        except (EOFError, OSError):
            pass  # the session is over

    async def _call(self, address: Any, member: str, signature: str, body: tuple[Any, ...]) -> None:
        assert self._bus is not None
        await self._bus.send(jeepney.new_method_call(address, member, signature, body))

    async def _register(self) -> None:
        watcher = jeepney.DBusAddress("/StatusNotifierWatcher", _WATCHER, _WATCHER)
        await self._call(watcher, "RegisterStatusNotifierItem", "s", (self._name,))

    async def _announce(self) -> None:
        assert self._bus is not None
        item = jeepney.DBusAddress(_ITEM_PATH, interface=_ITEM)
        menu = jeepney.DBusAddress(_MENU_PATH, interface=_MENU)
        last = self._shown()
        while True:
            await self._changed.wait()
            self._changed.clear()
            if (now := self._shown()) == last:
                continue
            last = now
            self._revision += 1
            try:
                for name in ("NewIcon", "NewToolTip"):
                    await self._bus.send(jeepney.new_signal(item, name))
                await self._bus.send(jeepney.new_signal(menu, "LayoutUpdated", "ui", (self._revision, 0)))
            except OSError:
                return

    async def _receive(self, message: Any) -> None:
        header = message.header
        fields = header.fields
        member = fields.get(jeepney.HeaderFields.member, "")
        if header.message_type is jeepney.MessageType.signal:
            # The third is the new owner of the watcher's name.
            if member == "NameOwnerChanged" and len(message.body) == 3 and message.body[2]:
                await self._register()
        elif header.message_type is jeepney.MessageType.method_call:
            await self._answer(message, fields.get(jeepney.HeaderFields.interface, ""), member)

    async def _answer(self, message: Any, interface: str, member: str) -> None:
        assert self._bus is not None
        try:
            signature, body = await self._do(interface, member, message.body)
        except (LookupError, TypeError, ValueError):
            answer = jeepney.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod")
        else:
            answer = jeepney.new_method_return(message, signature, body)
        if not message.header.flags & jeepney.MessageFlag.no_reply_expected:
            await self._bus.send(answer)

    async def _do(self, interface: str, member: str, body: Any) -> tuple[str | None, tuple[Any, ...]]:
        """The answer to a call. Raises LookupError, TypeError or ValueError for one that we do not know."""
        match interface, member:
            case (str(), "Get") if interface == _PROPERTIES:
                return "v", (self._properties(body[0])[body[1]],)
            case (str(), "GetAll") if interface == _PROPERTIES:
                return "a{sv}", (self._properties(body[0]),)
            case (str(), "Activate" | "SecondaryActivate") if interface == _ITEM:
                await self._deeds.open_panel()
                return None, ()
            case (str(), "ContextMenu" | "Scroll") if interface == _ITEM:
                return None, ()
            case (str(), "GetLayout") if interface == _MENU:
                return "u(ia{sv}av)", (self._revision, self._layout())
            case (str(), "GetGroupProperties") if interface == _MENU:
                rows = self._rows()
                wanted = body[0] or list(rows)
                return "a(ia{sv})", ([(number, rows[number]) for number in wanted if number in rows],)
            case (str(), "GetProperty") if interface == _MENU:
                return "v", (self._rows()[body[0]][body[1]],)
            case (str(), "AboutToShow") if interface == _MENU:
                return "b", (False,)
            case (str(), "Event") if interface == _MENU:
                if body[1] == "clicked":
                    await self._clicked(body[0])
                return None, ()
            case (str(), "EventGroup") if interface == _MENU:
                for number, kind, *_ in body[0]:
                    if kind == "clicked":
                        await self._clicked(number)
                return "ai", ([],)
            case ("org.freedesktop.DBus.Peer", "Ping"):
                return None, ()
        raise LookupError

    async def _clicked(self, number: int) -> None:
        if number == _SWITCH:
            await self._deeds.switch(not self._shown().is_on)
        elif number == _PANEL:
            await self._deeds.open_panel()

    def _properties(self, interface: str) -> dict[str, tuple[str, Any]]:
        shown = self._shown()
        if interface == _MENU:
            return {"Version": ("u", 3), "TextDirection": ("s", "ltr"), "Status": ("s", "normal")}
        if interface != _ITEM:
            raise LookupError
        return {
            "Category": ("s", "Communications"),
            "Id": ("s", APPLICATION),
            "Title": ("s", "Unwalled"),
            "Status": ("s", "Active"),
            "IconName": ("s", ""),
            "IconPixmap": ("a(iiay)", [picture(shown.is_on)]),
            "ToolTip": ("(sa(iiay)ss)", ("", [], "Unwalled", shown.words)),
            "ItemIsMenu": ("b", False),
            "Menu": ("o", _MENU_PATH),
            "WindowId": ("i", 0),
        }

    def _rows(self) -> dict[int, dict[str, tuple[str, Any]]]:
        shown = self._shown()
        return {
            0: {"children-display": ("s", "submenu")},
            _WORDS: {"label": ("s", shown.words), "enabled": ("b", False)},
            _SWITCH: {"label": ("s", "Switch off" if shown.is_on else "Switch on")},
            _PANEL: {"label": ("s", "Open the panel")},
        }

    def _layout(self) -> tuple[int, dict[str, tuple[str, Any]], list[tuple[str, Any]]]:
        rows = self._rows()
        children: list[tuple[str, Any]] = [
            ("(ia{sv}av)", (number, properties, [])) for number, properties in rows.items() if number
        ]
        return 0, rows[0], children


def picture(is_on: bool) -> tuple[int, int, bytes]:
    """The sign of the switch, a door in a wall, as a tray wants it: width, height, ARGB in network order."""
    pixels = bytearray()
    for row in range(_SIZE):
        for column in range(_SIZE):
            pixels += _colour((column + 0.5) * 40 / _SIZE, (row + 0.5) * 40 / _SIZE, is_on)
    return _SIZE, _SIZE, bytes(pixels)


def _colour(x: float, y: float, is_on: bool) -> bytes:
    in_door = (x - 20) ** 2 + (y - 19) ** 2 < 49 if y < 19 else abs(x - 20) < 7 and y < 34
    in_spill = is_on and y >= 34 and abs(x - 20) < 7 + (y - 34)
    dx, dy = max(9 - x, x - 31, 0), max(9 - y, y - 31, 0)
    if dx * dx + dy * dy >= 81:
        return bytes(4)
    red, green, blue = _WALL[is_on]
    if in_door or in_spill:
        red, green, blue = _LIGHT if is_on else _DARK
    return bytes((255, red, green, blue))
