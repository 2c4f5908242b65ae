"""What torrc says of an operator, and the line that its clients get."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from unwalled.errors import ConfigurationError
from unwalled.operator.options import ListenAddress
from unwalled.operator.tor import TorBridge, bridge_line, operator_options
from unwalled.pt.arguments import Pair
from unwalled.pt.environment import Endpoint, ServerSide
from unwalled.wire.invite import Invite

RELAY = Endpoint("127.0.0.1", 9001)
LISTEN = Endpoint("127.0.0.1", 8443)


def side(*options: Pair, listen: Endpoint | None = LISTEN) -> ServerSide:
    return ServerSide(True, True, Path("/var/lib/tor/pt_state"), listen, RELAY, None, None, options)


def invite(number: int) -> Invite:
    return Invite(b"i" * 32, b"b" * 32, bytes((number,)) * 28, ("https://bridge.example",), ())


def test_all_options() -> None:
    options = operator_options(
        side(
            ("public-url", "https://bridge.example/"),
            ("stun", "stun:one.example:3478"),
            ("stun", "stun:two.example"),
            ("trusted-proxy", "127.0.0.1"),
            ("allow-private", "1"),
        )
    )
    assert options.listen == ListenAddress("127.0.0.1", 8443)
    assert options.public_url is not None
    assert options.public_url.text == "https://bridge.example"
    assert options.data == Path("/var/lib/tor/pt_state/unwalled")
    assert options.stun == ("stun:one.example:3478", "stun:two.example")
    assert [str(network) for network in options.trusted_proxies] == ["127.0.0.1/32"]
    assert options.allow_private


def test_without_options_it_listens_where_every_operator_does_and_lets_nobody_into_private_networks() -> None:
    options = operator_options(side(listen=None))
    assert options.listen == ListenAddress("127.0.0.1", 8080)
    assert options.public_url is None
    assert not options.allow_private
    assert not operator_options(side(("allow-private", "0"))).allow_private


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (side(("publicurl", "https://bridge.example")), "There are public-url, allow-private, stun, trusted-proxy."),
        (side(("public-url", "https://a.example"), ("public-url", "https://b.example")), "has public-url twice"),
        (side(("public-url", "bridge.example")), "Write it as https://HOST, without user, query or fragment, such as"),
        (side(("allow-private", "yes")), "allow-private=yes, which says nothing. Write allow-private=1"),
        (side(("stun", "stun.example")), "is not a STUN URL"),
        (side(("trusted-proxy", "here")), "is neither an address nor a network"),
        (side(listen=Endpoint("0.0.0.0", 8443)), "ServerTransportOptions unwalled public-url=https://HOST"),
        (side(listen=Endpoint("::", 8443)), "ServerTransportOptions unwalled public-url=https://HOST"),
    ],
)
def test_options_that_cannot_work_are_refused_in_the_words_of_torrc(wrong: ServerSide, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        operator_options(wrong)
    assert words in str(raised.value)


def test_a_port_that_is_taken_is_told_in_the_words_of_torrc(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        asked = side(listen=Endpoint("127.0.0.1", taken.getsockname()[1]))
        with pytest.raises(ConfigurationError, match="with ServerTransportListenAddr unwalled in torrc") as raised:
            asyncio.run(TorBridge.start(replace(asked, state=tmp_path), lambda _: None))
    assert "--" not in str(raised.value)


def test_the_line_for_clients_has_one_address_for_each_invite_that_leads_nowhere() -> None:
    lines = [bridge_line(invite(number)).splitlines()[-1] for number in (0x1A, 2)]
    assert (
        lines[0] == f"Bridge unwalled [2001:db8:1a1a:1a1a:1a1a:1a1a:0:1]:443 <FINGERPRINT> invite={invite(0x1A).text}"
    )
    assert lines[1].startswith("Bridge unwalled [2001:db8:202:202:202:202:0:1]:443 ")


def test_the_rest_of_the_file_is_comments() -> None:
    assert all(line.startswith("# ") for line in bridge_line(invite(1)).splitlines()[:-1])
