"""The reader's folder: where it is, private, never trusted, and gone when that is wanted."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from unwalled.app.home import Home, NotRemembered, usual_folder
from unwalled.settings import APP

ME = Path("/home/me")


@pytest.mark.parametrize(
    ("environment", "platform", "folder"),
    [
        ({}, "linux", "/home/me/.local/state/unwalled"),
        ({"XDG_STATE_HOME": "/elsewhere"}, "linux", "/elsewhere/unwalled"),
        ({"XDG_STATE_HOME": "relative"}, "linux", "/home/me/.local/state/unwalled"),
        ({"XDG_STATE_HOME": "/elsewhere", "UNWALLED_HOME": "/mine"}, "linux", "/mine"),
        ({"UNWALLED_HOME": "/mine"}, "win32", "/mine"),
        ({}, "darwin", "/home/me/Library/Application Support/Unwalled"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/Unwalled"),
        ({}, "win32", "/home/me/AppData/Local/Unwalled"),
    ],
)
def test_it_is_where_the_system_keeps_such_things(environment: dict[str, str], platform: str, folder: str) -> None:
    assert usual_folder(environment, platform, ME) == Path(folder)


def test_it_is_made_when_something_is_written_and_only_for_its_owner(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "b")
    assert home.read("x") is None
    assert not home.folder.exists()
    home.write("x", b"1")
    home.write("x", b"2")
    assert home.read("x") == b"2"
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.path("x").stat().st_mode) == 0o600
    home.remove("x")
    home.remove("x")
    assert home.read("x") is None
    assert home.notices == []


def test_a_file_that_others_may_read_is_made_private_and_spoken_of(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write("x", b"1")
    home.path("x").chmod(0o644)
    assert home.untouched().read("x") == b"1"
    assert stat.S_IMODE(home.path("x").stat().st_mode) == 0o644
    assert home.read("x") == b"1"
    assert stat.S_IMODE(home.path("x").stat().st_mode) == 0o600
    (notice,) = home.take_notices()
    assert "Other users" in notice


def test_a_file_that_is_too_large_is_put_aside(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write("x", bytes(APP.max_state_file_bytes + 1))
    assert home.read("x") is None
    assert home.path("x.damaged").exists()
    assert "kept as x.damaged" in home.take_notices()[0]


def test_what_cannot_be_read_is_spoken_of(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.path("x").mkdir()
    assert home.read("x") is None
    assert "cannot be read" in home.take_notices()[0]


def test_what_cannot_be_put_aside_is_spoken_of(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write("x", b"1")
    home.path("x.damaged").mkdir()
    (home.path("x.damaged") / "y").write_text("")
    home.put_aside("x")
    assert "cannot be used" in home.take_notices()[0]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    home = Home(tmp_path)
    home.write("x", b"1")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotRemembered, match="Make room on the disk"):
        home.write("x", b"2")
    assert home.read("x") == b"1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    home = Home(tmp_path / "file" / "home")
    with pytest.raises(NotRemembered):
        home.write("x", b"1")
    with pytest.raises(NotRemembered):
        Home(tmp_path).untouched().write("x", b"1")
    with home.changing():
        pass


def test_changes_of_two_programs_come_one_after_the_other(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.changing(), home.path("change.lock").open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with home.path("change.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_it_is_wiped_with_all_that_is_in_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert not home.wipe()
    home.write("invites.json", b"1")
    (home.folder / "lists").mkdir()
    (home.folder / "lists" / "one").write_text("")
    assert home.wipe()
    assert list(tmp_path.iterdir()) == []


def test_of_a_folder_that_was_there_before_only_our_files_are_wiped(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "letter.txt").write_text("dear")
    for name in ("invites.json", "invites.json.damaged", "preferences.json"):
        home.write(name, b"1")
    assert home.wipe()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_it_is_told_when_something_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    home = Home(tmp_path)
    home.write("invites.json", b"1")
    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(NotRemembered):
        home.wipe()


def test_its_repr_tells_nothing(tmp_path: Path) -> None:
    assert repr(Home(tmp_path)) == "Home(…)"
