"""Keeps the system's settings as a person wants them, for as long as the reader runs: its proxy, its start at login.

::

    start ─► what a killed run has left is put back ─► wanted? set ─► … the proxy moves? set anew … ─► end: put back

The system's programs are called in one thread, one after another: who stops waiting for a call does not stop it, and
what is put back in the end comes after it.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, TypeVar

from unwalled.app.preferences import Preferences, split_address
from unwalled.app.snapshot import AppSnapshot
from unwalled.desktop.entry import LoginStart
from unwalled.desktop.system_proxy import SystemProxy
from unwalled.errors import UnwalledError

T = TypeVar("T")


class Reader(Protocol):
    """What is asked of the reader: `unwalled.app.service.ReaderService`."""

    is_system_proxy: bool
    starts_at_login: bool

    @property
    def preferences(self) -> Preferences:
        """What a person has set."""

    async def set_preferences(self, preferences: Preferences) -> None:
        """Remembers it."""

    def snapshot(self) -> AppSnapshot:
        """How things are."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back on each change; gives the undo."""

    def announce(self) -> None:
        """Tells the others that ``is_system_proxy`` or ``starts_at_login`` has changed."""


class DesktopKeeper:
    """See the module; also what the panel asks of a desktop."""

    def __init__(
        self,
        reader: Reader,
        proxy: SystemProxy,
        login: LoginStart,
        command: Sequence[str],
        tell: Callable[[UnwalledError], None],
    ) -> None:
        """``command``: what starts at login. ``tell``: hears of what did not work while nobody waits for it."""
        self._reader = reader
        self._proxy = proxy
        self._login = login
        self._command = command
        self._tell = tell
        self._set_to = ""
        self._failed_for = ""
        self._one_by_one = asyncio.Lock()
        self._stir = asyncio.Event()
        self._can_set_proxy = False
        self._thread = ThreadPoolExecutor(1, "system's settings")

    @property
    def can_set_proxy(self) -> bool:
        """Whether this desktop has a proxy setting that we know; known once ``run`` has begun."""
        return self._can_set_proxy

    @property
    def can_start_at_login(self) -> bool:
        """It can, on every system that we run on."""
        return True

    async def set_system_proxy(self, on: bool) -> None:
        """Points the system at the reader's proxy, or puts back what was there, and remembers that it was wished.

        Raises ConfigurationError; then all is as it was.
        """
        async with self._one_by_one:
            await self._set_proxy(self._reader.snapshot().proxy if on else "")
        await self._reader.set_preferences(replace(self._reader.preferences, system_proxy=on))

    async def set_start_at_login(self, on: bool) -> None:
        """Has the reader start when its user logs in, or not. Raises ConfigurationError."""
        async with self._one_by_one:
            if on:
                await self._call(lambda: self._login.enable(self._command))
            else:
                await self._call(self._login.disable)
        self._reader.starts_at_login = on
        await self._reader.set_preferences(replace(self._reader.preferences, start_at_login=on))

    async def run(self) -> None:
        """Keeps them until cancelled; then the system's proxy is as it was before."""
        undo = self._reader.subscribe(self._stir.set)
        try:
            async with self._one_by_one:
                await self._begin()
            while True:
                self._stir.clear()
                async with self._one_by_one:
                    await self._follow()
                await self._stir.wait()
        finally:
            undo()
            await self._end()

    async def _begin(self) -> None:
        try:
            await self._call(self._proxy.restore)
        except UnwalledError as error:
            self._tell(error)
        self._reader.starts_at_login = await self._call(lambda: self._login.is_enabled)
        self._can_set_proxy = await self._call(self._has_setting)
        self._reader.announce()

    def _has_setting(self) -> bool:
        try:
            return self._proxy.can_set
        except UnwalledError:
            return False

    async def _follow(self) -> None:
        """The proxy may listen elsewhere by now, or a person may have changed their mind."""
        wanted = self._reader.snapshot().proxy if self._reader.preferences.system_proxy else ""
        if wanted in (self._set_to, self._failed_for):
            return
        try:
            await self._set_proxy(wanted)
        except UnwalledError as error:
            self._failed_for = wanted
            self._tell(error)

    async def _set_proxy(self, address: str) -> None:
        if address:
            host, port = split_address(address)
            if ipaddress.ip_address(host).is_unspecified:
                # What listens everywhere is here, too.
                host = "127.0.0.1"
            await self._call(lambda: self._proxy.set(host, port))
        else:
            await self._call(self._proxy.restore)
        self._set_to, self._failed_for = address, ""
        if self._reader.is_system_proxy != bool(address):
            self._reader.is_system_proxy = bool(address)
            self._reader.announce()

    async def _end(self) -> None:
        try:
            # Also what was being set just now.
            await self._call(self._proxy.restore)
        except UnwalledError as error:
            self._tell(error)
        self._thread.shutdown(wait=False)

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
