"""Unwalled among the applications of a Linux desktop: an entry for the menu, and its icon. Also starts at login.

Sources: the Desktop Entry Specification (quoting in *Exec*), the Icon Theme Specification, the Desktop Application
Autostart Specification. macOS and Windows have their menus by installers, and their ways to start at login here too.
"""

from __future__ import annotations

import plistlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from unwalled.desktop.machine import Machine
from unwalled.desktop.windows import Registry
from unwalled.errors import ConfigurationError

RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
APPLICATION = "org.unwalled.Reader"
"""The name by which desktops know it."""
_TITLE = "Unwalled"
_COMMENT = "Read freely, through the browsers of people who help"
# Said by a desktop before we run, in its own language.
_COMMENTS = {
    "ar": "اقرأ بحرّية عبر متصفّحات أشخاص يساعدون",
    "de": "Frei lesen, durch die Browser von Menschen, die helfen",
    "es": "Lee con libertad, a través de los navegadores de quienes ayudan",
    "fa": "آزادانه بخوانید، از راه مرورگر کسانی که کمک می‌کنند",
    "fr": "Lire librement, par les navigateurs de gens qui aident",
    "ru": "Читайте свободно — через браузеры тех, кто помогает",
    "tr": "Yardım edenlerin tarayıcıları üzerinden özgürce okuyun",
    "zh_CN": "借助志愿者的浏览器自由阅读",
    "zh_TW": "透過志願者的瀏覽器自由閱讀",
}
_BROWSE = "Read in a browser of its own"
ICON = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" width="128" height="128">
  <rect width="40" height="40" rx="9" fill="#0b7a53"/>
  <path d="M13 34H27L33 40H7Z" fill="#ffe9a8"/>
  <path d="M13 34V19a7 7 0 0 1 14 0V34Z" fill="#ffe9a8"/>
  <circle cx="20" cy="22" r="3" fill="#0d141b"/>
</svg>
"""
"""The sign of the switch with light falling through the door."""


class LoginStart:
    """Whether a program starts when its user logs in. Blocking; the files are small."""

    def __init__(self, machine: Machine, registry: Registry | None = None) -> None:
        """``registry``: the user's ``Run`` key, on Windows."""
        self._machine = machine
        self._registry = registry

    def enable(self, argv: Sequence[str]) -> None:
        """From now on it does. ``argv``: the command. Raises ConfigurationError."""
        try:
            if self._registry is not None:
                self._registry.put(_TITLE, subprocess.list2cmdline(argv))
            elif self._machine.is_mac:
                agent = {
                    "Label": APPLICATION,
                    "ProgramArguments": list(argv),
                    "RunAtLoad": True,
                    "LimitLoadToSessionType": "Aqua",
                    "ProcessType": "Interactive",
                }
                _put(self._path, plistlib.dumps(agent))
            else:
                # Later than the desktop itself: its tray and its network are there by then.
                _put(self._path, _entry(argv, "X-GNOME-Autostart-enabled=true", "X-GNOME-Autostart-Delay=5").encode())
        except OSError as error:
            raise _failed(error) from None

    def disable(self) -> None:
        """From now on it does not. Does nothing when it did not. Raises ConfigurationError."""
        try:
            if self._registry is not None:
                self._registry.put(_TITLE, None)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(error) from None

    @property
    def is_enabled(self) -> bool:
        """Whether it does; a desktop's own settings may have switched it off."""
        try:
            if self._registry is not None:
                return self._registry.get(_TITLE) is not None
            if self._machine.is_mac:
                return self._path.exists()
            lines = {line.strip().lower() for line in self._path.read_text(encoding="utf-8").splitlines()}
        except (OSError, UnicodeDecodeError):
            return False
        return not lines & {"hidden=true", "x-gnome-autostart-enabled=false"}

    @property
    def _path(self) -> Path:
        if self._machine.is_mac:
            return self._machine.home / "Library" / "LaunchAgents" / f"{APPLICATION}.plist"
        folder = self._machine.environment.get("XDG_CONFIG_HOME") or self._machine.home / ".config"
        return Path(folder) / "autostart" / f"{APPLICATION}.desktop"


class MenuEntry:
    """Unwalled in the menu of a Linux desktop."""

    def __init__(self, machine: Machine) -> None:
        folder = Path(machine.environment.get("XDG_DATA_HOME") or machine.home / ".local" / "share")
        self.entry = folder / "applications" / f"{APPLICATION}.desktop"
        """The entry's file."""
        self.icon = folder / "icons" / "hicolor" / "scalable" / "apps" / f"{APPLICATION}.svg"
        """The icon's file."""

    def install(self, program: Sequence[str]) -> None:
        """Writes both. ``program``: how Unwalled is called, without a command. Raises ConfigurationError."""
        action = f"[Desktop Action browse]\nName={_BROWSE}\nExec={quoted([*program, 'browse'])}\n"
        text = _entry([*program, "connect"], "Actions=browse;", "Categories=Network;", "Terminal=false") + "\n" + action
        try:
            _put(self.icon, ICON.encode())
            _put(self.entry, text.encode())
        except OSError as error:
            raise _failed(error) from None

    def remove(self) -> bool:
        """Takes both away; whether there was anything. Raises ConfigurationError."""
        was_there = self.entry.exists() or self.icon.exists()
        try:
            self.entry.unlink(missing_ok=True)
            self.icon.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(error) from None
        return was_there


def quoted(argv: Sequence[str]) -> str:
    """A command as *Exec* has it: each word in double quotes, with what is special there escaped."""
    words = []
    for word in argv:
        for char in ("\\", '"', "`", "$"):
            word = word.replace(char, f"\\{char}")
        # The value as a whole is a string with escapes of its own, and a percent sign begins a field.
        words.append('"' + word.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n") + '"')
    return " ".join(words)


def _entry(argv: Sequence[str], *more: str) -> str:
    lines = ["[Desktop Entry]", "Type=Application", f"Name={_TITLE}", f"Comment={_COMMENT}"]
    lines += [f"Comment[{language}]={text}" for language, text in _COMMENTS.items()]
    return "\n".join([*lines, f"Exec={quoted(argv)}", f"Icon={APPLICATION}", *more]) + "\n"


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)


def _failed(error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The desktop's settings cannot be written ({error.strerror}).",
        "Check that the disk is not full and that you may write to your own folder.",
    )
