"""What a bridge takes from its operator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.descriptions import answer, offer
from unwalled.bridge.operator import LooseMatch, OperatorUrl, Rules, read_down
from unwalled.errors import ConfigurationError, DescriptionError, SignallingError

PUBLIC = OperatorUrl.parse("https://news.example/")
CONFIG: dict[str, Any] = {
    "v": 1,
    "bridge_socket": "wss://news.example/v1/bridge",
    "gateways": ["wss://news.example/v1/lane", "wss://g2.example:8443/v1/lane"],
    "stun": ["stun:stun.example:3478"],
    "allow_private": False,
}


def rules(operator: OperatorUrl = PUBLIC, **changes: Any) -> Rules:
    return Rules.read(json.dumps({**CONFIG, **changes}).encode(), operator)


@pytest.mark.parametrize(
    ("text", "url", "is_plain", "is_private"),
    [
        ("https://news.example", "https://news.example/v1/config", False, False),
        (" https://news.example:8443/in/ ", "https://news.example:8443/in/v1/config", False, False),
        ("http://localhost:8080", "http://localhost:8080/v1/config", True, True),
        ("https://a.localhost", "https://a.localhost/v1/config", False, True),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/v1/config", True, True),
        ("http://[::1]:1", "http://[::1]:1/v1/config", True, True),
        ("https://10.1.2.3", "https://10.1.2.3/v1/config", False, True),
        ("http://198.51.100.1", "http://198.51.100.1/v1/config", True, False),
    ],
)
def test_an_operators_address_is_understood(text: str, url: str, is_plain: bool, is_private: bool) -> None:
    parsed = OperatorUrl.parse(text)
    assert (parsed.config_url, parsed.is_plain, parsed.is_private) == (url, is_plain, is_private)
    assert "example" not in repr(parsed)


@pytest.mark.parametrize(
    "text",
    ["", "news.example", "ftp://news.example", "https://", "https://a:b@news.example", "https://x:99999", "https://[",
     "https://news.example?x=1", "https://news.example#x"],
)  # fmt: skip
def test_what_is_no_address_gets_a_remedy(text: str) -> None:
    with pytest.raises(ConfigurationError, match="https://bridges"):
        OperatorUrl.parse(text)


def test_gateways_are_those_of_the_configuration_with_one_ticket() -> None:
    allowed = rules()
    assert allowed.allows_gateway("wss://news.example/v1/lane/Ticket_1-x")
    assert allowed.allows_gateway("wss://g2.example:8443/v1/lane/T")
    for url in (
        "wss://news.example/v1/lane",
        "wss://news.example/v1/lane/",
        "wss://news.example/v1/lane/a/b",
        "wss://news.example/v1/lane/..",
        "wss://news.example/v1/lane/T\n",
        "wss://news.example/v1/lane/" + "T" * 65,
        "wss://news.example/v1/lanes/T",
        "wss://news.example.evil.example/v1/lane/T",
        "ws://news.example/v1/lane/T",
        "",
    ):
        assert not allowed.allows_gateway(url), url
    assert repr(allowed) == "Rules(…)"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:81", "localhost", "localhost.", "a.localhost:8443", "192.168.1.1", "10.0.0.1", "[::1]", "[fd00::1]",
     "0x7f.1", "2130706433", "127.1", "0x7f000001."],
)  # fmt: skip
def test_an_operator_outside_of_a_volunteers_own_network_sends_nobody_into_it(host: str) -> None:
    private: dict[str, Any] = {"gateways": [*CONFIG["gateways"], f"wss://{host}/v1/lane"], "allow_private": True}
    with pytest.raises(SignallingError, match="private network"):
        rules(**private)
    with pytest.raises(SignallingError, match="private network"):
        rules(bridge_socket=f"wss://{host}/v1/bridge")
    # One that lies in it itself may.
    assert rules(OperatorUrl.parse("http://127.0.0.1:80"), **private).allows_gateway(f"wss://{host}/v1/lane/T")


def test_a_gateway_on_the_open_internet_may_be_an_address() -> None:
    assert rules(gateways=["wss://198.51.100.7/v1/lane"]).allows_gateway("wss://198.51.100.7/v1/lane/T")


def test_plain_sockets_only_for_a_plain_address() -> None:
    plain: dict[str, Any] = {"bridge_socket": "ws://news.example/v1/bridge", "gateways": ["ws://news.example/v1/lane"]}
    with pytest.raises(SignallingError):
        rules(**plain)
    assert rules(OperatorUrl.parse("http://news.example"), **plain).allows_gateway("ws://news.example/v1/lane/T")


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"gateways": []},
        {"gateways": ["https://news.example"]},
        {"gateways": ["wss://"]},
        {"gateways": ["wss://[/x"]},
        {"gateways": ["wss://news.example/a b"]},
        {"gateways": ["wss://news.example/a?b"]},
        {"gateways": ["wss://u@news.example/a"]},
        {"gateways": ["wss://news.example/\n"]},
        {"bridge_socket": "wss://news.example:99999/"},
        {"stun": ["turn:x"]},
        {"stun": ["stun:x"] * 99},
        {"stun": "stun:x"},
        {"allow_private": "yes"},
    ],
)
def test_a_wrong_configuration_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SignallingError):
        rules(**changes)


def test_private_addresses_pass_only_where_the_operator_is_private_or_says_so() -> None:
    private = offer(address="192.168.1.1")
    assert rules().description(private.to_dict()).candidates == ()
    assert rules().own(private).candidates == ()
    for open_rules in (rules(allow_private=True), rules(OperatorUrl.parse("https://10.0.0.1"))):
        assert open_rules.description(private.to_dict()) == private
        assert open_rules.own(private) == private


def test_an_answer_is_no_offer() -> None:
    with pytest.raises(DescriptionError):
        rules().description(answer().to_dict())


def match(**changes: Any) -> str:
    fields = {"type": "match", "match": "M1", "gateway": "wss://x/T", "offers": [{"offer": 0, "description": {}}]}
    return json.dumps({**fields, **changes})


def test_a_match_is_read_with_its_descriptions_unread() -> None:
    message = read_down(match())
    assert isinstance(message, LooseMatch)
    assert message.offers[0].description == {}
    assert repr(message) == "LooseMatch(M1, …)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"type":"party"}',
        '{"type":"ready"}',
        '{"type":"cancel","match":"a b"}',
        match(match="M\n"),
        match(gateway=None),
        match(gateway="w" * 5000),
        match(offers=[]),
        match(offers=[{"offer": 0}] * 2),
        match(offers=[{"offer": 16}]),
        match(offers=[{"offer": -1}]),
        "[" * 100_000,
        '{"type":"ready","bridge":"\ud800"}',
    ],
)
def test_a_malformed_message_of_the_broker_is_refused(text: str) -> None:
    with pytest.raises(SignallingError):
        read_down(text)
