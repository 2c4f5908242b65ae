"""Which browsers there are on this computer, and how each is started.

Linux has them as programs, as snaps and as Flatpaks; the last two may only keep files in folders of their own. macOS
has them as applications, Windows in its program folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from unwalled.desktop.machine import Machine
from unwalled.errors import ConfigurationError, UsageError


class Engine(StrEnum):
    """What a browser is made of, and so how it is told things."""

    CHROMIUM = "chromium"
    FIREFOX = "firefox"


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser of this computer."""

    name: str
    """What ``--browser`` calls it, such as ``brave``."""
    title: str
    """What a person calls it."""
    engine: Engine
    path: str
    """What is started."""
    folder: Path | None = None
    """The one folder where it may keep a profile, because it is kept from others (snap, Flatpak)."""


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    title: str
    engine: Engine
    commands: tuple[str, ...]
    flatpak: str
    snap: str
    mac: str
    """Application and program in it; "" = not there."""
    windows: str
    """Below a program folder; "" = not there."""


_KINDS = (
    # The first that is there is taken when nobody says which. Firefox comes first, since all that it could do past the
    # proxy has a switch; Edge comes last, since it tells its maker most.
    _Kind(
        "firefox",
        "Firefox",
        Engine.FIREFOX,
        ("firefox", "firefox-esr"),
        "org.mozilla.firefox",
        "firefox",
        "Firefox.app/Contents/MacOS/firefox",
        r"Mozilla Firefox\firefox.exe",
    ),
    _Kind(
        "chromium",
        "Chromium",
        Engine.CHROMIUM,
        ("chromium", "chromium-browser"),
        "org.chromium.Chromium",
        "chromium",
        "Chromium.app/Contents/MacOS/Chromium",
        r"Chromium\Application\chrome.exe",
    ),
    _Kind(
        "brave",
        "Brave",
        Engine.CHROMIUM,
        ("brave-browser", "brave"),
        "com.brave.Browser",
        "brave",
        "Brave Browser.app/Contents/MacOS/Brave Browser",
        r"BraveSoftware\Brave-Browser\Application\brave.exe",
    ),
    _Kind(
        "chrome",
        "Chrome",
        Engine.CHROMIUM,
        ("google-chrome", "google-chrome-stable"),
        "com.google.Chrome",
        "",
        "Google Chrome.app/Contents/MacOS/Google Chrome",
        r"Google\Chrome\Application\chrome.exe",
    ),
    _Kind(
        "edge",
        "Edge",
        Engine.CHROMIUM,
        ("microsoft-edge", "microsoft-edge-stable"),
        "com.microsoft.Edge",
        "",
        "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
        r"Microsoft\Edge\Application\msedge.exe",
    ),
)
NAMES = tuple(kind.name for kind in _KINDS)
"""What ``--browser`` takes, beside a path."""
_WINDOWS_FOLDERS = ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData", "ProgramW6432")
_FLATPAK_FOLDERS = ("/var/lib/flatpak/exports/bin", "~/.local/share/flatpak/exports/bin")
_SCRIPT_BYTES = 4096


class NoBrowserFound(ConfigurationError):
    """There is no browser on this computer that can be told to go through the bridges only."""


def find_browsers(machine: Machine) -> list[Browser]:
    """All browsers of this computer that we can use, the preferred one first."""
    return [browser for kind in _KINDS for browser in _places(kind, machine)]


def choose_browser(wish: str | None, machine: Machine) -> Browser:
    """The browser that a person wishes: by name, by path, or None for the first one there is.

    Raises NoBrowserFound, or UsageError when the wish names none.
    """
    if wish is not None and wish not in NAMES:
        return _at_path(wish, machine)
    for browser in find_browsers(machine):
        if wish in (None, browser.name):
            return browser
    if wish is None:
        raise NoBrowserFound(
            "No Firefox, Chromium, Brave, Chrome or Edge was found on this computer.",
            "Install one, or say where it is with --browser PATH. Or use `unwalled connect`, and set its proxy "
            "in the browser that you have.",
        )
    others = ", ".join(dict.fromkeys(browser.name for browser in find_browsers(machine))) or "none"
    raise NoBrowserFound(
        f"{wish.capitalize()} was not found on this computer; there: {others}.",
        "Choose another one with --browser NAME, or say where it is with --browser PATH.",
    )


def _at_path(wish: str, machine: Machine) -> Browser:
    found = machine.which(wish)
    if found is None:
        raise UsageError(
            f"There is no browser {wish!r} that could be started.",
            f"Give one of {', '.join(NAMES)}, or the path of a browser's program, with --browser.",
        )
    name = Path(found).name.lower()
    is_firefox = any(word in name for word in ("firefox", "librewolf", "waterfox", "mullvad"))
    engine = Engine.FIREFOX if is_firefox else Engine.CHROMIUM
    return Browser(name, Path(found).stem, engine, found, _kept_in(found, machine))


def _places(kind: _Kind, machine: Machine) -> Iterator[Browser]:
    for path in _paths(kind, machine):
        yield Browser(kind.name, kind.title, kind.engine, path, _kept_in(path, machine))


def _paths(kind: _Kind, machine: Machine) -> Iterator[str]:
    if machine.is_windows:
        folders = [machine.environment.get(name, "") for name in _WINDOWS_FOLDERS]
        for folder in dict.fromkeys(filter(None, folders)):
            # The parts are joined by name, so that this can be tested where paths look different.
            path = Path(folder, *kind.windows.split("\\"))
            if path.is_file():
                yield str(path)
    elif machine.is_mac:
        for applications in (Path("/Applications"), machine.home / "Applications"):
            if (applications / kind.mac).is_file():
                yield str(applications / kind.mac)
    else:
        for name in kind.commands:
            if (found := machine.which(name)) is not None:
                yield found
        for place in _FLATPAK_FOLDERS:
            path = Path(place.replace("~", str(machine.home), 1)) / kind.flatpak
            if path.is_file():
                yield str(path)


def _kept_in(path: str, machine: Machine) -> Path | None:
    """The folder of a confined browser, or None for one that may write where its user may."""
    if machine.is_windows or machine.is_mac:
        return None
    if "/flatpak/exports/" in path:
        return machine.home / ".var" / "app" / Path(path).name / "unwalled"
    snap = _snap_name(path)
    return machine.home / "snap" / snap / "common" / "unwalled" if snap else None


def _snap_name(path: str) -> str:
    """The snap behind a program: one in /snap/bin, or a script that starts one from there, as Ubuntu has them."""
    if path.startswith(("/snap/bin/", "/var/lib/snapd/snap/bin/")):
        return Path(path).name.partition(".")[0]
    try:
        with open(path, "rb") as file:
            head = file.read(_SCRIPT_BYTES)
    except OSError:
        return ""
    if not head.startswith(b"#!"):
        return ""
    for kind in _KINDS:
        if kind.snap and f"/snap/bin/{kind.snap}".encode() in head:
            return kind.snap
    return ""
