"""``unwalled forget``: all that is left of a reader goes, wherever it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.app.home import Home
from unwalled.cli import remembered
from unwalled.desktop.autostart import login_start


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(remembered, "find_browsers", lambda _: [])
    return Home(tmp_path / "reader")


def test_a_folder_that_was_removed_by_hand_leaves_no_start_at_login(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    login_start().enable(["unwalled", "connect"])
    assert login_start().is_enabled
    remembered.forget_all(home)
    assert not login_start().is_enabled
    assert capsys.readouterr().out == "forgotten\n"
    remembered.forget_all(home)
    assert capsys.readouterr().out == "nothing was remembered\n"
    assert not home.folder.exists()


def test_the_folder_and_the_start_at_login_go(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.write("rules.txt", b"example.org\n")
    login_start().enable(["unwalled", "connect"])
    remembered.forget_all(home)
    assert not home.folder.exists()
    assert not login_start().is_enabled
    assert capsys.readouterr().out == "forgotten\n"
