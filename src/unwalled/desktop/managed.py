"""Settings that whoever manages a computer forces upon its browsers, and that no switch of ours overrules.

A firm or a school, and whoever else could write where only administrators may, can set a browser's proxy, or add
extensions that see every page. A browser so managed is not started: it would go past the bridges. The same holds for
switches that a script which starts a browser adds from files of the system or of the user.

Sources: https://support.google.com/chrome/a/answer/9027408 and https://mozilla.github.io/policy-templates/; the order
of the switches for proxies is that of Chromium's ``chrome_command_line_pref_store.cc``.
"""

from __future__ import annotations

import json
import plistlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from unwalled.desktop.browsers import Browser, Engine
from unwalled.desktop.machine import Machine
from unwalled.errors import ConfigurationError

_LINUX_FOLDERS = {
    "chromium": ("etc/chromium", "etc/chromium-browser"),
    "chrome": ("etc/opt/chrome",),
    "edge": ("etc/opt/edge",),
    "brave": ("etc/brave", "etc/opt/brave"),
}
# Switches that Debian's and Alpine's scripts add for all users …
_SYSTEM_FLAGS = ("etc/chromium.d/*", "etc/chromium/*.conf", "etc/chromium/default", "etc/chromium-browser/default")
# … and those that Arch's and Flatpak's add for one, from the user's folder of settings.
_OWN_FLAGS = {
    "chromium": ("chromium-flags.conf",),
    "chrome": ("chrome-flags.conf",),
    "edge": ("microsoft-edge-stable-flags.conf", "edge-flags.conf"),
    "brave": ("brave-flags.conf",),
}
# Each wins over a fixed proxy, wherever it stands.
_WINNING = re.compile(r"^[^#\n]*(--(?:no-proxy-server|proxy-auto-detect|proxy-pac-url))\b", re.MULTILINE)
_MAC_NAMES = {
    "firefox": "org.mozilla.firefox",
    "chromium": "org.chromium.Chromium",
    "chrome": "com.google.Chrome",
    "edge": "com.microsoft.Edge",
    "brave": "com.brave.Browser",
}
_WINDOWS_KEYS = {
    "firefox": r"SOFTWARE\Policies\Mozilla\Firefox",
    "chromium": r"SOFTWARE\Policies\Chromium",
    "chrome": r"SOFTWARE\Policies\Google\Chrome",
    "edge": r"SOFTWARE\Policies\Microsoft\Edge",
    "brave": r"SOFTWARE\Policies\BraveSoftware\Brave",
}
# Firefox's own scripts for administrators (https://support.mozilla.org/kb/customizing-firefox-using-autoconfig): they
# run at each start, and what they lock no profile changes. The other files are of defaults, which only count if locked.
_SCRIPTED = re.compile(r"^(?!\s*//)[^\n]*?(network\.proxy|autoadmin\.global_config_url)", re.MULTILINE)
_LOCKED = re.compile(r"^(?!\s*//)[^\n]*?(network\.proxy)[^\n]*\blocked\b", re.MULTILINE)
_SCRIPT_BYTES = 1 << 20
_EXTENSIONS = {"ExtensionInstallForcelist", "ExtensionSettings", "Extensions"}
_ROOT = Path("/")


class BrowserManaged(ConfigurationError):
    """The browser obeys somebody else, and so may go past the bridges."""

    def __init__(self, title: str, names: list[str]) -> None:
        super().__init__(
            f"Whoever manages this computer has set for {title}: {', '.join(names)}. It could go past the bridges, or "
            "show others what you read.",
            "Choose another browser with --browser NAME, or use a computer of your own.",
        )


def check_unmanaged(browser: Browser, machine: Machine, root: Path = _ROOT) -> None:
    """Raises BrowserManaged when the browser is told by others where to go, or who shall look on."""
    names = {name for policy in _policies(browser, machine, root) for name in _harmful(policy, browser.engine)}
    if browser.engine is Engine.FIREFOX:
        names.update(_scripted(browser, root))
    elif not (machine.is_windows or machine.is_mac):
        names.update(_winning_switches(browser, machine, root))
    if names:
        raise BrowserManaged(browser.title, sorted(names))


def _harmful(policy: Mapping[str, Any], engine: Engine) -> Iterator[str]:
    for name, value in policy.items():
        has_proxy = engine is Engine.FIREFOX and name == "Preferences" and "network.proxy" in str(value)
        if name.startswith("Proxy") or (name in _EXTENSIONS and value) or has_proxy:
            yield name


def _policies(browser: Browser, machine: Machine, root: Path) -> Iterator[Mapping[str, Any]]:
    if machine.is_windows:
        yield from _of_registry(_WINDOWS_KEYS.get(browser.name, ""))
    elif machine.is_mac:
        name = _MAC_NAMES.get(browser.name, browser.name)
        managed = root / "Library" / "Managed Preferences"
        user = machine.environment.get("USER", "")
        for path in (managed / f"{name}.plist", managed / user / f"{name}.plist"):
            yield from _of_plist(path)
    elif browser.engine is Engine.FIREFOX:
        beside = Path(browser.path).resolve().parent / "distribution" / "policies.json"
        for path in (root / "etc" / "firefox" / "policies" / "policies.json", beside):
            for whole in _of_json(path):
                policies = whole.get("policies")
                yield policies if isinstance(policies, dict) else {}
    else:
        for folder in _of(browser, _LINUX_FOLDERS):
            for path in sorted((root / folder / "policies" / "managed").glob("*.json")):
                yield from _of_json(path)


def _scripted(browser: Browser, root: Path) -> Iterator[str]:
    beside = Path(browser.path).resolve().parent
    # On a Mac what is beside it is in another folder of the application.
    places = (beside, beside.parent / "Resources")
    for place in places:
        yield from _found(_SCRIPTED, place.glob("*.cfg"))
        yield from _found(_LOCKED, place.glob("defaults/pref/*.js"))
    yield from _found(_LOCKED, root.glob("etc/firefox*/**/*.js"))
    yield from _found(_SCRIPTED, root.glob("etc/firefox*/**/*.cfg"))


def _found(words: re.Pattern[str], files: Iterable[Path]) -> Iterator[str]:
    for file in sorted(files):
        try:
            with file.open("rb") as opened:
                text = opened.read(_SCRIPT_BYTES).decode(errors="replace")
        except OSError:
            continue
        yield from (f"{name} in {file.name}" for name in words.findall(text))


def _winning_switches(browser: Browser, machine: Machine, root: Path) -> Iterator[str]:
    settings = Path(machine.environment.get("XDG_CONFIG_HOME") or machine.home / ".config")
    folders = [settings, *machine.home.glob(".var/app/*/config")]
    files = [folder / name for folder in folders for name in _of(browser, _OWN_FLAGS)]
    if browser.name == "chromium" or browser.name not in _OWN_FLAGS:
        files += [file for pattern in _SYSTEM_FLAGS for file in root.glob(pattern)]
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for switch in _WINNING.findall(text):
            yield f"{switch} in {file.name}"


def _of(browser: Browser, places: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Its places, or all of them: a browser at a path of its own may be any."""
    return places.get(browser.name) or [place for some in places.values() for place in some]


def _of_json(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        whole = json.loads(path.read_bytes())
    except (OSError, ValueError):
        # What cannot be read the browser cannot read, either.
        return
    if isinstance(whole, dict):
        yield whole


def _of_plist(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        whole = plistlib.loads(path.read_bytes())
    except (OSError, ValueError, ExpatError, plistlib.InvalidFileException):
        return
    if isinstance(whole, dict):
        yield whole


def _of_registry(key: str) -> Iterator[Mapping[str, Any]]:  # pragma: no cover
    if sys.platform != "win32" or not key:
        return
    import winreg

    for hive in (winreg.HKEY_LOCAL_MACHINE, winreg.HKEY_CURRENT_USER):
        try:
            with winreg.OpenKey(hive, key) as opened:
                keys, values, _ = winreg.QueryInfoKey(opened)
                policy: dict[str, Any] = {winreg.EnumKey(opened, number): True for number in range(keys)}
                policy |= {name: value for name, value, _ in (winreg.EnumValue(opened, n) for n in range(values))}
                yield policy
        except OSError:
            continue
