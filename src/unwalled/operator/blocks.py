"""Targets that the operator has blocked by hand, as after a complaint: ``blocks.json`` in the data folder (0600)::

    {"v": 1, "blocks": ["abused.example", "192.0.2.7:22"]}

Several programs may change it at once, under a lock; a running operator sees it within seconds. Blocking.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from unwalled.datafolder import damaged, locked, make_private_folder, newer, read_private, replace_private
from unwalled.errors import UsageError
from unwalled.gateway.bounds import POLICY
from unwalled.gateway.policy import Blocks, block_list, split_block
from unwalled.network.names import canonical_name

BLOCKS_FILE = "blocks.json"
LOCK_FILE = "blocks.lock"
_VERSION = 1
_REMEDY = "Write a host such as abused.example, an address or a network, with :PORT behind it or without."


class _Version(msgspec.Struct, frozen=True):
    v: int


class _File(msgspec.Struct, frozen=True):
    v: int
    blocks: Annotated[list[str], msgspec.Meta(max_length=POLICY.blocks)]


class BlockBook:
    """The blocks of one data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / BLOCKS_FILE

    def entries(self) -> list[str]:
        """All of them, oldest first. Raises ConfigurationError when the file is damaged."""
        if not self._folder.is_dir():
            return []
        content = read_private(self.path, POLICY.blocks_file_bytes)
        if content is None:
            return []
        try:
            if msgspec.json.decode(content, type=_Version).v > _VERSION:
                raise newer(self.path)
            held = msgspec.json.decode(content, type=_File)
            block_list(held.blocks)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            raise damaged(self.path) from None
        return held.blocks

    def blocks(self) -> Blocks:
        """The same, to be asked. Raises ConfigurationError."""
        return block_list(self.entries())

    def add(self, entry: str) -> bool:
        """Blocks a target; False when it was blocked already. Raises UsageError."""
        entry = _checked(entry)
        make_private_folder(self._folder)
        with locked(self._folder / LOCK_FILE):
            entries = self.entries()
            if entry in entries:
                return False
            if len(entries) >= POLICY.blocks:
                raise UsageError(
                    f"There are {POLICY.blocks:,} blocks already.", "Take some away, or write a list for a category."
                )
            self._write([*entries, entry])
        return True

    def remove(self, entry: str) -> bool:
        """Opens a target again; False when it was not blocked. Raises UsageError."""
        entry = _checked(entry)
        with locked(self._folder / LOCK_FILE):
            entries = self.entries()
            if entry not in entries:
                return False
            self._write([one for one in entries if one != entry])
        return True

    def _write(self, entries: list[str]) -> None:
        replace_private(self.path, msgspec.json.format(msgspec.json.encode(_File(_VERSION, entries))))


def _checked(entry: str) -> str:
    entry = canonical_name(entry.strip())
    try:
        split_block(entry)
    except ValueError as error:
        raise UsageError(str(error), _REMEDY) from None
    return entry
