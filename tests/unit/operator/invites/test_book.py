from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.admitting import admission
from unwalled.crypto.identity import KeyKind, OperatorKeys
from unwalled.crypto.rotation import renewed
from unwalled.crypto.tokens import TokenExpired, TokenForeign, TokenRevoked, mint_token
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.invites import book as book_module
from unwalled.operator.invites.book import (
    BOOK_FILE,
    NO_QUOTA,
    InviteBook,
    InviteEntry,
    MadeInvite,
    Quota,
    link_again,
    make_invite,
    make_invites,
)
from unwalled.settings import BrokerLimits
from unwalled.wire.invite import Invite

KEYS = OperatorKeys.make(os.urandom)
NOW = 1_800_000_000.0


class FixedClock:
    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return NOW


def make(
    book: InviteBook, *, label: str = "for a friend", expires_s: int = 0, doors: list[str] | None = None
) -> Invite:
    return make_invite(
        KEYS,
        book,
        doors=doors or ["https://news.example"],
        stun=[],
        label=label,
        now_wall_s=NOW,
        expires_s=expires_s,
        random_bytes=os.urandom,
    )


def many(book: InviteBook, labels: list[str], *, quota: Quota = NO_QUOTA) -> list[MadeInvite]:
    return make_invites(
        KEYS,
        book,
        doors=["https://news.example"],
        stun=[],
        labels=labels,
        now_wall_s=NOW,
        expires_s=0,
        random_bytes=os.urandom,
        quota=quota,
    )


def test_an_invite_is_made_written_down_and_let_in(tmp_path: Path) -> None:
    book = InviteBook(tmp_path / "data")
    invite = make(book, expires_s=int(NOW) + 60)
    (entry,) = InviteBook(tmp_path / "data").entries()
    assert (entry.label, entry.created, entry.expires, entry.revoked) == (
        "for a friend",
        int(NOW),
        int(NOW) + 60,
        False,
    )
    assert admission(KEYS, tmp_path / "data", FixedClock()).terms(invite.token).id.hex() == entry.id
    assert invite.identity == KEYS.identity
    assert (tmp_path / "data" / BOOK_FILE).stat().st_mode & 0o777 == 0o600
    assert invite.token.hex() not in (tmp_path / "data" / BOOK_FILE).read_text()


def test_a_revoked_invite_is_turned_away_by_whoever_runs_already(tmp_path: Path) -> None:
    running = InviteBook(tmp_path)
    check = admission(KEYS, tmp_path, FixedClock(), book=running).terms
    kept, withdrawn = make(running), make(running)
    check(withdrawn.token)
    InviteBook(tmp_path).revoke(withdrawn.token[:8].hex())
    with pytest.raises(TokenRevoked):
        check(withdrawn.token)
    check(kept.token)
    with pytest.raises(TokenRevoked):
        admission(KEYS, tmp_path, FixedClock()).terms(withdrawn.token)


def test_foreign_and_expired_tokens_are_told_apart(tmp_path: Path) -> None:
    check = admission(KEYS, tmp_path, FixedClock()).terms
    with pytest.raises(TokenForeign):
        check(bytes(28))
    with pytest.raises(TokenExpired):
        check(mint_token(KEYS.invite_key, bytes(8), 5))


def test_revocations_hold_while_the_book_is_damaged(tmp_path: Path) -> None:
    book = InviteBook(tmp_path)
    invite = make(book)
    book.revoke(invite.token[:8].hex())
    assert book.is_revoked(invite.token[:8])
    (tmp_path / BOOK_FILE).write_text("oops")
    assert book.is_revoked(invite.token[:8])


@pytest.mark.parametrize("content", ["", "{}", '{"v":0,"invites":[]}', '{"v":1,"invites":[{"id":"x"}]}', "\udcff"])
def test_a_damaged_book_is_told_and_never_overwritten(tmp_path: Path, content: str) -> None:
    book = InviteBook(tmp_path)
    path = tmp_path / BOOK_FILE
    path.write_text(content, errors="surrogateescape")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="damaged"):
        InviteBook(tmp_path)
    with pytest.raises(ConfigurationError, match="damaged"):
        make(book)
    with pytest.raises(ConfigurationError, match="damaged"):
        book.revoke("0" * 16)
    assert path.read_text(errors="surrogateescape") == content


def test_the_book_is_bounded_and_expired_invites_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "BROKER", BrokerLimits(max_invites=2))
    book = InviteBook(tmp_path)
    book.add([InviteEntry(bytes(8).hex(), "old", int(NOW) - 100, int(NOW) - 1)], int(NOW) - 100)
    make(book)
    make(book)
    with pytest.raises(UsageError, match="too many"):
        make(book)
    assert [entry.label for entry in book.entries()] == ["for a friend"] * 2


def test_invites_made_at_once_are_all_written_down(tmp_path: Path) -> None:
    InviteBook(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: make(InviteBook(tmp_path), label=str(number)), range(12)))
    assert {entry.label for entry in InviteBook(tmp_path).entries()} == {str(number) for number in range(12)}


@pytest.mark.parametrize("label", ["x" * 101, "a\nb", "\x1b[31m"])
def test_labels_that_cannot_be_shown_are_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(UsageError, match="label"):
        make(InviteBook(tmp_path), label=label)


@pytest.mark.parametrize("expires_s", [1, int(NOW), 1 << 32])
def test_a_date_that_is_over_or_too_far_is_refused(tmp_path: Path, expires_s: int) -> None:
    book = InviteBook(tmp_path)
    with pytest.raises(UsageError, match="last day"):
        make(book, expires_s=expires_s)
    assert book.entries() == []


def test_a_bad_door_leaves_no_entry(tmp_path: Path) -> None:
    book = InviteBook(tmp_path)
    with pytest.raises(UsageError):
        make(book, doors=["gopher://x"])
    assert book.entries() == []


def test_revoking_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no invite"):
        InviteBook(tmp_path).revoke("0" * 16)


def test_one_for_each_friend_is_made_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = InviteBook(tmp_path)
    quota = Quota(sessions=2, bytes_day=5, readers=3)
    made = many(book, ["Aunt Mina", "Reza"], quota=quota)
    assert [(one.entry.label, one.entry.quota) for one in made] == [("Aunt Mina", quota), ("Reza", quota)]
    assert [one.entry for one in made] == book.entries()
    assert len({one.invite.token for one in made}) == 2
    monkeypatch.setattr(book_module, "BROKER", BrokerLimits(max_invites=3))
    with pytest.raises(UsageError, match="too many"):
        many(book, ["three", "four"])
    assert len(book.entries()) == 2


@pytest.mark.parametrize(
    ("labels", "quota", "words"),
    [([], Quota(), "at once"), (["x"] * 1001, Quota(), "at once"), (["x"], Quota(sessions=-1), "out of range")],
)
def test_what_cannot_be_made_is_told(tmp_path: Path, labels: list[str], quota: Quota, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        many(InviteBook(tmp_path), labels, quota=quota)


def test_bounds_are_changed_and_seen_by_whoever_runs(tmp_path: Path) -> None:
    running = InviteBook(tmp_path)
    name = make(running).token[:8]
    assert running.quota_of(name) == Quota()
    InviteBook(tmp_path).set_quota(name.hex(), Quota(readers=4))
    assert running.quota_of(name) == Quota(readers=4)
    assert running.find(name.hex()).quota == Quota(readers=4)
    with pytest.raises(UsageError, match="no invite of that name"):
        running.set_quota("0" * 16, Quota())
    with pytest.raises(UsageError, match="no invite of that name"):
        running.find("0" * 16)


def test_a_book_of_before_bounds_is_read_and_one_without_bounds_looks_the_same(tmp_path: Path) -> None:
    old = '{"v":1,"invites":[{"id":"' + "0" * 16 + '","label":"choir","created":5,"expires":0,"revoked":false}]}'
    (tmp_path / BOOK_FILE).write_text(old)
    (tmp_path / BOOK_FILE).chmod(0o600)
    book = InviteBook(tmp_path)
    assert book.find("0" * 16).quota == Quota()
    make(book)
    assert "sessions" not in (tmp_path / BOOK_FILE).read_text()


def test_an_invite_ends_with_the_keys_that_it_was_made_with_until_it_is_linked_again(tmp_path: Path) -> None:
    book = InviteBook(tmp_path)
    name = make(book, expires_s=int(NOW) + 1000).token[:8].hex()
    later = int(NOW) + 10
    keys = renewed(KEYS, [KeyKind.INVITES, KeyKind.GATEWAY], later, later + 100, os.urandom)
    assert book.find(name).ends(KEYS) == int(NOW) + 1000
    assert book.find(name).ends(keys) == later + 100
    again = link_again(keys, book, name, doors=["https://news.example"], stun=[], now_wall_s=later)
    assert again.entry.ends(keys) == int(NOW) + 1000
    assert again.invite.token[:12] == bytes.fromhex(name) + (int(NOW) + 1000).to_bytes(4, "big")
    book.revoke(name)
    with pytest.raises(UsageError, match="is over"):
        link_again(keys, book, name, doors=["https://news.example"], stun=[], now_wall_s=later)
