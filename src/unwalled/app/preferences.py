"""What a person has set: ``preferences.json`` in the reader's folder.

A value that cannot be understood counts as not set, and the file is kept aside; the others stay.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import msgspec

from unwalled.app.home import Home
from unwalled.app.snapshot import RuleMode
from unwalled.network.listening import ListenAddress

PREFERENCES_FILE = "preferences.json"
DEFAULT_LISTEN = "127.0.0.1:1080"
_MAX_CHARS = 2048
_Text = Annotated[str, msgspec.Meta(max_length=_MAX_CHARS)]


@dataclass(frozen=True, slots=True)
class Preferences:
    """All of them. ``listen`` is HOST:PORT; ``language`` a tag such as ``fa``, or "" for the browser's choice."""

    rules: RuleMode = RuleMode.EVERYTHING
    language: _Text = ""
    system_proxy: bool = False
    start_at_login: bool = False
    listen: _Text = DEFAULT_LISTEN


def load_preferences(home: Home | None) -> Preferences:
    """What the folder holds, or the defaults. ``home.notices`` tells what was damaged."""
    content = home.read(PREFERENCES_FILE) if home is not None else None
    if home is None or content is None:
        return Preferences()
    try:
        found = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        home.put_aside(PREFERENCES_FILE)
        return Preferences()
    # What a later version has added is none of ours, and stays out.
    kept = {}
    is_damaged = False
    for one in fields(Preferences):
        if one.name not in found:
            continue
        try:
            single = msgspec.json.decode(b'{"%s":%s}' % (one.name.encode(), bytes(found[one.name])), type=Preferences)
        except msgspec.DecodeError:
            is_damaged = True
        else:
            kept[one.name] = getattr(single, one.name)
    if is_damaged:
        home.put_aside(PREFERENCES_FILE)
    return Preferences(**kept)


def save_preferences(home: Home, preferences: Preferences) -> None:
    """Raises NotRemembered."""
    home.write(PREFERENCES_FILE, msgspec.json.encode(preferences))


def split_address(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT or [IPV6]:PORT. Raises ConfigurationError."""
    address = ListenAddress.parse(text)
    return address.host, address.port
