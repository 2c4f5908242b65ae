"""How many bridges one asker is told of. Pure; ``now`` and randomness come in.

Who poses as many readers must not learn all bridges. So each invite, each network (/24, /48) and each provider's block
(/16, /32) has a book: the bridges that it was given, and a budget of further ones. A bridge that stands in all three
books costs nothing; one that does not costs one from each budget whose book does not have it, and if one of these is
spent, it is not given. A reader so mostly gets bridges that its invite and network were given before, while they live
(as Tor's bridge distribution ties a requester to a part of its ring).

A budget grows with time, and with what the gateway saw carried through the bridges that were given, so much in an hour:
ten thousand readers behind one carrier's NAT with one public invite are one asker, who needs many bridges and carries
much. ``most_learned`` is the bound that the threat model publishes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from random import Random

from unwalled.broker.bounds import HARVEST, HarvestLimits
from unwalled.broker.limits import Asker, Rate
from unwalled.settings import BROKER

_HOUR_S = 3600.0


def most_learned(burst: float, per_h: float, earned_per_h: float, hours: float, earned: float = 0.0) -> float:
    """The most bridges that one invite or prefix is told of in so many hours, of which it ``earned`` some."""
    return burst + hours * per_h + min(earned, (hours + 1.0) * earned_per_h)


class Book:
    """The bridges that one invite or prefix was given, and its budget for further ones."""

    __slots__ = ("_at", "_earnable", "_earning", "_level", "_names", "_places", "_rate")

    def __init__(self, rate: Rate, earning: Rate, now: float) -> None:
        self._rate = rate
        self._earning = earning
        self._level = rate.burst
        self._earnable = earning.burst
        self._at = now
        self._names: list[str] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def level(self, now: float) -> float:
        """How many further bridges it may be told of now."""
        elapsed_s = max(0.0, now - self._at)
        self._at = now
        self._level = min(self._rate.burst, self._level + elapsed_s * self._rate.per_s)
        self._earnable = min(self._earning.burst, self._earnable + elapsed_s * self._earning.per_s)
        return self._level

    def earn(self, count: float, now: float) -> None:
        """Adds to the budget, up to what may be spent at once and what may be earned in an hour."""
        earned = min(count, self._rate.burst - self.level(now), self._earnable)
        self._level += earned
        self._earnable -= earned

    def add(self, name: str, now: float) -> None:
        """Gives it one more."""
        self._level = self.level(now) - 1.0
        self._places[name] = len(self._names)
        self._names.append(name)

    def discard(self, name: str) -> None:
        """Forgets a bridge, in the same time for any size; its cost stays spent."""
        place = self._places.pop(name)
        last = self._names.pop()
        if last != name:
            self._names[place] = last
            self._places[last] = place

    def sample(self, count: int, rng: Random) -> list[str]:
        """Some of its bridges, by chance."""
        return list(self._names) if len(self._names) <= count else rng.sample(self._names, count)


class Harvest:
    """All books. Bounded in their number and in what stands in them."""

    def __init__(self, rng: Random, limits: HarvestLimits = HARVEST, max_entries: int = BROKER.limiter_entries) -> None:
        self._rng = rng
        self._limits = limits
        self._max_entries = max_entries
        self._books: OrderedDict[bytes, Book] = OrderedDict()
        self._known = 0
        self._rates = {
            b"i": _rates(limits.invite_burst, limits.invite_per_h, limits.invite_earned_per_h),
            b"n": _rates(limits.narrow_burst, limits.narrow_per_h, limits.narrow_earned_per_h),
            b"w": _rates(limits.wide_burst, limits.wide_per_h, limits.wide_earned_per_h),
        }

    @property
    def known(self) -> int:
        """How much stands in all books together."""
        return self._known

    def books(self, asker: Asker, now: float) -> list[Book]:
        """The asker's books, that of its network first; none for an asker of whom nothing is known."""
        return [self._book(key, now) for key in book_keys(asker)]

    def take(self, books: list[Book], name: str, now: float) -> bool:
        """Tells the asker of a bridge, or says that it may not be told."""
        lacking = [book for book in books if name not in book]
        if any(book.level(now) < 1.0 for book in lacking):
            return False
        for book in lacking:
            if len(book) >= self._limits.known_bridges:
                self.forget(book, book.sample(1, self._rng)[0])
            book.add(name, now)
            self._known += 1
        return True

    def forget(self, book: Book, name: str) -> None:
        """Strikes a bridge that has left out of a book."""
        book.discard(name)
        self._known -= 1

    def earn(self, asker: Asker, carried_bytes: int, now: float) -> None:
        """The gateway saw this carried for the asker."""
        for book in self.books(asker, now):
            book.earn(carried_bytes / self._limits.bytes_per_bridge, now)

    def _book(self, key: bytes, now: float) -> Book:
        book = self._books.get(key)
        if book is None:
            book = self._books[key] = Book(*self._rates[key[:1]], now)
        self._books.move_to_end(key)
        while len(self._books) > self._max_entries or (
            self._known > self._limits.known_in_all and len(self._books) > 1
        ):
            _, forgotten = self._books.popitem(last=False)
            self._known -= len(forgotten)
        return book


def _rates(burst: float, per_h: float, earned_per_h: float) -> tuple[Rate, Rate]:
    return Rate(per_h / _HOUR_S, burst), Rate(earned_per_h / _HOUR_S, earned_per_h)


def book_keys(asker: Asker) -> Iterator[bytes]:
    """What names each of the asker's books, that of its network first: a letter for its kind, and whose it is."""
    if asker.narrow:
        yield b"n" + asker.narrow
    if asker.invite:
        yield b"i" + asker.invite
    if asker.wide:
        yield b"w" + asker.wide
