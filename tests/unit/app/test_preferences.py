from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.app.home import Home
from unwalled.app.preferences import (
    Preferences,
    load_preferences,
    save_preferences,
    split_address,
)
from unwalled.app.snapshot import RuleMode
from unwalled.errors import ConfigurationError

SET = Preferences(RuleMode.LISTED, "fa", True, True, "127.0.0.1:9050")


def test_they_come_back_as_they_were_set(tmp_path: Path) -> None:
    home = Home(tmp_path)
    save_preferences(home, SET)
    assert load_preferences(home) == SET
    assert home.notices == []


def test_without_a_folder_or_a_file_they_are_the_usual_ones(tmp_path: Path) -> None:
    assert load_preferences(None) == load_preferences(Home(tmp_path / "none")) == Preferences()
    assert split_address(Preferences().listen) == ("127.0.0.1", 1080)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\x00", b'"x"'])
def test_a_file_of_nonsense_is_put_aside(tmp_path: Path, content: bytes) -> None:
    home = Home(tmp_path)
    home.write("preferences.json", content)
    assert load_preferences(home) == Preferences()
    assert len(home.notices) == 1
    assert (tmp_path / "preferences.json.damaged").read_bytes() == content


def test_one_bad_value_costs_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write("preferences.json", b'{"rules": "nothing", "language": "fa", "later": [1], "listen": 5}')
    assert load_preferences(home) == Preferences(language="fa")
    assert len(home.notices) == 1


def test_what_a_later_version_has_added_does_no_harm(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write("preferences.json", b'{"language": "fa", "later": [1]}')
    assert load_preferences(home) == Preferences(language="fa")
    assert home.notices == []


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:1080", ("127.0.0.1", 1080)), (" [::1]:0 ", ("::1", 0)), ("localhost:9", ("localhost", 9))],
)
def test_an_address_is_split(text: str, address: tuple[str, int]) -> None:
    assert split_address(text) == address


@pytest.mark.parametrize("text", ["", "1080", ":1080", "::1:1080", "127.0.0.1:", "127.0.0.1:port", "x:123456"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        split_address(text)
