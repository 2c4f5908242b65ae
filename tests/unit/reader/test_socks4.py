"""SOCKS4 and SOCKS4a dialogues, byte for byte."""

from __future__ import annotations

import pytest

from unwalled.reader.dialogue import ConnectAsked, DialogueError
from unwalled.reader.socks4 import Socks4Dialogue
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

REFUSED = b"\x00\x5b\0\0\0\0\0\0"


@pytest.mark.parametrize(
    ("said", "target"),
    [
        (b"\x04\x01\x00\x50\xc0\x00\x02\x01\x00", Target("192.0.2.1", 80)),
        (b"\x04\x01\x01\xbb\xc0\x00\x02\x01user\x00", Target("192.0.2.1", 443)),
        (b"\x04\x01\x01\xbb\x00\x00\x00\x01user\x00site.test\x00", Target("site.test", 443)),
        (b"\x04\x01\x01\xbb\x00\x00\x00\xff\x00b\xc3\xbccher.test\x00", Target("xn--bcher-kva.test", 443)),
        (b"\x04\x01\x01\xbb\x00\x00\x00\x00\x00", Target("0.0.0.0", 443)),
    ],
)
def test_connect_at_once_and_byte_by_byte(said: bytes, target: Target) -> None:
    whole, pieces = Socks4Dialogue(), Socks4Dialogue()
    whole.receive(said + b"early")
    for byte in said:
        assert pieces.next_event() is None
        pieces.receive(bytes((byte,)))
    assert whole.next_event() == pieces.next_event() == ConnectAsked(target)
    assert whole.next_event() is None
    whole.receive(b" data")
    assert whole.take_rest() == b"early data"
    assert pieces.take_rest() == b""
    whole.succeed()
    pieces.fail(Code.CONNECTION_REFUSED)
    assert whole.data_to_send() == b"\x00\x5a\0\0\0\0\0\0"
    assert pieces.data_to_send() == REFUSED
    assert pieces.data_to_send() == b""


@pytest.mark.parametrize(
    "said",
    [
        b"\x05",
        b"\x04\x02",
        b"\x04\x01\x00\x50\xc0\x00\x02\x01" + b"u" * 256,
        b"\x04\x01\x00\x50\x00\x00\x00\x01\x00" + b"n" * 256,
        b"\x04\x01\x00\x50\x00\x00\x00\x01\x00\xff\x00",
        b"\x04\x01\x00\x50\x00\x00\x00\x01\x00a b\x00",
        b"\x04\x01\x00\x50\x00\x00\x00\x01\x00\x00",
        b"\x04\x01\x00\x00\xc0\x00\x02\x01\x00",
    ],
    ids=["version", "bind", "long user", "long name", "utf-8", "name", "no name", "port"],
)
def test_what_is_wrong_is_refused(said: bytes) -> None:
    dialogue = Socks4Dialogue()
    with pytest.raises(DialogueError):
        dialogue.receive(said)
    assert dialogue.data_to_send() == REFUSED
    assert dialogue.next_event() is None
