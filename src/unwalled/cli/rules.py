"""``unwalled rules``: what goes through bridges, shown and changed from the command line.

What is changed is in the reader's folder; an Unwalled that runs notices it within seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from unwalled.app.home import Home
from unwalled.app.preferences import load_preferences, save_preferences
from unwalled.app.rulesbook import Answer, RulesBook
from unwalled.app.rulesview import ListView, Problem
from unwalled.cli.output import note, say, warn
from unwalled.cli.units import show_count
from unwalled.errors import UsageError
from unwalled.rules.bounds import RULES
from unwalled.rules.formats import parse_list
from unwalled.rules.memory import Sign
from unwalled.rules.modes import ListRole, Reason, RuleMode, Way

_MODES = {
    RuleMode.EVERYTHING: "everything goes through bridges",
    RuleMode.BLOCKED: "what is listed or was found to be blocked goes through bridges, all else directly at first",
    RuleMode.LISTED: "what is listed goes through bridges, all else directly",
}
_WAYS = {
    Way.BRIDGES: "through bridges",
    Way.DIRECT: "directly",
    Way.DIRECT_FIRST: "directly, and through bridges when it turns out to be blocked",
    Way.REFUSED: "nowhere",
}
_SIGNS = {
    Sign.FORGED_NAME: "its name was answered with a forged address",
    Sign.NO_NAME: "its name could not be looked up here",
    Sign.NO_CONNECTION: "it could not be connected to from here",
    Sign.RESET: "connections to it were cut",
    Sign.SILENCE: "it did not answer from here",
    Sign.OTHER_ANSWER: "somebody else answered in its place",
    Sign.CERTIFICATE: "its certificate was refused, more than once",
}


def _book(home: Home) -> RulesBook:
    """As it is in the folder."""
    book = RulesBook(home, load_preferences(home).rules)
    asyncio.run(book.load())
    for notice in home.take_notices():
        warn(notice)
    return book


def show(home: Home) -> None:
    """Prints mode, own patterns and lists."""
    book = _book(home)
    view = book.view()
    say(f"mode {book.mode}: {_MODES[book.mode]}")
    for text in view.own:
        say(f"own {text}")
    for line in book.own.bad:
        warn(f"Line {line.number} of your own patterns has no effect: {line.cause} {line.remedy}")
    for one in view.lists:
        say(_list_line(one))
        if one.trouble:
            warn(f"{one.title} could not be renewed: {one.trouble}")
    if view.is_learned_kept:
        say(f"learned {show_count(view.learned, 'site')}, kept on the disk as hashes")


def _list_line(one: ListView) -> str:
    age = f"of {datetime.fromtimestamp(one.updated_at, UTC):%Y-%m-%d}" if one.updated_at else "not fetched yet"
    kind = "direct " if one.is_direct else ""
    bad = f", {one.problems:,} bad lines" if one.problems else ""
    return f"list {one.id}  {kind}{one.names:,} entries{bad}, {age}  {one.title}"


def set_mode(home: Home, text: str) -> None:
    """Sets what goes through bridges. Raises UsageError or NotRemembered."""
    try:
        mode = RuleMode(text)
    except ValueError:
        raise UsageError("There is no such mode.", f"Choose one of {', '.join(RuleMode)}.") from None
    with home.changing():
        save_preferences(home, replace(load_preferences(home), rules=mode))
    say(f"mode {mode}: {_MODES[mode]}")
    if mode is not RuleMode.EVERYTHING:
        warn("What goes directly can be seen on your network: the site's name, and that you ask for it.")
    note("An Unwalled that runs takes this within seconds; its panel changes it at once.")


def add(home: Home, patterns: Iterable[str], *, is_direct: bool) -> int:
    """Adds own patterns; gives the exit code. Raises NotRemembered."""
    mark = "direct: " if is_direct else ""
    done = _book(home).add("\n".join(mark + " ".join(text.split()) for text in patterns))
    _tell(done.problems)
    say(f"added {done.names}")
    return 1 if done.problems else 0


def remove(home: Home, pattern: str) -> None:
    """Takes an own pattern or a list out. Raises UsageError when there is neither, or NotRemembered."""
    book = _book(home)
    before = book.view()
    if any(pattern in (one.id, one.title) for one in before.lists):
        for one in before.lists:
            if pattern in (one.id, one.title):
                book.remove_list(one.id)
                say(f"removed list {one.id}")
        return
    book.remove(pattern)
    if book.view().own == before.own:
        raise UsageError("There is no such pattern or list.", "`unwalled rules show` lists them.")
    say("removed")


def import_list(home: Home, source: str, *, title: str, is_direct: bool) -> None:
    """Adds a list from a file or an https:// address. Raises UsageError, RuleError or NotRemembered."""
    book = _book(home)
    role = ListRole.DIRECT if is_direct else ListRole.BLOCKED
    if source.startswith(("https://", "http://")):
        asyncio.run(book.add_url(source, title, role))
        say("added; it is fetched through the bridges, and renewed every day, while Unwalled runs")
        return
    path = Path(source)
    done = asyncio.run(book.import_content(title or path.name, _read(path), role))
    _tell(done.problems)
    say(f"added {done.names:,} entries")


def check(path: Path, *, is_direct: bool) -> int:
    """Says what a list holds, and what is wrong with it; gives the exit code. Raises UsageError or RuleError."""
    parsed = parse_list(_read(path), ListRole.DIRECT if is_direct else ListRole.BLOCKED)
    for line in parsed.bad:
        say(f"line {line.number}: {line.cause} {line.remedy}")
    if parsed.bad_count > len(parsed.bad):
        say(f"… and {parsed.bad_count - len(parsed.bad):,} more bad lines")
    exceptions = f", {len(parsed.exceptions):,} exceptions" if len(parsed.exceptions) else ""
    skipped = f", {parsed.skipped:,} lines about something else" if parsed.skipped else ""
    say(f"{parsed.format}: {parsed.entries:,} entries{exceptions}{skipped}, {parsed.bad_count:,} bad lines")
    return 1 if parsed.bad_count or not parsed.entries else 0


def test(home: Home, names: Iterable[str]) -> None:
    """Says which way each name or address goes, and why. Asks nobody. Raises RuleError."""
    book = _book(home)
    for name in names:
        say(f"{name}: {_WAYS[(answer := book.explain(name)).decision.way]} ({_why(answer)})")


def _why(answer: Answer) -> str:
    match answer.decision.reason:
        case Reason.EVERYTHING:
            return "everything does"
        case Reason.OWN:
            return "your own pattern"
        case Reason.LIST:
            return f"list {answer.list_title}"
        case Reason.LEARNED:
            assert answer.learned is not None
            return f"learned: {_SIGNS[answer.learned.sign]}"
        case Reason.HIDDEN:
            return "no resolver may see such a name"
        case Reason.LOCAL:
            return "it is of this computer or its network; add your own pattern with --direct if you want it"
        case Reason.FORGED:
            return "its name was answered with a forged address"
        case Reason.UNLISTED:
            return "on no list"


def learned(home: Home, *, forget: str | None, keep: bool | None) -> None:
    """Forgets what was learned, or sets whether it is kept; without either says how it is. Raises NotRemembered."""
    book = _book(home)
    if keep is None and forget is None:
        view = book.view()
        if view.is_learned_kept:
            say(f"learned {show_count(view.learned, 'site')}, kept on the disk as hashes")
        else:
            say("what is learned is kept in memory only")
            note("The panel of an Unwalled that runs shows how much that is.")
    if keep is not None:
        book.keep_learned(keep)
        say("what is learned is kept on the disk as hashes" if keep else "what is learned is kept in memory only")
        if keep:
            warn("Whoever gets this computer can test names against them.")
    if forget == "all":
        book.forget_learned()
        say("forgotten")
    elif forget is not None:
        say("forgotten" if book.forget_site(forget) else "nothing was learned of it")
        book.keep_memory()
    if forget is not None:
        note("An Unwalled that runs still knows what it has learned; its panel makes it forget, as its end does.")


def pac(home: Home, proxy: str) -> None:
    """Prints the PAC file for a proxy at HOST:PORT. Raises RuleError."""
    book = RulesBook(home, load_preferences(home).rules, proxy=lambda: proxy)
    asyncio.run(book.load())
    say(book.pac().rstrip("\n"))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(RULES.list_bytes + 1)
    except OSError as error:
        raise UsageError(f"The file cannot be read ({error.strerror}).", "Check its path.") from None


def _tell(problems: Iterable[Problem]) -> None:
    for one in problems:
        warn(f"Line {one.line} is left out: {one.cause} {one.remedy}")
