from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support.app_world import invite
from unwalled.app.home import Home
from unwalled.app.invites import InviteBook, StoredInvite, UnknownInvite
from unwalled.errors import UsageError
from unwalled.settings import APP


def counting() -> Callable[[int], bytes]:
    numbers = itertools.count(1)
    return lambda count: next(numbers).to_bytes(count, "big")


def book_of(home: Home | None, *labels: str) -> InviteBook:
    """A book with one invite for each label, the last one first."""
    book, random_bytes = InviteBook(home), counting()
    for number, label in enumerate(labels, 1):
        book.add(invite(number), label, random_bytes)
    book.save()
    return book


def labels(book: InviteBook) -> list[str]:
    return [entry.label for entry in book.entries]


def test_what_is_added_is_first_and_comes_back(tmp_path: Path) -> None:
    home = Home(tmp_path)
    book = book_of(home, "one", "two")
    assert labels(book) == labels(InviteBook(home)) == ["two", "one"]
    assert InviteBook(home).entries == book.entries
    assert home.notices == []


def test_nothing_is_written_before_it_is_saved(tmp_path: Path) -> None:
    book = InviteBook(Home(tmp_path / "home"))
    book.add(invite(), "", counting())
    assert not book.is_saved
    assert not (tmp_path / "home").exists()
    book.save()
    assert book.is_saved


def test_an_invite_that_is_known_keeps_its_name_and_its_label(tmp_path: Path) -> None:
    book = book_of(Home(tmp_path), "one", "two")
    known = book.entries[1]
    assert book.add(invite(1), "", counting()) == known
    assert labels(book) == ["one", "two"]
    assert book.add(invite(1), "another", counting()).id == known.id
    assert labels(book) == ["another", "two"]


def test_the_last_one_makes_room() -> None:
    book = book_of(None, *(str(number) for number in range(APP.max_invites + 1)))
    assert len(book.entries) == APP.max_invites
    assert "0" not in labels(book)


@pytest.mark.parametrize("label", ["x" * (APP.max_label_chars + 1), "two\nlines", "\x1b[2J"])
def test_a_label_that_cannot_be_shown_is_refused(label: str) -> None:
    with pytest.raises(UsageError, match="label"):
        InviteBook(None).add(invite(), label, counting())


def test_the_best_one_has_not_expired_and_was_not_refused() -> None:
    book = book_of(None, "one", "two")
    assert InviteBook(None).best(0.0) is None
    book.add(invite(3, expires_s=50), "three", lambda count: bytes(count))

    def best(now_wall_s: float) -> str:
        entry = book.best(now_wall_s)
        return "" if entry is None else entry.label

    assert best(49.0) == "three"
    assert best(50.0) == "two"
    book.refused(book.entries[1].id)
    book.refused(book.entries[1].id)
    assert best(50.0) == "one"
    book.remove(book.entries[2].id)
    assert best(50.0) == "two"
    book.remove(book.entries[1].id)
    assert best(50.0) == "three"


def test_one_that_is_preferred_is_first_and_no_longer_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    book = book_of(home, "one", "two")
    book.refused(book.entries[0].id)
    book.prefer(book.entries[0].id)
    assert not book.entries[0].is_refused
    book.prefer(book.entries[1].id)
    assert labels(book) == ["one", "two"]
    book.save()
    assert labels(InviteBook(home)) == ["one", "two"]
    book.prefer(book.entries[0].id)
    assert book.is_saved


def test_an_unknown_name_is_told() -> None:
    book = book_of(None, "one")
    for call in (book.find, book.remove, book.prefer, book.refused):
        with pytest.raises(UnknownInvite, match="no invite of that name"):
            call("0" * 16)


def test_two_programs_change_it_without_losing_what_the_other_did(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = book_of(home, "one")
    second = InviteBook(Home(tmp_path))
    second.add(invite(2), "two", lambda count: bytes(count))
    first.add(invite(3), "three", lambda count: b"\xff" * count)
    second.save()
    first.save()
    assert labels(first) == labels(InviteBook(home)) == ["three", "two", "one"]
    assert second.refresh()
    assert not second.refresh()
    assert labels(second) == ["three", "two", "one"]
    second.remove(second.entries[2].id)
    second.save()
    assert first.refresh()
    assert labels(first) == ["three", "two"]


def test_a_refresh_keeps_what_is_not_saved_yet(tmp_path: Path) -> None:
    first, second = InviteBook(Home(tmp_path)), InviteBook(Home(tmp_path))
    first.add(invite(1), "one", lambda count: bytes(count))
    second.add(invite(2), "two", lambda count: b"\xff" * count)
    second.save()
    assert first.refresh()
    assert labels(first) == ["one", "two"]


def test_a_folder_that_was_wiped_stays_so(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    book = book_of(home, "one")
    home.wipe()
    assert book.refresh()
    assert book.entries == ()


def test_a_book_that_cannot_be_read_for_a_while_is_not_lost(tmp_path: Path) -> None:
    home = Home(tmp_path)
    book = book_of(home, "one")
    home.path("invites.json").unlink()
    home.path("invites.json").mkdir()
    assert not book.refresh()
    assert labels(book) == ["one"]
    book.add(invite(2), "two", counting())
    book.save()
    assert not book.could_save
    home.path("invites.json").rmdir()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"v": 2, "invites": []}', b"\xff"])
def test_a_book_of_nonsense_is_put_aside(tmp_path: Path, content: bytes) -> None:
    home = Home(tmp_path)
    home.write("invites.json", content)
    assert InviteBook(home.untouched()).entries == ()
    assert home.path("invites.json").exists()
    assert InviteBook(home).entries == ()
    assert len(home.take_notices()) == 1
    assert home.path("invites.json.damaged").read_bytes() == content


def test_one_damaged_entry_costs_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path)
    book_of(home, "one", "two", "three")
    entries = msgspec.json.decode(home.read("invites.json") or b"")["invites"]
    entries[1]["text"] = entries[1]["text"][:-3]
    home.write("invites.json", msgspec.json.encode({"v": 1, "invites": [*entries, {"id": 7}]}))
    assert labels(InviteBook(home.untouched())) == ["three", "one"]
    assert labels(InviteBook(home)) == ["three", "one"]
    assert len(home.take_notices()) == 1
    assert labels(InviteBook(home)) == ["three", "one"]
    assert home.take_notices() == []
    assert home.path("invites.json.damaged").exists()


def test_a_book_with_too_many_is_cut(tmp_path: Path) -> None:
    home = Home(tmp_path)
    many = [{"id": f"{number:016x}", "text": invite().text} for number in range(APP.max_invites + 5)]
    home.write("invites.json", msgspec.json.encode({"v": 1, "invites": many}))
    assert len(InviteBook(home).entries) == APP.max_invites


def test_a_repr_tells_neither_label_nor_invite() -> None:
    shown = repr(StoredInvite("1", invite(), "my uncle's"))
    assert "uncle" not in shown
    assert "door" not in shown
