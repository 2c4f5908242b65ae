"""The reader's book of rules: what a person has set, lists, and what was learned, in one place.

The panel and the command line change it, the proxy's tunnel asks it (`unwalled.reader.guide.Guide`). Until its files
are read, and in the mode "everything", its answer is: through bridges. All calls are for the event loop's thread; long
work (reading a list of a hundred thousand names) runs in another one meanwhile.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from unwalled.app.home import Home, NotRemembered, Stamp
from unwalled.app.rulesfiles import RulesFiles, StoredBook, StoredList
from unwalled.app.rulesview import Imported, ListView, Problem, RulesView
from unwalled.clock import Clock, SystemClock
from unwalled.errors import FrameError, RuleError, UnwalledError
from unwalled.network.addresses import IPAddress
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.decisions import EVERYTHING, Decision, ListRules, Rules
from unwalled.rules.formats import BadLine, ParsedList, parse_list
from unwalled.rules.memory import KEY_BYTES, Learned, Memory, Sign
from unwalled.rules.modes import ListRole, RuleMode
from unwalled.rules.names import comparable
from unwalled.rules.own import OwnPatterns
from unwalled.rules.pac import render_pac
from unwalled.rules.updates import check_new, check_url, next_update_at
from unwalled.wire.address import Target

_DIRECT = "direct:"
_BRIDGES = "bridges:"
_MAX_TITLE_CHARS = 100


@dataclass(frozen=True, slots=True)
class Fetched:
    """A list as it arrived; ``content`` None = it has not changed."""

    content: bytes | None
    etag: str


class Fetch(Protocol):
    """Gets a list through the bridges (`unwalled.app.listfetch`)."""

    async def __call__(self, url: str, etag: str, /) -> Fetched:
        """``etag``: of the version that is there, or "". Raises UnwalledError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Which way a site goes, and why. ``list_title``: of the list that said so; ``learned``: what showed it."""

    decision: Decision
    list_title: str = ""
    learned: Learned | None = None


class RulesBook:
    """See the module. Call ``load`` once it is made, and ``run`` for what goes on by itself."""

    def __init__(
        self,
        home: Home | None,
        mode: RuleMode = RuleMode.EVERYTHING,
        *,
        proxy: Callable[[], str] = lambda: "",
        fetch: Fetch | None = None,
        changed: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
        limits: RulesLimits = RULES,
    ) -> None:
        """``proxy``: where it listens just now, for PAC files. ``changed`` is called when ``view`` is another one."""
        self._files = RulesFiles(home, limits)
        self._mode = mode
        self._proxy = proxy
        self._fetch = fetch
        self._changed = changed
        self._clock = clock if clock is not None else SystemClock()
        self._random_bytes = random_bytes
        self._limits = limits
        self._own = OwnPatterns()
        self._book = StoredBook()
        self._parsed: dict[str, tuple[float, ParsedList]] = {}
        """Of each list that was read the version, as its ``updated_at``, and what it says."""
        self._rules: Rules | None = None
        """None while files are read: nothing goes directly then."""
        self._memory = Memory(random_bytes(KEY_BYTES), limits)
        self._is_memory_saved = True
        self._stamp: Stamp | None = None
        """Of the files as they are known here; None before they were read."""
        self._updating = asyncio.Lock()

    # What a person sees.

    @property
    def mode(self) -> RuleMode:
        """What goes through bridges."""
        return self._mode

    @property
    def is_loaded(self) -> bool:
        """Whether its files were read."""
        return self._rules is not None

    @property
    def own(self) -> OwnPatterns:
        """The person's own patterns."""
        return self._own

    def view(self) -> RulesView:
        """How things are."""
        lists = tuple(
            ListView(
                one.id,
                one.title,
                one.names,
                one.problems,
                one.updated_at,
                bool(one.url),
                one.role is ListRole.DIRECT,
                one.trouble,
            )
            for one in self._book.lists
        )
        own = tuple(
            (_DIRECT + " " if one.role is ListRole.DIRECT else "") + str(one.pattern) for one in self._own.patterns
        )
        through = sum(one.names for one in self._book.lists if one.role is ListRole.BLOCKED)
        return RulesView(
            own,
            lists,
            sum(self._memory.counts(self._clock.wall()).values()),
            len(self._own.through) + through,
            self._book.keeps_learned,
        )

    def problems(self, list_id: str) -> tuple[Problem, ...]:
        """The first lines of a list that could not be understood; none before the list was read."""
        found = self._parsed.get(list_id)
        return () if found is None else _problems(found[1].bad)

    def explain(self, text: str) -> Answer:
        """Which way a name or an address goes, as things are. Nothing is looked up. Raises RuleError."""
        try:
            target = Target.parse(text.strip(), 443)
            if target.literal is None:
                target = Target(comparable(text.strip()), 443)
        except (FrameError, RuleError):
            # What is no name in the DNS (127.1) still gets an answer.
            try:
                target = Target.parse(text.strip().lower(), 443)
            except FrameError:
                raise RuleError("This is neither a name nor an address.", "Write it as example.org.") from None
        decision = self.decide(target)
        title = next((one.title for one in self._book.lists if one.id == decision.list_id), "")
        return Answer(decision, title, self._memory.get(target.host, self._clock.wall()))

    def pac(self) -> str:
        """The same rules for the proxy that listens now. Raises RuleError while none does."""
        return render_pac(self._rules or Rules(), self._proxy(), self._limits)

    # What the tunnel asks: see Guide.

    def decide(self, target: Target) -> Decision:
        """See Guide."""
        if self._rules is None:
            return EVERYTHING
        is_learned = self._mode is RuleMode.BLOCKED and self._memory.has(target.host, self._clock.wall())
        return self._rules.decide(target, is_learned)

    def judge(self, decision: Decision, addresses: Sequence[IPAddress]) -> Decision:
        """See Guide."""
        return EVERYTHING if self._rules is None else self._rules.judge(decision, addresses)

    def learn(self, host: str, sign: Sign) -> None:
        """See Guide."""
        self._memory.add(host, sign, self._clock.wall())
        self._is_memory_saved = False
        self._changed()

    def doubt(self, host: str, sign: Sign) -> None:
        """See Guide."""
        if self._memory.doubt(host, sign, self._clock.wall()):
            self._is_memory_saved = False
            self._changed()

    # What a person does. NotRemembered is raised when the disk does not take it; it holds for this run all the same.

    def use_mode(self, mode: RuleMode) -> None:
        """From now on. The preferences remember it."""
        if mode is not self._mode:
            self._mode = mode
            if self._rules is not None:
                self._rules = replace(self._rules, mode=mode)

    def add(self, text: str) -> Imported:
        """Adds own patterns, one a line; with ``direct:`` before it one that goes directly."""
        numbers, words = [], []
        for number, line in enumerate(text.splitlines(), start=1):
            word = line.strip()
            if word and not word.startswith("#"):
                role = ListRole.DIRECT if word.startswith(_DIRECT) else ListRole.BLOCKED
                numbers.append(number)
                words.append((word.removeprefix(_DIRECT).removeprefix(_BRIDGES), role))
        with self._changing():
            own, found = self._own.with_more(words, self._limits)
            taken = len(own.patterns) - len(self._own.patterns)
            self._take_own(own)
        problems = (Problem(numbers[place], error.cause, error.remedy) for place, error in found)
        return Imported(taken, tuple(islice(problems, self._limits.bad_lines)))

    def remove(self, pattern: str) -> None:
        """Takes an own pattern away, whichever way it says. Nothing happens when it is not there."""
        word = pattern.strip().removeprefix(_DIRECT).removeprefix(_BRIDGES)
        with self._changing():
            try:
                own = self._own.removed(word, self._limits)
            except RuleError:
                return
            self._take_own(own)

    def _take_own(self, own: OwnPatterns) -> None:
        if own == self._own:
            return
        self._own = own
        if self._rules is not None:
            self._rules = replace(self._rules, own=own)
        self._changed()
        self._files.save_own(own)

    async def import_list(self, title: str, text: str, is_direct: bool = False) -> Imported:
        """Adds a list, or puts it in the place of the one with this title. An address alone is one to get it from.

        Raises UnwalledError when nothing of it can be understood, or it cannot be fetched.
        """
        role = ListRole.DIRECT if is_direct else ListRole.BLOCKED
        word = text.strip()
        if word.startswith(("https://", "http://")) and len(word.split()) == 1:
            return await self.add_url(word, title, role)
        return await self.import_content(title, text.encode("utf-8", "replace"), role)

    async def import_content(self, title: str, content: bytes, role: ListRole = ListRole.BLOCKED) -> Imported:
        """The same for a file."""
        parsed = await asyncio.to_thread(parse_list, content, role, self._limits)
        if not parsed.entries:
            raise _nothing_in(parsed)
        stored = replace(self._place_for(title, role), url="", etag="")
        self._put(_with(stored, parsed, self._clock.wall()), parsed, content)
        return Imported(parsed.entries, _problems(parsed.bad))

    async def add_url(self, url: str, title: str = "", role: ListRole = ListRole.BLOCKED) -> Imported:
        """Adds a list that is renewed from there, and gets it if a way through bridges is given."""
        check_url(url)
        stored = replace(self._place_for(title or url.rpartition("/")[2] or url, role), url=url, etag="")
        if self._fetch is None:
            self._put(stored, None, None)
            return Imported(0, ())
        fetched = await self._fetch(url, "")
        content = fetched.content or b""
        parsed = await asyncio.to_thread(parse_list, content, role, self._limits)
        check_new(0, parsed, limits=self._limits)
        self._put(_with(replace(stored, etag=fetched.etag), parsed, self._clock.wall()), parsed, content)
        return Imported(parsed.entries, _problems(parsed.bad))

    def remove_list(self, list_id: str) -> None:
        """Nothing happens when it is not there."""
        with self._changing():
            found = next((one for one in self._book.lists if one.id == list_id), None)
            if found is None:
                return
            self._parsed.pop(list_id, None)
            self._take_book(replace(self._book, lists=tuple(one for one in self._book.lists if one is not found)))
            self._files.remove_list(found)

    async def update_lists(self) -> None:
        """Renews those lists that have an address. Raises UnwalledError when none could be."""
        failures = []
        due = [one for one in self._book.lists if one.url]
        for one in due:
            try:
                await self._update(one)
            except UnwalledError as error:
                failures.append(error)
        if failures and len(failures) == len(due):
            raise failures[0]

    def forget_learned(self) -> None:
        """All of it, and what is on the disk."""
        self._memory.forget_all()
        self._is_memory_saved = True
        self._changed()
        self._files.remove_memory()

    def forget_site(self, host: str) -> bool:
        """Whether there was something to forget."""
        self._is_memory_saved = False
        was_there = self._memory.forget(host)
        self._changed()
        return was_there

    def keep_learned(self, keeps: bool) -> None:
        """Whether what was learned is kept on the disk, as hashes that whoever has them can test names against."""
        with self._changing():
            self._take_book(replace(self._book, keeps_learned=keeps))
        if keeps:
            self._save_memory()
        else:
            self._files.remove_memory()

    # Files.

    async def load(self) -> None:
        """Reads them all. What is damaged is left out, and told by ``home.notices``."""
        await self._read_again(is_first=True)

    async def _read_again(self, *, is_first: bool = False) -> None:
        for _ in range(self._limits.read_again):
            stamp = self._files.stamp()
            own, book = self._own, self._book
            if self._files.has_folder:
                own, book = self._files.load_own(), self._files.load_book()
            read = {name: version for name, (version, _) in self._parsed.items()}
            missing = [one for one in book.lists if read.get(one.id) != one.updated_at]
            parsed = await asyncio.to_thread(self._parse_all, missing)
            # This program may have changed them meanwhile as well as another one.
            if self._files.stamp() == stamp:
                break
        self._stamp = stamp
        if is_first and book.keeps_learned and (memory := self._files.load_memory(self._clock.wall())) is not None:
            self._memory = memory
        self._own, self._book = own, book
        ids = {one.id for one in book.lists}
        self._parsed = {name: found for name, found in (self._parsed | parsed).items() if name in ids}
        self._use()
        self._changed()

    def _parse_all(self, lists: Sequence[StoredList]) -> dict[str, tuple[float, ParsedList]]:
        """In a thread of its own."""
        found = {}
        for one in lists:
            content = self._files.load_list(one)
            if content is None:
                continue
            try:
                found[one.id] = one.updated_at, parse_list(content, one.role, self._limits)
            except RuleError:
                continue
        return found

    def _use(self) -> None:
        lists = []
        for one in self._book.lists:
            if (found := self._parsed.get(one.id)) is not None:
                lists.append(ListRules(one.id, one.role, found[1].matches, found[1].exceptions))
        self._rules = Rules(self._mode, self._own, tuple(lists))

    def _place_for(self, title: str, role: ListRole) -> StoredList:
        """A new list, or the one of that title."""
        title = "".join(sign for sign in title.strip() if sign.isprintable())[:_MAX_TITLE_CHARS] or "list"
        found = self._of_title(title, role)
        if found is None:
            self._check_room()
            found = StoredList(self._random_bytes(6).hex(), title, role)
        return found

    def _of_title(self, title: str, role: ListRole) -> StoredList | None:
        return next((one for one in self._book.lists if one.title == title and one.role is role), None)

    def _check_room(self) -> None:
        if len(self._book.lists) >= self._limits.max_lists:
            raise RuleError(f"There are {self._limits.max_lists} lists already.", "Remove one first.")

    def _put(
        self, stored: StoredList, parsed: ParsedList | None, content: bytes | None, before: StoredList | None = None
    ) -> None:
        """``before``: what it renews. Nothing happens when that was removed or replaced meanwhile."""
        with self._changing():
            if before is None:
                # Another program may have added lists meanwhile, one of that title among them.
                same = self._of_title(stored.title, stored.role)
                stored = replace(stored, id=stored.id if same is None else same.id)
            elif before not in self._book.lists:
                return
            others = tuple(one for one in self._book.lists if one.id != stored.id)
            if len(others) == len(self._book.lists):
                self._check_room()
                lists = (*others, stored)
            else:
                lists = tuple(stored if one.id == stored.id else one for one in self._book.lists)
            if parsed is not None:
                self._parsed[stored.id] = stored.updated_at, parsed
            self._hold(replace(self._book, lists=lists))
            if content is not None:
                self._files.save_list(stored, content)
            self._files.save_book(self._book)

    def _take_book(self, book: StoredBook) -> None:
        self._hold(book)
        self._files.save_book(self._book)

    def _hold(self, book: StoredBook) -> None:
        """For this run, whatever the disk says to it."""
        self._book = book
        if self._rules is not None:
            self._use()
        self._changed()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keeps other programs away, and takes what they have written before; their lists are read by ``run``."""
        with self._files.changing():
            is_known = not self._files.has_folder or self._files.stamp() == self._stamp
            if not is_known:
                self._own, self._book = self._files.load_own(), self._files.load_book()
            yield
            if is_known:
                self._stamp = self._files.stamp()

    def _save_memory(self) -> None:
        if self._book.keeps_learned:
            self._files.save_memory(self._memory, self._clock.wall())
        self._is_memory_saved = True

    # What goes on by itself.

    async def run(self) -> None:
        """Reads what other programs change, renews lists, keeps what was learned. Runs until cancelled."""
        if not self.is_loaded:
            await self.load()
        chance = self._random_bytes(1)[0] / 255
        try:
            while True:
                await asyncio.sleep(self._limits.rules_look_s)
                if self._files.stamp() != self._stamp:
                    await self._read_again()
                self.keep_memory()
                for one in self._book.lists:
                    if self._fetch is not None and one.url and self._is_due(one, chance):
                        await self._update_quietly(one)
                        break
        finally:
            self.keep_memory()

    def keep_memory(self) -> None:
        """Writes down what was learned, if that is wanted and it has changed."""
        if not self._is_memory_saved:
            try:
                self._save_memory()
            except NotRemembered:
                pass

    def _parse_new(self, content: bytes, stored: StoredList, known: ParsedList | None) -> ParsedList:
        """In a thread of its own. Raises RuleError when it should not be taken."""
        parsed = parse_list(content, stored.role, self._limits)
        check_new(stored.names, parsed, known, self._limits)
        return parsed

    def _is_due(self, stored: StoredList, chance: float) -> bool:
        now = self._clock.wall()
        due = next_update_at(stored.checked_at, bool(stored.trouble), chance, self._limits)
        # A list that was checked in the future has a clock that was put back to blame.
        return now >= due or stored.checked_at > now

    async def _update_quietly(self, stored: StoredList) -> None:
        try:
            await self._update(stored)
        except UnwalledError:
            # ``trouble`` of the list tells; it is tried again.
            pass

    async def _update(self, stored: StoredList) -> None:
        """Raises UnwalledError; then the list is as it was, and its ``trouble`` says why."""
        if self._fetch is None:
            raise RuleError("There is no way through bridges to get lists.", "Start `unwalled connect` first.")
        async with self._updating:
            now = self._clock.wall()
            try:
                fetched = await self._fetch(stored.url, stored.etag if stored.id in self._parsed else "")
                if fetched.content is None:
                    self._put(replace(stored, checked_at=now, trouble=""), None, None, stored)
                    return
                known = self._parsed.get(stored.id)
                parsed = await asyncio.to_thread(
                    self._parse_new, fetched.content, stored, None if known is None else known[1]
                )
            except UnwalledError as error:
                trouble = f"{error.cause} {error.remedy}".strip()
                self._put(replace(stored, checked_at=now, trouble=trouble), None, None, stored)
                raise
            self._put(_with(replace(stored, etag=fetched.etag), parsed, now), parsed, fetched.content, stored)


def _with(stored: StoredList, parsed: ParsedList, now: float) -> StoredList:
    return replace(stored, names=parsed.entries, problems=parsed.bad_count, updated_at=now, checked_at=now, trouble="")


def _problems(bad: Sequence[BadLine]) -> tuple[Problem, ...]:
    return tuple(Problem(line.number, line.cause, line.remedy) for line in bad)


def _nothing_in(parsed: ParsedList) -> RuleError:
    if parsed.bad:
        first = parsed.bad[0]
        return RuleError(f"No line can be read. Line {first.number}: {first.cause}", first.remedy)
    return RuleError("The list is empty.", "Write one name in each line.")
