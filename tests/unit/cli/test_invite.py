"""What ``unwalled invite`` says of files that it cannot write, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.cli.invite import Sheets, labels_of
from unwalled.errors import UsageError


def test_files_and_folders_that_can_be_written_are_taken(tmp_path: Path) -> None:
    Sheets().check()
    (tmp_path / "there.csv").touch()
    Sheets(csv=tmp_path / "there.csv", html=tmp_path / "new.html", svg=tmp_path / "new", png=tmp_path).check()


def test_others_are_named_before_an_invite_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for sheets in (Sheets(csv=tmp_path), Sheets(html=tmp_path / "nowhere" / "page.html")):
        with pytest.raises(UsageError, match=r"cannot be written\.") as raised:
            sheets.check()
        assert "folder that is there" in raised.value.remedy
    for sheets in (Sheets(svg=tmp_path / "file"), Sheets(png=tmp_path / "file")):
        with pytest.raises(UsageError, match="file is a file"):
            sheets.check()


def test_each_friend_has_a_name() -> None:
    assert labels_of("", ["Anna", "Ben"], None) == ["Anna", "Ben"]
    assert labels_of("choir", [], 2) == ["choir 1", "choir 2"]
    for nameless in ("", " "):
        with pytest.raises(UsageError, match=r"--for has no name"):
            labels_of("", ["Anna", nameless], None)
