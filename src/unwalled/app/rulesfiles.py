"""The rules' files in the reader's folder: what is remembered of them, and how each is read when it is damaged.

``rules.txt`` has the person's own patterns, ``rules.json`` which lists there are, ``list-ID.txt`` each list as it came,
and ``learned.json``, only where the person wants it, hashes of what was found to be blocked. Blocking.
"""

from __future__ import annotations

import string
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated

import msgspec

from unwalled.app.home import Home, Stamp
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.memory import KEY_BYTES, Learned, Memory, Sign
from unwalled.rules.modes import ListRole
from unwalled.rules.own import OwnPatterns, parse_own

OWN_FILE = "rules.txt"
BOOK_FILE = "rules.json"
LEARNED_FILE = "learned.json"
_MAX_CHARS = 1024
_ID_CHARS = frozenset(string.hexdigits.lower())
_Text = Annotated[str, msgspec.Meta(max_length=_MAX_CHARS)]


@dataclass(frozen=True, slots=True)
class StoredList:
    """What is remembered of one list."""

    id: _Text
    title: _Text
    role: ListRole = ListRole.BLOCKED
    url: _Text = ""
    """From where it is renewed, or ""."""
    etag: _Text = ""
    """Which version we have, as the server calls it."""
    names: int = 0
    problems: int = 0
    updated_at: float = 0.0
    checked_at: float = 0.0
    trouble: _Text = ""

    @property
    def file(self) -> str:
        """The name of its content's file."""
        return f"list-{self.id}.txt"


@dataclass(frozen=True, slots=True)
class StoredBook:
    """All lists, and whether what is learned is written down."""

    lists: Annotated[tuple[StoredList, ...], msgspec.Meta(max_length=RULES.max_lists)] = ()
    keeps_learned: bool = False


@dataclass(frozen=True, slots=True)
class _StoredSite:
    name: bytes
    since: float
    until: float
    sign: Sign


@dataclass(frozen=True, slots=True)
class _StoredMemory:
    key: bytes
    sites: tuple[_StoredSite, ...]


class RulesFiles:
    """Reads and writes them. ``home`` None = nothing is read or written. Writing raises NotRemembered."""

    def __init__(self, home: Home | None, limits: RulesLimits = RULES) -> None:
        self._home = home
        self._limits = limits

    @property
    def has_folder(self) -> bool:
        """Whether anything is read at all."""
        return self._home is not None

    def stamp(self) -> Stamp:
        """Differs once another program has changed the rules."""
        return () if self._home is None else self._home.stamp(OWN_FILE, BOOK_FILE)

    def load_own(self) -> OwnPatterns:
        """The person's own patterns; none when there is no file, or no text in it."""
        content = None if self._home is None else self._home.read(OWN_FILE)
        if content is None or self._home is None:
            return OwnPatterns()
        try:
            return parse_own(content.decode("utf-8-sig"), self._limits)
        except UnicodeDecodeError:
            self._home.put_aside(OWN_FILE)
            return OwnPatterns()

    def save_own(self, own: OwnPatterns) -> None:
        """Remembers them."""
        if self._home is not None:
            self._home.write(OWN_FILE, own.text.encode())

    def load_book(self) -> StoredBook:
        """Which lists there are."""
        content = None if self._home is None else self._home.read(BOOK_FILE)
        if content is None or self._home is None:
            return StoredBook()
        try:
            book = msgspec.json.decode(content, type=StoredBook)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._home.put_aside(BOOK_FILE)
            return StoredBook()
        # The name of a file is made of it.
        sound = tuple(one for one in book.lists if one.id and set(one.id) <= _ID_CHARS)
        return StoredBook(sound, book.keeps_learned)

    def save_book(self, book: StoredBook) -> None:
        """Remembers which lists there are."""
        if self._home is not None:
            self._home.write(BOOK_FILE, msgspec.json.encode(book))

    def load_list(self, stored: StoredList) -> bytes | None:
        """A list as it came; None when it is not there, or is too large to be one of ours."""
        if self._home is None:
            return None
        try:
            with self._home.path(stored.file).open("rb") as file:
                content = file.read(self._limits.list_bytes + 1)
        except OSError:
            return None
        return content if len(content) <= self._limits.list_bytes else None

    def save_list(self, stored: StoredList, content: bytes) -> None:
        """Keeps it as it came."""
        if self._home is not None:
            self._home.write(stored.file, content)

    def remove_list(self, stored: StoredList) -> None:
        """Removes it."""
        if self._home is not None:
            self._home.remove(stored.file)

    def load_memory(self, now: float) -> Memory | None:
        """What was learned in an earlier run; None when nothing was kept."""
        content = None if self._home is None else self._home.read(LEARNED_FILE)
        if content is None or self._home is None:
            return None
        try:
            stored = msgspec.json.decode(content, type=_StoredMemory)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._home.put_aside(LEARNED_FILE)
            return None
        if len(stored.key) != KEY_BYTES:
            self._home.put_aside(LEARNED_FILE)
            return None
        memory = Memory(stored.key, self._limits)
        memory.restore([(site.name, Learned(site.since, site.until, site.sign)) for site in stored.sites], now)
        return memory

    def save_memory(self, memory: Memory, now: float) -> None:
        """Keeps the hashes, and the key that they were made with."""
        if self._home is None:
            return
        sites = tuple(_StoredSite(name, one.since, one.until, one.sign) for name, one in memory.rows(now))
        self._home.write(LEARNED_FILE, msgspec.json.encode(_StoredMemory(memory.key, sites)))

    def remove_memory(self) -> None:
        """Removes what was kept."""
        if self._home is not None:
            self._home.remove(LEARNED_FILE)

    def changing(self) -> AbstractContextManager[None]:
        """Keeps other programs from changing them, for as long as the block runs."""
        return nullcontext() if self._home is None else self._home.changing()
