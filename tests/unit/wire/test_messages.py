"""The outer form of lane messages."""

from __future__ import annotations

import pytest

from unwalled.errors import MessageError
from unwalled.settings import LANE
from unwalled.wire.messages import (
    Hello,
    Join,
    Message,
    Record,
    Refusal,
    Refuse,
    Welcome,
    decode_message,
    encode_hello,
    encode_refuse,
    encode_welcome,
    join_header,
    record_header,
)

SEALED = bytes(1136)
SESSION = bytes(range(16))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (encode_hello(SEALED), Hello(b"\x01\x01" + SEALED, SEALED)),
        (encode_welcome(SEALED), Welcome(b"\x02" + SEALED, SEALED)),
        (join_header(SESSION, 7) + bytes(16), Join(SESSION, 7, b"\x03" + SESSION + b"\0\0\0\7", bytes(16))),
        (record_header(258) + bytes(17), Record(258, b"\x10\0\0\0\0\0\0\1\2", bytes(17))),
        (encode_refuse(Refusal.FULL), Refuse(Refusal.FULL)),
    ],
)
def test_messages_come_back(raw: bytes, message: Message) -> None:
    assert decode_message(raw) == message


def test_the_repr_of_a_join_shows_nothing() -> None:
    assert SESSION.hex() not in repr(decode_message(join_header(SESSION, 7) + bytes(16)))
    assert "session_id" not in repr(decode_message(join_header(SESSION, 7) + bytes(16)))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00",
        b"\x04" + bytes(100),
        b"\x01",
        b"\x01\x01" + bytes(1135),
        b"\x01\x02" + SEALED,
        b"\x02" + bytes(1135),
        b"\x03" + bytes(35),
        b"\x05",
        b"\x05\x00",
        b"\x05\x04",
        b"\x05\x01\x00",
        b"\x10",
        b"\x10" + bytes(23),
        b"\x10" + bytes(LANE.max_message_bytes),
    ],
)
def test_what_is_no_message(raw: bytes) -> None:
    with pytest.raises(MessageError):
        decode_message(raw)
