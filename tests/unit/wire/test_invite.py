from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.errors import InviteError
from unwalled.wire import b64
from unwalled.wire.invite import (
    DamagedInvite,
    ExpiredInvite,
    Invite,
    NewerInvite,
    NotAnInvite,
    NoUsableDoor,
    is_door,
    is_private_url,
    is_stun_url,
)

NOW = 1_800_000_000.0
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "invites.json").read_text(encoding="utf-8"))
ERRORS = {
    "not an invite": NotAnInvite,
    "damaged": DamagedInvite,
    "newer": NewerInvite,
    "expired": ExpiredInvite,
    "no door": NoUsableDoor,
}


def invite(expires_s: int = 0, doors: tuple[str, ...] = ("https://news.example",)) -> Invite:
    token = bytes(range(8)) + expires_s.to_bytes(4, "big") + bytes(16)
    return Invite(b"i" * 32, b"b" * 32, token, doors, ("stun:stun.example:3478",))


def text_of(*elements: object) -> str:
    body = msgspec.msgpack.encode(elements)
    return "uw1." + b64.encode(body + hashlib.sha256(body).digest()[:4])


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda case: case["name"])
def test_valid_vectors(case: dict[str, object]) -> None:
    read = Invite.parse(str(case["text"]), NOW)
    assert read.identity.hex() == case["identity"]
    assert read.broker_key.hex() == case["broker_key"]
    assert read.token.hex() == case["token"]
    assert list(read.doors) == case["doors"]
    assert list(read.stun) == case["stun"]
    assert read.swarm.hex() == case.get("swarm", "")


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: case["name"])
def test_invalid_vectors(case: dict[str, str]) -> None:
    with pytest.raises(ERRORS[case["error"]]) as caught:
        Invite.parse(case["text"], NOW)
    assert caught.value.cause
    assert caught.value.remedy


@pytest.mark.parametrize(
    "wrap",
    [
        "{text}",
        "  {text}\n",
        '"{text}"',
        "«{text}»",
        "“{text}”",
        "<https://news.example/read#{text}>",
        "https://news.example/read#{text}.",
        "https://news.example/read%23{text}",
        "\ufeff{text}\u200b",
    ],
)
def test_text_and_link_are_found_in_what_people_paste(wrap: str) -> None:
    assert Invite.parse(wrap.format(text=invite().text), NOW) == invite()


def test_line_breaks_of_a_mail_program_do_no_harm() -> None:
    text = invite().text
    broken = "\r\n".join(text[at : at + 60] for at in range(0, len(text), 60))
    assert Invite.parse(broken, NOW) == invite()


def test_the_link_holds_the_invite_in_its_fragment() -> None:
    link = invite().link("https://news.example/")
    assert link.startswith("https://news.example/read#uw1.")
    assert Invite.parse(link, NOW) == invite()


@given(st.data())
def test_any_changed_character_is_noticed(data: st.DataObject) -> None:
    text = invite().text
    at = data.draw(st.integers(4, len(text) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    changed = text[:at] + other + text[at + 1 :]
    if changed != text:
        with pytest.raises(DamagedInvite):
            Invite.parse(changed, NOW)


@given(st.integers(4, 200))
def test_a_cut_invite_is_damaged(length: int) -> None:
    text = invite().text
    with pytest.raises(DamagedInvite):
        Invite.parse(text[: min(length, len(text) - 1)], NOW)


@given(st.text(max_size=300))
def test_random_text_is_only_ever_an_invite_error(text: str) -> None:
    with pytest.raises(InviteError):
        Invite.parse(text, NOW)


@given(st.binary(max_size=200))
def test_random_bytes_with_a_right_checksum_are_damaged(body: bytes) -> None:
    checksum = hashlib.sha256(body).digest()[:4]
    with pytest.raises(DamagedInvite):
        Invite.parse("uw1." + b64.encode(body + checksum), NOW)


def test_an_expired_invite_says_when() -> None:
    with pytest.raises(ExpiredInvite, match=r"2027-01-15 08:00 UTC"):
        Invite.parse(invite(int(NOW)).text, NOW)
    assert Invite.parse(invite(int(NOW) + 1).text, NOW).expires_s == int(NOW) + 1


def test_a_text_far_too_long_is_not_read() -> None:
    with pytest.raises(NotAnInvite, match="too long"):
        Invite.parse("uw1." + "A" * 20_000, NOW)


def test_further_elements_and_unknown_doors_are_left_out() -> None:
    doors = ["gopher://x", "https://ok.example/", "http://10.0.0.1:8080"]
    stun = ["turn:x:1", "stun:ok.example"]
    read = Invite.parse(text_of(b"i" * 32, b"b" * 32, bytes(28), doors, stun, "later", 7), NOW)
    assert read.doors == ("https://ok.example", "http://10.0.0.1:8080")
    assert read.stun == ("stun:ok.example",)


def test_an_invite_with_only_unknown_doors_has_no_way_in() -> None:
    with pytest.raises(NoUsableDoor):
        Invite.parse(text_of(b"i" * 32, b"b" * 32, bytes(28), ["gopher://x"], []), NOW)


def test_the_repr_tells_no_secret() -> None:
    assert repr(invite()) == "Invite()"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://news.example", True),
        ("https://news.example/path", True),
        ("https://[2001:db8::1]:8443", True),
        ("http://127.0.0.1:8080", True),
        ("http://news.example", True),
        ("ftp://news.example", False),
        ("news.example", False),
        ("https://", False),
        ("https://user@news.example", False),
        ("https://news.example:0", False),
        ("https://news.example:99999", False),
        ("https://news.example:x", False),
        ("https://[::1", False),
        ("https://news.example/?q", False),
        ("https://news.example/#f", False),
        ("https://news.example/a b", False),
        ("https://news\x00.example", False),
        ("https://néws.example", False),
        ("https://" + "a" * 600, False),
    ],
)
def test_doors(url: str, expected: bool) -> None:
    assert is_door(url) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("stun:a.example:3478", True),
        ("stun:a.example", True),
        ("stun:[2001:db8::1]:3478", True),
        ("stun:", False),
        ("stun:a.example:3478\n", False),
        ("turn:a.example", False),
        ("stun:" + "a" * 600, False),
    ],
)
def test_stun_urls(url: str, expected: bool) -> None:
    assert is_stun_url(url) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1", True),
        ("http://a.localhost", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8", True),
        ("http://10.1.2.3", True),
        ("https://8.8.8.8", False),
        ("https://news.example", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_private_urls(url: str, expected: bool) -> None:
    assert is_private_url(url) is expected


def test_open_doors_are_counted_so_that_the_operator_can_be_warned() -> None:
    doors = ("http://news.example", "http://127.0.0.1:8080", "https://news.example")
    assert invite(doors=doors).open_doors == 1


@pytest.mark.parametrize(
    ("doors", "stun", "error"),
    [
        ([], [], InviteError),
        (["https://a.example"] * 9, [], InviteError),
        (["https://a.example"], ["stun:a"] * 9, InviteError),
        (["gopher://a"], [], NoUsableDoor),
        (["https://a.example"], ["turn:a"], InviteError),
    ],
)
def test_an_operator_cannot_make_an_invite_that_no_one_can_use(
    doors: list[str], stun: list[str], error: type[InviteError]
) -> None:
    with pytest.raises(error):
        Invite.make(b"i" * 32, b"b" * 32, bytes(28), doors, stun)


def test_a_made_invite_is_read_back() -> None:
    made = Invite.make(b"i" * 32, b"b" * 32, bytes(28), ["https://a.example/"], ["stun:a.example:1"])
    assert made.doors == ("https://a.example",)
    assert Invite.parse(made.text, NOW) == made
