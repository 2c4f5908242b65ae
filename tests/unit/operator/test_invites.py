from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.tokens import TokenExpired, TokenForeign, TokenRevoked, mint_token
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator import invites
from unwalled.operator.invites import BOOK_FILE, InviteBook, make_invite, token_checker
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
    assert token_checker(KEYS, book, FixedClock())(invite.token).hex() == entry.id
    assert invite.identity == KEYS.identity
    assert (tmp_path / "data" / BOOK_FILE).stat().st_mode & 0o777 == 0o600
    assert invite.token.hex() not in (tmp_path / "data" / BOOK_FILE).read_text()


def test_a_revoked_invite_is_turned_away_by_whoever_runs_already(tmp_path: Path) -> None:
    running = InviteBook(tmp_path)
    check = token_checker(KEYS, running, FixedClock())
    kept, withdrawn = make(running), make(running)
    check(withdrawn.token)
    InviteBook(tmp_path).revoke(withdrawn.token[:8].hex())
    with pytest.raises(TokenRevoked):
        check(withdrawn.token)
    check(kept.token)
    with pytest.raises(TokenRevoked):
        token_checker(KEYS, InviteBook(tmp_path), FixedClock())(withdrawn.token)


def test_foreign_and_expired_tokens_are_told_apart(tmp_path: Path) -> None:
    check = token_checker(KEYS, InviteBook(tmp_path), FixedClock())
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
    monkeypatch.setattr(invites, "BROKER", BrokerLimits(max_invites=2))
    book = InviteBook(tmp_path)
    book.add(bytes(8), "old", int(NOW) - 100, int(NOW) - 1)
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
