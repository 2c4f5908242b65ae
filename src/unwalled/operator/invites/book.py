"""The operator's book of invites: who has one, until when, and how much its holders may use.

``invites.json`` in the data folder (0600)::

    {"v": 1, "invites": [{"id": "16 hex digits", "label": "…", "created": 0, "expires": 0, "revoked": false,
                          "sessions": 0, "bytes_day": 0, "readers": 0, "linked": 0}]}

The last four are only there when they are not 0: bounds of the invite's own, and when its link was given out anew.
When an invite was used is not kept: with a label it would tell when somebody reads.

The book is for the operator's own overview and for revoking; a token is checked without it. The tokens themselves are
not in it. Blocking; the file is small, and is read again only when it has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.crypto.identity import KeyKind, OperatorKeys, RandomBytes
from unwalled.crypto.tokens import ID_BYTES, MAX_EXPIRY_S, mint_token
from unwalled.datafolder import damaged, locked, make_private_folder, newer, read_private, replace_private, stamp_of
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.bounds import QUOTA
from unwalled.settings import BROKER
from unwalled.wire.invite import Invite

BOOK_FILE = "invites.json"
LOCK_FILE = "invites.lock"
_VERSION = 1
_ENTRY_BYTES = 1024
_MAX_FILE_BYTES = 2 * BROKER.max_invites * _ENTRY_BYTES

_Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_EXPIRY_S)]


@dataclass(frozen=True, slots=True)
class Quota:
    """Bounds of an invite's own, for all who hold it together; 0 = none but those that hold for every invite."""

    sessions: int = 0
    """At once."""
    bytes_day: int = 0
    """Carried in a day (UTC), both ways."""
    readers: int = 0
    """Runs of the reader's program in a day (UTC)."""

    def check(self) -> None:
        """Raises UsageError when one is out of range."""
        most = (QUOTA.most_sessions, QUOTA.most_bytes_day, QUOTA.most_readers)
        for value, bound in zip((self.sessions, self.bytes_day, self.readers), most, strict=True):
            if not 0 <= value <= bound:
                raise UsageError("A bound of the invite is out of range.", f"Give 1 to {bound}, or 0 for none.")


NO_QUOTA = Quota()


class InviteEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One invite that was given out. Times are seconds since 1970; ``expires`` 0 = never."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    label: Annotated[str, msgspec.Meta(max_length=BROKER.max_label_chars)]
    created: _Seconds
    expires: _Seconds
    revoked: bool = False
    sessions: Annotated[int, msgspec.Meta(ge=0, le=QUOTA.most_sessions)] = 0
    bytes_day: Annotated[int, msgspec.Meta(ge=0, le=QUOTA.most_bytes_day)] = 0
    readers: Annotated[int, msgspec.Meta(ge=0, le=QUOTA.most_readers)] = 0
    linked: _Seconds = 0
    """When its link was given out anew, or 0."""

    @property
    def quota(self) -> Quota:
        """Its bounds."""
        return Quota(self.sessions, self.bytes_day, self.readers)

    def ends(self, keys: OperatorKeys) -> int:
        """When its newest link ends: its own date, or earlier if the keys that it was made with end; 0 = never."""
        made = self.linked or self.created
        ends = [self.expires] if self.expires else []
        for one in keys.past:
            if one.kind is not KeyKind.GATEWAY and made < one.replaced_s:
                ends.append(one.ends_s)
        return min(ends, default=0)

    def is_over(self, now_wall_s: float) -> bool:
        """Whether the date has passed."""
        return self.expires != 0 and self.expires <= now_wall_s


class _Version(msgspec.Struct, frozen=True):
    v: int


class _Book(msgspec.Struct, frozen=True):
    v: int
    invites: Annotated[list[InviteEntry], msgspec.Meta(max_length=2 * BROKER.max_invites)]


class InviteBook:
    """The book of one data folder. Several programs may use it at once: changes are made under a lock."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder if needed and reads the book. Raises ConfigurationError when it is damaged."""
        make_private_folder(folder)
        self._path = folder / BOOK_FILE
        self._lock = folder / LOCK_FILE
        self._stamp = stamp_of(self._path)
        self._look(self._read())

    def _look(self, entries: list[InviteEntry]) -> None:
        self._revoked = frozenset(entry.id for entry in entries if entry.revoked)
        self._quotas = {bytes.fromhex(entry.id): entry.quota for entry in entries if entry.quota != NO_QUOTA}

    def entries(self) -> list[InviteEntry]:
        """All invites, oldest first. Raises ConfigurationError when the file is damaged."""
        return self._read()

    def add(self, entries: Sequence[InviteEntry], now_s: int) -> None:
        """Writes invites down in one step, all of them or none. Expired ones make room; raises UsageError when the book
        is full all the same.
        """
        for entry in entries:
            check_label(entry.label)
        with locked(self._lock):
            kept = [old for old in self._read() if not old.is_over(now_s)]
            if len(kept) + len(entries) > BROKER.max_invites:
                raise UsageError("There are too many invites.", "Give new ones an expiry date, or share one invite.")
            self._write([*kept, *entries])

    def revoke(self, invite_id: str) -> InviteEntry:
        """Withdraws an invite, named by its 16 hex digits. Raises UsageError when the book has none of that name.

        A private swarm is not in the book until it is withdrawn: see ``revoke_swarm``.
        """
        return self._change(invite_id, revoked=True)

    def revoke_swarm(self, invite_id: str, now_s: int) -> InviteEntry:
        """Withdraws a private swarm, which the book does not know otherwise, by the id in its token."""
        entry = InviteEntry(invite_id, "private swarm", now_s, 0, revoked=True)
        try:
            return self._change(invite_id, revoked=True)
        except UsageError:
            self.add([entry], now_s)
            return entry

    def set_quota(self, invite_id: str, quota: Quota) -> InviteEntry:
        """Gives an invite other bounds; they hold at once, also for who reads already. Raises UsageError."""
        quota.check()
        return self._change(invite_id, sessions=quota.sessions, bytes_day=quota.bytes_day, readers=quota.readers)

    def find(self, invite_id: str) -> InviteEntry:
        """Raises UsageError when the book has none of that name."""
        for entry in self._read():
            if entry.id == invite_id:
                return entry
        raise _unknown()

    def linked(self, invite_id: str, now_s: int) -> InviteEntry:
        """Notes that its link was given out anew. Raises UsageError."""
        return self._change(invite_id, linked=now_s)

    def _change(self, invite_id: str, **changes: object) -> InviteEntry:
        with locked(self._lock):
            entries = self._read()
            for index, entry in enumerate(entries):
                if entry.id == invite_id:
                    entries[index] = msgspec.structs.replace(entry, **changes)
                    self._write(entries)
                    return entries[index]
        raise _unknown()

    def is_revoked(self, invite_id: bytes) -> bool:
        """Whether the operator withdrew this invite. Sees changes by other programs at once.

        While the file cannot be read, what was known last still holds.
        """
        self._refresh()
        return invite_id.hex() in self._revoked

    def quota_of(self, invite_id: bytes) -> Quota:
        """The bounds of an invite; as fresh, and as steady, as ``is_revoked``."""
        self._refresh()
        return self._quotas.get(invite_id, NO_QUOTA)

    def _refresh(self) -> None:
        stamp = stamp_of(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._look(self._read())
            except ConfigurationError:
                pass

    def _read(self) -> list[InviteEntry]:
        content = read_private(self._path, _MAX_FILE_BYTES)
        return [] if content is None else _entries_of(content, self._path)

    def _write(self, entries: list[InviteEntry]) -> None:
        replace_private(self._path, _content_of(entries))


def without_labels(content: bytes, path: Path) -> bytes:
    """A book without what the admin calls its invites. Raises ConfigurationError when it is none; ``path`` names it."""
    return _content_of([msgspec.structs.replace(entry, label="") for entry in _entries_of(content, path)])


def _entries_of(content: bytes, path: Path) -> list[InviteEntry]:
    try:
        if msgspec.json.decode(content, type=_Version).v > _VERSION:
            raise newer(path)
        book = msgspec.json.decode(content, type=_Book)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise damaged(path) from None
    if book.v != _VERSION:
        raise damaged(path)
    return book.invites


def _content_of(entries: list[InviteEntry]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_Book(_VERSION, entries)))


@dataclass(frozen=True, slots=True)
class MadeInvite:
    """A new invite and its line in the book."""

    entry: InviteEntry
    invite: Invite

    def __repr__(self) -> str:
        return f"MadeInvite({self.entry.id})"


def make_invites(
    keys: OperatorKeys,
    book: InviteBook,
    *,
    doors: Sequence[str],
    stun: Sequence[str],
    labels: Sequence[str],
    now_wall_s: float,
    expires_s: int,
    random_bytes: RandomBytes,
    quota: Quota = NO_QUOTA,
) -> list[MadeInvite]:
    """A new invite for each label, all written down in the book in one step. ``expires_s``: since 1970, 0 = never.

    Raises UsageError for a date that is over or out of range, a bad door, STUN URL, label or bound, too many at once,
    and a full book.
    """
    if expires_s and not now_wall_s < expires_s <= MAX_EXPIRY_S:
        raise UsageError("The invite's last day is over, or too far off.", "Give a date between tomorrow and 2106.")
    if not 1 <= len(labels) <= QUOTA.made_at_once:
        raise UsageError("So many invites cannot be made at once.", f"Make 1 to {QUOTA.made_at_once}.")
    quota.check()
    made = []
    for label in labels:
        entry = InviteEntry(
            random_bytes(ID_BYTES).hex(),
            label,
            int(now_wall_s),
            expires_s,
            sessions=quota.sessions,
            bytes_day=quota.bytes_day,
            readers=quota.readers,
        )
        made.append(MadeInvite(entry, _invite(keys, entry, doors, stun)))
    book.add([one.entry for one in made], int(now_wall_s))
    return made


def make_invite(
    keys: OperatorKeys,
    book: InviteBook,
    *,
    doors: Sequence[str],
    stun: Sequence[str],
    label: str,
    now_wall_s: float,
    expires_s: int,
    random_bytes: RandomBytes,
) -> Invite:
    """One new invite. As ``make_invites``."""
    (made,) = make_invites(
        keys,
        book,
        doors=doors,
        stun=stun,
        labels=[label],
        now_wall_s=now_wall_s,
        expires_s=expires_s,
        random_bytes=random_bytes,
    )
    return made.invite


def link_again(
    keys: OperatorKeys,
    book: InviteBook,
    invite_id: str,
    *,
    doors: Sequence[str],
    stun: Sequence[str],
    now_wall_s: float,
) -> MadeInvite:
    """The link of an invite made anew, with the keys and doors of today. Raises UsageError for one that is over."""
    entry = book.find(invite_id)
    if entry.revoked or entry.is_over(now_wall_s):
        raise UsageError("This invite is over: it expired or was withdrawn.", "Make a new one.")
    return MadeInvite(book.linked(invite_id, int(now_wall_s)), _invite(keys, entry, doors, stun))


def check_label(label: str) -> None:
    """Raises UsageError."""
    if len(label) > BROKER.max_label_chars or not label.isprintable():
        raise UsageError(
            "The label is too long or has characters that cannot be shown.",
            f"Give at most {BROKER.max_label_chars} plain characters.",
        )


def _invite(keys: OperatorKeys, entry: InviteEntry, doors: Sequence[str], stun: Sequence[str]) -> Invite:
    token = mint_token(keys.invite_key, bytes.fromhex(entry.id), entry.expires)
    return Invite.make(keys.identity, keys.broker_key().public, token, list(doors), list(stun))


def _unknown() -> UsageError:
    return UsageError("There is no invite of that name.", "`unwalled invite --list` shows them.")
