"""The code of an invite is what the library says it is, drawn as one path."""

from __future__ import annotations

import re

import pytest
import segno

from unwalled.panel.qr import draw


def modules(size: int, path: str) -> list[list[int]]:
    """The path, painted."""
    painted = [[0] * size for _ in range(size)]
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path)
    assert "".join(f"M{x} {y}h{long}v1h-{back}z" for x, y, long, back in runs) == path
    for x, y, long, back in runs:
        assert long == back
        for at in range(int(x), int(x) + int(long)):
            assert not painted[int(y)][at]
            painted[int(y)][at] = 1
    return painted


@pytest.mark.parametrize("text", ["uw1." + "Ab3_-" * 60, "short"])
def test_the_path_paints_the_code(text: str) -> None:
    size, path = draw(text)
    expected = segno.make(text, error="l", micro=False).matrix
    assert modules(size, path) == [list(row) for row in expected]


def test_what_no_code_can_hold_is_refused() -> None:
    with pytest.raises(ValueError):
        draw("x" * 5000)
