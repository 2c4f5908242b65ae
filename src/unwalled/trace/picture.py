"""Draws a story as a picture for a person: panels over one axis of time. Pure.

Bridges have colours that colour-blind people tell apart (Okabe and Ito 2008); what a colour says also stands in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import median

from unwalled.session.notes import LaneSample, WhyLeft
from unwalled.trace.story import Direction, LaneLife, Story, rates
from unwalled.trace.svg import Canvas, Point, ticks, upper

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D1F")
_INK, _GREY, _GRID = "#222222", "#666666", "#dddddd"
_STILL = "#FBD9C5"
_WAIT_COLOURS = {"lane": _INK, "window": "#CC79A7"}
_WIDTH, _LEFT, _RIGHT = 1200, 96, 24
_BINS = 240
_POINTS = 1000
_LEAST_BIN_S = 0.1
_LEAST_IN_FLIGHT_BYTES = 8192
_ROWS = 200
_MARKS = 40
_SIGNIFICANT = 0.05
_END_MARKS: dict[WhyLeft, str] = {"closed": "×", "misbehaved": "!", "silent": "~", "refused": "/", "unneeded": "○"}
_END_WORDS: dict[WhyLeft, str] = {
    "closed": "closed by the far end",
    "misbehaved": "tampered",
    "silent": "silent for too long",
    "refused": "refused",
    "unneeded": "given back",
}
_HATCH = (
    '<defs><pattern id="silent" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="4" height="4" fill="#ffffff"/><rect width="2" height="4" fill="#222222"/></pattern>'
    '<clipPath id="panels"><rect x="%d" y="0" width="%d" height="100000"/></clipPath></defs>'
)


def colour(bridge: int) -> str:
    """The colour of a bridge; grey when it is unknown."""
    return _COLOURS[(bridge - 1) % len(_COLOURS)] if bridge else "#999999"


def draw(story: Story) -> str:
    """The picture, as SVG."""
    return _Picture(story).draw()


class _Picture:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._canvas = Canvas(_WIDTH)
        self._span_s = max(story.duration_s, 0.1)
        self._y = 0.0
        self._panel_tops: list[tuple[float, float]] = []

    def draw(self) -> str:
        story = self._story
        title = f"Trace of a {story.role}'s session"
        self._head(title)
        for direction in directions(story):
            self._goodput(direction)
        self._lives()
        self._curves(
            "round trip of each lane, ms",
            lambda sample: None if sample.round_trip_s is None else sample.round_trip_s * 1000,
            "median of the lanes",
        )
        if max((in_flight for _, _, in_flight, _ in story.levels), default=0) >= _LEAST_IN_FLIGHT_BYTES:
            self._curves("window of each lane, KiB", lambda sample: sample.window / 1024, "median of the lanes")
            self._levels()
        else:
            self._canvas.text(_LEFT, self._y + 10, "This end has sent little: windows say nothing here.", fill=_GREY)
            self._y += 8
        self._time_axis()
        self._marks()
        definitions = _HATCH % (_LEFT, _WIDTH - _LEFT - _RIGHT)
        return self._canvas.render(int(self._y) + 16, title, definitions)

    def _x(self, at: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(max(at / self._span_s, 0.0), 1.0)

    def _head(self, title: str) -> None:
        canvas = self._canvas
        canvas.text(_LEFT, 28, title, font_size=18, fill=_INK)
        canvas.text(_LEFT, 48, headline(self._story), fill=_GREY, font_size=13)
        y = self._legend(60.0)
        self._y = y + 32

    def _legend(self, y: float) -> float:
        """What colours and signs mean, in as many rows as it takes; gives the top of the last one."""
        x = float(_LEFT)
        entries = [
            (self._story.bridge_name(bridge), colour(bridge), "") for bridge in self._story.bridges[: len(_COLOURS) + 1]
        ]
        entries += [("silent lane", "url(#silent)", ""), ("a transfer stands still", _STILL, "")]
        entries += [("data, and no lane with room", "", "▼")]
        left_by = {lane.why_left for lane in self._story.lanes}
        entries += [(words, "", _END_MARKS[why]) for why, words in _END_WORDS.items() if why in left_by]
        for words, fill, mark in entries:
            width = 42 + 6.6 * len(words)
            if x + width > _WIDTH - _RIGHT:
                x, y = float(_LEFT), y + 20
            if mark:
                self._canvas.text(x + 2, y + 10, mark, fill=_INK)
            else:
                self._canvas.rect(x, y, 14, 12, fill=fill, stroke=_INK, stroke_width=0.3)
            self._canvas.text(x + 19, y + 10, words, fill=_INK)
            x += width
        return y

    def _panel(self, title: str, height: float, highest: float, *, scaled: bool = True) -> tuple[float, float]:
        """A frame with a scale; gives its top and bottom."""
        canvas = self._canvas
        top, bottom = self._y + 18, self._y + 18 + height
        canvas.text(_LEFT, self._y + 11, title, fill=_INK, font_weight="bold")
        if scaled:
            for value in ticks(highest, 4):
                y = bottom - height * value / highest
                canvas.line(_LEFT, y, _WIDTH - _RIGHT, y, stroke=_GRID)
                canvas.text(_LEFT - 8, y + 4, f"{value:g}", text_anchor="end", fill=_GREY)
        for at in ticks(self._span_s, 12):
            canvas.line(self._x(at), top, self._x(at), bottom, stroke=_GRID)
        for began, ended in self._story.stand_stills:
            width = max(self._x(ended) - self._x(began), 1.5)
            canvas.rect(self._x(began), top, width, height, fill=_STILL)
        self._panel_tops.append((top, bottom))
        self._y = bottom + 16
        return top, bottom

    def _goodput(self, direction: Direction) -> None:
        story = self._story
        bin_s = max(self._span_s / _BINS, _LEAST_BIN_S)
        bins = int(self._span_s / bin_s) + 1
        series = [(lane, [rate * 8 / 1e6 for rate in rates(lane, direction, bin_s, bins)]) for lane in story.lanes]
        totals = [sum(values) for values in zip(*(values for _, values in series), strict=True)]
        highest = upper(totals, 1.0)
        top, bottom = self._panel(f"{direction} over all lanes, Mbit/s (records, {bin_s:.2g} s each)", 200, highest)
        scale = (bottom - top) / highest
        base = [0.0] * bins
        for index, (lane, values) in enumerate(series):
            first = max(int(lane.began / bin_s) - 1, 0)
            last = min(int(lane.ended / bin_s) + 2, bins)
            over = [below + value for below, value in zip(base, values, strict=True)]
            lower, higher = (
                [(self._x((at + 0.5) * bin_s), bottom - level[at] * scale) for at in range(first, last)]
                for level in (base, over)
            )
            self._canvas.path(
                [*higher, *reversed(lower)],
                closed=True,
                fill=colour(lane.bridge),
                fill_opacity=(0.95, 0.7)[index % 2],
                stroke="#ffffff",
                stroke_width=0.4,
            )
            base = over
        for at in story.held_up:
            self._canvas.text(self._x(at), top + 9, "▼", text_anchor="middle", font_size=9, fill=_INK)

    def _lives(self) -> None:
        lanes = self._story.lanes[:_ROWS]
        more = len(self._story.lanes) - len(lanes)
        row = min(max(320 / max(len(lanes), 1), 5.0), 14.0)
        title = "lanes, from joining to leaving" + (f" (and {more} more)" if more else "")
        top, _ = self._panel(title, row * max(len(lanes), 1), 1.0, scaled=False)
        named: set[tuple[int, int]] = set()
        for index, lane in enumerate(lanes):
            y = top + index * row
            x = self._x(lane.began)
            width = max(self._x(lane.ended) - x, 1.0)
            self._canvas.rect(x, y + 0.5, width, row - 1, fill=colour(lane.bridge), fill_opacity=0.85)
            for began, ended in lane.silences:
                hatched = max(self._x(ended) - self._x(began), 1.5)
                self._canvas.rect(self._x(began), y + 0.5, hatched, row - 1, fill="url(#silent)")
            if lane.why_left is not None:
                mark = _END_MARKS[lane.why_left]
                size = min(row + 4, 13)
                self._canvas.text(x + width + 1, y + row / 2 + size / 3, mark, font_size=size, fill=_INK)
            if (lane.session, lane.bridge) not in named:
                named.add((lane.session, lane.bridge))
                name = self._story.bridge_name(lane.bridge)
                self._canvas.text(_LEFT - 8, y + min(row, 11), name, text_anchor="end", fill=_INK, font_size=11)

    def _curves(self, title: str, value_of: Callable[[LaneSample], float | None], legend: str) -> None:
        """One thin line for each lane, and the median of the lanes at each moment as a thick one."""
        curves: list[tuple[LaneLife, list[tuple[float, float]]]] = []
        for lane in self._story.lanes:
            points = [(at, value) for at, sample in lane.samples if (value := value_of(sample)) is not None]
            points = thinned(points)
            if points:
                curves.append((lane, points))
        highest = upper([value for _, points in curves for _, value in points])
        top, bottom = self._panel(f"{title} (thick: {legend})", 120, highest)

        def place(at: float, value: float) -> Point:
            return self._x(at), max(bottom - (bottom - top) * value / highest, top)

        for lane, points in curves:
            line = [place(at, value) for at, value in stepped(points, lane.ended)]
            self._canvas.path(line, fill="none", stroke=colour(lane.bridge), stroke_width=0.8, stroke_opacity=0.55)
        middle = medians(curves, self._span_s)
        for part in middle:
            self._canvas.path([place(at, value) for at, value in part], fill="none", stroke=_INK, stroke_width=1.6)

    def _levels(self) -> None:
        """All lanes together. There is at least one sample."""
        levels = [
            (at, windows / 1024, flight / 1024, backlog / 1024) for at, windows, flight, backlog in self._story.levels
        ]
        shown = [value for _, _, flight, backlog in levels for value in (flight, backlog)]
        highest = upper(shown)
        top, bottom = self._panel(
            "all lanes, KiB: in flight (area), windows (thick line), waiting to be sent (dashed); "
            "strip at the top: it waits for a lane (black), or for the other end's window (pink)",
            120,
            highest,
        )

        def line(column: int) -> list[Point]:
            points = thinned([(level[0], level[column]) for level in levels])
            return [
                (self._x(at), max(bottom - (bottom - top) * value / highest, top))
                for at, value in stepped(points, self._span_s)
            ]

        for (at, waits_for), (until, _) in pairwise([*self._story.waits, (self._span_s, "")]):
            if waits_for:
                width = max(self._x(until) - self._x(at), 0.5)
                self._canvas.rect(self._x(at), top, width, 5, fill=_WAIT_COLOURS[waits_for])
        flight = line(2)
        area = [(flight[0][0], bottom), *flight, (flight[-1][0], bottom)]
        self._canvas.path(area, closed=True, fill="#56B4E9", fill_opacity=0.6)
        self._canvas.path(line(1), fill="none", stroke=_INK, stroke_width=1.4)
        self._canvas.path(line(3), fill="none", stroke="#D55E00", stroke_width=1.2, stroke_dasharray="5 3")

    def _time_axis(self) -> None:
        for at in ticks(self._span_s, 12):
            self._canvas.text(self._x(at), self._y + 8, f"{at:g} s", text_anchor="middle", fill=_GREY)
        for begin, end in self._panel_tops:
            self._canvas.rect(_LEFT, begin, _WIDTH - _LEFT - _RIGHT, end - begin, fill="none", stroke="#aaaaaa")
        self._y += 26

    def _marks(self) -> None:
        """Numbered lines through all panels, and what the numbers mean below them, in two columns."""
        canvas = self._canvas
        moments = self._story.moments[:_MARKS]
        bottom = self._panel_tops[-1][1]
        last_x = float("-inf")
        level = 0
        for number, moment in enumerate(moments, start=1):
            x = self._x(moment.at)
            level = (level + 1) % 4 if x - last_x < 16 else 0
            last_x = x
            canvas.line(x, self._panel_tops[0][0], x, bottom, stroke=_INK, stroke_width=0.7, stroke_dasharray="2 3")
            y = self._panel_tops[0][0] + 20 + 15 * level
            canvas.add("circle", cx=x, cy=y, r=7.5, fill="#ffffff", stroke=_INK, stroke_width=0.8)
            canvas.text(x, y + 3.5, str(number), text_anchor="middle", font_size=9.5, fill=_INK)
        half = (len(moments) + 1) // 2
        for index, moment in enumerate(moments):
            column, row = divmod(index, half)
            x, y = _LEFT + column * 540, self._y + 17 * row + 10
            canvas.text(x, y, str(index + 1), text_anchor="end", fill=_GREY)
            canvas.text(x + 58, y, f"{moment.at:.2f} s", text_anchor="end", fill=_GREY)
            canvas.text(x + 66, y, moment.text, fill=_INK)
        self._y += 17 * half + 4
        more = len(self._story.moments) - len(moments)
        if more:
            canvas.text(_LEFT, self._y + 12, f"and {more} more, which `unwalled trace` lists", fill=_GREY)
            self._y += 18


def directions(story: Story) -> list[Direction]:
    """The directions in which something to speak of was carried, the larger one first."""
    both: list[Direction] = ["received", "sent"]
    both.sort(key=lambda direction: -story.carried(direction))
    return [one for one in both if one == both[0] or story.carried(one) >= _SIGNIFICANT * story.carried(both[0])]


def headline(story: Story) -> str:
    """The session in a line."""
    bridges, lanes = len(story.bridges), len(story.lanes)
    parts = [
        f"{story.duration_s:.1f} s",
        f"{_count(bridges, 'bridge' if story.role == 'reader' else 'match')}, {_count(lanes, 'lane')} in all",
    ]
    for direction in directions(story):
        size, busy_s = story.carried(direction), story.busy_s(direction)
        rate = f" in {busy_s:.1f} s, {size * 8 / busy_s / 1e6:.1f} Mbit/s" if busy_s else ""
        parts.append(f"{direction} {size / 1e6:.1f} MB{rate}")
    if story.longest_wait_s:
        parts.append(f"longest wait {story.longest_wait_s:.2f} s")
    return " · ".join(parts)


def thinned(points: list[Point]) -> list[Point]:
    """At most some thousand points of a curve, the first and the last among them: a picture shows no more."""
    step = len(points) // _POINTS + 1
    return points if step == 1 else [*points[:-1:step], points[-1]]


def _count(count: int, one: str) -> str:
    return f"{count} {one}" if count == 1 else f"{count} {one}{'es' if one.endswith('ch') else 's'}"


def stepped(points: Sequence[tuple[float, float]], end: float) -> Iterable[tuple[float, float]]:
    """A value holds until the next one is noted."""
    last: float | None = None
    for at, value in points:
        if last is not None and last != value:
            yield at, last
        yield at, value
        last = value
    if last is not None and end > points[-1][0]:
        yield end, last


def medians(
    curves: Sequence[tuple[LaneLife, list[tuple[float, float]]]], span_s: float
) -> list[list[tuple[float, float]]]:
    """The median over the lanes that live, at some hundred moments; a new part wherever there was no lane."""
    parts: list[list[tuple[float, float]]] = [[]]
    places = [0] * len(curves)
    for step in range(_BINS + 1):
        at = span_s * step / _BINS
        values = []
        for index, (lane, points) in enumerate(curves):
            while places[index] < len(points) and points[places[index]][0] <= at:
                places[index] += 1
            if places[index] and at <= lane.ended:
                values.append(points[places[index] - 1][1])
        if values:
            parts[-1].append((at, median(values)))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]
