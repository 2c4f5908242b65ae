from __future__ import annotations

import re

from unwalled.broker.naming import naming_secret, reader_name

KEY = b"k" * 32
SALT = b"AAECAwQFBgcICQoLDA0ODw"
READER = b"r" * 16
DAY_S = 86_400.0


def name(
    *,
    key: bytes = KEY,
    salt: bytes = SALT,
    address: str = "203.0.113.7",
    now: float = 20_000 * DAY_S,
    reader: bytes = READER,
) -> str:
    return reader_name(naming_secret(key, salt, address, now), reader)


def test_a_bridge_that_comes_back_from_its_network_meets_the_same_names() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{16}", name())
    assert name(address="203.0.113.200", now=20_001 * DAY_S - 1.0) == name()
    assert name(address="2001:db8:1:2::1") == name(address="2001:db8:1:3::9")


def test_names_say_nothing_to_others_nor_over_days() -> None:
    others = [
        name(reader=b"s" * 16),
        name(salt=b"B" + SALT[1:]),
        name(address="203.0.114.7"),
        name(now=20_001 * DAY_S),
        name(key=b"l" * 32),
    ]
    assert len({name(), *others}) == 6


def test_a_reader_who_does_not_say_who_it_is_has_no_name() -> None:
    assert name(reader=b"") == ""
