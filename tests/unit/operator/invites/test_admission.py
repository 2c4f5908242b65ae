from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.admitting import admission
from unwalled.crypto.identity import KeyKind, OperatorKeys
from unwalled.crypto.rotation import renewed
from unwalled.crypto.swarm import swarm_invite_id, swarm_tag
from unwalled.crypto.tokens import TokenForeign, TokenRevoked, mint_token
from unwalled.gateway.policy import EgressPolicy
from unwalled.gateway.sessions import TokenVerdict
from unwalled.operator.bounds import QuotaLimits
from unwalled.operator.invites.admission import takes_swarms
from unwalled.operator.invites.book import InviteBook, Quota, make_invites
from unwalled.operator.options import PublicUrl
from unwalled.settings import GATEWAY
from unwalled.wire.invite import Invite

KEYS = OperatorKeys.make(os.urandom)
NOW = 1_800_000_000.0
URL = PublicUrl("https://news.example")


class FixedClock:
    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return NOW


CLOCK = FixedClock()


def make(book: InviteBook, quota: Quota) -> Invite:
    (made,) = make_invites(
        KEYS,
        book,
        doors=[URL.text],
        stun=[],
        labels=["Aunt Mina"],
        now_wall_s=NOW,
        expires_s=0,
        random_bytes=os.urandom,
        quota=quota,
    )
    return made.invite


def test_bytes_of_the_day_end_and_are_told_once(tmp_path: Path) -> None:
    book = InviteBook(tmp_path)
    admits = admission(KEYS, tmp_path, CLOCK, book=book)
    invite = make(book, Quota(bytes_day=100))
    spent: list[bytes] = []
    admits.on_spent = spent.append
    terms = admits.terms(invite.token)
    count = admits.meter(terms.id)
    assert count is not None
    assert [count(60), count(40)] == [True, True]
    assert admits.verdict(invite.token) is TokenVerdict.SPENT, "nothing is left"
    assert [count(1), count(1)] == [False, False]
    assert spent == [terms.id]
    assert admits.wait_s(terms, b"r") == 86_400 - NOW % 86_400
    book.set_quota(terms.id.hex(), Quota(bytes_day=1000))
    assert count(1)
    assert admits.verdict(invite.token) is TokenVerdict.GOOD
    book.set_quota(terms.id.hex(), Quota())
    assert count(10_000)


def test_readers_of_the_day_end_and_whoever_was_there_goes_on(tmp_path: Path) -> None:
    book = InviteBook(tmp_path)
    admits = admission(KEYS, tmp_path, CLOCK, book=book)
    terms = admits.terms(make(book, Quota(readers=1)).token)
    assert admits.wait_s(terms, b"one") == 0.0
    assert admits.wait_s(terms, b"two") > 0.0
    assert admits.wait_s(terms, b"one") == 0.0


def test_an_invite_without_bounds_is_not_counted_at_all(tmp_path: Path) -> None:
    book = InviteBook(tmp_path)
    admits = admission(KEYS, tmp_path, CLOCK, book=book)
    invite = make(book, Quota())
    terms = admits.terms(invite.token)
    assert admits.meter(terms.id) is None
    assert admits.wait_s(terms, b"") == 0.0
    assert admits.sessions(terms.id) == GATEWAY.sessions_per_invite
    assert admits.sessions(admits.terms(make(book, Quota(sessions=3)).token).id) == 3


def private(admits: object, secret: bytes) -> Invite:
    text = admits.invite_for_swarm(swarm_tag(secret), URL, ())  # type: ignore[attr-defined]
    return Invite.parse(text, NOW)


def test_a_private_swarm_has_a_token_of_its_own_with_bounds_for_all_together(tmp_path: Path) -> None:
    limits = QuotaLimits(swarm_sessions=2, swarm_bytes_day=100, swarms_bytes_day=150)
    admits = admission(KEYS, tmp_path, CLOCK, swarms=True, limits=limits)
    one, two = private(admits, b"1" * 16), private(admits, b"2" * 16)
    first, second = admits.terms(one.token), admits.terms(two.token)
    assert first.id == swarm_invite_id(swarm_tag(b"1" * 16))
    assert (first.is_swarm, first.sessions, first.bytes_day) == (True, 2, 100)
    assert admits.sessions(first.id) == 2
    counts = admits.meter(first.id), admits.meter(second.id)
    assert counts[0] is not None
    assert counts[1] is not None
    assert counts[0](90)
    assert not counts[1](70), "both together are past their bound"
    assert admits.verdict(one.token) is TokenVerdict.SPENT
    assert admits.wait_s(first, b"") > 0.0


def test_private_swarms_can_be_switched_off_and_withdrawn(tmp_path: Path) -> None:
    book = InviteBook(tmp_path)
    on, off = (admission(KEYS, tmp_path, CLOCK, swarms=swarms, book=book) for swarms in (True, False))
    token = private(on, b"1" * 16).token
    assert off.invite_for_swarm(swarm_tag(b"1" * 16), URL, ()) == ""
    with pytest.raises(TokenForeign):
        off.terms(token)
    assert off.verdict(token) is TokenVerdict.REFUSED
    book.revoke_swarm(token[:8].hex(), int(NOW))
    book.revoke_swarm(token[:8].hex(), int(NOW))
    assert len(book.entries()) == 1
    assert on.invite_for_swarm(swarm_tag(b"1" * 16), URL, ()) == ""
    with pytest.raises(TokenRevoked):
        on.terms(token)


def test_swarms_that_are_known_are_bounded(tmp_path: Path) -> None:
    admits = admission(KEYS, tmp_path, CLOCK, swarms=True, limits=QuotaLimits(counted_invites=1))
    first, second = (admits.terms(private(admits, secret * 16).token) for secret in (b"1", b"2"))
    assert admits.sessions(first.id) == GATEWAY.sessions_per_invite
    assert admits.sessions(second.id) == QuotaLimits().swarm_sessions


def test_expired_and_old_tokens(tmp_path: Path) -> None:
    admits = admission(KEYS, tmp_path, CLOCK)
    assert admits.verdict(mint_token(KEYS.invite_key, bytes(8), 5)) is TokenVerdict.EXPIRED
    token = mint_token(KEYS.invite_key, bytes(8), 0)
    admits.keys = renewed(KEYS, [KeyKind.INVITES], int(NOW), int(NOW) + 10, os.urandom)
    assert admits.verdict(token) is TokenVerdict.GOOD
    admits.keys = replace(KEYS, invite_key=bytes(32))
    assert admits.verdict(token) is TokenVerdict.REFUSED


def test_private_swarms_are_taken_by_themselves_only_where_the_policy_lists_the_sites() -> None:
    anywhere, own = EgressPolicy(), EgressPolicy(publisher=True)
    assert [takes_swarms(word, anywhere) for word in ("auto", "on", "off")] == [False, True, False]
    assert [takes_swarms(word, own) for word in ("auto", "on", "off")] == [True, True, False]


def test_a_swarm_keeps_its_bounds_when_others_have_taken_its_place_in_the_list(tmp_path: Path) -> None:
    limits = QuotaLimits(counted_invites=8, swarm_bytes_day=100)
    admits = admission(KEYS, tmp_path, CLOCK, swarms=True, limits=limits)
    first = admits.terms(private(admits, b"1" * 16).token)
    count = admits.meter(first.id)
    assert count is not None
    for number in range(limits.counted_invites):
        admits.terms(private(admits, b"%016d" % number).token)
    assert count(100)
    assert not count(1)
