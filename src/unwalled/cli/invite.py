"""``unwalled invite``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import segno

from unwalled.cli.output import say
from unwalled.cli.units import parse_expiry, show_expiry
from unwalled.clock import SystemClock
from unwalled.operator.invites import InviteBook, make_invite
from unwalled.operator.state import require_state


def make(folder: Path, *, label: str, expires: str, qr: bool, link_only: bool) -> None:
    """Makes an invite and prints it as a line, as a link, and as a QR code if wanted. Raises UsageError."""
    now_wall_s = SystemClock().wall()
    expires_s = parse_expiry(expires, now_wall_s)
    keys, state = require_state(folder)
    invite = make_invite(
        keys,
        InviteBook(folder),
        doors=[state.public_url],
        stun=state.stun,
        label=label,
        now_wall_s=now_wall_s,
        expires_s=expires_s,
        random_bytes=os.urandom,
    )
    link = invite.link(state.public_url)
    if not link_only:
        say(invite.text)
    say(link)
    if qr:
        segno.make(link, error="l", micro=False).terminal(sys.stdout, border=2, compact=True)
        sys.stdout.flush()


def show_list(folder: Path) -> None:
    """Prints the book: id, label, when it was made, when it ends, whether it was withdrawn."""
    require_state(folder)
    now_wall_s = SystemClock().wall()
    for entry in InviteBook(folder).entries():
        state = "revoked" if entry.revoked else "expired" if entry.is_over(now_wall_s) else "valid"
        ends = show_expiry(entry.expires)
        say(f"{entry.id}  {state:7}  made {show_expiry(entry.created)}  ends {ends}  {entry.label}".rstrip())


def revoke(folder: Path, invite_id: str) -> None:
    """Withdraws an invite. A running operator knows at the next request. Raises UsageError for an unknown one."""
    require_state(folder)
    entry = InviteBook(folder).revoke(invite_id.strip().lower())
    say(f"revoked {entry.id}  {entry.label}".rstrip())
