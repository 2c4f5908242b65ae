"""Starts a browser that has no way out but the proxy, waits until it is closed, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from unwalled.desktop.browsers import Browser, Engine
from unwalled.desktop.chromium import CHROMIUM_FILES, chromium_command, chromium_files
from unwalled.desktop.firefox import firefox_command, firefox_files
from unwalled.desktop.machine import Machine
from unwalled.desktop.managed import check_unmanaged
from unwalled.desktop.profiles import Profile, Profiles
from unwalled.errors import ConfigurationError, UnwalledError
from unwalled.settings import DESKTOP
from unwalled.tasks import TaskOwner

_REMOVED_VARIABLES = frozenset(
    # Other proxies, where keys of TLS would be written down, and what could load more into the browser.
    {"all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy", "sslkeylogfile", "moz_log", "moz_log_file"}
    # Switches that scripts of distributions add: one for no proxy, or for a PAC file, would win over ours.
    | {"chromium_flags", "chromium_user_flags", "chrome_user_flags"}
)
_ADDED_VARIABLES = {
    "MOZ_CRASHREPORTER_DISABLE": "1",
    "MOZ_DATA_REPORTING": "0",
    # Lets a profile say that there is no server of settings.
    "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1",
    # No question about a profile for an older or newer Firefox: the kept one is ours alone.
    "MOZ_ALLOW_DOWNGRADE": "1",
}
_KNOWN_WORDS = (
    # What a browser says at its end → what a person can do.
    ("no usable sandbox", "This system does not let the browser keep pages away from your files (no sandbox)."),
    ("setuid sandbox", "This system does not let the browser keep pages away from your files (no sandbox)."),
    ("root without --no-sandbox", "The browser does not start for the user root."),
    ("cannot open display", "There is no screen here on which the browser could open a window."),
    ("missing x server", "There is no screen here on which the browser could open a window."),
    ("no display environment", "There is no screen here on which the browser could open a window."),
    ("no space left on device", "The disk is full."),
)
_OTHERWISE = "Choose another one with --browser NAME, or use `unwalled connect` and set its proxy in your browser."


class BrowserFailed(UnwalledError):
    """The browser did not start, or ended by an error."""


def check_browser(browser: Browser, machine: Machine) -> None:
    """Raises ConfigurationError when the browser should not be started here."""
    check_unmanaged(browser, machine)
    if browser.engine is Engine.CHROMIUM and not machine.is_windows and os.geteuid() == 0:
        raise ConfigurationError(
            f"{browser.title} cannot keep pages away from your files when root starts it.",
            "Start this as an ordinary user, or choose --browser firefox.",
        )


async def browse(
    browser: Browser,
    profiles: Profiles,
    proxy_host: str,
    proxy_port: int,
    url: str,
    *,
    is_kept: bool = False,
    extra: Sequence[str] = (),
) -> None:
    """Opens ``url`` in the browser, and returns when the person has closed it.

    Everything that it sends goes to the proxy, which is at an IPv4 address of this computer. Its profile is a fresh one
    that is removed in the end, unless ``is_kept``. When cancelled it ends the browser first. Raises BrowserFailed or
    ConfigurationError. ``extra``: further switches, for tests.
    """
    take = (lambda: profiles.kept(browser.name)) if is_kept else profiles.temporary
    await asyncio.to_thread(profiles.sweep)
    profile = await asyncio.to_thread(take)
    try:
        command = _prepared(browser, profile, proxy_host, proxy_port, url)
        # A switch that comes last would win: these come first.
        running = await _Running.start(browser, [command[0], *extra, *command[1:]], profile.lock)
        try:
            await running.ended()
        finally:
            await running.stop()
    finally:
        await asyncio.to_thread(profile.release)


def _prepared(browser: Browser, profile: Profile, host: str, port: int, url: str) -> list[str]:
    folder = str(profile.folder)
    if browser.engine is Engine.FIREFOX:
        files = firefox_files(host, port, is_kept=profile.is_kept)
        command = firefox_command(browser, folder, url, is_windows=sys.platform == "win32")
    else:
        known = {name: content for name in CHROMIUM_FILES if (content := profile.read(name)) is not None}
        files = chromium_files(known)
        command = chromium_command(browser, folder, f"{host}:{port}", url, is_kept=profile.is_kept)
    for name, content in files.items():
        profile.write(name, content)
    return command


def browser_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Our own environment without what could lead a browser elsewhere, or write down what it does."""
    return {k: v for k, v in environment.items() if k.lower() not in _REMOVED_VARIABLES} | _ADDED_VARIABLES


class _Running:
    """A browser's processes."""

    def __init__(self, browser: Browser, process: asyncio.subprocess.Process) -> None:
        self._browser = browser
        self._process = process
        self._words = b""
        self._tasks = TaskOwner()
        self._tasks.start(self._listen(), "browser's words")

    @classmethod
    async def start(cls, browser: Browser, command: Sequence[str], lock: int) -> _Running:
        is_posix = sys.platform != "win32"
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=browser_environment(os.environ),
                cwd=Path(command[0]).anchor or None,
                # Its own session: Ctrl-C in our terminal is for us, and all its processes can be ended together.
                start_new_session=is_posix,
                pass_fds=(lock,) if is_posix else (),
            )
        except OSError as error:
            raise BrowserFailed(f"{browser.title} could not be started ({error.strerror}).", _OTHERWISE) from None
        return cls(browser, process)

    async def ended(self) -> None:
        """Waits until it was closed. Raises BrowserFailed when it ended by an error."""
        code = await self._process.wait()
        if code != 0:
            await asyncio.sleep(0)
            raise self._failure(code)

    def _failure(self, code: int) -> BrowserFailed:
        words = self._words.decode(errors="replace").lower()
        for part, cause in _KNOWN_WORDS:
            if part in words:
                return BrowserFailed(f"{self._browser.title} has ended. {cause}", _OTHERWISE)
        # Its own words may name sites, so they are not shown.
        return BrowserFailed(f"{self._browser.title} has ended by an error ({code}).", _OTHERWISE)

    async def stop(self) -> None:
        """Ends it and all that it has started. Safe when it has ended already."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(DESKTOP.browser_stop_s):
                    await self._process.wait()
            except TimeoutError:
                pass
        self._end_group()
        await self._process.wait()
        await self._tasks.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            self._process.send_signal(number)
        except ProcessLookupError:
            pass

    def _end_group(self) -> None:
        try:
            if sys.platform == "win32":  # pragma: no cover
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    async def _listen(self) -> None:
        """Keeps the end of what it says: what is not read would stop it once the pipe is full."""
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(DESKTOP.browser_words_bytes):
            self._words = (self._words + data)[-DESKTOP.browser_words_bytes :]
