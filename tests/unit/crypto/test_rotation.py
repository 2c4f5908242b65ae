from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from unwalled.crypto.hpke import seal_post_quantum, sha256
from unwalled.crypto.identity import KEYS_FILE, MAX_PAST_KEYS, KeyBundle, KeyKind, OperatorKeys, newest
from unwalled.crypto.rotation import ended_broker_keys, forgetful, renewed, says_that_it_is_over
from unwalled.crypto.tokens import TokenForeign, mint_swarm_token, mint_token, read_token
from unwalled.datafolder import make_private_folder

NOW = 1_800_000_000
KEYS = OperatorKeys.make(os.urandom)


def rotated(*kinds: KeyKind, ends_s: int = NOW + 100) -> OperatorKeys:
    return renewed(KEYS, kinds or tuple(KeyKind), NOW, ends_s, os.urandom)


def test_the_identity_stays_and_old_keys_count_for_their_time() -> None:
    keys = rotated()
    assert keys.identity == KEYS.identity
    assert [key.public for key in keys.broker_keys(NOW)] == [keys.broker_key().public, KEYS.broker_key().public]
    assert [key.public for key in keys.broker_keys(NOW + 100)] == [keys.broker_key().public]
    assert keys.invite_keys(NOW) == [keys.invite_key, KEYS.invite_key]
    assert keys.invite_keys(NOW + 100) == [keys.invite_key]
    sealed = seal_post_quantum(b"hi", KEYS.gateway_key().public, b"i")
    assert keys.gateway_keys(NOW)[1].open(sealed, b"i") == b"hi"
    assert keys.dates == (NOW, NOW, NOW)


def test_processes_with_the_keys_of_before_and_after_meet_in_the_same_store() -> None:
    assert rotated().store_key() == KEYS.store_key() != OperatorKeys.make(os.urandom).store_key()


def test_only_what_was_named_is_renewed() -> None:
    keys = rotated(KeyKind.INVITES)
    assert (keys.broker_seed, keys.gateway_seed, keys.sequence) == (KEYS.broker_seed, KEYS.gateway_seed, KEYS.sequence)
    assert keys.invite_key != KEYS.invite_key
    assert keys.dates == (0, 0, NOW)


def test_readers_take_the_new_bundle_and_never_the_old_one_again() -> None:
    old, new = KEYS.bundle(()), rotated(KeyKind.GATEWAY).bundle(())
    assert newest(old, KeyBundle.verify(new.encoded, KEYS.identity, NOW)).sequence == old.sequence + 1


def test_tokens_of_before_are_good_until_the_end() -> None:
    keys = rotated(KeyKind.INVITES)
    tokens = mint_token(KEYS.invite_key, bytes(8), 0), mint_swarm_token(KEYS.invite_key, bytes(8))
    assert [read_token(keys.invite_keys(NOW), token, NOW).is_swarm for token in tokens] == [False, True]
    for token in tokens:
        with pytest.raises(TokenForeign):
            read_token(keys.invite_keys(NOW + 100), token, NOW + 100)


def test_a_leaked_key_ends_at_once_with_those_before_it() -> None:
    once = rotated(KeyKind.BROKER, KeyKind.INVITES)
    twice = renewed(once, [KeyKind.BROKER], NOW + 10, NOW + 10, os.urandom)
    assert len(twice.broker_keys(NOW + 10)) == 1
    assert [one.secret for one in twice.past if one.kind is KeyKind.BROKER] == [b"", b""]
    assert len(twice.invite_keys(NOW + 10)) == 2, "the other kind is left alone"


def test_secrets_that_are_over_are_forgotten() -> None:
    keys = rotated()
    assert forgetful(keys, NOW) is keys
    kept = forgetful(keys, NOW + 100)
    assert [one.secret for one in kept.past] == [b"", b"", b""]
    assert forgetful(kept, NOW + 200) is kept
    mixed = renewed(keys, [KeyKind.INVITES], NOW + 50, NOW + 500, os.urandom)
    assert [bool(one.secret) for one in forgetful(mixed, NOW + 100).past] == [False, False, False, True]


def test_the_operator_says_itself_that_a_broker_key_is_over() -> None:
    keys = rotated()
    old = KEYS.broker_key().public
    assert ended_broker_keys(keys, NOW) == {}
    words = ended_broker_keys(forgetful(keys, NOW + 100), NOW + 100)
    assert list(words) == [sha256(old)]
    word = words[sha256(old)]
    assert says_that_it_is_over(word, KEYS.identity, old)
    assert not says_that_it_is_over(word, KEYS.identity, keys.broker_key().public)
    assert not says_that_it_is_over(word, OperatorKeys.make(os.urandom).identity, old)
    assert not says_that_it_is_over(word[:-1] + bytes((word[-1] ^ 1,)), KEYS.identity, old)
    assert not says_that_it_is_over(b"", KEYS.identity, old)
    later = msgspec.msgpack.encode([2, sha256(old), NOW])
    assert not says_that_it_is_over(KEYS.sign(b"unwalled/1 key over" + later) + later, KEYS.identity, old)


def test_past_keys_are_bounded() -> None:
    keys = KEYS
    for number in range(MAX_PAST_KEYS + 2):
        keys = renewed(keys, [KeyKind.BROKER], NOW + number, NOW + 1000, os.urandom)
    assert len(keys.past) == MAX_PAST_KEYS


def test_renewed_keys_are_kept_and_tell_no_secret(tmp_path: Path) -> None:
    make_private_folder(tmp_path)
    keys = rotated()
    keys.save(tmp_path)
    assert OperatorKeys.load(tmp_path) == keys
    assert (tmp_path / KEYS_FILE).stat().st_mode & 0o777 == 0o600
    assert all(one.secret.hex() not in repr(one) and repr(one.secret)[2:12] not in repr(one) for one in keys.past)
    full = keys
    for number in range(MAX_PAST_KEYS):
        full = renewed(full, [KeyKind.GATEWAY], NOW + number, NOW + 1000, os.urandom)
    full.save(tmp_path)
    assert OperatorKeys.load(tmp_path) == full
