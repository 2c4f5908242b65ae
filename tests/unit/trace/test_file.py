"""What is written to disk: whole lines, bounded, for the owner only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from unwalled.errors import ConfigurationError
from unwalled.session.notes import LaneJoined, SessionBegan, TraceFull
from unwalled.settings import TRACE
from unwalled.trace.file import TraceFile, TraceFolder
from unwalled.trace.reading import read_trace


def test_times_begin_with_the_first_note_and_the_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    file = TraceFile(path)
    file.note(SessionBegan(81_234.5, "reader"))
    file.note(LaneJoined(81_236.0, 3))
    file.note(LaneJoined(81_230.0, 4))
    file.close()
    file.close()
    file.note(LaneJoined(81_240.0, 5))
    assert read_trace(path.read_bytes()).notes == [
        SessionBegan(0.0, "reader"),
        LaneJoined(0.0, 4),
        LaneJoined(1.5, 3),
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_killed_program_loses_its_last_second_only(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    file = TraceFile(path)
    for second in range(10):
        file.note(LaneJoined(float(second), second))
    assert len(read_trace(path.read_bytes()).notes) >= 9
    file.close()


def test_many_notes_in_a_moment_are_written_too(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    file = TraceFile(path)
    for number in range(4000):
        file.note(LaneJoined(0.0, number))
    assert path.stat().st_size >= TRACE.flush_bytes
    file.close()


def test_a_file_does_not_grow_past_its_bound_and_says_that_it_is_full(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    file = TraceFile(path, max_bytes=1000)
    for number in range(100):
        file.note(LaneJoined(float(number), number))
    file.close()
    assert path.stat().st_size <= 1000
    trace = read_trace(path.read_bytes())
    assert trace.end == "full"
    assert isinstance(trace.notes[-1], TraceFull)
    assert len(trace.notes) > 10


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        TraceFile(tmp_path / "nowhere" / "t.jsonl")


def test_a_full_disk_ends_the_trace_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    file = TraceFile(full)
    file.note(LaneJoined(0.0, 1))
    file.note(LaneJoined(5.0, 1))
    file.note(LaneJoined(9.0, 1))
    file.close()
    assert [record.message for record in caplog.records] == ["The trace ends here: it could not be written."]


def test_a_folder_takes_a_file_for_each_session_and_leaves_older_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        traces = TraceFolder(folder)
        for _ in range(2):
            sink = traces.new_sink()
            assert sink is not None
            sink.note(SessionBegan(0.0, "gateway"))
            sink.close()
    assert sorted(path.name for path in folder.iterdir()) == [f"session-{number}.jsonl" for number in (1, 2, 3, 4)]


def test_a_folder_has_its_bound(tmp_path: Path) -> None:
    traces = TraceFolder(tmp_path)
    sinks = [traces.new_sink() for _ in range(TRACE.max_files + 5)]
    assert sum(sink is not None for sink in sinks) == len(list(tmp_path.iterdir())) == TRACE.max_files
    for sink in sinks:
        if sink is not None:
            sink.close()


def test_a_folder_that_goes_away_costs_traces_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    traces = TraceFolder(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert traces.new_sink() is None
    assert [record.message for record in caplog.records] == ["A session is not traced: its file could not be made."]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be made"):
        TraceFolder(tmp_path / "file" / "folder")
