"""The invites that this computer remembers, best one first.

``invites.json`` in the reader's folder::

    {"v": 1, "invites": [{"id": "16 hex digits", "text": "uw1.…", "label": "…", "refused": false}]}

The order says which was of use last; no times are kept, since they would tell when somebody read. An entry that cannot
be understood is dropped and the file kept aside, and the others stay. Several programs may change the book at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated

import msgspec

from unwalled.app.home import Home, NotRemembered
from unwalled.errors import InviteError, UsageError
from unwalled.settings import APP, SIGNALLING
from unwalled.wire.invite import Invite

BOOK_FILE = "invites.json"
_VERSION = 1
_ID_BYTES = 8
_ANY_TIME = 0.0

RandomBytes = Callable[[int], bytes]
_Change = Callable[["list[StoredInvite]"], "list[StoredInvite]"]


@dataclass(frozen=True, slots=True)
class StoredInvite:
    """One remembered invite. It may have expired since."""

    id: str
    """A random name, made here."""
    invite: Invite
    label: str = field(default="", repr=False)
    is_refused: bool = False
    """Whether its operator said last that it does not take it."""

    def is_over(self, now_wall_s: float) -> bool:
        """Whether its date has passed, by this computer's clock."""
        return self.invite.expires_s != 0 and self.invite.expires_s <= now_wall_s


class UnknownInvite(UsageError):
    """No remembered invite has this name."""

    def __init__(self) -> None:
        super().__init__("There is no invite of that name.", "`unwalled connect --list` shows what is remembered.")


class _Entry(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    text: Annotated[str, msgspec.Meta(max_length=SIGNALLING.max_invite_chars)]
    label: Annotated[str, msgspec.Meta(max_length=APP.max_label_chars)] = ""
    refused: bool = False


class _Book(msgspec.Struct, frozen=True):
    v: Annotated[int, msgspec.Meta(ge=_VERSION, le=_VERSION)]
    invites: list[msgspec.Raw]


class InviteBook:
    """The book of one folder; without one it is forgotten with the program.

    Changes are made in memory at once, and written by ``save``. When the folder cannot be written to they stay in
    memory, and the next ``save`` tries again.
    """

    def __init__(self, home: Home | None) -> None:
        """Reads the book; a damaged one is put aside, of which ``home.notices`` tells then."""
        self._home = home
        self._changes: list[_Change] = []
        """What is not written yet."""
        self.could_save = True
        """Whether the last ``save`` did what it should."""
        self._entries: list[StoredInvite] = []
        self._stamp = self._stamp_now()
        self._entries = self._read()

    @property
    def entries(self) -> tuple[StoredInvite, ...]:
        """All of them, best one first."""
        return tuple(self._entries)

    @property
    def is_saved(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._changes

    def find(self, invite_id: str) -> StoredInvite:
        """Raises UnknownInvite."""
        for entry in self._entries:
            if entry.id == invite_id:
                return entry
        raise UnknownInvite

    def best(self, now_wall_s: float) -> StoredInvite | None:
        """The first that has not expired and was not refused; one that was refused if there is no other.

        Of those that have expired the first, if there is nothing else: this computer's clock may be wrong.
        """
        usable = [entry for entry in self._entries if not entry.is_over(now_wall_s)] or self._entries
        return min(usable, key=lambda entry: entry.is_refused, default=None)

    def add(self, invite: Invite, label: str, random_bytes: RandomBytes) -> StoredInvite:
        """Puts an invite first. One that was there keeps its name, and its label unless there is a new one.

        When there are too many, the last one goes. Raises UsageError for a label that cannot be shown.
        """
        check_label(label)
        new = StoredInvite(random_bytes(_ID_BYTES).hex(), invite, label)

        def put_first(entries: list[StoredInvite]) -> list[StoredInvite]:
            known = next((entry for entry in entries if entry.invite == invite), None)
            first = new if known is None else replace(known, label=label or known.label, is_refused=False)
            return [first, *(entry for entry in entries if entry is not known)][: APP.max_invites]

        self._change(put_first)
        return self._entries[0]

    def remove(self, invite_id: str) -> None:
        """Forgets one. Raises UnknownInvite."""
        self.find(invite_id)
        self._change(lambda entries: [entry for entry in entries if entry.id != invite_id])

    def prefer(self, invite_id: str) -> None:
        """It was of use, or is wanted: it is the first from now on. Raises UnknownInvite."""
        entry = self.find(invite_id)
        if entry.is_refused or self._entries[0] is not entry:

            def put_first(entries: list[StoredInvite]) -> list[StoredInvite]:
                first = [replace(entry, is_refused=False) for entry in entries if entry.id == invite_id]
                return [*first, *(entry for entry in entries if entry.id != invite_id)]

            self._change(put_first)

    def refused(self, invite_id: str) -> None:
        """Its operator does not take it: others come first, also at the next start. Raises UnknownInvite."""
        if not self.find(invite_id).is_refused:
            self._change(
                lambda entries: [
                    replace(entry, is_refused=True) if entry.id == invite_id else entry for entry in entries
                ]
            )

    def _change(self, change: _Change) -> None:
        self._entries = change(self._entries)
        if self._home is not None:
            self._changes.append(change)

    def save(self) -> None:
        """Writes what has changed, on top of what other programs have changed."""
        if self._home is None or not self._changes:
            return
        with self._home.changing():
            entries = self._read()
            for change in self._changes:
                entries = change(entries)
            if self._write(entries):
                self._entries = entries
                self._changes.clear()

    def refresh(self) -> bool:
        """Takes over what other programs have changed; whether there was something."""
        stamp = self._stamp_now()
        if self._home is None or stamp == self._stamp:
            return False
        self._stamp = stamp
        entries = self._read()
        for change in self._changes:
            entries = change(entries)
        is_other = entries != self._entries
        self._entries = entries
        return is_other

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            status = self._home.path(BOOK_FILE).stat() if self._home is not None else None
        except OSError:
            return None
        return None if status is None else (status.st_ino, status.st_mtime_ns)

    def _write(self, entries: list[StoredInvite]) -> bool:
        assert self._home is not None
        written = [_Entry(entry.id, entry.invite.text, entry.label, entry.is_refused) for entry in entries]
        try:
            self._home.write(BOOK_FILE, msgspec.json.encode({"v": _VERSION, "invites": written}))
        except NotRemembered:
            self.could_save = False
        else:
            self.could_save = True
            self._stamp = self._stamp_now()
        return self.could_save

    def _read(self) -> list[StoredInvite]:
        if self._home is None:
            return []
        content = self._home.read(BOOK_FILE)
        if content is None:
            # Who wiped the folder meant it; what only cannot be read just now is not lost.
            return self._entries if self._home.path(BOOK_FILE).exists() else []
        try:
            raw = msgspec.json.decode(content, type=_Book).invites
        except msgspec.DecodeError:
            self._home.put_aside(BOOK_FILE)
            return []
        entries: dict[str, StoredInvite] = {}
        is_damaged = False
        for one in raw:
            try:
                entry = msgspec.json.decode(one, type=_Entry)
                # One that is over stays, so that a person sees what has become of it.
                invite = Invite.parse(entry.text, _ANY_TIME)
            except (msgspec.DecodeError, InviteError):
                is_damaged = True
            else:
                entries[entry.id] = StoredInvite(entry.id, invite, entry.label, entry.refused)
        kept = list(entries.values())[: APP.max_invites]
        if is_damaged:
            self._home.put_aside(BOOK_FILE)
            self._write(kept)
        return kept


def check_label(label: str) -> None:
    """Raises UsageError when it is too long or has characters that cannot be shown."""
    if len(label) > APP.max_label_chars or not label.isprintable():
        raise UsageError(
            "The label is too long or has characters that cannot be shown.",
            f"Give at most {APP.max_label_chars} plain characters.",
        )
