from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.wire import b64


@given(st.binary(max_size=70))
def test_what_is_written_is_read_back(data: bytes) -> None:
    assert b64.decode(b64.encode(data)) == data


@pytest.mark.parametrize("text", ["A", "AAAAA", "AA==", "A+/A", "AB", "AAB", " AAAA", "AAAA\n", "ÄAAA"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        b64.decode(text)
