"""``unwalled trace``: a trace in words, as a table, and as a picture."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from unwalled.cli.output import say
from unwalled.cli.units import show_count, show_rate, show_size
from unwalled.errors import UsageError
from unwalled.settings import TRACE
from unwalled.trace.picture import directions, draw
from unwalled.trace.reading import read_trace
from unwalled.trace.story import Direction, LaneLife, Story, tell

_END_WORDS = {
    "torn": "The last line is missing its end: the program that wrote the trace was killed, or still writes.",
    "full": "The file has reached its bound, and tells nothing of what came later.",
    "whole": "",
}
_DASH = "–"


def run_trace(file: Path, out: Path | None) -> int:
    """Prints what the trace says and writes its picture. Raises TraceError or UsageError."""
    picture = out if out is not None else file.with_name(file.name + ".svg")
    if picture.resolve() == file.resolve():
        raise UsageError("The picture would replace the trace.", "Give another file with --out.")
    story = tell(read_trace(_content(file)))
    for sentence in summary(story):
        say(sentence)
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 140)
    console.print(lane_table(story))
    for moment in story.moments:
        say(f"{moment.at:9.2f} s  {moment.text}")
    try:
        picture.write_text(draw(story), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The picture cannot be written ({error.strerror}).", "Give another file with --out."
        ) from None
    say(f"picture: {picture}")
    return 0


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            # One byte more than may be, so that a larger file is noticed.
            return opened.read(TRACE.max_file_bytes + 1)
    except OSError as error:
        raise UsageError(f"The trace cannot be read ({error.strerror}).", "Give a file that --trace wrote.") from None


def summary(story: Story) -> list[str]:
    """The session in sentences."""
    sentences = [
        f"Trace of a {story.role}: {show_count(story.sessions, 'session')} in {story.duration_s:.1f} s, "
        f"{show_count(len(story.lanes), 'lane')} over {_matches(story)}."
    ]
    for direction in directions(story):
        size, busy_s = story.carried(direction), story.busy_s(direction)
        rate = f" in {busy_s:.1f} s ({show_rate(size * 8 / busy_s)} on average)" if busy_s else ""
        sentences.append(f"{direction.capitalize()}: {show_size(size)}{rate}, with what is around the payload.")
    sentences.append(
        f"Streams: {show_count(story.streams, 'stream')}, {story.streams_cut} of them cut; payload of those that "
        f"ended: {show_size(story.payload_received)} received, {show_size(story.payload_sent)} sent."
    )
    if story.longest_wait_s:
        sentences.append(f"Longest wait in the midst of a transfer: {story.longest_wait_s:.2f} s.")
    again = story.again_left + story.again_silent
    if again or story.repeated:
        sentences.append(
            f"Sent again: {show_size(again)} ({show_size(story.again_left)} of lanes that left, "
            f"{show_size(story.again_silent)} of silent ones). Received twice: {show_size(story.repeated)}."
        )
    if story.held_up:
        sentences.append(f"Data found no lane with room: {len(story.held_up)} times.")
    if words := _END_WORDS[story.end]:
        sentences.append(words)
    return sentences


def _matches(story: Story) -> str:
    count = len(story.bridges)
    return show_count(count, "bridge") if story.role == "reader" else show_count(count, "match", "matches")


def lane_table(story: Story) -> Table:
    """A row for each lane."""
    main = directions(story)[0]
    table = Table(box=SIMPLE, pad_edge=False)
    for name in (
        "lane",
        "bridge",
        "life",
        "end",
        "received",
        "sent",
        f"median {main}",
        "round trip",
        "silent",
        "again",
    ):
        table.add_column(name, justify="left" if name in ("bridge", "life", "end") else "right", no_wrap=True)
    for lane in story.lanes:
        table.add_row(*_row(lane, story.bridge_name(lane.bridge), main, many=story.sessions > 1))
    return table


def _row(lane: LaneLife, bridge: str, main: Direction, *, many: bool) -> tuple[str, ...]:
    round_trip_s, rate = lane.median_round_trip_s(), lane.median_rate(main)
    silent_s = sum(ended - began for began, ended in lane.silences)
    return (
        f"{lane.session}/{lane.lane}" if many else str(lane.lane),
        bridge,
        f"{lane.began:.2f}–{lane.ended:.2f} s",
        lane.why_left or "in use",
        show_size(lane.received),
        show_size(lane.sent),
        _DASH if rate is None else show_rate(rate * 8),
        _DASH if round_trip_s is None else f"{round_trip_s * 1000:.1f} ms",
        f"{len(lane.silences)} × {silent_s:.2f} s" if lane.silences else _DASH,
        show_size(lane.again) if lane.again else _DASH,
    )
