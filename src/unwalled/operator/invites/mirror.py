"""The invite book on every machine of an operator: whoever has the site tells it, the others write it down.

Invites are made and withdrawn where the site is. Labels, which are for the admin's own list, are not told. What stands
in the store is sealed with a key that only the operator's machines have, so that whoever can look into it, or write to
it, neither learns an invite's name nor changes what is withdrawn; an older book put back lasts until the next look.

    value   nonce (12) ‖ ChaCha20-Poly1305 of the book, bound to the name of its key
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from unwalled.broker.redis.connection import RedisServer
from unwalled.broker.store import StoreAway
from unwalled.crypto.identity import RandomBytes
from unwalled.datafolder import make_private_folder, read_private, replace_private
from unwalled.errors import ConfigurationError
from unwalled.operator.invites.book import BOOK_FILE, without_labels
from unwalled.operator.workers.bounds import WORKERS

_NONCE_BYTES = 12


class InviteMirror:
    """Tells or follows the book of a data folder, over the shared store."""

    def __init__(
        self,
        server: RedisServer,
        base: str,
        folder: Path,
        *,
        key: bytes,
        random_bytes: RandomBytes,
        is_source: bool,
    ) -> None:
        """``key``: 32 bytes, of the operator's machines alone."""
        make_private_folder(folder)
        self._cipher = ChaCha20Poly1305(key)
        self._random_bytes = random_bytes
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
            nonce = self._random_bytes(_NONCE_BYTES)
            sealed = self._cipher.encrypt(nonce, without_labels(content, self._path), self._key.encode())
            await self._server.command("SET", self._key, nonce + sealed)

    async def _follow(self) -> None:
        value = await self._server.command("GET", self._key)
        if not isinstance(value, bytes) or not _NONCE_BYTES < len(value) <= WORKERS.invites_bytes:
            return
        try:
            content = self._cipher.decrypt(value[:_NONCE_BYTES], value[_NONCE_BYTES:], self._key.encode())
        except InvalidTag:
            # Nobody of ours has written that.
            return
        if content != self._last:
            replace_private(self._path, without_labels(content, self._path))
            self._last = content
