"""``unwalled invite``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import segno

from unwalled.cli.output import note, say
from unwalled.cli.units import parse_expiry, parse_size, show_expiry, show_size
from unwalled.clock import SystemClock
from unwalled.crypto.identity import OperatorKeys
from unwalled.datafolder import make_private_folder, replace_private
from unwalled.errors import UsageError
from unwalled.operator.invites.book import InviteBook, InviteEntry, MadeInvite, Quota, link_again, make_invites
from unwalled.operator.invites.quotas import DAY_S, read_usage
from unwalled.operator.invites.sheet import as_csv, as_page, as_png, as_svg, file_name
from unwalled.operator.state import OperatorState, require_state
from unwalled.settings import MIB


@dataclass(frozen=True, slots=True)
class Sheets:
    """Where invites are written, beside the terminal. They are for their owner's eyes only (0600)."""

    csv: Path | None = None
    html: Path | None = None
    svg: Path | None = None
    """A folder; the same for ``png``."""
    png: Path | None = None

    @property
    def is_any(self) -> bool:
        """Whether something is to be written."""
        return any((self.csv, self.html, self.svg, self.png))

    def check(self) -> None:
        """Raises UsageError where one could not be written: before an invite is made, and not after."""
        for file in (self.csv, self.html):
            if file is not None and (file.is_dir() or not os.access(file.absolute().parent, os.W_OK)):
                raise UsageError(
                    f"{file} cannot be written.", "Name a file in a folder that is there and that you may write to."
                )
        for folder in (self.svg, self.png):
            if folder is not None and folder.exists() and not folder.is_dir():
                raise UsageError(f"{folder} is a file.", "Name a folder for the pictures, which is made if need be.")


def labels_of(label: str, friends: Sequence[str], count: int | None) -> list[str]:
    """One for each invite. Raises UsageError for two ways of saying how many, and for a friend without a name."""
    if friends and (count is not None or label):
        raise UsageError("--for names each invite already.", "Leave --label and --count out, or --for.")
    if not all(friend.strip() for friend in friends):
        raise UsageError("--for has no name in it.", "Name a friend each time, such as --for Anna.")
    if friends:
        return list(friends)
    if count is None:
        return [label]
    return [f"{label} {number}".strip() for number in range(1, count + 1)]


def quota_of(sessions: int, bytes_day: str, readers: int) -> Quota:
    """The bounds of an invite as they were given. Raises ConfigurationError or UsageError."""
    quota = Quota(sessions, parse_size(bytes_day) if bytes_day else 0, readers)
    quota.check()
    return quota


def make(
    folder: Path, *, labels: Sequence[str], expires: str, quota: Quota, sheets: Sheets, qr: bool, link_only: bool
) -> None:
    """Makes invites and prints them: one as a line and a link, several as label and link. Raises UsageError."""
    sheets.check()
    now_wall_s = SystemClock().wall()
    expires_s = parse_expiry(expires, now_wall_s)
    keys, state = require_state(folder)
    made = make_invites(
        keys,
        InviteBook(folder),
        doors=[state.public_url],
        stun=state.stun,
        labels=labels,
        now_wall_s=now_wall_s,
        expires_s=expires_s,
        random_bytes=os.urandom,
        quota=quota,
    )
    _show(made, state, sheets, qr=qr, link_only=link_only)


def again(folder: Path, invite_id: str, *, sheets: Sheets, qr: bool, link_only: bool) -> None:
    """Prints the link of an invite once more, with the keys of today. Raises UsageError for one that is over."""
    sheets.check()
    keys, state = require_state(folder)
    now_wall_s = SystemClock().wall()
    book = InviteBook(folder)
    made = link_again(
        keys,
        book,
        invite_id.strip().lower(),
        doors=[state.public_url],
        stun=state.stun,
        now_wall_s=now_wall_s,
    )
    _show([made], state, sheets, qr=qr, link_only=link_only)


def show_list(folder: Path) -> None:
    """Prints the book: id, state, dates, bounds with what is used of them today, label."""
    keys, _ = require_state(folder)
    now_wall_s = SystemClock().wall()
    used = read_usage(folder, int(now_wall_s // DAY_S))
    for entry in InviteBook(folder).entries():
        say(_line(entry, keys, used.get(bytes.fromhex(entry.id), 0) * MIB, now_wall_s))


def revoke(folder: Path, invite_id: str) -> None:
    """Withdraws an invite. A running operator knows at the next request. Raises UsageError for an unknown one."""
    require_state(folder)
    entry = InviteBook(folder).revoke(invite_id.strip().lower())
    say(f"revoked {entry.id}  {entry.label}".rstrip())


def set_quota(folder: Path, invite_id: str, quota: Quota) -> None:
    """Gives an invite these bounds and no others. A running operator knows at once. Raises UsageError."""
    require_state(folder)
    entry = InviteBook(folder).set_quota(invite_id.strip().lower(), quota)
    say(f"{entry.id}  {_bounds(entry, 0) or 'no bounds of its own'}  {entry.label}".rstrip())


def _show(made: Sequence[MadeInvite], state: OperatorState, sheets: Sheets, *, qr: bool, link_only: bool) -> None:
    base = state.public_url
    for one in made:
        link = one.invite.link(base)
        if len(made) > 1:
            say(f"{one.entry.label}\t{link}".lstrip())
        else:
            if not link_only:
                say(one.invite.text)
            say(link)
        if qr:
            segno.make(link, error="l", micro=False).terminal(sys.stdout, border=2, compact=True)
            sys.stdout.flush()
    if sheets.csv is not None:
        replace_private(sheets.csv, as_csv(made, base).encode())
    if sheets.html is not None:
        replace_private(sheets.html, as_page(made, base).encode())
    for folder, ending, picture in ((sheets.svg, "svg", as_svg), (sheets.png, "png", as_png)):
        if folder is not None:
            make_private_folder(folder)
            for number, one in enumerate(made, 1):
                replace_private(folder / f"{file_name(one, number)}.{ending}", picture(one, base))
    if sheets.is_any:
        note("Whoever reads these files can read as your friends: delete them once they are handed out.")


def _line(entry: InviteEntry, keys: OperatorKeys, used_bytes: int, now_wall_s: float) -> str:
    ends = entry.ends(keys)
    state = "revoked" if entry.revoked else "expired" if ends and ends <= now_wall_s else "valid"
    parts = [
        f"{entry.id}  {state:7}  made {show_expiry(entry.created)}  ends {show_expiry(ends)}",
        _bounds(entry, used_bytes),
        entry.label,
    ]
    return "  ".join(part for part in parts if part)


def _bounds(entry: InviteEntry, used_bytes: int) -> str:
    bounds = []
    if entry.sessions:
        bounds.append(f"{entry.sessions} at once")
    if entry.readers:
        bounds.append(f"{entry.readers} readers a day")
    if entry.bytes_day:
        bounds.append(f"{show_size(entry.bytes_day)} a day, {show_size(used_bytes)} of it used today")
    return ", ".join(bounds)
