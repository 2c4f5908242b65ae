"""Codes on the wire."""

from __future__ import annotations

import pytest

from unwalled.wire.codes import Code


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_words_and_comes_back_or_is_hidden(code: Code) -> None:
    assert code.text
    private = code in {Code.NO_BRIDGE, Code.SESSION_LOST, Code.SWITCHED_OFF, Code.OWN_NETWORK}
    assert Code.from_wire(code.on_wire) is (Code.GENERAL if private else code)


@pytest.mark.parametrize("byte", [0, 14, 199, 200, 201, 202, 255])
def test_unknown_and_private_bytes_read_as_general(byte: int) -> None:
    assert Code.from_wire(byte) is Code.GENERAL
