from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from unwalled.desktop.profiles import ProfileInUse, Profiles
from unwalled.errors import ConfigurationError

_OTHER = """
import sys
from pathlib import Path
from unwalled.desktop.profiles import Profiles
profile = Profiles(Path(sys.argv[1])).temporary()
profile.write("Default/History", b"where I was")
print(profile.folder, flush=True)
sys.stdin.read()
"""


@contextmanager
def another_run(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        try:
            yield other, Path(other.stdout.readline().strip())
        finally:
            other.kill()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_temporary_profile_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    profile = Profiles(tmp_path / "b").temporary()
    profile.write("Default/Preferences", b"{}")
    assert profile.read("Default/Preferences") == b"{}"
    assert profile.folder.stat().st_mode & 0o077 == 0
    assert profile.release()
    assert names(tmp_path / "b") == ["lock"]


def test_a_kept_profile_stays_and_has_one_browser_at_a_time(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    first = profiles.kept("firefox")
    first.write("bookmarks", b"mine")
    with pytest.raises(ProfileInUse, match="open in a browser already"):
        profiles.kept("firefox")
    profiles.kept("chromium").release()
    first.release()
    again = profiles.kept("firefox")
    assert again.read("bookmarks") == b"mine"
    assert again.read("none") is None
    again.release()


def test_what_a_killed_run_has_left_goes_at_the_next_start(tmp_path: Path) -> None:
    with another_run(tmp_path) as (other, left):
        assert Profiles(tmp_path).sweep() == 0
        assert (left / "Default" / "History").exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert left.exists()
    assert Profiles(tmp_path).sweep() == 1
    assert names(tmp_path) == ["lock"]


def test_a_browser_that_outlives_its_run_keeps_its_profile(tmp_path: Path) -> None:
    profile = Profiles(tmp_path).temporary()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(profile.lock,)) as browser:
        os.close(profile.lock)
        assert Profiles(tmp_path).sweep() == 0
        browser.communicate()
    assert Profiles(tmp_path).sweep() == 1


def test_there_is_nothing_to_sweep_where_nothing_was(tmp_path: Path) -> None:
    assert Profiles(tmp_path / "none").sweep() == 0
    assert not (tmp_path / "none").exists()


def test_a_browser_that_still_writes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = Profiles(tmp_path).temporary()
    pauses: list[float] = []

    def nothing_yet(*_: object, **__: object) -> None:
        pass

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            monkeypatch.setattr(shutil, "rmtree", remove)

    remove = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", nothing_yet)
    monkeypatch.setattr(time, "sleep", pause)
    assert profile.release()
    assert len(pauses) == 3
    assert names(tmp_path) == ["lock"]


def test_what_cannot_be_removed_is_left_to_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = Profiles(tmp_path).temporary()
    with monkeypatch.context() as broken:
        broken.setattr(shutil, "rmtree", lambda *_, **__: None)
        broken.setattr(time, "sleep", lambda _: None)
        assert not profile.release()
    assert Profiles(tmp_path).sweep() == 1


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = Profiles(tmp_path).temporary()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", full)
        with pytest.raises(ConfigurationError, match="No space left"):
            profile.write("user.js", b"x")
    profile.release()


def test_a_folder_that_cannot_be_used_is_told_in_words_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "browsers"):
        for make in (Profiles(folder).temporary, lambda folder=folder: Profiles(folder).kept("firefox")):
            with pytest.raises(ConfigurationError, match=r"The browser's profile cannot be written \(.+\)") as caught:
                make()
            assert "--data" not in caught.value.remedy

    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        Profiles(tmp_path / "b").temporary()

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        Profiles(tmp_path / "b").sweep()


def test_a_folder_with_nothing_in_it_goes_and_one_with_something_stays(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "browsers"
    profiles = Profiles(folder)
    kept = profiles.temporary()
    profiles.vanish()
    assert folder.exists()
    kept.release()
    (tmp_path / "home" / "other").write_text("")
    profiles.vanish()
    assert names(tmp_path / "home") == ["other"]
    profiles.temporary().release()
    (tmp_path / "home" / "other").unlink()
    profiles.vanish()
    profiles.vanish()
    assert names(tmp_path) == []
