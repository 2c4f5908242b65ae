"""What the reader's program remembers: preferences, invites, a disk that is full, files that are damaged."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.app_world import SWIFT, Operators, active, invite, serving
from tests.support.proxy_bench import until
from tests.support.reader_world import ECHO, World, run
from unwalled.app.home import Home
from unwalled.app.invites import InviteBook
from unwalled.app.preferences import Preferences, load_preferences, save_preferences
from unwalled.app.snapshot import RuleMode, State, Trouble
from unwalled.tunnel.api import Tunnel


async def echoes(tunnel: Tunnel) -> None:
    stream = await tunnel.open(ECHO)
    await stream.write(b"hello")
    assert await stream.read() == b"hello"


def test_nothing_is_written_without_a_folder(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(Operators(World()), invite=invite(), label="one") as service:
            await service.connected()
            await service.set_preferences(Preferences(language="fa"))
            assert service.take_notices() == []

    run(main)
    assert list(tmp_path.iterdir()) == []


def test_preferences_are_remembered(tmp_path: Path) -> None:
    async def main() -> None:
        wanted = Preferences(RuleMode.BLOCKED, "fa", listen="[::1]:9")
        async with serving(Operators(World()), Home(tmp_path)) as service:
            await service.set_preferences(wanted)
            assert service.snapshot().rules is RuleMode.BLOCKED
        async with serving(Operators(World()), Home(tmp_path)) as service:
            assert service.preferences == wanted

    run(main)


def test_with_a_full_disk_reading_goes_on_and_all_is_written_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def main() -> None:
        home = Home(tmp_path / "home")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            async with serving(Operators(World()), home, invite=invite(), label="one") as service:
                await service.connected()
                await until(lambda: service.snapshot().trouble is Trouble.DISK_FULL)
                assert service.snapshot().state is State.CONNECTED
                await echoes(service.tunnel)
                await service.set_preferences(Preferences(language="zh"))
                assert service.preferences.language == "zh"
                patch.undo()
                await until(lambda: service.snapshot().trouble is Trouble.NONE)
        assert [entry.label for entry in InviteBook(home).entries] == ["one"]
        assert load_preferences(home).language == "zh"

    run(main)


def test_a_full_disk_is_not_tried_again_and_again_while_it_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    looks: list[int] = []
    look = InviteBook.refresh

    def full(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise OSError(errno.ENOSPC, "No space left on device")

    def counted(book: InviteBook) -> bool:
        looks.append(1)
        return look(book)

    class Moved:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

        def wall(self) -> float:
            return self.now

    async def main() -> None:
        clock = Moved()
        monkeypatch.setattr(os, "fsync", full)
        monkeypatch.setattr(InviteBook, "refresh", counted)
        async with serving(Operators(), Home(tmp_path / "home"), is_on=False, clock=clock) as service:
            await service.set_preferences(Preferences(language="zh"))
            for made in (1, 2):
                assert tries == made
                looks.clear()
                await until(lambda: len(looks) >= 3)
                assert tries == made
                clock.now += SWIFT.save_again_s
                await until(lambda made=made: tries > made)  # type: ignore[misc]

    run(main)


def test_a_mode_that_was_set_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    async def main() -> None:
        home, other = Home(tmp_path), Home(tmp_path)
        async with serving(Operators(World()), home) as service:
            await service.set_preferences(Preferences(RuleMode.EVERYTHING, "fa"))
            save_preferences(other, Preferences(RuleMode.LISTED, "fa"))
            await service.set_preferences(replace(service.preferences, language="zh"))
            assert service.preferences == load_preferences(other) == Preferences(RuleMode.LISTED, "zh")
            # What is chosen here holds, whatever the file says.
            save_preferences(other, Preferences(RuleMode.EVERYTHING, "zh"))
            await service.set_preferences(replace(service.preferences, rules=RuleMode.BLOCKED))
            assert service.preferences == load_preferences(other) == Preferences(RuleMode.BLOCKED, "zh")
            home.remove("preferences.json")
            await service.set_preferences(replace(service.preferences, language="fa"))
            assert load_preferences(other) == Preferences(RuleMode.BLOCKED, "fa")

    run(main)


def test_damaged_files_are_spoken_of_once_and_nothing_else_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        home = Home(tmp_path)
        home.write("preferences.json", b"nonsense")
        book = InviteBook(home)
        book.add(invite(), "one", os.urandom)
        book.save()
        async with serving(Operators(World()), home) as service:
            assert service.preferences == Preferences()
            (notice,) = service.take_notices()
            assert "preferences.json" in notice
            assert service.take_notices() == []
            await service.connected()
            assert active(service).label == "one"

    run(main)
