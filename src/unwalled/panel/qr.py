"""An invite as a QR code that a page can draw: one SVG path, so that no markup travels."""

from __future__ import annotations

import segno


def draw(text: str) -> tuple[int, str]:
    """The side of the code in modules, without a margin, and the path of its dark ones.

    Each run of a row is ``Mx yhNv1h-Nz``. Raises ValueError when the text is too long for a code.
    """
    try:
        code = segno.make(text, error="l", micro=False)
    except segno.DataOverflowError as error:
        raise ValueError("too long for a QR code") from error
    parts: list[str] = []
    for y, row in enumerate(code.matrix):
        start = 0
        for x, dark in enumerate([*row, 0]):
            if dark:
                continue
            if x > start:
                parts.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
            start = x + 1
    return len(code.matrix), "".join(parts)
