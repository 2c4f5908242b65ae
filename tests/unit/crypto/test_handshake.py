"""Hello and welcome."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unwalled.crypto.handshake import (
    OpenedHello,
    ReaderHandshake,
    Status,
    Terms,
    open_hello,
    refuse_hello,
    welcome,
)
from unwalled.crypto.hpke import PostQuantumPrivateKey, seal_post_quantum, sha256
from unwalled.errors import CryptoError, MessageError
from unwalled.settings import KIB, LANE, MIB
from unwalled.wire.messages import Hello, Welcome, decode_message, encode_hello, encode_welcome

GATEWAY = PostQuantumPrivateKey(bytes(range(96)))
TOKEN = b"t" * 28
TERMS = Terms(32 * MIB, 16 * KIB, 120)
RANDOM = random.Random(1).randbytes


def as_hello(message: bytes) -> Hello:
    """The message as its receiver sees it."""
    decoded = decode_message(message)
    assert isinstance(decoded, Hello)
    return decoded


def as_welcome(message: bytes) -> Welcome:
    """The message as its receiver sees it."""
    decoded = decode_message(message)
    assert isinstance(decoded, Welcome)
    return decoded


def greet(early: bytes = b"") -> tuple[ReaderHandshake, OpenedHello]:
    """A hello that has arrived."""
    reader = ReaderHandshake(GATEWAY.public, TOKEN, early, RANDOM)
    return reader, open_hello(as_hello(reader.message), GATEWAY)


def test_both_ends_get_the_same_secrets() -> None:
    reader, hello = greet(b"early")
    assert (hello.token, hello.early) == (TOKEN, b"early")
    assert hello.digest == sha256(reader.message)
    message, secrets = welcome(hello, TERMS, RANDOM)
    assert reader.finish(as_welcome(message)) == (Status.OK, secrets)
    assert secrets.terms == TERMS
    assert len(secrets.session_id) == 16


def test_each_handshake_has_secrets_of_its_own() -> None:
    masters = set()
    for _ in range(3):
        _, hello = greet()
        masters |= {welcome(hello, TERMS, RANDOM)[1].master, welcome(hello, TERMS, RANDOM)[1].master}
    assert len(masters) == 6


@pytest.mark.parametrize("status", [Status.INVITE_REFUSED, Status.INVITE_EXPIRED, Status.FULL])
def test_a_refusal_is_authentic(status: Status) -> None:
    reader, hello = greet()
    assert reader.finish(as_welcome(refuse_hello(hello, status, RANDOM)))[0] is status
    other, _ = greet()
    with pytest.raises(CryptoError):
        other.finish(as_welcome(refuse_hello(hello, status, RANDOM)))


def test_only_the_pinned_gateway_can_answer() -> None:
    reader = ReaderHandshake(GATEWAY.public, TOKEN, b"", RANDOM)
    with pytest.raises(CryptoError):
        open_hello(as_hello(reader.message), PostQuantumPrivateKey(bytes(96)))


@settings(max_examples=30)
@given(st.integers(0, 1 << 20))
def test_a_flipped_bit_spoils_a_hello_and_a_welcome(bit: int) -> None:
    reader, hello = greet()
    changed = bytearray(reader.message)
    changed[2 + bit // 8 % (len(changed) - 2)] ^= 1 << bit % 8
    with pytest.raises(CryptoError):
        open_hello(as_hello(bytes(changed)), GATEWAY)
    changed = bytearray(welcome(hello, TERMS, RANDOM)[0])
    changed[1 + bit // 8 % (len(changed) - 1)] ^= 1 << bit % 8
    with pytest.raises(CryptoError):
        reader.finish(as_welcome(bytes(changed)))


def test_a_hello_that_is_too_short_inside() -> None:
    message = encode_hello(seal_post_quantum(bytes(1275), GATEWAY.public, b"unwalled/1 hello"))
    with pytest.raises(MessageError):
        open_hello(as_hello(message), GATEWAY)


@pytest.mark.parametrize(
    "answer", [lambda hello: welcome(hello, TERMS, RANDOM), lambda hello: refuse_hello(hello, Status.FULL, RANDOM)]
)
def test_a_reader_whose_key_is_none(answer: Callable[[OpenedHello], object]) -> None:
    message = encode_hello(seal_post_quantum(b"\xff" * 1276, GATEWAY.public, b"unwalled/1 hello"))
    hello = open_hello(as_hello(message), GATEWAY)
    with pytest.raises(CryptoError):
        answer(hello)


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        bytes(48),
        bytes(49),
        b"\x04" + bytes(48) + TERMS.encode(),
        bytes(49) + TERMS.encode()[:-1],
        bytes(49) + Terms(32 * MIB, LANE.least_message_bytes - 1, 120).encode(),
        bytes(49) + Terms(256 * KIB - 1, 16 * KIB, 120).encode(),
        bytes(49) + Terms(256 * MIB + 1, 16 * KIB, 120).encode(),
    ],
)
def test_welcomes_that_cannot_be(plaintext: bytes) -> None:
    reader, hello = greet()
    info = b"unwalled/1 welcome" + hello.digest
    message = encode_welcome(seal_post_quantum(plaintext, hello.reader_key, info))
    with pytest.raises(MessageError):
        reader.finish(as_welcome(message))


def test_a_gateway_that_offers_more_than_a_lane_carries() -> None:
    reader, hello = greet()
    message, _ = welcome(hello, Terms(MIB, MIB, 120), RANDOM)
    assert reader.finish(as_welcome(message))[1].terms.max_message_bytes == LANE.max_message_bytes


def test_a_gateway_key_that_is_none() -> None:
    with pytest.raises(CryptoError):
        ReaderHandshake(bytes(1216), TOKEN, b"", RANDOM)


def test_reprs_show_no_secret() -> None:
    reader, hello = greet()
    _, secrets = welcome(hello, TERMS, RANDOM)
    for value in (reader, hello, secrets):
        assert "object at" in repr(value)
