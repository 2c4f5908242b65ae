from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.descriptions import answer, offer
from unwalled.errors import SignallingError
from unwalled.wire.signalling import (
    Answer,
    Answers,
    BridgeConfig,
    Cancel,
    Capacity,
    Client,
    ErrorCode,
    Hello,
    Match,
    MatchReply,
    MatchRequest,
    Nat,
    Offer,
    Ready,
    Refusal,
    Refused,
    ReplyLane,
    Report,
    Status,
    Verdict,
    Why,
    decode_from_bridge,
    decode_from_broker,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "signalling.json").read_text(encoding="utf-8"))


def decode(group: str, text: str) -> Any:
    match group:
        case "from_bridge":
            return decode_from_bridge(text)
        case "from_broker":
            return decode_from_broker(text)
        case "request":
            return MatchRequest.decode(text.encode())
        case _:
            return MatchReply.decode(text.encode())


def cases(kind: str) -> list[Any]:
    groups = ("from_bridge", "from_broker", "request", "reply")
    return [
        pytest.param(group, case["text"], id=f"{group}: {case['name']}")
        for group in groups
        for case in VECTORS[group][kind]
    ]


@pytest.mark.parametrize(("group", "text"), cases("valid"))
def test_valid_vectors_are_read_and_written_alike(group: str, text: str) -> None:
    value = decode(group, text)
    written = value.encode()
    again = decode(group, written if isinstance(written, str) else written.decode())
    assert again == value
    for name, field in json.loads(written).items():
        assert json.loads(text)[name] == field


@pytest.mark.parametrize(("group", "text"), cases("invalid"))
def test_invalid_vectors_are_refused(group: str, text: str) -> None:
    with pytest.raises(SignallingError):
        decode(group, text)


@pytest.mark.parametrize(
    "value",
    [
        Hello(1, Client.PAGE, Nat.UNKNOWN, 24, 8),
        Hello(1, Client.PAGE, Nat.UNKNOWN, 24, 8, swarm="A" * 22),
        Capacity(3, 2),
        Answers("m", (Answer(0, answer=answer(1)), Answer(1, refused=Refusal.GATEWAY))),
    ],
)
def test_what_a_bridge_says_is_read_back(value: Hello | Capacity | Answers) -> None:
    assert decode_from_bridge(value.encode()) == value


@pytest.mark.parametrize(
    "value",
    [
        Ready("b1"),
        Ready("b1", "uw1.AAAA"),
        Match("m", "wss://news.example/v1/lane/T", (Offer(0, offer()), Offer(2, offer(2)))),
        Match("m", "wss://news.example/v1/lane/T", (Offer(0, offer()),), "r1"),
        Cancel("m"),
        Refused(ErrorCode.FULL),
        Refused(ErrorCode.SWARM),
    ],
)
def test_what_the_broker_says_is_read_back(value: Ready | Match | Cancel | Refused) -> None:
    assert decode_from_broker(value.encode()) == value


def test_request_and_reply_are_read_back() -> None:
    reports = (Report("b9", Verdict.BAD),)
    request = MatchRequest(
        bytes(28), b"k" * 32, Nat.RESTRICTED, (offer(1),), 3, ("b1",), b"8 bytes.", reports, bytes(16), b"s" * 16
    )
    assert MatchRequest.decode(request.encode()) == request
    reply = MatchReply(Status.OK, lanes=(ReplyLane(0, "b", "n", answer()),), bundle=b"x" * 2000, time_s=1_800_000_000)
    assert MatchReply.decode(reply.encode()) == reply
    spent = MatchReply(Status.LIMITED, retry_after_s=60.0, why=Why.SHARE)
    assert MatchReply.decode(spent.encode()) == spent


def test_a_reason_of_a_later_version_reads_as_none() -> None:
    later = MatchReply(Status.LIMITED, why=Why.SHARE).encode().replace(b'"share"', b'"weather"')
    assert MatchReply.decode(later).why is Why.UNSAID


def test_the_configuration_is_read_back_and_checked() -> None:
    config = BridgeConfig(1, "wss://news.example/v1/bridge", ["wss://news.example/v1/lane"], ["stun:a"], True)
    assert BridgeConfig.decode(config.encode()) == config
    with pytest.raises(SignallingError):
        BridgeConfig.decode(b'{"v":1,"bridge_socket":"wss://x","gateways":[],"stun":[]}')


@pytest.mark.parametrize("data", [b"\xff", b'{"v":1,"token":"\xff"}', b"[" * 60_000, b"", b"null"])
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    with pytest.raises(SignallingError):
        MatchRequest.decode(data)


@given(st.text(max_size=200))
def test_random_text_is_only_ever_a_signalling_error(text: str) -> None:
    with pytest.raises(SignallingError):
        decode_from_bridge(text)
    with pytest.raises(SignallingError):
        decode_from_broker(text)


def test_errors_quote_nothing_of_what_came() -> None:
    with pytest.raises(SignallingError) as caught:
        decode_from_bridge('{"type":"hello","v":1,"client":"198.51.100.7"}')
    assert "198.51" not in str(caught.value)


def test_reprs_show_no_secret() -> None:
    request = MatchRequest(b"SECRET" + bytes(22), b"k" * 32, Nat.UNKNOWN, (offer(),), 0, (), b"", ())
    match = Match("m", "wss://news.example/v1/lane/TICKET", (Offer(0, offer()),))
    assert "SECRET" not in repr(request)
    assert "198.51" not in repr(request) + repr(match)
    assert "TICKET" not in repr(match)
    assert "LINK" not in repr(Ready("b1", "uw1.LINK"))
    assert "SALT" not in repr(Hello(1, Client.PAGE, Nat.UNKNOWN, 24, 8, "SALT"))
