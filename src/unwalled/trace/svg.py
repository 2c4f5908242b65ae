"""Writes SVG: a few shapes with rounded numbers and escaped texts, and the scales that axes need. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

Point = tuple[float, float]


class Canvas:
    """A picture of a fixed width; its height is told at the end."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._parts: list[str] = []

    def add(self, name: str, content: str = "", /, **attributes: str | float) -> None:
        """One element. Underscores in names of attributes stand for hyphens; ``content`` is text."""
        written = "".join(f" {key.replace('_', '-')}={_attribute(value)}" for key, value in attributes.items())
        self._parts.append(f"<{name}{written}>{escape(content)}</{name}>" if content else f"<{name}{written}/>")

    def text(self, x: float, y: float, content: str, **attributes: str | float) -> None:
        """A line of text whose baseline begins at ``x``, ``y``."""
        self.add("text", content, x=x, y=y, **attributes)

    def line(self, x1: float, y1: float, x2: float, y2: float, **attributes: str | float) -> None:
        """A straight line."""
        self.add("line", "", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)

    def rect(self, x: float, y: float, width: float, height: float, **attributes: str | float) -> None:
        """A rectangle."""
        self.add("rect", "", x=x, y=y, width=width, height=height, **attributes)

    def path(self, points: Iterable[Point], *, closed: bool = False, **attributes: str | float) -> None:
        """A line through points, or an area."""
        steps = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self.add("polygon" if closed else "polyline", points=steps, **attributes)

    def render(self, height: int, title: str, definitions: str = "") -> str:
        """The whole file. ``title`` is what screen readers say; ``definitions`` is SVG."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{height}" '
            f'viewBox="0 0 {self.width} {height}" role="img" font-family="system-ui, sans-serif" font-size="12">'
        )
        ground = f'<rect width="{self.width}" height="{height}" fill="#ffffff"/>'
        return "\n".join([head, f"<title>{escape(title)}</title>", definitions, ground, *self._parts, "</svg>", ""])


def _attribute(value: str | float) -> str:
    return quoteattr(value if isinstance(value, str) else _number(value))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def ticks(highest: float, count: int) -> list[float]:
    """Round numbers from 0 to about ``highest``, some ``count`` of them."""
    if highest <= 0:
        return [0.0]
    rough = highest / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= rough * 0.999)
    return [index * step for index in range(int(highest / step + 1e-9) + 1)]


def upper(values: Sequence[float], share: float = 0.99) -> float:
    """A height that shows ``share`` of the values, with some room above; 1 when there are none."""
    ordered = sorted(values)
    highest = ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
    return highest * 1.1 or 1.0
