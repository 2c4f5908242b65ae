"""The operator's book of invites, and the one question that broker and gateway ask: does this token let its holder in?

``invites.json`` in the data folder (0600)::

    {"v": 1, "invites": [{"id": "16 hex digits", "label": "…", "created": 0, "expires": 0, "revoked": false}]}

The book is for the operator's own overview and for revoking; a token is checked without it. The tokens themselves are
not in it. Blocking; the file is small, and is read again only when it has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.clock import Clock
from unwalled.crypto.identity import OperatorKeys, RandomBytes
from unwalled.crypto.tokens import ID_BYTES, MAX_EXPIRY_S, TokenRevoked, check_token, mint_token
from unwalled.datafolder import damaged, locked, make_private_folder, newer, read_private, replace_private
from unwalled.errors import ConfigurationError, UsageError
from unwalled.settings import BROKER
from unwalled.wire.invite import Invite

BOOK_FILE = "invites.json"
LOCK_FILE = "invites.lock"
_VERSION = 1
_ENTRY_BYTES = 1024
_MAX_FILE_BYTES = 2 * BROKER.max_invites * _ENTRY_BYTES

CheckToken = Callable[[bytes], bytes]
"""Gives a token's invite id, or raises TokenForeign, TokenExpired or TokenRevoked (crypto/tokens.py)."""

_Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_EXPIRY_S)]


class InviteEntry(msgspec.Struct, frozen=True):
    """One invite that was given out. Times are seconds since 1970; ``expires`` 0 = never."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    label: Annotated[str, msgspec.Meta(max_length=BROKER.max_label_chars)]
    created: _Seconds
    expires: _Seconds
    revoked: bool = False

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
        self._stamp = self._stamp_now()
        self._revoked = _revoked_of(self._read())

    def entries(self) -> list[InviteEntry]:
        """All invites, oldest first. Raises ConfigurationError when the file is damaged."""
        return self._read()

    def add(self, invite_id: bytes, label: str, created_s: int, expires_s: int) -> InviteEntry:
        """Writes an invite down. Expired ones make room; raises UsageError when the book is full all the same."""
        if len(label) > BROKER.max_label_chars or not label.isprintable():
            raise UsageError(
                "The label is too long or has characters that cannot be shown.",
                f"Give at most {BROKER.max_label_chars} plain characters.",
            )
        entry = InviteEntry(invite_id.hex(), label, created_s, expires_s)
        with locked(self._lock):
            kept = [old for old in self._read() if not old.is_over(created_s)]
            if len(kept) >= BROKER.max_invites:
                raise UsageError("There are too many invites.", "Give new ones an expiry date, or share one invite.")
            self._write([*kept, entry])
        return entry

    def revoke(self, invite_id: str) -> InviteEntry:
        """Withdraws an invite, named by its 16 hex digits. Raises UsageError when the book has none of that name."""
        with locked(self._lock):
            entries = self._read()
            for index, entry in enumerate(entries):
                if entry.id == invite_id:
                    entries[index] = msgspec.structs.replace(entry, revoked=True)
                    self._write(entries)
                    return entries[index]
        raise UsageError("There is no invite of that name.", "`unwalled invite --list` shows them.")

    def is_revoked(self, invite_id: bytes) -> bool:
        """Whether the operator withdrew this invite. Sees changes by other programs at once.

        While the file cannot be read, what was known last still holds.
        """
        stamp = self._stamp_now()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._revoked = _revoked_of(self._read())
            except ConfigurationError:
                pass
        return invite_id.hex() in self._revoked

    def _stamp_now(self) -> tuple[int, int, int]:
        try:
            status = os.stat(self._path)
        except OSError:
            return (0, 0, 0)
        return (status.st_ino, status.st_mtime_ns, status.st_size)

    def _read(self) -> list[InviteEntry]:
        content = read_private(self._path, _MAX_FILE_BYTES)
        if content is None:
            return []
        try:
            if msgspec.json.decode(content, type=_Version).v > _VERSION:
                raise newer(self._path)
            book = msgspec.json.decode(content, type=_Book)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise damaged(self._path) from None
        if book.v != _VERSION:
            raise damaged(self._path)
        return book.invites

    def _write(self, entries: list[InviteEntry]) -> None:
        replace_private(self._path, msgspec.json.format(msgspec.json.encode(_Book(_VERSION, entries))))


def token_checker(keys: OperatorKeys, book: InviteBook, clock: Clock) -> CheckToken:
    """What broker and gateway are given to check tokens with."""

    def check(token: bytes) -> bytes:
        invite_id = check_token(keys.invite_key, token, clock.wall())
        if book.is_revoked(invite_id):
            raise TokenRevoked
        return invite_id

    return check


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
    """A new invite, written down in the book. ``expires_s``: seconds since 1970, 0 = never.

    Raises UsageError for a date that is over or out of range, a bad door, STUN URL or label, and a full book.
    """
    if expires_s and not now_wall_s < expires_s <= MAX_EXPIRY_S:
        raise UsageError("The invite's last day is over, or too far off.", "Give a date between tomorrow and 2106.")
    invite_id = random_bytes(ID_BYTES)
    token = mint_token(keys.invite_key, invite_id, expires_s)
    invite = Invite.make(keys.identity, keys.broker_key().public, token, list(doors), list(stun))
    book.add(invite_id, label, int(now_wall_s), expires_s)
    return invite


def _revoked_of(entries: list[InviteEntry]) -> frozenset[str]:
    return frozenset(entry.id for entry in entries if entry.revoked)
