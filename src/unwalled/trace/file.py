"""Trace files: JSON Lines, a head and then one note a line, readable by their owner only, and of bounded size.

Notes are kept together for up to a second, so that the session does not wait for a disk at each. What has been noted is
written when the sink is closed; a program that is killed loses its last second.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from unwalled.errors import ConfigurationError
from unwalled.session.notes import Note, TraceFull, TraceSink
from unwalled.settings import TRACE
from unwalled.trace.reading import HEAD

_log = logging.getLogger(__name__)
_FILE_MODE = 0o600


class TraceFile:
    """A sink that writes to a file; replaces what was there. Raises ConfigurationError when it cannot be written.

    Times begin with the first note, so that a file does not tell how long the machine has been running.
    """

    def __init__(self, path: Path, max_bytes: int = TRACE.max_file_bytes, *, is_new: bool = False) -> None:
        """``is_new``: raises FileExistsError when there is such a file."""
        flags = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if is_new else os.O_TRUNC)
        try:
            self._descriptor: int | None = os.open(path, flags, _FILE_MODE)
        except FileExistsError:
            raise
        except OSError as error:
            raise ConfigurationError(
                f"The trace cannot be written ({error.strerror}).", "Give a place that you may write to with --trace."
            ) from None
        self._max_bytes = max_bytes
        self._encode = msgspec.json.Encoder().encode
        self._kept = bytearray(HEAD)
        self._size = len(HEAD)
        self._origin: float | None = None
        self._flushed_at = 0.0

    def note(self, note: Note, /) -> None:
        """See TraceSink."""
        if self._descriptor is None:
            return
        if self._origin is None:
            self._origin = self._flushed_at = note.at
        now = note.at
        line = self._line(note)
        full = self._line(TraceFull(now))
        if self._size + len(line) + len(full) > self._max_bytes:
            self._kept += full
            self.close()
            return
        self._kept += line
        self._size += len(line)
        if len(self._kept) >= TRACE.flush_bytes or now - self._flushed_at >= TRACE.flush_s:
            self._flushed_at = now
            self._flush()

    def _line(self, note: Note) -> bytes:
        assert self._origin is not None
        at = round(max(note.at - self._origin, 0.0), 5)
        return self._encode(msgspec.structs.replace(note, at=at)) + b"\n"

    def _flush(self) -> None:
        assert self._descriptor is not None
        try:
            while self._kept:
                del self._kept[: os.write(self._descriptor, self._kept)]
        except OSError:
            _log.warning("The trace ends here: it could not be written.")
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def close(self) -> None:
        """See TraceSink."""
        if self._descriptor is not None:
            self._flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class TraceFolder:
    """One trace file for each session, ``session-1.jsonl`` and so on, up to ``TRACE.max_files`` in the folder."""

    def __init__(self, folder: Path, open_file: Callable[[Path], TraceSink] | None = None) -> None:
        """Makes the folder. Raises ConfigurationError when that cannot be."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The folder for traces cannot be made ({error.strerror}).", "Give another one with --trace."
            ) from None
        self._folder = folder
        self._next = 1
        self._open_file = open_file or (lambda path: TraceFile(path, is_new=True))

    def new_sink(self) -> TraceSink | None:
        """A file for a session that begins, or None when the folder has enough of them."""
        while self._next <= TRACE.max_files:
            path = self._folder / f"session-{self._next}.jsonl"
            self._next += 1
            try:
                return self._open_file(path)
            except FileExistsError:
                continue
            except ConfigurationError:
                _log.warning("A session is not traced: its file could not be made.")
                return None
        return None
