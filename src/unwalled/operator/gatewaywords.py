"""Where a gateway puts traces of its sessions, if anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unwalled.session.notes import TraceSink
from unwalled.trace.file import TraceFolder


def sinks_in(folder: Path | None) -> Callable[[], TraceSink | None]:
    """Where each session's trace goes, if there is a folder for them."""
    return (lambda: None) if folder is None else TraceFolder(folder).new_sink
