"""The invite book on every machine of an operator: whoever has the site tells it, the others write it down.

Invites are made and withdrawn where the site is. Labels, which are for the admin's own list, are not told.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from unwalled.broker.redis.connection import RedisServer
from unwalled.broker.store import StoreAway
from unwalled.datafolder import make_private_folder, read_private, replace_private
from unwalled.errors import ConfigurationError
from unwalled.operator.invites.book import BOOK_FILE
from unwalled.operator.workers.bounds import WORKERS


class InviteMirror:
    """Tells or follows the book of a data folder, over the shared store."""

    def __init__(self, server: RedisServer, base: str, folder: Path, *, is_source: bool) -> None:
        make_private_folder(folder)
        self._server = server
        self._key = f"{base}:invites"
        self._path = folder / BOOK_FILE
        self._is_source = is_source
        self._last: bytes | None = None

    async def run(self) -> None:
        """Goes on until it is cancelled. What cannot be read or reached is tried again."""
        while True:
            await self.look()
            await asyncio.sleep(WORKERS.invites_check_s)

    async def look(self) -> None:
        """Once."""
        try:
            await (self._tell() if self._is_source else self._follow())
        except (StoreAway, ConfigurationError, OSError):
            # What was known last still holds.
            pass

    async def _tell(self) -> None:
        content = read_private(self._path, WORKERS.invites_bytes)
        # Each time: the store may have lost it.
        if content is not None:
            await self._server.command("SET", self._key, without_labels(content))

    async def _follow(self) -> None:
        content = await self._server.command("GET", self._key)
        if isinstance(content, bytes) and content != self._last and len(content) <= WORKERS.invites_bytes:
            replace_private(self._path, content)
            self._last = content


def without_labels(content: bytes) -> bytes:
    """A book without what the admin calls its invites. What is no book stays as it is."""
    try:
        book: Any = msgspec.json.decode(content)
        for entry in book["invites"]:
            entry["label"] = ""
    except (msgspec.MsgspecError, KeyError, TypeError):
        return content
    return msgspec.json.encode(book)
