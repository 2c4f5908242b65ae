from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.desktop.browsers import Engine, NoBrowserFound, choose_browser, find_browsers
from unwalled.desktop.machine import Machine
from unwalled.errors import UsageError


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def linux(tmp_path: Path, *names: str) -> Machine:
    for name in names:
        program(tmp_path / "bin" / name)
    return Machine("linux", {"PATH": str(tmp_path / "bin")}, tmp_path / "home")


def test_the_preferred_one_comes_first(tmp_path: Path) -> None:
    machine = linux(tmp_path, "microsoft-edge", "google-chrome", "chromium", "firefox-esr")
    assert [b.name for b in find_browsers(machine)] == ["firefox", "chromium", "chrome", "edge"]
    assert choose_browser(None, machine).path == str(tmp_path / "bin" / "firefox-esr")
    assert choose_browser("chrome", machine).engine is Engine.CHROMIUM


def test_none_and_another_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NoBrowserFound) as none:
        choose_browser(None, linux(tmp_path))
    assert "Install one" in none.value.remedy
    with pytest.raises(NoBrowserFound, match="Brave was not found on this computer; there: chromium"):
        choose_browser("brave", linux(tmp_path, "chromium"))


def test_a_path_is_known_by_its_name(tmp_path: Path) -> None:
    machine = linux(tmp_path)
    wolf = program(tmp_path / "opt" / "LibreWolf")
    other = program(tmp_path / "opt" / "vivaldi-stable")
    assert choose_browser(str(wolf), machine).engine is Engine.FIREFOX
    assert choose_browser(str(other), machine).engine is Engine.CHROMIUM
    with pytest.raises(UsageError, match="no browser 'netscape'"):
        choose_browser("netscape", machine)


def test_a_snap_keeps_its_profile_where_it_may_write(tmp_path: Path) -> None:
    machine = linux(tmp_path)
    # As Ubuntu has it in /usr/bin.
    program(tmp_path / "bin" / "chromium-browser", '#!/bin/sh\nexec /snap/bin/chromium "$@"\n')
    program(tmp_path / "bin" / "firefox", "#!/bin/sh\nexec /snap/bin/firefox\n")
    folders = {b.name: b.folder for b in find_browsers(machine)}
    assert folders == {
        "chromium": machine.home / "snap" / "chromium" / "common" / "unwalled",
        "firefox": machine.home / "snap" / "firefox" / "common" / "unwalled",
    }


def test_a_flatpak_keeps_its_profile_where_it_may_write(tmp_path: Path) -> None:
    machine = linux(tmp_path)
    path = program(machine.home / ".local/share/flatpak/exports/bin/org.mozilla.firefox")
    (found,) = find_browsers(machine)
    assert found.path == str(path)
    assert found.folder == machine.home / ".var" / "app" / "org.mozilla.firefox" / "unwalled"


def test_what_is_no_script_is_no_snap(tmp_path: Path) -> None:
    machine = linux(tmp_path)
    program(tmp_path / "bin" / "firefox", "\x7fELF /snap/bin/firefox")
    assert find_browsers(machine)[0].folder is None


def test_a_mac_has_applications(tmp_path: Path) -> None:
    machine = Machine("darwin", {"PATH": ""}, tmp_path)
    brave = program(tmp_path / "Applications/Brave Browser.app/Contents/MacOS/Brave Browser")
    assert [(b.name, b.path, b.folder) for b in find_browsers(machine)] == [("brave", str(brave), None)]


def test_windows_has_program_folders(tmp_path: Path) -> None:
    environment = {"ProgramFiles(x86)": str(tmp_path / "x86"), "LocalAppData": str(tmp_path / "own"), "PATH": ""}
    edge = program(tmp_path / "x86" / "Microsoft" / "Edge" / "Application" / "msedge.exe")
    chrome = program(tmp_path / "own" / "Google" / "Chrome" / "Application" / "chrome.exe")
    found = find_browsers(Machine("win32", environment, tmp_path))
    assert [(b.name, b.path) for b in found] == [("chrome", str(chrome)), ("edge", str(edge))]
