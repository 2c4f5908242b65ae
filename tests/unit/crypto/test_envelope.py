from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.crypto.envelope import open_reply, open_request, request_enc, seal_reply, seal_request
from unwalled.crypto.hpke import ClassicalPrivateKey
from unwalled.errors import CryptoError, SignallingError

KEY = ClassicalPrivateKey(b"k" * 32)
OTHER = ClassicalPrivateKey(b"o" * 32)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "signalling.json").read_text(encoding="utf-8"))["sealed"]


def test_the_vectors_open() -> None:
    broker = ClassicalPrivateKey(bytes.fromhex(VECTORS["broker_seed"]))
    reader = ClassicalPrivateKey(bytes.fromhex(VECTORS["reply_seed"]))
    assert broker.public.hex() == VECTORS["broker_key"]
    request, reply = bytes.fromhex(VECTORS["request"]), bytes.fromhex(VECTORS["reply"])
    assert json.loads(open_request(request, broker)) == json.loads(VECTORS["request_plaintext"])
    assert json.loads(open_reply(reply, reader, request)) == json.loads(VECTORS["reply_plaintext"])


def test_request_and_reply_travel() -> None:
    request = seal_request(b"{}", KEY.public)
    assert open_request(request, KEY).rstrip() == b"{}"
    reply = seal_reply(b"[]", OTHER.public, request)
    assert open_reply(reply, OTHER, request).rstrip() == b"[]"


def test_sizes_are_padded_so_that_they_tell_little() -> None:
    sizes = {len(seal_request(b"x" * n, KEY.public)) for n in (1, 500, 1024)}
    assert sizes == {1 + 4 + 32 + 1024 + 16}
    assert len(seal_reply(b"x" * 1025, KEY.public, b"")) == 32 + 2048 + 16


def test_each_request_has_its_own_encapsulated_key() -> None:
    first, second = (seal_request(b"{}", KEY.public) for _ in range(2))
    assert request_enc(first) != request_enc(second)
    assert len(request_enc(first)) == 32


def test_a_request_for_another_key_is_told_apart() -> None:
    with pytest.raises(SignallingError, match="key"):
        open_request(seal_request(b"{}", OTHER.public), KEY)


@pytest.mark.parametrize("body", [b"", b"\x01", b"\x02" + bytes(100), b"\x01" + bytes(51)])
def test_other_forms_are_refused(body: bytes) -> None:
    with pytest.raises(SignallingError):
        open_request(body, KEY)


@given(at=st.integers(5, 52 + 1024), bit=st.integers(0, 7))
def test_a_flipped_bit_does_not_open(at: int, bit: int) -> None:
    body = bytearray(seal_request(b"{}", KEY.public))
    body[at] ^= 1 << bit
    with pytest.raises(CryptoError):
        open_request(bytes(body), KEY)


def test_a_reply_opens_only_for_its_own_request() -> None:
    first, second = (seal_request(b"{}", KEY.public) for _ in range(2))
    reply = seal_reply(b"[]", OTHER.public, first)
    with pytest.raises(CryptoError):
        open_reply(reply, OTHER, second)
    with pytest.raises(CryptoError):
        open_reply(reply, KEY, first)
    with pytest.raises(CryptoError):
        open_reply(reply[:47], OTHER, first)


def test_a_key_of_low_order_is_refused() -> None:
    with pytest.raises(CryptoError):
        seal_reply(b"[]", bytes(32), b"")


def test_a_request_that_the_broker_would_refuse_is_not_made() -> None:
    seal_request(b"x" * 63 * 1024, KEY.public)
    with pytest.raises(SignallingError, match="too large"):
        seal_request(b"x" * (63 * 1024 + 1), KEY.public)
