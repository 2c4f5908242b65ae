"""``unwalled trace`` as a person runs it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.session_pair import LaneShape, World
from tests.support.transfers import Plan, Transfers
from unwalled.cli import app
from unwalled.settings import MIB
from unwalled.trace.file import TraceFile


@pytest.fixture
def traces(tmp_path: Path) -> tuple[Path, Path]:
    """The traces of a download during which a lane dies: the reader's and the gateway's."""
    paths = tmp_path / "reader.jsonl", tmp_path / "gateway.jsonl"
    reader, gateway = map(TraceFile, paths)
    world = World(3, 4 * MIB, 120, reader, gateway)
    transfers = Transfers(world, 3)
    lanes = [world.open_lane(LaneShape(rate=5e5)) for _ in range(3)]
    world.run(1.0)
    sid = transfers.start(Plan(1000, 2 * MIB))
    world.run(1.5)
    world.stall(lanes[1], 1.0)
    world.run(2.0)
    world.kill(lanes[0])
    world.run(30.0, lambda: transfers.reader[sid].is_over)
    world.run(world.now + 1.0)
    reader.close()
    gateway.close()
    return paths


def test_it_tells_the_story_and_draws_it_beside_the_trace(
    traces: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run_command(["trace", str(traces[0])]) == 0
    out = capsys.readouterr().out
    assert "Trace of a reader: 1 session in " in out
    assert "payload of those that ended: 2.1 MB received, 1.0 kB sent." in out
    assert "the keys are agreed" in out
    assert "1 lane of bridge ? closed" in out
    assert sum(" Mbit/s " in line and " ms " in line for line in out.splitlines()) == 3
    picture = traces[0].with_name("reader.jsonl.svg")
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert str(picture) in out


def test_a_gateways_trace_tells_what_was_sent_again(
    traces: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run_command(["trace", str(traces[1]), "--out", str(tmp_path / "p.svg")]) == 0
    out = capsys.readouterr().out
    assert "Trace of a gateway" in out
    assert "Sent again: " in out
    assert re.search(r"[1-9] × \d", out)
    assert (tmp_path / "p.svg").exists()


def test_a_torn_trace_is_drawn_with_a_word_about_it(
    traces: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    traces[0].write_bytes(traces[0].read_bytes()[:-10])
    assert app.run_command(["trace", str(traces[0])]) == 0
    assert "The last line is missing its end" in capsys.readouterr().out


def test_what_cannot_be_read_or_drawn_is_explained(
    traces: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "foreign").write_bytes(b"<svg/>")
    trace = str(traces[0])
    for arguments, cause in (
        (["trace", str(tmp_path / "missing")], "The trace cannot be read (No such file or directory)."),
        (["trace", str(tmp_path / "empty")], "The trace is empty."),
        (["trace", str(tmp_path / "foreign")], "That is not a trace of Unwalled."),
        (["trace", trace, "-o", trace], "The picture would replace the trace."),
        (["trace", trace, "-o", str(tmp_path)], "The picture cannot be written (Is a directory)."),
    ):
        assert app.run_command(arguments) == 2
        assert capsys.readouterr().err.startswith(f"unwalled: {cause}\n")
    assert traces[0].read_bytes().startswith(b'{"unwalled_trace"')
