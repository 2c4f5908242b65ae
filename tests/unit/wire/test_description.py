"""Lane descriptions: the vectors that the widget shares, and what hostile input gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.errors import DescriptionError
from unwalled.wire.description import LaneDescription, build_sdp, is_private_address, parse_sdp, varies_ports

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "descriptions.json").read_text(encoding="utf-8"))


def name_of(vector: dict[str, Any]) -> str:
    return str(vector["name"])


@pytest.mark.parametrize("vector", VECTORS["sdp"]["valid"], ids=name_of)
def test_sdp_of_the_own_stack_is_read(vector: dict[str, Any]) -> None:
    description = parse_sdp(vector["sdp"])
    description.check_role(vector["role"])
    assert description.to_dict() == vector["description"]


@pytest.mark.parametrize("vector", VECTORS["sdp"]["invalid"], ids=name_of)
def test_other_sdp_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(DescriptionError):
        parse_sdp(vector["sdp"])


@pytest.mark.parametrize("vector", VECTORS["json"]["valid"], ids=name_of)
def test_a_peers_description_is_read_and_filtered(vector: dict[str, Any]) -> None:
    description = LaneDescription.from_dict(vector["value"])
    description.check_role(vector["role"])
    assert description.to_dict() == vector["description"]
    assert description.without_private_addresses().to_dict() == vector["public"]


@pytest.mark.parametrize(("port", "is_kept"), [(1, False), (53, False), (443, False), (1023, False), (1024, True)])
def test_no_volunteer_is_sent_to_the_ports_of_services(port: int, is_kept: bool) -> None:
    description = LaneDescription.from_dict(
        {
            "ufrag": "abcd",
            "pwd": "a" * 22,
            "fingerprint": "0" * 64,
            "setup": "actpass",
            "candidates": [f"1 1 udp 1 198.51.100.7 {port} typ srflx"],
            "max_message": 65536,
        }
    )
    assert bool(description.without_private_addresses().candidates) is is_kept


@pytest.mark.parametrize("vector", VECTORS["json"]["invalid"], ids=name_of)
def test_a_peers_wrong_description_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(DescriptionError):
        LaneDescription.from_dict(vector["value"]).check_role(vector["role"])


@pytest.mark.parametrize("vector", VECTORS["template"], ids=name_of)
def test_the_template_is_filled_in_exactly_and_reads_back(vector: dict[str, Any]) -> None:
    description = LaneDescription.from_dict(vector["description"])
    assert build_sdp(description, vector["role"]) == vector["sdp"]
    assert parse_sdp(vector["sdp"]) == description


def test_a_description_does_not_show_what_it_holds() -> None:
    description = LaneDescription.from_dict(VECTORS["template"][0]["description"])
    assert repr(description) == str(description) == "LaneDescription(…)"


def test_the_template_refuses_a_role_that_does_not_fit() -> None:
    offer = LaneDescription.from_dict(VECTORS["template"][0]["description"])
    with pytest.raises(DescriptionError):
        build_sdp(offer, "answer")


def test_a_description_is_checked_inside_another_message() -> None:
    class Message(msgspec.Struct):
        description: LaneDescription

    good = VECTORS["template"][0]["description"]
    assert msgspec.json.decode(json.dumps({"description": good}), type=Message).description.to_dict() == good
    with pytest.raises(DescriptionError):
        msgspec.json.decode(json.dumps({"description": {**good, "pwd": "x"}}), type=Message)


def test_true_is_no_size_for_a_caller_either() -> None:
    good = VECTORS["template"][0]["description"]
    with pytest.raises(DescriptionError):
        LaneDescription(**{**good, "candidates": (), "max_message": True})


def test_a_host_name_is_no_address() -> None:
    with pytest.raises(ValueError):
        is_private_address("example.org")


@pytest.mark.parametrize(
    ("candidates", "varies"),
    [
        ((), False),
        (("1 1 udp 9 192.0.2.1 5000 typ host", "1 1 udp 9 192.0.2.1 5001 typ host"), False),
        (("2 1 udp 9 192.0.2.1 5000 typ srflx", "2 1 udp 9 192.0.2.1 5000 typ srflx"), False),
        (("2 1 udp 9 192.0.2.1 5000 typ srflx", "2 1 udp 9 192.0.2.1 5001 typ srflx"), True),
        # Of two networks of one machine each has a port, and of two outer addresses each may have one.
        (("2 1 udp 9 192.0.2.1 5000 typ srflx", "3 1 udp 9 192.0.2.1 5001 typ srflx"), False),
        (("2 1 udp 9 192.0.2.1 5000 typ srflx", "2 1 udp 9 192.0.2.2 5001 typ srflx"), False),
    ],
)
def test_a_network_that_varies_its_ports_shows_it(candidates: tuple[str, ...], varies: bool) -> None:
    assert varies_ports(candidates) is varies


LINES = st.sampled_from([line for vector in VECTORS["sdp"]["valid"] for line in vector["sdp"].split("\r\n")])
MANGLED = st.lists(LINES | st.text(max_size=40), max_size=40).map(lambda lines: "\r\n".join(["v=0", *lines]))


@given(MANGLED)
def test_no_sdp_brings_anything_but_a_description_or_its_error(sdp: str) -> None:
    try:
        description = parse_sdp(sdp)
    except DescriptionError:
        return
    assert LaneDescription.from_dict(description.to_dict()) == description


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(VECTORS["template"][0]["description"])), JSON)
def test_no_json_breaks_out_of_the_template(field: str, value: Any) -> None:
    good = VECTORS["template"][0]["description"]
    try:
        description = LaneDescription.from_dict({**good, field: value})
        sdp = build_sdp(description, "offer")
    except DescriptionError:
        return
    assert len(sdp.split("\r\n")) <= 18 + len(description.candidates)
    assert sdp.replace("\r\n", "").isprintable()
    assert parse_sdp(sdp) == description
