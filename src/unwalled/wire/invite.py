"""The invite: one line of text or a link from which all of a reader's trust starts (docs/protocol/invite.md).

::

    uw1.  b64( body ‖ first 4 bytes of SHA-256(body) )
    https://HOST/read#uw1.…          the same as a link; browsers send no fragment to a server

    uw2.  b64( body ‖ first 4 bytes of SHA-256(body) )     of a private swarm

    body = MessagePack array: identity (bin 32), broker key (bin 32), token (bin 28), doors, stun
           and in ``uw2.`` the swarm's secret (bin 16), so that older programs say that it is newer

Errors of ``Invite.parse``, each with a cause and a remedy for a person::

    InviteError
    ├── NotAnInvite      the text is something else
    ├── DamagedInvite    cut or changed on its way
    ├── NewerInvite      made for a later version of the protocol
    ├── ExpiredInvite    its date is over
    └── NoUsableDoor     no door of a kind that this program can use
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from unwalled.errors import InviteError
from unwalled.settings import SIGNALLING
from unwalled.wire import b64

PREFIX = "uw1."
SWARM_PREFIX = "uw2."
_CHECKSUM_BYTES = 4
_TOKEN_ID_BYTES = 8
_TOKEN_EXPIRY_END = 12
_NEWEST = 2
_VERSIONED = re.compile(r"uw([0-9]{1,4})\.")
# What mail programs, messengers and people wrap around a pasted text, or break it with.
_WRAPPING = re.compile("[\\s\"'`<>()\\[\\]*,;\u00ab\u00bb\u2018-\u201f\u2039\u203a\u200b-\u200f\u2060\ufeff]+")
_STUN = re.compile(r"stuns?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(\?transport=(udp|tcp))?")

_Url = Annotated[str, msgspec.Meta(min_length=1, max_length=SIGNALLING.max_url_chars)]
_Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class NotAnInvite(InviteError):
    """The text is something else."""


class DamagedInvite(InviteError):
    """The text began like an invite and does not hold one."""


class NewerInvite(InviteError):
    """The invite is of a later version."""


class ExpiredInvite(InviteError):
    """The invite's date is over."""


class NoUsableDoor(InviteError):
    """None of the invite's doors can be used by this program."""


class _Body(msgspec.Struct, array_like=True, frozen=True):
    identity: _Key
    broker_key: _Key
    token: Annotated[bytes, msgspec.Meta(min_length=28, max_length=28)]
    doors: Annotated[list[_Url], msgspec.Meta(min_length=1, max_length=SIGNALLING.max_doors)]
    stun: Annotated[list[_Url], msgspec.Meta(max_length=SIGNALLING.max_stun_urls)]


class _SwarmBody(_Body, array_like=True, frozen=True):
    swarm: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]


@dataclass(frozen=True, slots=True)
class Invite:
    """The operator's public keys, the reader's token, and where the broker answers.

    Its repr shows neither keys nor addresses: with an invite anyone can read as its holder.
    """

    identity: bytes = field(repr=False)
    """Ed25519, 32 bytes."""
    broker_key: bytes = field(repr=False)
    """X25519, 32 bytes."""
    token: bytes = field(repr=False)
    """28 bytes, see crypto/tokens.py."""
    doors: tuple[str, ...] = field(repr=False)
    """Base URLs without a trailing slash, best first; at least one."""
    stun: tuple[str, ...] = field(repr=False)
    swarm: bytes = field(default=b"", repr=False)
    """The secret of the private swarm whose bridges alone it finds (crypto/swarm.py), 16 bytes; b"" = everybody's."""

    @classmethod
    def make(cls, identity: bytes, broker_key: bytes, token: bytes, doors: list[str], stun: list[str]) -> Invite:
        """Checks what an operator puts in. Raises InviteError when a door or a STUN URL cannot be used."""
        kept = tuple(door.rstrip("/") for door in doors)
        for door in kept:
            if not is_door(door):
                raise NoUsableDoor(
                    "A door of the invite is not a URL at which a broker can answer.",
                    "Give https://HOST, or http://HOST:PORT for tests, without query or fragment.",
                )
        for url in stun:
            if not is_stun_url(url):
                raise InviteError("A STUN URL of the invite is malformed.", "Write it as stun:HOST:PORT.")
        if not 1 <= len(kept) <= SIGNALLING.max_doors or len(stun) > SIGNALLING.max_stun_urls:
            raise InviteError(
                "The invite has too many or no doors, or too many STUN URLs.",
                f"Give 1 to {SIGNALLING.max_doors} doors and at most {SIGNALLING.max_stun_urls} STUN URLs.",
            )
        return cls(identity, broker_key, token, kept, tuple(stun))

    @classmethod
    def parse(cls, text: str, now_wall_s: float) -> Invite:
        """Reads a pasted text or link. White space, line breaks and quotes around or inside it do no harm.

        ``now_wall_s``: seconds since 1970. Raises the InviteErrors above. Doors and STUN URLs of unknown kinds are
        left out, so that later versions can add some.
        """
        if len(text) > SIGNALLING.max_invite_chars:
            raise NotAnInvite("The text is too long for an invite.", "Paste the invite alone.")
        body = _decode_body(*_find(text))
        expires_s = int.from_bytes(body.token[_TOKEN_ID_BYTES:_TOKEN_EXPIRY_END], "big")
        if expires_s and expires_s <= now_wall_s:
            day = datetime.fromtimestamp(expires_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
            raise ExpiredInvite(
                f"The invite expired on {day}.",
                "Ask whoever gave it to you for a new one. If the date is not over yet, set this computer's clock.",
            )
        doors = tuple(door.rstrip("/") for door in body.doors if is_door(door))
        if not doors:
            raise NoUsableDoor(
                "The invite names no way to the operator that this program can use.",
                "Install a newer Unwalled, or ask for a new invite.",
            )
        swarm = body.swarm if isinstance(body, _SwarmBody) else b""
        return cls(body.identity, body.broker_key, body.token, doors, tuple(filter(is_stun_url, body.stun)), swarm)

    @property
    def text(self) -> str:
        """The line ``uw1.…``, or ``uw2.…`` for a private swarm. Secret: it lets its holder read."""
        fields = (self.identity, self.broker_key, self.token, list(self.doors), list(self.stun))
        body = msgspec.msgpack.encode(_SwarmBody(*fields, self.swarm) if self.swarm else _Body(*fields))
        return (SWARM_PREFIX if self.swarm else PREFIX) + b64.encode(body + _checksum(body))

    def link(self, base_url: str) -> str:
        """The invite as a link to the page ``{base_url}/read``, which explains what to do with it."""
        return f"{base_url.rstrip('/')}/read#{self.text}"

    @property
    def expires_s(self) -> int:
        """Seconds since 1970, or 0 for never. What the token says; only the operator can check its MAC."""
        return int.from_bytes(self.token[_TOKEN_ID_BYTES:_TOKEN_EXPIRY_END], "big")

    @property
    def open_doors(self) -> int:
        """How many doors are plain http on a public host.

        The request is sealed all the same, but who watches the network sees that Unwalled is used: say so.
        """
        return sum(door.startswith("http:") and not is_private_url(door) for door in self.doors)


def is_door(url: str) -> bool:
    """Whether this is an http(s) URL with a host, and with no user, query or fragment."""
    if len(url) > SIGNALLING.max_url_chars or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port != 0
        and "@" not in parts.netloc
        and "?" not in url
        and "#" not in url
    )


def is_stun_url(url: str) -> bool:
    """Whether this is ``stun:HOST`` or ``stun:HOST:PORT`` (RFC 7064)."""
    return len(url) <= SIGNALLING.max_url_chars and _STUN.fullmatch(url) is not None


def is_private_url(url: str) -> bool:
    """Whether the URL's host is ``localhost`` or an address that is not reachable from the internet at large."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _find(text: str) -> tuple[str, type[_Body]]:
    bare = _WRAPPING.sub("", text)
    before, found, after = bare.replace("%23", "#").partition("#")
    candidate = after if found else before
    version = _VERSIONED.match(candidate)
    if version is None:
        raise NotAnInvite(
            "This is not an invite.",
            f"An invite begins with {PREFIX} or {SWARM_PREFIX} or is a link that has one of them behind a #.",
        )
    if int(version[1]) > _NEWEST:
        raise NewerInvite("The invite is for a newer version of Unwalled.", "Install the newest version.")
    if version[0] not in (PREFIX, SWARM_PREFIX):
        raise _damaged()
    kind = _SwarmBody if version[0] == SWARM_PREFIX else _Body
    return candidate.removeprefix(version[0]).rstrip("."), kind


def _decode_body(encoded: str, kind: type[_Body]) -> _Body:
    try:
        data = b64.decode(encoded)
    except ValueError:
        raise _damaged() from None
    body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if _checksum(body) != checksum:
        raise _damaged()
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError:
        raise _damaged() from None


def _damaged() -> DamagedInvite:
    return DamagedInvite(
        "The invite is damaged: a part is missing or was changed on its way.",
        "Copy the whole invite again, from its first to its last character.",
    )


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECKSUM_BYTES]
