"""Points the system's proxy setting at ours, and puts it back exactly as it was.

What was there is in a journal on the disk before anything is changed::

    journal written and flushed ─► settings changed ─► … ─► settings put back ─► journal removed

So whatever happens in between (SIGKILL, a power cut), the next start finds the journal and puts everything back. A
value that a person has changed meanwhile stays theirs. Blocking: the system's programs are called; use a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from unwalled.datafolder import make_private_folder, read_private, replace_private
from unwalled.desktop.calls import Run, call
from unwalled.desktop.gnome import GnomeProxy
from unwalled.desktop.kde import KdeProxy
from unwalled.desktop.machine import Machine
from unwalled.desktop.macos import MacProxy
from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxySettings, ProxyWish, Values, put_back
from unwalled.errors import ConfigurationError
from unwalled.settings import DESKTOP

_VERSION = 1


class NoProxySetting(ConfigurationError):
    """This desktop has no proxy setting that we know of."""

    def __init__(self) -> None:
        super().__init__(
            "This desktop has no proxy setting that Unwalled knows of.",
            "Use `unwalled browse`, or set the proxy in each program.",
        )


class JournalDamaged(ConfigurationError):
    """What the proxy setting was before cannot be read any more."""

    def __init__(self) -> None:
        super().__init__(
            "The note of how the system's proxy was set before is damaged; it was put aside.",
            "Look at the proxy in your system's settings: if it names 127.0.0.1, set it as you want it to be.",
        )


class Restored(StrEnum):
    """What became of the setting."""

    NOTHING = "nothing"
    """We had not changed it."""
    AS_BEFORE = "as-before"
    PARTLY_THEIRS = "partly-theirs"
    """A person has changed some of it meanwhile, and that was left as it is."""


class _Place(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    before: dict[str, str | int | None]
    ours: list[dict[str, str | int | None]]


class _Journal(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    places: list[_Place]


class SystemProxy:
    """The system's proxy setting. One program at a time uses it; the reader's program has one instance only."""

    def __init__(self, journal: Path, places: Sequence[ProxySettings] | None = None) -> None:
        """``journal``: a file in a folder of our own. ``places``: for tests; otherwise those of this computer."""
        self._journal = journal
        self._given = places

    @property
    def is_set(self) -> bool:
        """Whether we have changed the setting, in this run or one before, and not put it back."""
        return self._journal.exists()

    @property
    def can_set(self) -> bool:
        """Whether this desktop has such a setting. Blocking. Raises ProxySettingFailed."""
        return bool(self._places())

    def set(self, proxy_host: str, proxy_port: int) -> None:
        """Points programs at the proxy. Safe to call again with other values.

        Raises NoProxySetting, ProxySettingFailed (then all is as it was), JournalDamaged, or ConfigurationError when
        the journal cannot be written (then nothing was changed).
        """
        wish = ProxyWish(proxy_host, proxy_port)
        known = {place.name: place for place in self._read()}
        noted: list[_Place] = []
        work: list[tuple[ProxySettings, Values]] = []
        for settings in self._places():
            wanted = settings.wanted(wish)
            old = known.pop(settings.name, None)
            place = _Place(settings.name, settings.read(), [wanted])
            if old is not None:
                # Both may stand there until this is done.
                place = _Place(settings.name, old.before, [*old.ours[-DESKTOP.journal_wishes :], wanted])
            noted.append(place)
            work.append((settings, wanted))
        if not noted:
            raise NoProxySetting
        # A network that is gone for now, on macOS, is put back when it has come again.
        self._write([*noted, *known.values()])
        try:
            for settings, wanted in work:
                settings.write(wanted)
        except ProxySettingFailed:
            self.restore()
            raise

    def restore(self) -> Restored:
        """Puts everything back; at a start, too, should a run before have left it changed.

        Raises ProxySettingFailed (the journal stays, for another try) or JournalDamaged.
        """
        places = self._read()
        if not places:
            return Restored.NOTHING
        here = {settings.name: settings for settings in self._places()}
        left: list[_Place] = []
        is_theirs = False
        for place in places:
            settings = here.get(place.name)
            if settings is None:
                left.append(place)
                continue
            writes, changed = put_back(settings, settings.read(), place.before, place.ours)
            is_theirs = is_theirs or changed
            # Whether there is a proxy at all comes first: should we be killed now, programs have a way out again.
            switches = {key: value for key, value in writes.items() if key in settings.switches}
            for part in (switches, {key: value for key, value in writes.items() if key not in switches}):
                if part:
                    settings.write(part)
        if left:
            self._write(left)
        else:
            self._journal.unlink(missing_ok=True)
        return Restored.PARTLY_THEIRS if is_theirs else Restored.AS_BEFORE

    def _places(self) -> Sequence[ProxySettings]:
        return self._given if self._given is not None else places_of(Machine.here(), call)

    def _read(self) -> list[_Place]:
        content = read_private(self._journal, DESKTOP.journal_bytes)
        if content is None:
            return []
        try:
            journal = msgspec.json.decode(content, type=_Journal)
        except msgspec.DecodeError:
            journal = None
        if journal is None or journal.version != _VERSION:
            self._journal.replace(self._journal.with_name(self._journal.name + ".damaged"))
            raise JournalDamaged
        return journal.places

    def _write(self, places: list[_Place]) -> None:
        make_private_folder(self._journal.parent)
        replace_private(self._journal, msgspec.json.encode(_Journal(_VERSION, places)))


def places_of(machine: Machine, run: Run) -> list[ProxySettings]:
    """Where this computer keeps its proxy setting; none when it has nothing that we know."""
    if machine.is_windows:
        return _windows()
    if machine.is_mac:
        return [*MacProxy.all_services(run)]
    desktop = machine.environment.get("XDG_CURRENT_DESKTOP", "").lower()
    found: list[ProxySettings] = []
    # Under KDE many programs ask GNOME's setting all the same.
    if "kde" in desktop and (kde := KdeProxy(run)).is_here():
        found.append(kde)
    if (gnome := GnomeProxy(run)).is_here():
        found.append(gnome)
    return found


def _windows() -> list[ProxySettings]:  # pragma: no cover
    from unwalled.desktop import windows

    registry = getattr(windows, "UserRegistry", None)
    return [] if registry is None else [windows.WindowsProxy(registry(windows.INTERNET_SETTINGS))]
