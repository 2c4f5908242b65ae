"""Keys and values of bridge lines and torrc, there and back, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.pt.arguments import (
    MOST_ARGUMENT_BYTES,
    BadArguments,
    fits_bridge_line,
    for_server_line,
    from_socks,
    options_of,
)

KEYS = st.text(min_size=1, max_size=20)
VALUES = st.text(max_size=60)


def as_tor_would(pairs: dict[str, str], signs: str = "\\;=") -> str:
    """How tor's own code writes a bridge line's arguments: a backslash before each of the signs."""

    def escaped(text: str) -> str:
        for sign in signs:
            text = text.replace(sign, "\\" + sign)
        return text

    return ";".join(f"{escaped(key)}={escaped(value)}" for key, value in pairs.items())


def in_socks(text: str) -> tuple[bytes, bytes]:
    """Name and password, as tor fills them."""
    data = text.encode()
    return (data, b"\0") if len(data) <= 255 else (data[:255], data[255:])


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_a_bridge_lines_arguments_come_as_they_were_written(pairs: dict[str, str]) -> None:
    text = as_tor_would(pairs)
    if len(text.encode()) <= MOST_ARGUMENT_BYTES:
        assert from_socks(*in_socks(text)) == pairs


def test_a_long_argument_goes_on_in_the_password() -> None:
    value = "x" * 400
    assert from_socks(*in_socks(f"invite={value}")) == {"invite": value}


def test_an_argument_of_just_255_bytes_has_no_part_in_the_password() -> None:
    value = "x" * (255 - len("invite="))
    assert from_socks(f"invite={value}".encode(), b"\0") == {"invite": value}


@pytest.mark.parametrize(
    ("name", "password", "found"),
    [
        (b"", b"\0", {}),
        (b"invite=a;", b"\0", {"invite": "a"}),
        (b"invite=a\\;b", b"\0", {"invite": "a;b"}),
        (b"in\\=vite=a=b", b"\0", {"in=vite": "a=b"}),
        (b"invite=a\\\\", b"\0", {"invite": "a\\"}),
        (b"invite=a\\", b"\0", {"invite": "a\\"}),
        (b"invite=", b"\0", {"invite": ""}),
    ],
)
def test_odd_arguments_are_read_as_the_specification_says(name: bytes, password: bytes, found: dict[str, str]) -> None:
    assert from_socks(name, password) == found


@pytest.mark.parametrize("name", [b"invite", b"=value", b"invite\\=value", b"\xff=\xff"])
def test_what_is_no_argument_is_refused(name: bytes) -> None:
    with pytest.raises(BadArguments):
        from_socks(name, b"\0")


@pytest.mark.parametrize(("length", "fits"), [(MOST_ARGUMENT_BYTES, True), (MOST_ARGUMENT_BYTES + 1, False)])
def test_a_bridge_line_holds_510_bytes_of_arguments(length: int, fits: bool) -> None:
    assert fits_bridge_line([("invite", "x" * (length - len("invite=")))]) is fits


def test_signs_that_need_a_backslash_count_twice() -> None:
    assert not fits_bridge_line([("invite", "=" * ((MOST_ARGUMENT_BYTES - len("invite=")) // 2 + 1))])


def test_a_servers_line_has_backslashes_before_commas_and_equal_signs() -> None:
    assert for_server_line([("invite", "a=b,c\\d"), ("x", "1")]) == r"invite=a\=b\,c\\d,x=1"


def test_only_our_own_options_are_taken_in_their_order() -> None:
    text = (
        r"unwalled:public-url=https\://bridge.example\:8443/x;other:key=1;unwalled:stun=stun\:a\;b;unwalled:stun=c\=d"
    )
    assert options_of("unwalled", text) == [
        ("public-url", "https://bridge.example:8443/x"),
        ("stun", "stun:a;b"),
        ("stun", "c=d"),
    ]


def test_no_options_are_none() -> None:
    assert options_of("unwalled", "") == []


@pytest.mark.parametrize("text", ["public-url=x", "unwalled", "unwalled:public-url"])
def test_options_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(BadArguments):
        options_of("unwalled", text)
