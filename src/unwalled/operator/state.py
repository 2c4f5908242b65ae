"""What an operator remembers between starts, so that ``unwalled invite`` can make invites while it runs.

``operator.json`` in the data folder (0600)::

    {"v": 1, "public_url": "https://…", "stun": ["stun:…"], "default_invite": "16 hex digits"}

Nothing in it is secret by itself: the default invite is made anew from its name and the keys at each start, so that it
names the doors of today. Blocking; the file is small.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.clock import Clock
from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.tokens import ID_BYTES, mint_token
from unwalled.datafolder import damaged, newer, read_private, replace_private
from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import OPERATOR
from unwalled.operator.invites.book import InviteBook, make_invite
from unwalled.operator.options import OperatorOptions, PublicUrl, Role, check_stun
from unwalled.settings import SIGNALLING
from unwalled.wire.invite import Invite

STATE_FILE = "operator.json"
DEFAULT_LABEL = "default"
_VERSION = 1


class _Version(msgspec.Struct, frozen=True):
    v: int


class OperatorState(msgspec.Struct, frozen=True):
    """The content of ``operator.json``."""

    v: int
    public_url: Annotated[str, msgspec.Meta(max_length=SIGNALLING.max_url_chars)]
    stun: Annotated[list[str], msgspec.Meta(max_length=SIGNALLING.max_stun_urls)]
    default_invite: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{16})?\Z")]
    """Names an entry of the invite book; "" = none yet."""

    @classmethod
    def load(cls, folder: Path) -> OperatorState | None:
        """None when no operator has run with this folder. Raises ConfigurationError when the file is damaged."""
        path = folder / STATE_FILE
        content = read_private(path, OPERATOR.state_file_bytes)
        if content is None:
            return None
        try:
            if msgspec.json.decode(content, type=_Version).v > _VERSION:
                raise newer(path)
            state = msgspec.json.decode(content, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise damaged(path) from None
        if state.v != _VERSION or not state.is_usable:
            raise damaged(path)
        return state

    @property
    def is_usable(self) -> bool:
        """Whether its URLs are such."""
        try:
            PublicUrl.parse(self.public_url)
            check_stun(self.stun)
        except ConfigurationError:
            return False
        return True

    def save(self, folder: Path) -> None:
        """Puts it in place. Raises ConfigurationError when that fails."""
        replace_private(folder / STATE_FILE, msgspec.json.format(msgspec.json.encode(self)))


def need_folder(folder: Path) -> None:
    """Raises ConfigurationError when there is no such data folder: a mistyped name makes no new one."""
    if not folder.is_dir():
        raise ConfigurationError(
            "There is no operator's data folder of that name.", "Give the one of `unwalled operate` with --data."
        )


def require_state(folder: Path) -> tuple[OperatorKeys, OperatorState]:
    """What is needed to make invites for an operator. Raises ConfigurationError when none has run with the folder."""
    need_folder(folder)
    try:
        keys, state = OperatorKeys.load(folder), OperatorState.load(folder)
    except PermissionError:
        raise ConfigurationError(
            "The data folder may not be read.", "Run this as the user who owns the data folder."
        ) from None
    if keys is None or state is None:
        raise ConfigurationError(
            "No operator has run with this data folder yet, so its public address is not known.",
            "Start `unwalled operate --data` with this folder once, with the --public-url of later.",
        )
    return keys, state


def keep_state(folder: Path, url: PublicUrl, stun: tuple[str, ...]) -> None:
    """Notes where the operator answers now; what it knew of its default invite stays."""
    held = OperatorState.load(folder)
    OperatorState(_VERSION, url.text, list(stun), held.default_invite if held else "").save(folder)


def held_invite(keys: OperatorKeys, state: OperatorState, book: InviteBook, clock: Clock) -> Invite | None:
    """The default invite with today's doors, or None when it was withdrawn. Changes nothing."""
    live = {entry.id for entry in book.entries() if not entry.revoked and not entry.is_over(clock.wall())}
    if state.default_invite not in live:
        return None
    token = mint_token(keys.invite_key, bytes.fromhex(state.default_invite), 0)
    return Invite.make(keys.identity, keys.broker_key().public, token, [state.public_url], state.stun)


def default_invite(folder: Path, keys: OperatorKeys, book: InviteBook, clock: Clock) -> Invite:
    """The invite of the first start, with today's doors; a new one when it was withdrawn or its note is lost.

    Call ``keep_state`` before. Raises ConfigurationError.
    """
    state = require_state(folder)[1]
    if (held := held_invite(keys, state, book, clock)) is not None:
        return held
    invite = make_invite(
        keys,
        book,
        doors=[state.public_url],
        stun=state.stun,
        label=DEFAULT_LABEL,
        now_wall_s=clock.wall(),
        expires_s=0,
        random_bytes=os.urandom,
    )
    name = invite.token[:8].hex()
    msgspec.structs.replace(state, default_invite=name).save(folder)
    return invite


def opening_invite(
    options: OperatorOptions, url: PublicUrl, keys: OperatorKeys, book: InviteBook, clock: Clock
) -> Invite:
    """What is printed at the start; of a process without the site, which gives none out, one that lets nobody in."""
    if Role.SITE not in options.roles:
        void = mint_token(keys.invite_key, bytes(ID_BYTES), 1)
        return Invite.make(keys.identity, keys.broker_key().public, void, [url.text], list(options.stun))
    keep_state(options.data, url, options.stun)
    return default_invite(options.data, keys, book, clock)
