"""The book of rules: what a person sets, lists and their updates, what is remembered, and damage on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.proxy_bench import until
from unwalled.app.home import Home, NotRemembered
from unwalled.app.rulesbook import Fetched, RulesBook
from unwalled.app.rulesfiles import BOOK_FILE, LEARNED_FILE, OWN_FILE
from unwalled.errors import RuleError, UnwalledError
from unwalled.rules.bounds import RULES
from unwalled.rules.memory import Sign
from unwalled.rules.modes import Reason, RuleMode, Way
from unwalled.wire.address import Target

NOW = 1_800_000_000.0
URL = "https://lists.example/blocked.txt"
SWIFT = replace(RULES, rules_look_s=0.001)


class FixedClock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def monotonic(self) -> float:
        """See Clock."""
        return self.now

    def wall(self) -> float:
        """See Clock."""
        return self.now


class Lists:
    """What is fetched: a content, or an error, for each address."""

    def __init__(self, content: bytes | UnwalledError = b"blocked.example\n", etag: str = '"1"') -> None:
        self.content = content
        self.etag = etag
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, url: str, etag: str, /) -> Fetched:
        """See Fetch."""
        self.asked.append((url, etag))
        await asyncio.sleep(0)
        if isinstance(self.content, UnwalledError):
            raise self.content
        return Fetched(None if etag and etag == self.etag else self.content, self.etag)


def book(home: Home | None, mode: RuleMode = RuleMode.BLOCKED, **options: Any) -> RulesBook:
    """A book that was not read yet."""
    options = {"clock": FixedClock(), "proxy": lambda: "127.0.0.1:1080", "limits": SWIFT, **options}
    return RulesBook(home, mode, **options)


async def loaded(home: Home | None, mode: RuleMode = RuleMode.BLOCKED, **options: Any) -> RulesBook:
    """A book that was."""
    made = book(home, mode, **options)
    await made.load()
    return made


def way(made: RulesBook, host: str) -> Way:
    """Which way a host goes."""
    return made.decide(Target.parse(host, 443)).way


def with_home(tested: Callable[[Home], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """A test with a folder of its own."""

    def run(tmp_path: Path) -> None:
        asyncio.run(tested(Home(tmp_path / "reader")))

    return run


@with_home
async def test_nothing_goes_directly_before_the_files_were_read(home: Home) -> None:
    made = book(home)
    assert not made.is_loaded
    assert way(made, "new.example") is Way.BRIDGES
    decision = made.decide(Target("new.example", 443))
    assert made.judge(decision, []).way is Way.BRIDGES
    assert "DIRECT" not in made.pac()
    await made.load()
    assert made.is_loaded
    assert way(made, "new.example") is Way.DIRECT_FIRST


@with_home
async def test_own_patterns_are_added_removed_and_remembered(home: Home) -> None:
    heard: list[int] = []
    made = await loaded(home, changed=lambda: heard.append(1))
    before = len(heard)
    done = made.add("mine.example\n# words\n\nhttps://bad.example/\ndirect: bank.example\nmine.example\n")
    assert done.names == 2
    assert [(one.line, one.cause) for one in done.problems] == [(4, "This is the address of a page.")]
    assert done.problems[0].remedy
    assert made.view().own == ("mine.example", "direct: bank.example")
    assert (way(made, "a.mine.example"), way(made, "bank.example")) == (Way.BRIDGES, Way.DIRECT)
    assert len(heard) > before
    again = await loaded(home)
    assert again.view() == made.view()
    again.remove("direct: bank.example")
    again.remove("not.there.example")
    assert again.view().own == ("mine.example",)
    assert way(again, "bank.example") is Way.DIRECT_FIRST
    assert home.path(OWN_FILE).read_text() == "mine.example\n"
    assert home.path(OWN_FILE).stat().st_mode & 0o077 == 0


@with_home
async def test_lists_are_imported_replaced_and_removed(home: Home) -> None:
    made = await loaded(home)
    done = await made.import_list("Blocked", "blocked.example\n=b.example\nbad line here\n")
    assert (done.names, [one.line for one in done.problems]) == (2, [3])
    done = await made.import_list("Domestic", "ir\n195.0.0.0/16\n", True)
    assert done.names == 2
    first, second = made.view().lists
    assert (first.title, first.names, first.problems, first.updated_at, first.is_updated) == (
        "Blocked",
        2,
        1,
        NOW,
        False,
    )
    assert (second.title, second.is_direct) == ("Domestic", True)
    assert made.view().names == 2
    assert made.problems(first.id)[0].line == 3
    assert made.problems("other") == ()
    assert [way(made, host) for host in ("x.blocked.example", "bank.ir", "195.0.0.1")] == [
        Way.BRIDGES,
        Way.DIRECT,
        Way.DIRECT,
    ]
    answer = made.explain("x.blocked.example")
    assert (answer.decision.reason, answer.list_title) == (Reason.LIST, "Blocked")
    again = await loaded(home)
    assert way(again, "x.blocked.example") is Way.BRIDGES
    await again.import_list("Blocked", "other.example")
    assert len(again.view().lists) == 2
    assert again.view().lists[0].id == first.id
    assert way(again, "x.blocked.example") is Way.DIRECT_FIRST
    again.remove_list(first.id)
    again.remove_list("not there")
    assert [one.title for one in again.view().lists] == ["Domestic"]
    assert way(again, "other.example") is Way.DIRECT_FIRST
    assert len(list(home.folder.glob("list-*"))) == 1


@with_home
async def test_a_list_of_which_nothing_can_be_read_is_none(home: Home) -> None:
    made = await loaded(home)
    for text, words in (("", "empty"), ("https://a.example/ b\n", "Line 1"), ("<html>", "web page")):
        with pytest.raises(RuleError, match=words):
            await made.import_list("x", text)
    assert made.view().lists == ()


@with_home
async def test_an_address_in_the_place_of_a_list_is_fetched(home: Home) -> None:
    lists = Lists(b"blocked.example\nother.example\n")
    made = await loaded(home, fetch=lists)
    assert (await made.import_list("", URL + "\n")).names == 2
    (one,) = made.view().lists
    assert (one.title, one.is_updated, one.names, one.trouble) == ("blocked.txt", True, 2, "")
    assert way(made, "blocked.example") is Way.BRIDGES
    lists.content = RuleError("It broke.", "Wait.")
    with pytest.raises(RuleError):
        await made.add_url("https://other.example/x")
    with pytest.raises(RuleError, match="no address"):
        await made.import_list("x", "http://lists.example/")
    assert len(made.view().lists) == 1


@with_home
async def test_an_address_is_remembered_where_nothing_can_be_fetched(home: Home) -> None:
    made = await loaded(home)
    assert (await made.add_url(URL, "Blocked")).names == 0
    with pytest.raises(RuleError, match="no way through bridges"):
        await made.update_lists()
    lists = Lists()
    running = await loaded(home, fetch=lists)
    await running.update_lists()
    assert lists.asked == [(URL, "")]
    assert way(running, "blocked.example") is Way.BRIDGES


@with_home
async def test_an_update_takes_the_old_ones_place_if_it_is_sound(home: Home) -> None:
    clock = FixedClock()
    lists = Lists("".join(f"{number}.example\n" for number in range(10)).encode())
    made = await loaded(home, fetch=lists, clock=clock)
    await made.add_url(URL, "Blocked")
    clock.now += 1000
    await made.update_lists()
    assert lists.asked[-1] == (URL, '"1"')
    assert made.view().lists[0].updated_at == NOW
    lists.etag = '"2"'
    attacks: list[bytes | UnwalledError] = [
        b"0.example\n",
        b"",
        b"<html>log in",
        b"\x1f\x8b",
        RuleError("The certificate is wrong.", "Wait."),
    ]
    for lists.content in attacks:
        with pytest.raises(UnwalledError):
            await made.update_lists()
        assert made.view().lists[0].trouble
        assert made.view().lists[0].names == 10
        assert way(made, "9.example") is Way.BRIDGES
    again = await loaded(home)
    assert way(again, "9.example") is Way.BRIDGES
    lists.content = b"".join(b"%d.example\nnew-%d.example\n" % (number, number) for number in range(8))
    await made.update_lists()
    assert way(made, "9.example") is Way.DIRECT_FIRST
    assert way(made, "new-7.example") is Way.BRIDGES
    assert (made.view().lists[0].trouble, made.view().lists[0].updated_at) == ("", NOW + 1000)


@with_home
async def test_one_list_that_fails_does_not_hold_up_the_others(home: Home) -> None:
    class Some(Lists):
        async def __call__(self, url: str, etag: str, /) -> Fetched:
            if url == URL:
                raise RuleError("It broke.", "Wait.")
            return await super().__call__(url, etag)

    made = await loaded(home)
    await made.add_url(URL, "first")
    await made.add_url("https://b.example/list", "second")
    running = await loaded(home, fetch=Some())
    await running.update_lists()
    assert [bool(one.trouble) for one in running.view().lists] == [True, False]
    await (await loaded(Home(home.folder / "other"))).update_lists()


@with_home
async def test_lists_are_renewed_by_themselves_when_they_are_due(home: Home) -> None:
    clock, lists = FixedClock(), Lists()
    made = await loaded(home, fetch=lists, clock=clock)
    await made.add_url(URL)
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0.02)
    assert len(lists.asked) == 1
    clock.now += 2 * RULES.update_every_s
    await until(lambda: len(lists.asked) == 2)
    lists.etag, lists.content = '"2"', RuleError("It broke.", "Wait.")
    clock.now += 2 * RULES.update_every_s
    await until(lambda: made.view().lists[0].trouble == "It broke. Wait.")
    asked = len(lists.asked)
    clock.now += 2 * RULES.update_retry_s
    await until(lambda: len(lists.asked) > asked)
    # A clock that was put back does not keep a list from being renewed for years.
    lists.content = b"blocked.example\nnew.example\n"
    clock.now -= 100 * RULES.update_every_s
    await until(lambda: made.view().lists[0].names == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@with_home
async def test_what_another_program_changes_is_taken(home: Home) -> None:
    made = book(home)
    running = asyncio.create_task(made.run())
    await until(lambda: made.is_loaded)
    other = await loaded(home)
    other.add("mine.example")
    await until(lambda: way(made, "mine.example") is Way.BRIDGES)
    await other.import_list("Blocked", "blocked.example")
    await until(lambda: way(made, "blocked.example") is Way.BRIDGES)
    # Nothing that one of them knows is lost when the other one writes.
    made.add("both.example")
    other.add("third.example")
    assert other.view().own == ("mine.example", "both.example", "third.example")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@with_home
async def test_what_another_program_changes_is_taken_also_when_this_one_writes_first(home: Home) -> None:
    made = await loaded(home)
    await made.import_list("Blocked", "old.example")
    other = await loaded(home, clock=(clock := FixedClock()))
    clock.now += 1
    await other.import_list("Blocked", "new.example")
    await other.import_list("Another", "another.example")
    made.add("mine.example")
    running = asyncio.create_task(made.run())
    await until(lambda: way(made, "another.example") is Way.BRIDGES)
    assert (way(made, "new.example"), way(made, "mine.example")) == (Way.BRIDGES, Way.BRIDGES)
    assert way(made, "old.example") is Way.DIRECT_FIRST
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@with_home
async def test_what_is_changed_while_files_are_read_holds(home: Home) -> None:
    earlier = await loaded(home)
    await earlier.import_list("Blocked", "blocked.example")
    earlier.add("first.example")
    made = book(home)
    reading = asyncio.create_task(made.load())
    # It has begun, and waits for the thread that reads the list.
    await asyncio.sleep(0)
    made.add("mine.example")
    await reading
    assert made.view().own == ("first.example", "mine.example")
    assert (way(made, "mine.example"), way(made, "blocked.example")) == (Way.BRIDGES, Way.BRIDGES)


@with_home
async def test_two_programs_that_import_lists_of_one_title_make_one(home: Home) -> None:
    class Slow(Lists):
        async def __call__(self, url: str, etag: str, /) -> Fetched:
            await (await loaded(home)).import_list("mine", "first.example\n")
            return await super().__call__(url, etag)

    mine = await loaded(home, fetch=Slow(b"second.example\n"))
    await mine.import_list("mine", URL)
    again = await loaded(home)
    for one in (mine, again):
        assert [view.title for view in one.view().lists] == ["mine"]
        assert way(one, "second.example") is Way.BRIDGES
        assert way(one, "first.example") is Way.DIRECT_FIRST
    assert len(list(home.folder.glob("list-*.txt"))) == 1


@with_home
async def test_two_programs_that_import_lists_do_not_make_more_than_there_may_be(home: Home) -> None:
    one = replace(RULES, max_lists=1)

    class Slow(Lists):
        async def __call__(self, url: str, etag: str, /) -> Fetched:
            await (await loaded(home, limits=one)).import_list("first", "first.example\n")
            return await super().__call__(url, etag)

    mine = await loaded(home, fetch=Slow(), limits=one)
    with pytest.raises(RuleError, match="lists already"):
        await mine.import_list("second", URL)
    assert [view.title for view in (await loaded(home)).view().lists] == ["first"]


@with_home
async def test_an_update_that_takes_its_names_back_by_exceptions_is_not_taken(home: Home) -> None:
    lists = Lists(b"||a.example^\n||b.example^\n")
    made = await loaded(home, fetch=lists)
    await made.import_list("mine", URL)
    lists.content, lists.etag = b"||a.example^\n||b.example^\n@@||a.example^\n@@||b.example^\n", '"2"'
    with pytest.raises(RuleError, match="may be an attack"):
        await made.update_lists()
    assert way(made, "a.example") is Way.BRIDGES


@with_home
async def test_a_list_that_is_removed_while_it_is_renewed_stays_away(home: Home) -> None:
    made = await loaded(home, fetch=(lists := Lists()))
    contents: tuple[bytes | UnwalledError, ...] = (b"new.example\n", RuleError("The certificate is wrong.", "Wait."))
    for content in contents:
        lists.content = b"blocked.example\n"
        await made.add_url(URL, "Blocked")
        lists.content, lists.etag = content, '"2"'
        renewing = asyncio.create_task(made.update_lists())
        await asyncio.sleep(0)
        made.remove_list(made.view().lists[0].id)
        await asyncio.gather(renewing, return_exceptions=True)
        assert made.view().lists == ()


@with_home
async def test_damaged_files_are_put_aside_and_the_rest_holds(home: Home) -> None:
    made = await loaded(home)
    made.add("mine.example")
    await made.import_list("Blocked", "blocked.example")
    home.path(OWN_FILE).write_bytes(b"\xff\xfe")
    again = await loaded(home)
    assert way(again, "mine.example") is Way.DIRECT_FIRST
    assert way(again, "blocked.example") is Way.BRIDGES
    assert home.path(OWN_FILE + ".damaged").exists()
    home.path(BOOK_FILE).write_bytes(b'{"lists": [{"id": "../../etc/passwd", "title": "x"}]}')
    assert (await loaded(home)).view().lists == ()
    for content in (b"[", b"[]", b'{"lists": 3}', b"\xff"):
        home.path(BOOK_FILE).write_bytes(content)
        assert (await loaded(home)).view().lists == ()
    assert sum("was damaged" in notice for notice in home.take_notices()) == 5


@with_home
async def test_a_list_whose_file_has_gone_or_is_damaged_hides_nothing_and_breaks_nothing(home: Home) -> None:
    made = await loaded(home)
    await made.import_list("a", "a.example")
    await made.import_list("b", "b.example")
    await made.import_list("c", "c.example")
    files = sorted(home.folder.glob("list-*"))
    files[0].unlink()
    files[1].write_bytes(b"\x1f\x8b")
    again = await loaded(home)
    assert len(again.view().lists) == 3
    assert [way(again, host) for host in ("a.example", "b.example", "c.example")].count(Way.BRIDGES) == 1
    big = await loaded(home, limits=replace(SWIFT, list_bytes=3))
    assert [way(big, host) for host in ("a.example", "b.example", "c.example")].count(Way.BRIDGES) == 0


@with_home
async def test_bounds(home: Home) -> None:
    made = await loaded(home, limits=replace(SWIFT, max_lists=1))
    await made.import_list("a" * 500 + "\n\x00", "a.example")
    assert len(made.view().lists[0].title) == 100
    with pytest.raises(RuleError, match="already"):
        await made.import_list("b", "b.example")


@with_home
async def test_a_full_disk_changes_what_holds_now_and_says_that_it_is_not_remembered(home: Home) -> None:
    made = await loaded(home)
    made.add("first.example")
    home.folder.rename(home.folder.with_name("gone"))
    home.folder.write_text("a file is in the way")
    with pytest.raises(NotRemembered):
        made.add("mine.example")
    assert way(made, "mine.example") is Way.BRIDGES
    with pytest.raises(NotRemembered):
        await made.import_list("Blocked", "blocked.example")
    assert way(made, "blocked.example") is Way.BRIDGES


def test_without_a_folder_everything_holds_for_this_run() -> None:
    async def main() -> None:
        made = await loaded(None)
        made.add("mine.example")
        await made.import_list("Blocked", "blocked.example")
        made.learn("new.example", Sign.RESET)
        made.keep_learned(True)
        running = asyncio.create_task(made.run())
        await asyncio.sleep(0.01)
        assert [way(made, host) for host in ("mine.example", "blocked.example", "new.example")] == [Way.BRIDGES] * 3
        made.remove_list(made.view().lists[0].id)
        made.forget_learned()
        assert made.view().lists == ()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


@with_home
async def test_what_was_learned_is_not_written_down_unless_that_is_wanted(home: Home) -> None:
    made = await loaded(home)
    running = asyncio.create_task(made.run())
    made.learn("secret.example", Sign.RESET)
    made.doubt("doubted.example", Sign.CERTIFICATE)
    made.doubt("doubted.example", Sign.CERTIFICATE)
    assert (way(made, "secret.example"), way(made, "doubted.example")) == (Way.BRIDGES, Way.BRIDGES)
    assert made.view().learned == 2
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not home.path(LEARNED_FILE).exists()
    assert way(await loaded(home), "secret.example") is Way.DIRECT_FIRST


@with_home
async def test_what_was_learned_is_kept_without_a_name(home: Home) -> None:
    made = await loaded(home)
    made.learn("secret.example", Sign.RESET)
    made.keep_learned(True)
    running = asyncio.create_task(made.run())
    made.learn("later.example", Sign.SILENCE)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    written = b"".join(path.read_bytes() for path in home.folder.iterdir())
    assert b"secret" not in written
    assert b"later" not in written
    again = await loaded(home)
    assert again.view().is_learned_kept
    assert (way(again, "secret.example"), way(again, "later.example")) == (Way.BRIDGES, Way.BRIDGES)
    learned = again.explain("Secret.example.").learned
    assert learned is not None
    assert learned.sign is Sign.RESET
    assert again.forget_site("secret.example")
    assert not again.forget_site("secret.example")
    assert way(again, "secret.example") is Way.DIRECT_FIRST
    again.keep_learned(False)
    assert not home.path(LEARNED_FILE).exists()
    again.keep_learned(True)
    again.forget_learned()
    assert not home.path(LEARNED_FILE).exists()
    assert again.view().learned == 0
    for content in (b"{", b'{"key": "AA==", "sites": []}', b"\xff"):
        home.path(LEARNED_FILE).write_bytes(content)
        assert (await loaded(home)).view().learned == 0


@with_home
async def test_modes(home: Home) -> None:
    made = await loaded(home, RuleMode.EVERYTHING)
    made.add("direct: bank.example")
    made.learn("new.example", Sign.RESET)
    assert {way(made, host) for host in ("bank.example", "new.example", "router", "10.0.0.1")} == {Way.BRIDGES}
    made.use_mode(RuleMode.LISTED)
    assert made.mode is RuleMode.LISTED
    assert [way(made, host) for host in ("bank.example", "new.example", "router")] == [
        Way.DIRECT,
        Way.DIRECT,
        Way.REFUSED,
    ]
    made.use_mode(RuleMode.BLOCKED)
    assert way(made, "new.example") is Way.BRIDGES
    assert 'put(straight, "corp' in made.pac()


@with_home
async def test_explaining(home: Home) -> None:
    made = await loaded(home)
    for text, reason in [
        ("new.example", Reason.UNLISTED),
        (" bücher.example ", Reason.UNLISTED),
        ("127.1", Reason.LOCAL),
        ("[::1]", Reason.LOCAL),
        ("router", Reason.LOCAL),
        ("a.onion", Reason.HIDDEN),
    ]:
        assert made.explain(text).decision.reason is reason, text
    for text in ("", "a b", "https://a.example/", "a" * 300):
        with pytest.raises(RuleError):
            made.explain(text)
