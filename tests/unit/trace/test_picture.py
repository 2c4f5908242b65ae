"""The picture: well-formed, of the right size, and with all that a reader of it needs."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from tests.support.notes import KeptNotes
from tests.support.session_pair import LaneShape, World
from tests.support.transfers import Plan, Transfers
from unwalled.session.notes import Decision, LaneEnded, LaneJoined, LaneThrough, Note, SessionBegan
from unwalled.settings import MIB
from unwalled.trace.picture import colour, draw, headline, medians, stepped, thinned
from unwalled.trace.reading import Trace
from unwalled.trace.story import LaneLife, Story, tell
from unwalled.trace.svg import Canvas, ticks, upper

SVG = "{http://www.w3.org/2000/svg}"


def traced_download() -> tuple[Story, Story]:
    """A download over two bridges one of which dies: as its reader and as its gateway saw it."""
    reader, gateway = KeptNotes(), KeptNotes()
    world = World(3, 4 * MIB, 120, reader, gateway)
    transfers = Transfers(world, 3)
    lanes = [world.open_lane(LaneShape(latency_s=0.05, rate=5e5)) for _ in range(4)]
    for lane in lanes:
        reader.note(LaneThrough(0.0, lane.key, 1 + lane.key // 2))
    world.run(1.0)
    sid = transfers.start(Plan(1000, 4 * MIB))
    world.run(2.0)
    world.stall(lanes[0], 1.0)
    world.run(3.0)
    world.kill(lanes[2])
    world.kill(lanes[3])
    world.run(30.0, lambda: transfers.reader[sid].is_over)
    return tell(Trace(reader.notes, "whole")), tell(Trace(gateway.notes, "whole"))


def texts(picture: str) -> list[str]:
    """All texts of a picture; it must be well-formed and lie within its frame."""
    root = ElementTree.fromstring(picture)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for element in root.iter():
        for name, limit in (("x", width), ("x1", width), ("x2", width), ("y", height), ("y1", height), ("y2", height)):
            if name in element.attrib and element.tag != f"{SVG}pattern":
                assert -1 <= float(element.attrib[name]) <= limit + 1, element.attrib
        for point in element.attrib.get("points", "").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_a_readers_picture_shows_lanes_bridges_and_moments() -> None:
    story, _ = traced_download()
    picture = draw(story)
    shown = texts(picture)
    assert "Trace of a reader's session" in shown
    assert headline(story) in shown
    assert {"bridge 1", "bridge 2", "silent lane", "closed by the far end", "×", "0 s", "1"} <= set(shown)
    assert "1 lane of bridge 2 closed" in shown or "2 lanes of bridge 2 closed" in shown
    assert any(text.startswith("received over all lanes") for text in shown)
    assert not any(text.startswith("sent over all lanes") for text in shown)
    assert "This end has sent little: windows say nothing here." in shown
    assert colour(1) in picture
    assert colour(2) in picture
    assert colour(1) != colour(2) != colour(0)


def test_a_gateways_picture_shows_windows_and_silences() -> None:
    _, story = traced_download()
    picture = draw(story)
    shown = texts(picture)
    assert any(text.startswith("sent over all lanes") for text in shown)
    assert any(text.startswith("window of each lane") for text in shown)
    assert any(text.startswith("all lanes, KiB: in flight") for text in shown)
    silences = sum(len(lane.silences) for lane in story.lanes)
    assert silences > 0
    # One more is the legend's.
    assert picture.count('fill="url(#silent)"') == silences + 1


def test_both_directions_are_shown_when_both_carry() -> None:
    life = LaneLife(1, 0, 0.0, 5.0, moved=[(0.0, 5.0, 1_000_000, 900_000)], received=1_000_000, sent=900_000)
    shown = texts(draw(Story("reader", 5.0, "whole", 1, [life])))
    panels = [text for text in shown if "over all lanes" in text]
    assert [text.split()[0] for text in panels] == ["received", "sent"]


def test_a_session_that_never_had_a_lane_can_be_drawn() -> None:
    notes: list[Note] = [SessionBegan(0.0, "reader"), Decision(0.0, "unmatched", 8)]
    shown = texts(draw(tell(Trace(notes, "whole"))))
    assert "the broker finds no bridge for 8 lanes" in shown
    assert any("0 bridges, 0 lanes" in text for text in shown)


def test_a_very_busy_trace_stays_within_bounds() -> None:
    notes: list[Note] = [SessionBegan(0.0, "reader")]
    for lane in range(1000):
        notes += [LaneThrough(lane, lane, 1 + lane % 40), LaneJoined(lane, lane)]
        notes += [LaneEnded(lane + 0.5, lane, "refused", 10, 10, 0)]
    shown = texts(draw(tell(Trace(notes, "whole"))))
    assert any("and 800 more" in text for text in shown)
    assert any(re.fullmatch(r"and \d+ more, which `unwalled trace` lists", text) for text in shown)


def test_values_hold_until_the_next_one_and_to_the_end() -> None:
    assert list(stepped([(0.0, 1.0), (2.0, 3.0), (3.0, 3.0)], 5.0)) == [
        (0.0, 1.0),
        (2.0, 1.0),
        (2.0, 3.0),
        (3.0, 3.0),
        (5.0, 3.0),
    ]
    assert list(stepped([], 5.0)) == []
    assert list(stepped([(1.0, 2.0)], 1.0)) == [(1.0, 2.0)]


def test_long_curves_are_thinned_but_keep_their_end() -> None:
    points = [(float(number), 1.0) for number in range(10_000)]
    kept = thinned(points)
    assert len(kept) <= 1001
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert thinned(points[:10]) == points[:10]


def test_the_median_is_that_of_the_lanes_that_live_and_has_gaps_without_any() -> None:
    one = LaneLife(1, 0, 0.0, 2.0)
    two = LaneLife(1, 1, 6.0, 10.0)
    parts = medians([(one, [(0.0, 5.0)]), (two, [(6.0, 7.0), (8.0, 9.0)])], 10.0)
    assert [(part[0], part[-1][1]) for part in parts] == [((0.0, 5.0), 5.0), ((6.0, 7.0), 9.0)]


@pytest.mark.parametrize(
    ("highest", "marks"),
    [(100.0, [0, 50, 100]), (0.35, [0, 0.1, 0.2, 0.3]), (7.0, [0, 2, 4, 6]), (0.0, [0]), (1e9, [0, 5e8, 1e9])],
)
def test_axes_have_round_numbers(highest: float, marks: list[float]) -> None:
    assert ticks(highest, 4) == pytest.approx(marks)


def test_a_scale_leaves_out_the_odd_value_but_never_vanishes() -> None:
    assert upper([1.0] * 999 + [1000.0]) == pytest.approx(1.1)
    assert upper([]) == 1.0
    assert upper([0.0]) == 1.0


def test_texts_and_attributes_are_escaped() -> None:
    canvas = Canvas(10)
    canvas.text(1, 2, "<&>", fill='"<')
    (text,) = ElementTree.fromstring(canvas.render(20, "a & b")).iter(f"{SVG}text")
    assert (text.text, text.attrib["fill"]) == ("<&>", '"<')
