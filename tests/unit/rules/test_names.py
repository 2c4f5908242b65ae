"""Names are compared in the form that browsers send."""

from __future__ import annotations

import pytest

from unwalled.errors import RuleError
from unwalled.rules.names import comparable, is_hidden, is_local, readable


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        # What UTS 46 keeps, unlike the IDNA of 2003.
        ("faß.example", "xn--fa-hia.example"),
        ("FAẞ.example", "xn--fa-hia.example"),
        ("σόλος.example", "xn--wxaijb9b.example"),
        ("نامه\u200cای.example", "xn--mgba3gch31f060k.example"),
        ("中国。example", "xn--fiqs8s.example"),
        ("ｅｘａｍｐｌｅ．org", "example.org"),
        ("ex\u00adample\ufe0f.org", "example.org"),
        ("ex\u00adämple.org", "xn--exmple-cua.org"),
        ("_dmarc.example.org", "_dmarc.example.org"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_one_form_for_each_way_of_writing(written: str, compared: str) -> None:
    assert comparable(written) == compared
    assert comparable(comparable(written)) == compared


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "-a.org",
        "a-.org",
        "a b.org",
        "a\u00a0b.org",
        "ä\u0000b.org",
        "ä b.org",
        "a" * 64 + ".org",
        ".".join(["a" * 60] * 5),
        "ä." * 2000,
        "127.1",
        "2130706433",
        "1.2.3.0x7f",
        "ex/ample.org",
        "ä/b.org",
    ],
)
def test_what_is_no_name_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(RuleError) as caught:
        comparable(text)
    assert caught.value.cause
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("router", True),
        ("localhost", True),
        ("a.localhost", True),
        ("printer.local", True),
        ("nas.home.arpa", True),
        ("home.arpa", True),
        ("2130706433", True),
        ("127.1", True),
        ("0x7f.0x1", True),
        ("a.0x", True),
        ("example.org", False),
        ("local.example.org", False),
        ("arpa.example", False),
        ("xn--fiqs8s.example", False),
    ],
)
def test_local_names(name: str, expected: bool) -> None:
    assert is_local(name) is expected


def test_names_that_no_resolver_may_see() -> None:
    assert is_hidden("a.onion")
    assert is_hidden("b.i2p")
    assert not is_hidden("onion.example.org")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("plain.example", "plain.example"),
        # Neither what cannot be decoded, nor what would be read as another name.
        ("xn--\u0080.example", "xn--\u0080.example"),
        ("xn--99999999999.example", "xn--99999999999.example"),
        ("xn--a-.example", "xn--a-.example"),
    ],
)
def test_names_for_people(name: str, shown: str) -> None:
    assert readable(name) == shown
