"""WebSocket frames, byte for byte."""

from __future__ import annotations

import random

import pytest

from unwalled.wire.websocket import (
    CloseCode,
    Closing,
    Event,
    Fault,
    FrameReader,
    Opcode,
    Ping,
    encode_close,
    encode_head,
    slow_mask,
)

KEY = b"\x37\xfa\x21\x3d"
LIMIT = 65536


def from_server() -> FrameReader:
    return FrameReader(from_client=False, max_bytes=LIMIT)


def frame(opcode: Opcode, payload: bytes) -> bytes:
    return encode_head(opcode, len(payload)) + payload


def test_the_masked_example_of_the_rfc_reads_as_its_text_does_in_binary() -> None:
    # RFC 6455, section 5.7: a single masked frame that holds "Hello", here as a binary one.
    data = bytes.fromhex("8285 37fa213d 7f9f4d5158")
    assert FrameReader(from_client=True, max_bytes=LIMIT).feed(data) == [b"Hello"]
    assert encode_head(Opcode.BINARY, 5, KEY) + slow_mask(b"Hello", KEY) == data


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 125, 126, 127, 65535, 65536])
@pytest.mark.parametrize("key", [b"", KEY], ids=["server", "client"])
def test_messages_of_all_lengths_come_through_however_they_are_cut(size: int, key: bytes) -> None:
    chance = random.Random(size)
    messages = [chance.randbytes(size) for _ in range(3)]
    data = b"".join(
        encode_head(Opcode.BINARY, size, key) + (slow_mask(message, key) if key else message) for message in messages
    )
    for cut in (1, 7, 1000, 4096, len(data)):
        if len(data) // cut > 20_000:
            continue
        reader = FrameReader(from_client=bool(key), max_bytes=LIMIT)
        got: list[Event] = []
        for at in range(0, len(data), cut):
            got += reader.feed(data[at : at + cut])
        assert got == messages


def test_the_mask_of_aiohttp_and_ours_are_the_same() -> None:
    from unwalled.lanes.websocket import _mask

    assert _mask is not slow_mask
    for size in (0, 1, 3, 4, 8, 9, 1001):
        data = random.Random(size).randbytes(size)
        assert _mask(data, KEY) == slow_mask(data, KEY)


def test_fragments_are_joined_and_control_frames_may_come_between_them() -> None:
    reader = from_server()
    assert reader.feed(b"\x02\x02ab" + b"\x00\x00" + frame(Opcode.PING, b"?")) == [Ping(b"?")]
    assert reader.feed(b"\x80\x01c" + frame(Opcode.BINARY, b"d")) == [b"abc", b"d"]


def test_pongs_mean_nothing() -> None:
    assert from_server().feed(frame(Opcode.PONG, b"x") + frame(Opcode.BINARY, b"y")) == [b"y"]


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (b"", Closing(None)),
        (encode_close(1013), Closing(1013)),
        (encode_close(1000) + b"bye", Closing(1000)),
        (b"\x03", Fault(CloseCode.PROTOCOL)),
    ],
)
def test_nothing_comes_after_a_close(payload: bytes, event: Event) -> None:
    reader = from_server()
    assert reader.feed(frame(Opcode.BINARY, b"a") + frame(Opcode.CLOSE, payload) + frame(Opcode.BINARY, b"b")) == [
        b"a",
        event,
    ]
    assert reader.feed(frame(Opcode.BINARY, b"c")) == []


@pytest.mark.parametrize(
    "data",
    [
        frame(Opcode.TEXT, b"text"),
        frame(Opcode.BINARY, b""),
        b"\x02\x00\x80\x00",
        b"\xc2\x01a",
        b"\x83\x01a",
        b"\x8b\x00",
        b"\x09\x00",
        b"\x89\x7e\x00\x7e",
        b"\x80\x01a",
        b"\x02\x01a\x82\x01b",
        b"\x82\x81\x00\x00\x00\x00a",
    ],
    ids=[
        "text",
        "empty",
        "empty in fragments",
        "a reserved bit",
        "an unknown opcode",
        "an unknown control opcode",
        "a control frame in fragments",
        "a long control frame",
        "a continuation of nothing",
        "a message inside another",
        "a mask of a server",
    ],
)
def test_what_may_not_be_is_a_fault(data: bytes) -> None:
    reader = from_server()
    assert reader.feed(data) == [Fault(CloseCode.PROTOCOL)]
    assert reader.feed(frame(Opcode.BINARY, b"c")) == []


def test_a_client_must_mask() -> None:
    reader = FrameReader(from_client=True, max_bytes=LIMIT)
    assert reader.feed(frame(Opcode.BINARY, b"a")) == [Fault(CloseCode.PROTOCOL)]


def test_a_message_past_the_bound_is_a_fault_before_its_bytes_come() -> None:
    assert from_server().feed(encode_head(Opcode.BINARY, LIMIT + 1)) == [Fault(CloseCode.TOO_LARGE)]
    assert from_server().feed(b"\x82\x7f" + b"\xff" * 8) == [Fault(CloseCode.TOO_LARGE)]
    reader = from_server()
    assert reader.feed(b"\x02\x7e\xff\xff" + bytes(65535)) == []
    assert reader.feed(b"\x00\x01a") == []
    assert reader.feed(b"\x80\x01a") == [Fault(CloseCode.TOO_LARGE)]
