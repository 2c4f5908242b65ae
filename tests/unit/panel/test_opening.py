"""The panel is opened by a private file, so that its secret stands on no command line."""

from __future__ import annotations

import stat
import webbrowser
from pathlib import Path

import pytest

from unwalled.panel.opening import FILE_NAME, open_panel, read_opener, remove_opener, write_opener

URL = "http://127.0.0.1:40123/door_-A/#token_-B"


def test_the_file_leads_to_the_panel_and_is_private(tmp_path: Path) -> None:
    file = write_opener(tmp_path, URL)
    assert file == tmp_path / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f'content="0; url={URL}"' in file.read_text()
    assert read_opener(tmp_path) == URL


def test_a_browser_gets_the_files_address_and_no_secret(tmp_path: Path) -> None:
    opened: list[str] = []

    def open_url(url: str) -> bool:
        opened.append(url)
        return True

    assert not open_panel(tmp_path, open_url, lambda: "")
    write_opener(tmp_path, URL)
    assert open_panel(tmp_path, open_url, lambda: "firefox-esr.desktop")
    assert opened == [(tmp_path / FILE_NAME).as_uri()]
    remove_opener(tmp_path)
    remove_opener(tmp_path)
    assert not open_panel(tmp_path, open_url, lambda: "")


@pytest.mark.parametrize("name", ["firefox_firefox.desktop", "chromium_chromium.desktop"])
def test_a_browser_that_may_not_read_the_file_gets_the_address(tmp_path: Path, name: str) -> None:
    opened: list[str] = []
    write_opener(tmp_path, URL)

    def open_url(url: str) -> bool:
        opened.append(url)
        return True

    assert open_panel(tmp_path, open_url, lambda: name)
    assert opened == [URL]


def test_a_computer_without_a_browser_is_no_error(tmp_path: Path) -> None:
    def open_url(url: str) -> bool:
        raise webbrowser.Error("no browser")

    write_opener(tmp_path, URL)
    assert not open_panel(tmp_path, open_url, lambda: "")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'<a href="http://evil.example/#x">', b"x" * 100_000])
def test_a_file_that_is_none_of_ours_leads_nowhere(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    (tmp_path / FILE_NAME).chmod(0o600)
    assert read_opener(tmp_path) is None


def test_a_file_that_others_can_write_leads_nowhere(tmp_path: Path) -> None:
    write_opener(tmp_path, URL)
    (tmp_path / FILE_NAME).chmod(0o644)
    assert read_opener(tmp_path) is None
