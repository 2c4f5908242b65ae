from __future__ import annotations

import configparser
import plistlib
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.desktop.test_windows import FakeRegistry, Refusing
from unwalled.desktop import autostart
from unwalled.desktop.entry import APPLICATION, LoginStart, MenuEntry, quoted
from unwalled.desktop.machine import Machine
from unwalled.errors import ConfigurationError


def linux(tmp_path: Path) -> Machine:
    return Machine("linux", {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "d")}, tmp_path)


def parsed(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    return parser


def unquoted(value: str) -> list[str]:
    """The words of an *Exec* as a desktop reads them."""
    text = value.replace("\\\\", "\\").replace("%%", "%")
    return [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r'"((?:\\.|[^"\\])*)"', text)]


def test_on_linux_it_is_an_entry_among_those_that_start(tmp_path: Path) -> None:
    start = LoginStart(linux(tmp_path))
    assert not start.is_enabled
    start.enable(["/opt/un walled/bin/unwalled", "connect", "--no-panel"])
    assert start.is_enabled
    (path,) = (tmp_path / "c" / "autostart").iterdir()
    entry = parsed(path)["Desktop Entry"]
    assert entry["Type"] == "Application"
    assert unquoted(entry["Exec"]) == ["/opt/un walled/bin/unwalled", "connect", "--no-panel"]
    # A desktop's own settings switch it off like this.
    path.write_text(path.read_text().replace("X-GNOME-Autostart-enabled=true", "X-GNOME-Autostart-enabled=false"))
    assert not start.is_enabled
    start.disable()
    start.disable()
    assert not path.exists()


def test_on_a_mac_it_is_an_agent(tmp_path: Path) -> None:
    start = LoginStart(Machine("darwin", {}, tmp_path))
    start.enable(["/Applications/Unwalled", "connect"])
    agent = plistlib.loads((tmp_path / "Library" / "LaunchAgents" / f"{APPLICATION}.plist").read_bytes())
    assert (agent["Label"], agent["ProgramArguments"], agent["RunAtLoad"]) == (
        APPLICATION,
        ["/Applications/Unwalled", "connect"],
        True,
    )
    assert start.is_enabled
    start.disable()
    assert not start.is_enabled


def test_on_windows_it_is_a_value_of_the_run_key(tmp_path: Path) -> None:
    registry = FakeRegistry()
    start = LoginStart(Machine("win32", {}, tmp_path), registry)
    assert not start.is_enabled
    start.enable([r"C:\Program Files\Unwalled\unwalled.exe", "connect"])
    assert registry.values == {"Unwalled": r'"C:\Program Files\Unwalled\unwalled.exe" connect'}
    assert start.is_enabled
    start.disable()
    assert registry.values == {}


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file")
    (tmp_path / "d").write_text("a file")
    start = LoginStart(linux(tmp_path))
    with pytest.raises(ConfigurationError, match="cannot be written"):
        start.enable(["x"])
    assert not start.is_enabled
    with pytest.raises(ConfigurationError, match="cannot be written"):
        MenuEntry(linux(tmp_path)).install(["x"])
    refused = LoginStart(Machine("win32", {}, tmp_path), Refusing())
    with pytest.raises(ConfigurationError, match="Access is denied"):
        refused.disable()
    assert not refused.is_enabled


def test_the_menu_has_an_entry_with_an_icon(tmp_path: Path) -> None:
    menu = MenuEntry(linux(tmp_path))
    menu.install(["/usr/bin/unwalled"])
    found = parsed(menu.entry)
    assert unquoted(found["Desktop Entry"]["Exec"]) == ["/usr/bin/unwalled", "connect"]
    assert unquoted(found["Desktop Action browse"]["Exec"]) == ["/usr/bin/unwalled", "browse"]
    assert found["Desktop Entry"]["Icon"] == menu.icon.stem
    assert ElementTree.fromstring(menu.icon.read_bytes()).tag.endswith("svg")
    if (validate := shutil.which("desktop-file-validate")) is not None:
        assert subprocess.run([validate, menu.entry], capture_output=True, check=True).stdout == b""
    assert menu.remove()
    assert not menu.remove()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("word", ["plain", "two words", "100%", "back\\slash", 'quo"te', "$HOME", "`id`", "%f", "'"])
def test_words_of_a_command_come_through(word: str) -> None:
    assert unquoted(quoted(["/bin/x", word])) == ["/bin/x", word]


def test_the_module_is_about_this_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    start = autostart.login_start()
    start.enable(autostart.own_command("connect"))
    assert start.is_enabled
    assert (tmp_path / "autostart").exists()
    autostart.disable()
    assert not start.is_enabled
    monkeypatch.setattr("sys.frozen", True, raising=False)
    monkeypatch.setattr("sys.executable", "/opt/unwalled")
    assert autostart.own_command("connect") == ["/opt/unwalled", "connect"]
