"""The greeting at the extended ORPort, against tor's end of it as the specification has it."""

from __future__ import annotations

import hmac

import pytest

from unwalled.privacy import Hidden
from unwalled.pt.bounds import TOR
from unwalled.pt.extorport import COOKIE_FILE_BYTES, Greeting, GreetingFailed, read_cookie

SECRET = bytes(range(32))
OURS, THEIRS = b"o" * 32, b"t" * 32
OKAY = bytes.fromhex("10000000")


def proof(purpose: str, secret: bytes = SECRET) -> bytes:
    return hmac.digest(secret, f"ExtORPort authentication {purpose} hash".encode() + OURS + THEIRS, "sha256")


def new_greeting() -> Greeting:
    return Greeting(Hidden(SECRET), "unwalled", OURS)


def feed(greeting: Greeting, data: bytes) -> bytes:
    """Gives the bytes as a driver does, never more than are wanted; what is sent meanwhile."""
    out = b""
    while data:
        assert greeting.wanted_bytes > 0
        part, data = data[: greeting.wanted_bytes], data[greeting.wanted_bytes :]
        greeting.receive(part)
        out += greeting.data_to_send()
    return out


def until_commands() -> Greeting:
    greeting = new_greeting()
    assert feed(greeting, b"\x01\x00") == b"\x01" + OURS
    assert feed(greeting, proof("server-to-client") + THEIRS) == proof("client-to-server")
    # TRANSPORT with its name, then DONE. No USERADDR: the gateway does not know who it is.
    assert feed(greeting, b"\x01") == b"\x00\x02\x00\x08unwalled\x00\x00\x00\x00"
    return greeting


def test_a_whole_greeting() -> None:
    greeting = until_commands()
    assert not greeting.is_done
    assert feed(greeting, OKAY) == b""
    assert greeting.is_done
    assert greeting.wanted_bytes == 0


def test_a_greeting_that_comes_byte_by_byte() -> None:
    greeting = new_greeting()
    told = b"\x01\x00" + proof("server-to-client") + THEIRS + b"\x01" + OKAY
    for at in range(len(told)):
        assert not greeting.is_done
        greeting.receive(told[at : at + 1])
    assert greeting.is_done
    assert greeting.data_to_send().endswith(b"unwalled\x00\x00\x00\x00")


def test_commands_of_later_versions_are_passed_over() -> None:
    greeting = until_commands()
    feed(greeting, bytes.fromhex("10020003") + b"abc" + bytes.fromhex("20000000"))
    assert not greeting.is_done
    feed(greeting, OKAY)
    assert greeting.is_done


def test_one_of_several_proofs_is_chosen() -> None:
    assert feed(new_greeting(), b"\x07\x01\x00") == b"\x01" + OURS


def test_a_relay_that_denies_a_client() -> None:
    with pytest.raises(GreetingFailed, match="does not want a client"):
        feed(until_commands(), bytes.fromhex("10010000"))


def test_a_relay_that_does_not_take_our_proof() -> None:
    greeting = new_greeting()
    feed(greeting, b"\x01\x00" + proof("server-to-client") + THEIRS)
    with pytest.raises(GreetingFailed, match="does not take our proof"):
        feed(greeting, b"\x00")


def test_whoever_does_not_know_the_secret_gets_no_proof_of_ours() -> None:
    greeting = new_greeting()
    feed(greeting, b"\x01\x00")
    with pytest.raises(GreetingFailed, match="does not know"):
        feed(greeting, proof("server-to-client", b"x" * 32) + THEIRS)
    assert greeting.data_to_send() == b""


@pytest.mark.parametrize("kinds", [b"\x00", b"\x02\x00", b"\x02" * (TOR.proof_kinds + 1)])
def test_proofs_that_we_do_not_know_or_without_an_end(kinds: bytes) -> None:
    with pytest.raises(GreetingFailed):
        feed(new_greeting(), kinds)


def test_the_secret_is_read_from_the_file_and_never_shown() -> None:
    content = b"! Extended ORPort Auth Cookie !\n" + SECRET
    assert len(content) == COOKIE_FILE_BYTES
    secret = read_cookie(content)
    assert secret.reveal() == SECRET
    assert repr(secret) == "Hidden(…)"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"! Extended ORPort Auth Cookie !\n" + b"x" * 31,
        b"x" * 64,
        b"! Extended ORPort Auth Cookie !\n" + b"x" * 33,
    ],
)
def test_a_file_without_a_secret(content: bytes) -> None:
    with pytest.raises(GreetingFailed):
        read_cookie(content)
