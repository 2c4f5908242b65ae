"""STUN's Binding method: the RFC's own messages, what is answered, and what is no message at all."""

from __future__ import annotations

import struct
import zlib

import pytest

from unwalled.errors import StunError
from unwalled.wire.stun import (
    MAX_REQUEST_BYTES,
    BindingRequest,
    SeenAddress,
    decode_answer,
    decode_request,
    encode_answer,
    encode_no_other_port,
    encode_request,
    encode_unknown,
)

TRANSACTION = bytes(range(1, 13))
LEAST_ON_THE_WIRE = 20 + 8 + 20

# RFC 5769 section 2.1, a request with USERNAME, MESSAGE-INTEGRITY and FINGERPRINT, and with what ICE adds.
RFC_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
# Sections 2.2 and 2.3, the answers to it over IPv4 and IPv6.
RFC_ANSWER_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599"
    "fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RFC_ANSWER_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5"
    "bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
RFC_TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")


def message(kind: int, *attributes: tuple[int, bytes], cookie: int = 0x2112A442, fingerprint: bool = True) -> bytes:
    """Anything that has the form of a STUN message."""
    body = b"".join(struct.pack(">HH", a, len(v)) + v + bytes(-len(v) % 4) for a, v in attributes)
    head = struct.pack(">HHI12s", kind, len(body) + 8 * fingerprint, cookie, TRANSACTION) + body
    if not fingerprint:
        return head
    return head + struct.pack(">HHI", 0x8028, 4, zlib.crc32(head) ^ 0x5354554E)


def test_the_rfcs_own_messages() -> None:
    assert decode_request(RFC_REQUEST) == BindingRequest(RFC_TRANSACTION, unknown=(0x0024,))
    assert decode_answer(RFC_ANSWER_V4, RFC_TRANSACTION) == SeenAddress("192.0.2.1", 32853)
    v6 = SeenAddress("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert decode_answer(RFC_ANSWER_V6, RFC_TRANSACTION) == v6
    # The answers as we write them hold the same address in the same bytes.
    assert encode_answer(RFC_TRANSACTION, bytes([192, 0, 2, 1]), 32853)[20:32] in RFC_ANSWER_V4


def test_the_request_of_a_browser_is_the_shortest_that_there_is() -> None:
    assert decode_request(message(1, fingerprint=False)) == BindingRequest(TRANSACTION)


@pytest.mark.parametrize("change_port", [False, True])
def test_our_own_requests(change_port: bool) -> None:
    assert decode_request(encode_request(TRANSACTION, change_port=change_port)) == BindingRequest(
        TRANSACTION, change_port
    )


def test_an_answer_from_another_address_cannot_be_had() -> None:
    asked = decode_request(message(1, (0x0003, b"\0\0\0\x06")))
    assert asked == BindingRequest(TRANSACTION, True, (0x0003,))


@pytest.mark.parametrize("attribute", [0x0001, 0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x8022, 0xC057])
def test_what_may_be_ignored(attribute: int) -> None:
    assert decode_request(message(1, (attribute, b"abc"))) == BindingRequest(TRANSACTION)


def test_what_must_be_understood_and_is_not_is_named() -> None:
    asked = decode_request(message(1, (0x7777, b""), (0x0024, b"1234"), (0x7777, b""), (0x0003, b"\0\0")))
    assert asked.unknown == (0x7777, 0x0024, 0x0003)
    refusal = encode_unknown(asked)
    assert refusal[:2] == b"\x01\x11"
    assert refusal[20:28] == bytes.fromhex("0009000400000414")
    assert refusal[28:40] == bytes.fromhex("000a0006777700240003") + bytes(2)
    with pytest.raises(StunError, match="did not tell"):
        decode_answer(refusal, TRANSACTION)
    assert encode_no_other_port(TRANSACTION)[28:36] == bytes.fromhex("000a000200030000")


def test_an_error_names_a_few_attributes_only() -> None:
    asked = decode_request(message(1, *[(0x4000 + number, b"") for number in range(100)]))
    assert asked.unknown == (0x4000, 0x4001, 0x4002, 0x4003)


def test_no_answer_is_much_larger_than_the_least_that_asks_for_it() -> None:
    four, six = encode_answer(TRANSACTION, bytes(4), 1), encode_answer(TRANSACTION, bytes(16), 1)
    refusal = encode_unknown(BindingRequest(TRANSACTION, unknown=(1, 2, 3, 4)))
    assert (len(four), len(six), len(refusal)) == (40, 52, 48)
    assert max(len(four), len(refusal)) + 28 < 1.6 * LEAST_ON_THE_WIRE
    assert len(six) + 48 < 1.6 * (LEAST_ON_THE_WIRE + 20)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(19),
        message(1)[:-1],
        message(1) + b"\0\0\0\0",
        message(1, cookie=0x2112A443),
        message(0x0101),
        message(0x0011),
        message(0x0003),
        message(0xC001),
        # Not a multiple of four; an attribute longer than its message; a fingerprint that is wrong, short, not last.
        struct.pack(">HHI12s", 1, 2, 0x2112A442, TRANSACTION) + b"\0\0",
        struct.pack(">HHI12s", 1, 4, 0x2112A442, TRANSACTION) + struct.pack(">HH", 0x8022, 1),
        message(1)[:-1] + b"?",
        message(1, (0x8028, b"abc"), fingerprint=False),
        message(1, (0x8028, b"abcd")),
        message(1, (0x8022, bytes(MAX_REQUEST_BYTES))),
    ],
)
def test_what_gets_no_answer(data: bytes) -> None:
    with pytest.raises(StunError):
        decode_request(data)


@pytest.mark.parametrize(
    "data",
    [
        message(1),
        message(0x0101),
        message(0x0101, (0x0020, b"")),
        message(0x0101, (0x0020, b"\0\x03\0\0abcd")),
        message(0x0101, (0x0020, b"\0\x01\0\0abcde")),
        message(0x0101, (0x0020, b"\0\x02\0\0abcd")),
        encode_answer(bytes(12), bytes(4), 1),
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(StunError):
        decode_answer(data, TRANSACTION)


def test_of_two_addresses_in_an_answer_the_first_counts() -> None:
    first, second = (encode_answer(TRANSACTION, bytes([n] * 4), 9)[24:32] for n in (1, 2))
    assert decode_answer(message(0x0101, (0x0020, first), (0x0020, second)), TRANSACTION).host == "1.1.1.1"


def test_an_address_does_not_show_in_a_repr() -> None:
    assert repr(SeenAddress("192.0.2.1", 5)) == "SeenAddress()"
