"""tests/vectors/session.json, from which another team could check an implementation.

The keys are derived here a second time, with nothing but the primitives, so that code and document cannot part.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from unwalled.crypto.handshake import ReaderHandshake, Status, open_hello
from unwalled.crypto.hpke import PostQuantumPrivateKey
from unwalled.crypto.keys import LaneCipher
from unwalled.wire.address import Target
from unwalled.wire.frames import decode_frames
from unwalled.wire.messages import Hello, Join, Record, Refuse, Welcome, decode_message

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "session.json").read_text())
HANDSHAKE = VECTORS["handshake"]
MASTER = bytes.fromhex(HANDSHAKE["master"])


def expand(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand (RFC 5869) of at most 32 bytes."""
    return hmac.digest(secret, b"unwalled/1 " + label + b"\x01", "sha256")[:length]


def test_the_gateway_opens_the_hello() -> None:
    hello = decode_message(bytes.fromhex(HANDSHAKE["hello"]))
    assert isinstance(hello, Hello)
    opened = open_hello(hello, PostQuantumPrivateKey(bytes.fromhex(HANDSHAKE["gateway_seed"])))
    assert opened.token.hex() == HANDSHAKE["token"]
    assert opened.secret.hex() == HANDSHAKE["reader_secret"]
    assert opened.early.hex() == HANDSHAKE["early"]
    assert opened.reader_key == PostQuantumPrivateKey(bytes.fromhex(HANDSHAKE["reader_seed"])).public


def test_the_reader_opens_the_welcome() -> None:
    drawn = [bytes.fromhex(HANDSHAKE["reader_seed"]), bytes.fromhex(HANDSHAKE["reader_secret"])]
    gateway_key = PostQuantumPrivateKey(bytes.fromhex(HANDSHAKE["gateway_seed"])).public
    reader = ReaderHandshake(gateway_key, bytes(28), b"", lambda length: drawn.pop(0))
    reader.message = bytes.fromhex(HANDSHAKE["hello"])
    welcome = decode_message(bytes.fromhex(HANDSHAKE["welcome"]))
    assert isinstance(welcome, Welcome)
    status, secrets = reader.finish(welcome)
    assert status is Status(HANDSHAKE["status"])
    assert secrets.session_id.hex() == HANDSHAKE["session_id"]
    assert secrets.terms.session_window == HANDSHAKE["session_window"]
    assert secrets.terms.max_message_bytes == HANDSHAKE["max_message_bytes"]
    assert secrets.terms.orphan_lifetime_s == HANDSHAKE["orphan_lifetime_s"]
    assert secrets.master == MASTER


def test_the_master_by_the_document() -> None:
    digests = [hashlib.sha256(bytes.fromhex(HANDSHAKE[name])).digest() for name in ("hello", "welcome")]
    material = bytes.fromhex(HANDSHAKE["reader_secret"] + HANDSHAKE["gateway_secret"])
    assert hmac.digest(b"".join(digests), material, "sha256") == MASTER


@pytest.mark.parametrize("lane", VECTORS["lanes"], ids=lambda lane: f"{lane['direction']}-{lane['lane']}")
def test_lane_keys_and_records_by_the_document(lane: dict[str, Any]) -> None:
    secret = expand(MASTER, lane["direction"].encode() + lane["lane"].to_bytes(4, "big"), 32)
    for epoch, keys in enumerate(lane["epochs"]):
        if epoch:
            secret = expand(secret, b"next", 32)
        key, iv = expand(secret, b"key", 32), expand(secret, b"iv", 12)
        assert (secret.hex(), key.hex(), iv.hex()) == (keys["secret"], keys["key"], keys["iv"])
        for vector in lane["records"]:
            if vector["number"] >> 20 == epoch:
                message = bytes.fromhex(vector["message"])
                nonce = (int.from_bytes(iv, "big") ^ vector["number"]).to_bytes(12, "big")
                opened = ChaCha20Poly1305(key).decrypt(nonce, message[9:], message[:9])
                assert opened.hex() == vector["plaintext"]


@pytest.mark.parametrize("lane", VECTORS["lanes"], ids=lambda lane: f"{lane['direction']}-{lane['lane']}")
def test_records_open_before_and_after_a_renewal(lane: dict[str, Any]) -> None:
    opener = LaneCipher(MASTER, lane["direction"], lane["lane"])
    for vector in lane["records"]:
        opener.number = max(opener.number, min(vector["number"], 1048575))
        record = decode_message(bytes.fromhex(vector["message"]))
        assert isinstance(record, Record)
        assert record.number == vector["number"]
        assert opener.open(record.ciphertext, record.header).hex() == vector["plaintext"]


def test_the_join_opens() -> None:
    vector = VECTORS["join"]
    join = decode_message(bytes.fromhex(vector["message"]))
    assert isinstance(join, Join)
    assert (join.session_id.hex(), join.lane) == (vector["session_id"], vector["lane"])
    assert LaneCipher(MASTER, "r2g", join.lane).open(join.ciphertext, join.header).hex() == vector["plaintext"]


@pytest.mark.parametrize("vector", VECTORS["refuse"], ids=lambda vector: str(vector["code"]))
def test_refusals(vector: dict[str, Any]) -> None:
    refuse = decode_message(bytes.fromhex(vector["message"]))
    assert isinstance(refuse, Refuse)
    assert refuse.code == vector["code"]


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: vector["frame"]["type"])
def test_frames(vector: dict[str, Any]) -> None:
    (frame,) = decode_frames(bytes.fromhex(vector["bytes"]))
    expected = dict(vector["frame"])
    assert type(frame).__name__ == expected.pop("type")
    for name, value in expected.items():
        held = getattr(frame, name)
        if isinstance(held, Target):
            assert (held.host, held.port) == (value["host"], value["port"])
        elif isinstance(held, bytes):
            assert held.hex() == value
        else:
            assert held == value
    assert frame.encode().hex() == vector["bytes"]
