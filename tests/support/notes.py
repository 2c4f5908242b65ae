"""A trace's sink that keeps its notes."""

from __future__ import annotations

from typing import TypeVar

from unwalled.session.notes import Note

N = TypeVar("N")


class KeptNotes:
    """Implements TraceSink."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.is_closed = False

    def note(self, note: Note, /) -> None:
        """See TraceSink."""
        assert not self.is_closed
        self.notes.append(note)

    def close(self) -> None:
        """See TraceSink."""
        self.is_closed = True

    def of(self, kind: type[N]) -> list[N]:
        """The notes of one kind, oldest first."""
        return [note for note in self.notes if isinstance(note, kind)]
