from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.crypto.tokens import TokenError, TokenExpired, TokenForeign, TokenRevoked, check_token, mint_token

KEY = b"k" * 32
ID = b"12345678"
NOW = 1_800_000_000.0


def test_the_layout_is_that_of_the_specification() -> None:
    token = mint_token(KEY, ID, 0x01020304)
    mac = hmac.new(KEY, b"unwalled/1 token" + ID + b"\x01\x02\x03\x04", hashlib.sha256).digest()[:16]
    assert token == ID + b"\x01\x02\x03\x04" + mac


@pytest.mark.parametrize("expires_s", [0, int(NOW) + 1, (1 << 32) - 1])
def test_a_token_that_holds_gives_its_id(expires_s: int) -> None:
    assert check_token(KEY, mint_token(KEY, ID, expires_s), NOW) == ID


@pytest.mark.parametrize("expires_s", [1, int(NOW)])
def test_a_token_that_is_over_is_expired(expires_s: int) -> None:
    with pytest.raises(TokenExpired):
        check_token(KEY, mint_token(KEY, ID, expires_s), NOW)


@given(at=st.integers(0, 27), bit=st.integers(0, 7))
def test_any_changed_bit_makes_it_foreign(at: int, bit: int) -> None:
    token = bytearray(mint_token(KEY, ID, int(NOW) + 5))
    token[at] ^= 1 << bit
    with pytest.raises(TokenForeign):
        check_token(KEY, bytes(token), NOW)


@given(st.binary(max_size=40))
def test_random_bytes_are_foreign(token: bytes) -> None:
    with pytest.raises(TokenForeign):
        check_token(KEY, token, NOW)


def test_another_operators_expired_token_is_foreign_first() -> None:
    with pytest.raises(TokenForeign):
        check_token(KEY, mint_token(b"o" * 32, ID, 1), NOW)


@pytest.mark.parametrize(("invite_id", "expires_s"), [(b"1234567", 0), (b"123456789", 0), (ID, -1), (ID, 1 << 32)])
def test_what_does_not_fit_is_not_minted(invite_id: bytes, expires_s: int) -> None:
    with pytest.raises(ValueError):
        mint_token(KEY, invite_id, expires_s)


@pytest.mark.parametrize("error", [TokenForeign(), TokenExpired(), TokenRevoked()])
def test_each_error_says_cause_and_remedy(error: TokenError) -> None:
    assert error.cause
    assert error.remedy


def test_tokens_of_the_invite_vectors() -> None:
    vectors = json.loads((Path(__file__).parents[2] / "vectors" / "invites.json").read_text(encoding="utf-8"))
    for case in vectors["valid"]:
        token = bytes.fromhex(case["token"])
        assert check_token(bytes.fromhex(vectors["invite_key"]), token, vectors["now_s"]) == bytes(range(8))
