"""A private bridge's secret in the volunteer's folder, and the link for those whom it helps (docs/protocol/invite.md).

``swarms.json`` in the folder (0600)::

    {"v": 1, "swarms": [{"operator": "https://…", "secret": "22 characters"}]}

So the link that a family has goes on working after a restart. Blocking; the file is small.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.bridge.operator import OperatorUrl
from unwalled.crypto.identity import RandomBytes
from unwalled.crypto.swarm import SECRET_BYTES
from unwalled.datafolder import damaged, locked, make_private_folder, newer, read_private, replace_private
from unwalled.errors import InviteError, SignallingError, UsageError
from unwalled.settings import SIGNALLING
from unwalled.wire import b64
from unwalled.wire.invite import Invite

SWARMS_FILE = "swarms.json"
_LOCK = "swarms.lock"
_VERSION = 1
_MAX_BYTES = 64 * 1024
_MAX_SWARMS = 64


class _Entry(msgspec.Struct, frozen=True):
    operator: Annotated[str, msgspec.Meta(max_length=SIGNALLING.max_url_chars)]
    secret: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{22}\Z")]


class _Version(msgspec.Struct, frozen=True):
    v: int


class _File(msgspec.Struct, frozen=True):
    v: int
    swarms: Annotated[list[_Entry], msgspec.Meta(max_length=_MAX_SWARMS)]


def remembered_secret(folder: Path, operator: OperatorUrl, random_bytes: RandomBytes) -> bytes:
    """The secret for this operator; made at the first call. Raises ConfigurationError for a folder that cannot be
    used.
    """
    make_private_folder(folder)
    with locked(folder / _LOCK):
        entries = _read(folder)
        for entry in entries:
            if entry.operator == operator.base:
                return b64.decode(entry.secret)
        if len(entries) >= _MAX_SWARMS:
            raise UsageError("There are too many private swarms in this folder.", "Forget those of old operators.")
        secret = random_bytes(SECRET_BYTES)
        _write(folder, [*entries, _Entry(operator.base, b64.encode(secret))])
        return secret


def remember_link(folder: Path, operator: OperatorUrl, text: str) -> bytes:
    """Joins the swarm of somebody else's link: their secret is this bridge's from now on. Raises InviteError or
    UsageError.
    """
    secret = Invite.parse(text, 0.0).swarm
    if not secret:
        raise UsageError(
            "This is not the link of a private swarm.", "Ask the other helper for theirs; it has #uw2. in it."
        )
    make_private_folder(folder)
    with locked(folder / _LOCK):
        kept = [entry for entry in _read(folder) if entry.operator != operator.base]
        _write(folder, [*kept, _Entry(operator.base, b64.encode(secret))])
    return secret


def forget_secret(folder: Path, operator: OperatorUrl) -> bool:
    """Deletes the secret for this operator: its link leads nowhere any more. Whether there was one."""
    if not (folder / SWARMS_FILE).exists():
        return False
    with locked(folder / _LOCK):
        entries = _read(folder)
        kept = [entry for entry in entries if entry.operator != operator.base]
        if len(kept) == len(entries):
            return False
        _write(folder, kept)
        return True


def readers_link(given: str, secret: bytes, operator: OperatorUrl, now_wall_s: float) -> str:
    """The link to give to those whom a private bridge helps, from what the operator gave. Raises SignallingError."""
    try:
        invite = Invite.parse(given, now_wall_s)
    except InviteError:
        raise SignallingError("The operator gave no invite for a private bridge.") from None
    return replace(invite, swarm=secret).link(operator.base)


def _read(folder: Path) -> list[_Entry]:
    path = folder / SWARMS_FILE
    content = read_private(path, _MAX_BYTES)
    if content is None:
        return []
    try:
        if msgspec.json.decode(content, type=_Version).v > _VERSION:
            raise newer(path)
        return msgspec.json.decode(content, type=_File).swarms
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise damaged(path) from None


def _write(folder: Path, entries: list[_Entry]) -> None:
    replace_private(folder / SWARMS_FILE, msgspec.json.encode(_File(_VERSION, entries)))
