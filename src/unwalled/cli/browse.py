"""``unwalled browse``: a browser of this computer that goes through the bridges and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from unwalled.app.home import BROWSERS, Home, NotRemembered
from unwalled.app.start import started
from unwalled.cli.output import Status, StatusLine, say, warn
from unwalled.cli.running import run
from unwalled.clock import SystemClock
from unwalled.desktop.browsers import Browser, choose_browser, find_browsers
from unwalled.desktop.launch import browse, check_browser
from unwalled.desktop.machine import Machine
from unwalled.desktop.profiles import Profiles
from unwalled.errors import UsageError
from unwalled.settings import DESKTOP
from unwalled.wire.invite import Invite

if TYPE_CHECKING:
    from unwalled.app.service import ReaderService

_ALSO = ("unwalled.cli.reading",)
BLANK = "about:blank"
_INVITE = re.compile(r"(?:^|#)\W*uw[0-9]{1,4}\.")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?![0-9]+(?:[/?#]|$))")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the words of the command line mean. ``invite`` None: it comes from elsewhere."""

    invite: str | None
    url: str


def read_words(words: Sequence[str]) -> Asked:
    """An invite and an address, each at most once, in any order. Raises UsageError."""
    invites = [word for word in words if word == "-" or _INVITE.search(word)]
    urls = [word for word in words if word not in invites]
    if len(invites) > 1 or len(urls) > 1:
        raise UsageError("There are too many arguments.", "Write: unwalled browse [INVITE] [URL]")
    return Asked(invites[0] if invites else None, check_address(urls[0]) if urls else BLANK)


def check_address(text: str) -> str:
    """What a person would write into a browser's address line, as an http(s) URL. Raises UsageError."""
    text = text.strip()
    url = text if text == BLANK or _SCHEME.match(text) else f"https://{text}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    is_plain = text.isprintable() and not any(char.isspace() for char in text)
    if url != BLANK and (parts.scheme not in ("http", "https") or not host or not is_plain):
        raise UsageError(
            "That is not an address that can be opened.", "It looks like example.org or https://example.org."
        )
    return url


def run_browse(invite: Invite, url: str, wish: str | None, *, home: Home | None, is_given: bool, is_kept: bool) -> int:
    """Reads until the browser is closed. Raises UnwalledErrors of many kinds.

    ``wish``: see `choose_browser`. ``home`` None: nothing is remembered. ``is_given``: see `started`.
    """
    machine = Machine.here()
    browser = choose_browser(wish, machine)
    check_browser(browser, machine)
    if home is not None:
        with contextlib.suppress(NotRemembered):
            home.make()
    profiles = profiles_of(browser)

    async def serve() -> int:
        # A reader of its own, also where one runs already: what the rules of that one let go direct stays out of here.
        async with started(invite, home, is_given=is_given, also_load=_ALSO) as service, asyncio.TaskGroup() as group:
            address = await service.listen("127.0.0.1", 0)
            for notice in service.take_notices():
                warn(notice)

            def now() -> Status:
                return describe_service(service.snapshot(), service.reader_status)

            from unwalled.cli.reading import describe_service

            line = StatusLine(now, SystemClock())
            undo = service.subscribe(line.changed)
            shown = group.create_task(line.run(), name="status line")
            try:
                await _bridge_or_patience(service)
                say(f"ready proxy={address} browser={browser.name}")
                await browse(browser, profiles, address.host, address.port, url, is_kept=is_kept)
            finally:
                undo()
                shown.cancel()
        return 0

    try:
        return run(serve)
    finally:
        if home is None:
            profiles.vanish()


async def _bridge_or_patience(service: ReaderService) -> None:
    """Waits for a bridge, so that the first page is no error; but a browser that never comes is worse than one.

    Raises SignalingFailed when nothing will get through before a person does something.
    """
    try:
        async with asyncio.timeout(DESKTOP.bridge_wait_s):
            await service.found()
    except TimeoutError:
        pass


def show_browsers() -> None:
    """Prints which browsers there are, the one that is taken first."""
    for browser in find_browsers(Machine.here()):
        say(f"{browser.name:<10} {browser.title:<10} {browser.path}")


def profiles_of(browser: Browser) -> Profiles:
    """Where profiles of this browser are."""
    return Profiles(browser.folder or Home.usual().path(BROWSERS))
