"""SOCKS5 dialogues, byte for byte."""

from __future__ import annotations

import pytest

from unwalled.reader.dialogue import AssociateAsked, ConnectAsked, DialogueError, Kind, detect
from unwalled.reader.socks5 import Socks5Dialogue, decode_datagram, encode_datagram, reply_for
from unwalled.wire.address import Target
from unwalled.wire.codes import Code

HELLO = b"\x05\x01\x00"
NAMED = b"\x05\x01\x00\x03\x09site.test\x01\xbb"


def greeted() -> Socks5Dialogue:
    dialogue = Socks5Dialogue()
    dialogue.receive(HELLO)
    assert dialogue.data_to_send() == b"\x05\x00"
    return dialogue


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (b"\x03\x09site.test\x01\xbb", Target("site.test", 443)),
        (b"\x01\xc0\x00\x02\x01\x00\x50", Target("192.0.2.1", 80)),
        (b"\x04" + bytes.fromhex("20010db8" + "00" * 11 + "01") + b"\x00\x50", Target("2001:db8::1", 80)),
        (b"\x03\x0b2001:db8::1\x00\x50", Target("2001:db8::1", 80)),
        (b"\x03\x09192.0.2.1\x00\x50", Target("192.0.2.1", 80)),
        (b"\x03\x0cb\xc3\xbccher.test\x00\x50", Target("xn--bcher-kva.test", 80)),
    ],
)
def test_connect_to_every_kind_of_address(address: bytes, target: Target) -> None:
    dialogue = greeted()
    dialogue.receive(b"\x05\x01\x00" + address + b"early")
    assert dialogue.next_event() == ConnectAsked(target)
    assert dialogue.next_event() is None
    dialogue.receive(b" data")
    dialogue.succeed()
    assert dialogue.data_to_send() == b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    assert dialogue.data_to_send() == b""
    assert dialogue.take_rest() == b"early data"
    assert dialogue.take_rest() == b""


def test_everything_at_once_and_byte_by_byte_read_alike() -> None:
    whole, pieces = Socks5Dialogue(), Socks5Dialogue()
    whole.receive(HELLO + NAMED)
    for byte in HELLO + NAMED:
        assert pieces.next_event() is None
        pieces.receive(bytes((byte,)))
    assert whole.next_event() == pieces.next_event() == ConnectAsked(Target("site.test", 443))


def test_a_password_is_taken_and_ignored_when_the_app_offers_nothing_else() -> None:
    dialogue = Socks5Dialogue()
    dialogue.receive(b"\x05\x01\x02")
    assert dialogue.data_to_send() == b"\x05\x02"
    for byte in b"\x01\x04user\x06secret":
        dialogue.receive(bytes((byte,)))
    assert dialogue.data_to_send() == b"\x01\x00"
    dialogue.receive(NAMED)
    assert dialogue.next_event() == ConnectAsked(Target("site.test", 443))


def test_no_authentication_is_preferred() -> None:
    dialogue = Socks5Dialogue()
    dialogue.receive(b"\x05\x03\x01\x02\x00")
    assert dialogue.data_to_send() == b"\x05\x00"


def test_an_association_is_asked_for_whatever_the_app_says_of_its_own_port() -> None:
    dialogue = greeted()
    dialogue.receive(b"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00")
    assert dialogue.next_event() == AssociateAsked()
    dialogue.succeed(Target("127.0.0.1", 5000))
    assert dialogue.data_to_send() == b"\x05\x00\x00\x01\x7f\x00\x00\x01\x13\x88"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"\x04", b""),
        (b"\x05\x01\x01", b"\x05\xff"),
        (b"\x05\x00", b"\x05\xff"),
        (b"\x05\x01\x02\x05", b"\x05\x02\x01\x01"),
        (HELLO + b"\x04", b"\x05\x00\x05\x01\x00\x01\0\0\0\0\0\0"),
        (HELLO + b"\x05\x02\x00\x01\x7f", b"\x05\x00\x05\x07\x00\x01\0\0\0\0\0\0"),
        (HELLO + b"\x05\x09\x00\x01\x7f", b"\x05\x00\x05\x07\x00\x01\0\0\0\0\0\0"),
        (HELLO + b"\x05\x01\x00\x02\x7f", b"\x05\x00\x05\x08\x00\x01\0\0\0\0\0\0"),
        (HELLO + b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x00", b"\x05\x00\x05\x01\x00\x01\0\0\0\0\0\0"),
        (HELLO + b"\x05\x01\x00\x03\x03a b\x00\x50", b"\x05\x00\x05\x01\x00\x01\0\0\0\0\0\0"),
        (HELLO + b"\x05\x01\x00\x03\x01\xff\x00\x50", b"\x05\x00\x05\x01\x00\x01\0\0\0\0\0\0"),
    ],
    ids=["version", "method", "no method", "password", "request", "bind", "command", "kind", "port", "name", "utf-8"],
)
def test_what_is_wrong_gets_its_own_answer(said: bytes, answer: bytes) -> None:
    dialogue = Socks5Dialogue()
    with pytest.raises(DialogueError):
        dialogue.receive(said)
    assert dialogue.data_to_send() == answer
    assert dialogue.next_event() is None


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        (Code.CONNECTION_REFUSED, 5),
        (Code.NAME_UNKNOWN, 4),
        (Code.NAME_FAILED, 4),
        (Code.HOST_UNREACHABLE, 4),
        (Code.NOT_ALLOWED, 2),
        (Code.TIMED_OUT, 6),
        (Code.NETWORK_UNREACHABLE, 3),
        (Code.NO_BRIDGE, 3),
        (Code.GENERAL, 1),
        (Code.LIMIT_REACHED, 1),
        (Code.SESSION_LOST, 1),
    ],
)
def test_each_failure_has_its_reply(code: Code, reply: int) -> None:
    assert reply_for(code) == reply
    dialogue = greeted()
    dialogue.receive(NAMED)
    dialogue.fail(code)
    assert dialogue.data_to_send() == bytes((5, reply)) + b"\x00\x01\0\0\0\0\0\0"


@pytest.mark.parametrize("source", [Target("192.0.2.1", 53), Target("2001:db8::1", 53), Target("site.test", 53)])
def test_datagrams_come_back_as_they_were(source: Target) -> None:
    assert decode_datagram(encode_datagram(source, b"payload")) == (source, b"payload")
    assert decode_datagram(encode_datagram(source, b"")) == (source, b"")


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\x01",
        b"\0\0\x01\x01\xc0\0\x02\x01\0\x35fragment",
        b"\0\x01\0\x01\xc0\0\x02\x01\0\x35reserved",
        b"\0\0\0\x07\xc0\0\x02\x01\0\x35kind",
        b"\0\0\0\x01\xc0\0\x02\x01\0\0port",
        b"\0\0\0\x03\x09site",
        b"\0\0\0\x03\x02a/\0\x35",
    ],
)
def test_a_datagram_that_is_malformed_is_refused(datagram: bytes) -> None:
    with pytest.raises(DialogueError):
        decode_datagram(datagram)


@pytest.mark.parametrize(
    ("first", "kind"),
    [(4, Kind.SOCKS4), (5, Kind.SOCKS5), (0x47, Kind.HTTP), (0x0D, Kind.HTTP), (0x16, Kind.UNKNOWN), (0, Kind.UNKNOWN)],
)
def test_the_first_byte_tells_the_protocol(first: int, kind: Kind) -> None:
    assert detect(first) is kind


def test_who_wants_a_password_gets_what_was_given() -> None:
    dialogue = Socks5Dialogue(prefers_password=True)
    dialogue.receive(b"\x05\x02\x00\x02" + b"\x01\x04user\x06secret" + NAMED)
    assert dialogue.data_to_send() == b"\x05\x02\x01\x00"
    assert dialogue.credentials is not None
    assert dialogue.credentials.reveal() == (b"user", b"secret")
    assert "user" not in repr(dialogue.credentials)
    assert dialogue.next_event() == ConnectAsked(Target("site.test", 443))


def test_who_wants_a_password_does_without_where_there_is_none() -> None:
    dialogue = Socks5Dialogue(prefers_password=True)
    dialogue.receive(HELLO + NAMED)
    assert dialogue.data_to_send() == b"\x05\x00"
    assert dialogue.credentials is None
