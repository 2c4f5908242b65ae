"""Reads trace files. Pure: bytes in, notes out, and an error for a person when they are something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from unwalled.errors import UsageError
from unwalled.session.notes import Note, TraceFull
from unwalled.settings import TRACE

VERSION = 1
HEAD = b'{"unwalled_trace":%d}\n' % VERSION


class TraceError(UsageError):
    """A file is no trace, or a damaged one."""


class _Head(msgspec.Struct):
    unwalled_trace: int


@dataclass(frozen=True, slots=True)
class Trace:
    """The notes of a file, by time."""

    notes: list[Note]
    end: Literal["whole", "torn", "full"]
    """``torn``: its last line was not written to its end, as when the program is killed. ``full``: see TraceFull."""


def read_trace(content: bytes) -> Trace:
    """The trace in a file's content. Raises TraceError."""
    if not content:
        raise TraceError("The trace is empty.", "The program that should write it has noted nothing, or still does.")
    if len(content) > TRACE.max_file_bytes:
        raise TraceError("The file is too large for a trace.", "Give a file that --trace has written.")
    head, _, rest = content.partition(b"\n")
    _check_head(head)
    lines = rest.split(b"\n")
    is_torn = lines.pop() != b""
    if len(lines) > TRACE.max_notes:
        raise TraceError("The file has too many lines for a trace.", "Give a file that --trace has written.")
    decode = msgspec.json.Decoder(Note).decode
    notes: list[Note] = []
    for number, line in enumerate(lines, start=2):
        try:
            if len(line) > TRACE.max_line_bytes:
                raise msgspec.ValidationError
            notes.append(decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise TraceError(
                f"The trace is damaged in line {number}.", "Delete what is from there on to see what comes before."
            ) from None
    if not notes:
        raise TraceError("The trace is empty.", "The program that should write it has noted nothing, or still does.")
    is_full = any(isinstance(note, TraceFull) for note in notes)
    notes.sort(key=lambda note: note.at)
    return Trace(notes, "torn" if is_torn else "full" if is_full else "whole")


def _check_head(line: bytes) -> None:
    try:
        head = msgspec.json.decode(line, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise TraceError("That is not a trace of Unwalled.", "Give a file that --trace has written.") from None
    if head.unwalled_trace != VERSION:
        raise TraceError(
            "The trace was written by another version of Unwalled.", "Draw it with the version that wrote it."
        )
