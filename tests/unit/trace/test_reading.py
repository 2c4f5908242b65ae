"""Files that are traces, and files that are not."""

from __future__ import annotations

import msgspec
import pytest

from unwalled.session.notes import LaneJoined, Note, SessionBegan, TraceFull
from unwalled.settings import TRACE
from unwalled.trace.reading import HEAD, TraceError, read_trace


def written(*notes: Note) -> bytes:
    """A file with these notes."""
    return HEAD + b"".join(msgspec.json.encode(note) + b"\n" for note in notes)


BEGAN = SessionBegan(0.0, "reader")


def test_notes_come_back_by_time() -> None:
    trace = read_trace(written(BEGAN, LaneJoined(2.0, 1), LaneJoined(1.0, 0)))
    assert trace.notes == [BEGAN, LaneJoined(1.0, 0), LaneJoined(2.0, 1)]
    assert trace.end == "whole"


def test_a_last_line_that_was_not_written_whole_is_left_out() -> None:
    trace = read_trace(written(BEGAN) + b'{"note":"joi')
    assert (trace.notes, trace.end) == ([BEGAN], "torn")


def test_a_full_file_says_so() -> None:
    assert read_trace(written(BEGAN, TraceFull(1.0))).end == "full"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "The trace is empty."),
        (HEAD, "The trace is empty."),
        (HEAD + b'{"note":"sess', "The trace is empty."),
        (b"\n", "That is not a trace of Unwalled."),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "That is not a trace of Unwalled."),
        (b'{"other":1}\n', "That is not a trace of Unwalled."),
        (b'{"unwalled_trace":"\xff"}\n', "That is not a trace of Unwalled."),
        (b'{"unwalled_trace":2}\n', "The trace was written by another version of Unwalled."),
        (written(BEGAN) + b"\n" + written(BEGAN), "The trace is damaged in line 3."),
        (written(BEGAN) + b'{"note":"joined","at":-1,"lane":0}\n', "The trace is damaged in line 3."),
        (written(BEGAN) + b'{"note":"joined","at":1e300,"lane":0}\n', "The trace is damaged in line 3."),
        (written(BEGAN) + b'{"note":"joined","at":1,"lane":"a"}\n', "The trace is damaged in line 3."),
        (written(BEGAN) + b'{"note":"unknown","at":1}\n', "The trace is damaged in line 3."),
        (written(BEGAN) + b'{"note":"joined","at":1,"lane":\xff}\n', "The trace is damaged in line 3."),
        (written(BEGAN) + b'{"x":"' + b"x" * TRACE.max_line_bytes + b'"}\n', "The trace is damaged in line 3."),
    ],
)
def test_what_is_no_trace_is_refused_with_its_cause(content: bytes, cause: str) -> None:
    with pytest.raises(TraceError) as failed:
        read_trace(content)
    assert failed.value.cause == cause
    assert failed.value.remedy


def test_a_file_larger_than_any_trace_is_refused() -> None:
    with pytest.raises(TraceError, match="too large"):
        read_trace(bytes(TRACE.max_file_bytes + 1))


def test_more_lines_than_any_trace_has_are_refused() -> None:
    with pytest.raises(TraceError, match="too many lines"):
        read_trace(HEAD + b"\n" * (TRACE.max_notes + 1))
