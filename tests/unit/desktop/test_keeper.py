from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.panel_double import OFF
from tests.support.proxy_bench import until
from tests.support.proxy_settings import FakeSettings
from unwalled.app.preferences import Preferences
from unwalled.app.snapshot import AppSnapshot
from unwalled.desktop.entry import LoginStart
from unwalled.desktop.keeper import DesktopKeeper
from unwalled.desktop.machine import Machine
from unwalled.desktop.proxy_settings import ProxySettingFailed, Value
from unwalled.desktop.system_proxy import SystemProxy
from unwalled.errors import ConfigurationError, UnwalledError


class ReaderDouble:
    """A reader as far as the keeper knows it."""

    def __init__(self, proxy: str = "127.0.0.1:1080", *, system_proxy: bool = False) -> None:
        self.proxy = proxy
        self.preferences = Preferences(system_proxy=system_proxy)
        self.is_system_proxy = False
        self.starts_at_login = False
        self.announced = 0
        self._callbacks: list[Callable[[], None]] = []

    async def set_preferences(self, preferences: Preferences) -> None:
        self.preferences = preferences
        self.announce()

    def snapshot(self) -> AppSnapshot:
        return replace(OFF, proxy=self.proxy)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def announce(self) -> None:
        self.announced += 1
        for callback in self._callbacks:
            callback()

    @property
    def listeners(self) -> int:
        return len(self._callbacks)


@dataclass
class Scene:
    """A keeper at work over a system that lives in memory and a folder."""

    reader: ReaderDouble
    settings: FakeSettings
    keeper: DesktopKeeper
    login: LoginStart
    told: list[UnwalledError] = field(default_factory=list)

    @property
    def at(self) -> object:
        return self.settings.values["host"], self.settings.values["port"], self.settings.values["mode"]


@asynccontextmanager
async def keeping(tmp_path: Path, reader: ReaderDouble, settings: FakeSettings | None = None) -> AsyncIterator[Scene]:
    settings = settings or FakeSettings()
    login = LoginStart(Machine("linux", {"XDG_CONFIG_HOME": str(tmp_path / "config")}, tmp_path))
    told: list[UnwalledError] = []
    proxy = SystemProxy(tmp_path / "journal", [settings])
    keeper = DesktopKeeper(reader, proxy, login, ["unwalled", "connect"], told.append)
    running = asyncio.create_task(keeper.run())
    await asyncio.wait_for(until(lambda: keeper.can_set_proxy or running.done()), 20)
    try:
        yield Scene(reader, settings, keeper, login, told)
    finally:
        running.cancel()
        await asyncio.wait([running])
        assert reader.listeners == 0


NONE = ("", 0, "none")
OURS = ("127.0.0.1", 1080, "manual")


def test_it_is_set_and_remembered_and_put_back_in_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with keeping(tmp_path, ReaderDouble()) as scene:
            assert (scene.at, scene.reader.is_system_proxy) == (NONE, False)
            await scene.keeper.set_system_proxy(True)
            assert (scene.at, scene.reader.is_system_proxy, scene.reader.preferences.system_proxy) == (OURS, True, True)
            await scene.keeper.set_system_proxy(False)
            assert (scene.at, scene.reader.is_system_proxy, scene.reader.preferences.system_proxy) == (
                NONE,
                False,
                False,
            )
            await scene.keeper.set_system_proxy(True)
        assert scene.at == NONE
        # At the next start it is wished still.
        async with keeping(tmp_path, scene.reader, scene.settings):
            await asyncio.wait_for(until(lambda: scene.at == OURS), 20)
        assert (scene.at, scene.told) == (NONE, [])

    asyncio.run(main())


def test_it_follows_the_proxy_when_that_moves(tmp_path: Path) -> None:
    async def main() -> None:
        async with keeping(tmp_path, ReaderDouble("", system_proxy=True)) as scene:
            scene.reader.proxy = "127.0.0.1:1080"
            scene.reader.announce()
            await asyncio.wait_for(until(lambda: scene.at == OURS), 20)
            scene.reader.proxy = "0.0.0.0:1081"
            scene.reader.announce()
            await asyncio.wait_for(until(lambda: scene.at == ("127.0.0.1", 1081, "manual")), 20)
            scene.reader.proxy = "[::1]:1082"
            scene.reader.announce()
            await asyncio.wait_for(until(lambda: scene.at == ("::1", 1082, "manual")), 20)
        assert scene.at == NONE

    asyncio.run(main())


def test_an_end_while_it_is_being_set_puts_it_back_all_the_same(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(FakeSettings):
        def write(self, values: Mapping[str, Value]) -> None:
            begun.set()
            go_on.wait(20)
            super().write(values)

    async def main() -> None:
        async with keeping(tmp_path, ReaderDouble(system_proxy=True), Slow()) as scene:
            await asyncio.to_thread(begun.wait, 20)
            asyncio.get_running_loop().call_soon(go_on.set)
        assert (scene.at, scene.told) == (NONE, [])

    asyncio.run(main())


def test_what_a_killed_run_has_left_is_put_back_first(tmp_path: Path) -> None:
    settings = FakeSettings(host="firm", port=3128, mode="manual")
    SystemProxy(tmp_path / "journal", [settings]).set("127.0.0.1", 999)

    async def main() -> None:
        async with keeping(tmp_path, ReaderDouble(), settings) as scene:
            assert scene.at == ("firm", 3128, "manual")

    asyncio.run(main())


def test_what_fails_is_told_once_and_tried_again_for_another_address(tmp_path: Path) -> None:
    async def main() -> None:
        settings = FakeSettings()
        settings.is_locked = True
        async with keeping(tmp_path, ReaderDouble(system_proxy=True), settings) as scene:
            await asyncio.wait_for(until(lambda: bool(scene.told)), 20)
            scene.reader.announce()
            with pytest.raises(ProxySettingFailed):
                await scene.keeper.set_system_proxy(True)
            assert (scene.at, len(scene.told), scene.reader.is_system_proxy) == (NONE, 1, False)
            settings.is_locked = False
            scene.reader.proxy = "127.0.0.1:1081"
            scene.reader.announce()
            await asyncio.wait_for(until(lambda: scene.at == ("127.0.0.1", 1081, "manual")), 20)

    asyncio.run(main())


def test_a_damaged_journal_is_told_and_nothing_else_is_lost(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.write_bytes(b"{")
    journal.chmod(0o600)

    async def main() -> None:
        async with keeping(tmp_path, ReaderDouble()) as scene:
            assert [type(error).__name__ for error in scene.told] == ["JournalDamaged"]
            await scene.keeper.set_system_proxy(True)
            assert scene.at == OURS

    asyncio.run(main())


def test_what_cannot_be_put_back_in_the_end_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with keeping(tmp_path, ReaderDouble()) as scene:
            await scene.keeper.set_system_proxy(True)
            scene.settings.is_locked = True
        assert [type(error) for error in scene.told] == [ProxySettingFailed]

    asyncio.run(main())


def test_start_at_login_is_as_it_is_on_the_disk(tmp_path: Path) -> None:
    async def main() -> None:
        async with keeping(tmp_path, ReaderDouble()) as scene:
            assert (scene.reader.starts_at_login, scene.keeper.can_start_at_login) == (False, True)
            await scene.keeper.set_start_at_login(True)
            assert scene.login.is_enabled
            assert scene.reader.preferences.start_at_login
        async with keeping(tmp_path, ReaderDouble()) as scene:
            assert scene.reader.starts_at_login
            await scene.keeper.set_start_at_login(False)
            assert not scene.login.is_enabled
        (tmp_path / "config" / "autostart").rmdir()
        (tmp_path / "config" / "autostart").write_text("")
        async with keeping(tmp_path, ReaderDouble()) as scene:
            with pytest.raises(ConfigurationError):
                await scene.keeper.set_start_at_login(True)
            assert not scene.reader.starts_at_login

    asyncio.run(main())
