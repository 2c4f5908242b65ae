"""Opening the panel in the person's browser, without its secret on a command line.

Every user of a computer can read the arguments of all programs. So a browser is not started with the panel's address
but with that of a private file, which leads there. The same file is how a second start of the program finds the panel
of the first.

A browser that was packed as a snap may not read such files, and shows an error instead. It gets the address itself.
"""

from __future__ import annotations

import html
import re
import subprocess
import webbrowser
from collections.abc import Callable
from pathlib import Path

from unwalled.datafolder import read_private, replace_private
from unwalled.errors import ConfigurationError
from unwalled.settings import PANEL

FILE_NAME = "panel.html"

# A browser goes on by itself; nothing else is loaded from the file, and its own address stays behind.
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>Unwalled</title>
<p><a href="{url}">Unwalled</a></p>
</html>
"""
_LINK = re.compile(r'<a href="(http://127\.0\.0\.1:[0-9]{1,5}/[A-Za-z0-9_-]+/#[A-Za-z0-9_-]+)">')


def write_opener(folder: Path, url: str) -> Path:
    """Puts the file that leads to ``url`` into a private folder; readable by its owner only.

    Raises ConfigurationError. Blocking, but small.
    """
    file = folder / FILE_NAME
    replace_private(file, _PAGE.format(url=html.escape(url)).encode())
    return file


def read_opener(folder: Path) -> str | None:
    """The panel's URL as the running program wrote it, or None."""
    try:
        content = read_private(folder / FILE_NAME, PANEL.body_bytes)
    except ConfigurationError:
        return None
    found = _LINK.search((content or b"").decode(errors="replace"))
    return found[1] if found else None


def remove_opener(folder: Path) -> None:
    """To be called when the panel closes: the secret is worth nothing any more."""
    (folder / FILE_NAME).unlink(missing_ok=True)


def open_panel(
    folder: Path,
    open_url: Callable[[str], bool] = webbrowser.open,
    default_browser: Callable[[], str] | None = None,
) -> bool:
    """Opens the panel of the running program in the person's browser; False when there is none, or no browser.

    ``default_browser`` tells the desktop file of the person's browser, or "". Blocking: some systems wait for the
    browser. Call it in a thread.
    """
    url = read_opener(folder)
    if url is None:
        return False
    name = (default_browser or _default_browser)()
    try:
        return open_url(url if _is_snap(name) else (folder / FILE_NAME).resolve().as_uri())
    except (webbrowser.Error, OSError):
        return False


def _is_snap(desktop_file: str) -> bool:
    """Snaps call their desktop files SNAP_PROGRAM.desktop, as in ``firefox_firefox.desktop``."""
    return re.fullmatch(r"[a-z0-9-]+_[a-z0-9.-]+\.desktop", desktop_file) is not None


def _default_browser() -> str:
    """As freedesktop.org's tools tell it; "" elsewhere."""
    try:
        asked = subprocess.run(
            ["xdg-settings", "get", "default-web-browser"],
            capture_output=True,
            text=True,
            timeout=PANEL.browser_ask_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()
