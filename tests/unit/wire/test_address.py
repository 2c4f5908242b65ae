"""Destinations."""

from __future__ import annotations

import pytest

from unwalled.errors import FrameError
from unwalled.wire.address import Target


@pytest.mark.parametrize(
    ("host", "port", "stored", "encoded"),
    [
        ("192.0.2.7", 80, "192.0.2.7", "01c00002070050"),
        ("2001:DB8::1", 443, "2001:db8::1", "0420010db800000000000000000000000101bb"),
        ("[2001:db8::1]", 443, "2001:db8::1", "0420010db800000000000000000000000101bb"),
        ("example.org", 65535, "example.org", "030b6578616d706c652e6f7267ffff"),
        ("münchen.example", 1, "xn--mnchen-3ya.example", "0316786e2d2d6d6e6368656e2d3379612e6578616d706c650001"),
        ("a", 1, "a", "0301610001"),
        ("_srv.Example.", 1, "_srv.Example.", "030d5f7372762e4578616d706c652e0001"),
    ],
)
def test_targets_and_their_bytes(host: str, port: int, stored: str, encoded: str) -> None:
    target = Target.parse(host, port)
    assert target == Target(stored, port)
    assert target.encode().hex() == encoded
    assert Target.decode(b"\xff" + target.encode() + b"\xff", 1) == (target, 1 + len(encoded) // 2)


def test_its_repr_hides_it() -> None:
    assert repr(Target.parse("example.org", 443)) == "Target(…)"


@pytest.mark.parametrize("label", [63, 64])
def test_a_label_has_at_most_63_characters(label: int) -> None:
    if label == 63:
        assert Target.parse("a" * label + ".org", 1).host.startswith("aaa")
    else:
        with pytest.raises(FrameError):
            Target.parse("a" * label + ".org", 1)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "[]",
        "a..b",
        "-a.org",
        "a-.org",
        "a b",
        "a\r\nb",
        "a/b",
        "a:80",
        "é" * 80,
        "�",
        "a." * 127 + "a",
        "fe80::1%eth0",
        "2001:db8::1%a b\r\nX",
        "1.2.3.4%1",
        "[fe80::1%1]",
    ],
)
def test_hosts_that_cannot_be(host: str) -> None:
    with pytest.raises(FrameError):
        Target.parse(host, 80)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_that_cannot_be(port: int) -> None:
    with pytest.raises(FrameError):
        Target.parse("example.org", port)


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "01",
        "01c0",
        "01c000020700",
        "0304616263",
        "030161",
        "04" + "00" * 17,
        "050000",
        "01c00002070000",
        "0301610000",
        "03000050",
        "0301ff0050",
        "03022e2e0050",
        "0307666538303a3a25" + "0050",
    ],
)
def test_bytes_that_are_no_target(encoded: str) -> None:
    with pytest.raises(FrameError):
        Target.decode(bytes.fromhex(encoded))


def test_an_address_as_a_name_reads_as_an_address() -> None:
    assert Target.decode(b"\x03\x07" + b"1.2.3.4" + b"\x00\x50")[0] == Target("1.2.3.4", 80)
