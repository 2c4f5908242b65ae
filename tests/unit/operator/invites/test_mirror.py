"""The invite book on several machines, over a store that somebody else may read and write."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import cast

from unwalled.broker.redis.connection import RedisServer
from unwalled.operator.invites.book import BOOK_FILE, InviteBook, InviteEntry
from unwalled.operator.invites.mirror import InviteMirror

KEY = bytes(32)
ID = bytes.fromhex("0123456789abcdef")


class Shelf:
    """Implements what a mirror needs of a RedisServer."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def command(self, *words: str | bytes) -> bytes | None:
        name = str(words[1])
        if words[0] == "SET":
            self.values[name] = bytes(words[2]) if isinstance(words[2], bytes) else words[2].encode()
        return self.values.get(name)


def mirror(shelf: Shelf, folder: Path, *, is_source: bool, key: bytes = KEY) -> InviteMirror:
    server = cast(RedisServer, shelf)
    return InviteMirror(server, "base", folder, key=key, random_bytes=os.urandom, is_source=is_source)


def scene(tmp_path: Path) -> tuple[Shelf, InviteBook, Path]:
    book = InviteBook(tmp_path / "site")
    book.add([InviteEntry(ID.hex(), "Aunt Mina", 1, 0)], 1)
    shelf = Shelf()
    asyncio.run(mirror(shelf, tmp_path / "site", is_source=True).look())
    return shelf, book, tmp_path / "gateway"


def test_what_was_made_and_withdrawn_reaches_the_others_without_labels(tmp_path: Path) -> None:
    shelf, book, there = scene(tmp_path)
    follower = mirror(shelf, there, is_source=False)
    asyncio.run(follower.look())
    copied = InviteBook(there)
    assert [(entry.id, entry.label) for entry in copied.entries()] == [(ID.hex(), "")]
    assert not copied.is_revoked(ID)
    book.revoke(ID.hex())
    asyncio.run(mirror(shelf, tmp_path / "site", is_source=True).look())
    asyncio.run(follower.look())
    assert copied.is_revoked(ID)


def test_whoever_can_look_into_the_store_learns_no_invite(tmp_path: Path) -> None:
    shelf, _, _ = scene(tmp_path)
    (value,) = shelf.values.values()
    assert ID.hex().encode() not in value
    assert b"Mina" not in value
    assert ID not in value


def test_what_others_write_into_the_store_changes_nothing(tmp_path: Path) -> None:
    shelf, book, there = scene(tmp_path)
    book.revoke(ID.hex())
    asyncio.run(mirror(shelf, tmp_path / "site", is_source=True).look())
    follower = mirror(shelf, there, is_source=False)
    asyncio.run(follower.look())
    (name,) = shelf.values
    good = shelf.values[name]
    for forged in (b"", b"{}", (tmp_path / "site" / BOOK_FILE).read_bytes(), good[:-1] + bytes((good[-1] ^ 1,))):
        shelf.values[name] = forged
        asyncio.run(follower.look())
        assert InviteBook(there).is_revoked(ID)
    asyncio.run(mirror(shelf, tmp_path / "other", is_source=False, key=bytes(31) + b"x").look())
    assert InviteBook(tmp_path / "other").entries() == []


def test_a_damaged_book_is_not_told(tmp_path: Path) -> None:
    shelf, _, _ = scene(tmp_path)
    told = dict(shelf.values)
    (tmp_path / "site" / BOOK_FILE).write_bytes(b"{")
    asyncio.run(mirror(shelf, tmp_path / "site", is_source=True).look())
    assert shelf.values == told
