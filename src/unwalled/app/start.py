"""The start of a reader, as fast as it can be: the first request leaves before the service for it is loaded."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from unwalled.app.home import Home
from unwalled.app.way import Way, load
from unwalled.wire.invite import Invite

if TYPE_CHECKING:
    from unwalled.app.service import ReaderService
    from unwalled.signaling.ahead import EarlyConnection

_LATER = ("unwalled.app.service", "unwalled.trace.file")
_log = logging.getLogger(__name__)


@asynccontextmanager
async def started(
    invite: Invite | None,
    home: Home | None,
    *,
    label: str = "",
    is_given: bool = True,
    is_exact: bool = False,
    trace: Path | None = None,
    ahead: EarlyConnection | None = None,
    also_load: tuple[str, ...] = (),
) -> AsyncIterator[ReaderService]:
    """A service at work, for as long as the block runs; it does not listen yet.

    ``invite``: begun with at once; None = whatever the folder has. ``is_given``: a person gave it just now, under
    ``label``; otherwise it is the best one that ``home`` remembers. ``trace``: a file for what its sessions do; raises
    ConfigurationError when it cannot be written. ``ahead``: a connection to the invite's first door, begun already.
    ``also_load``: modules that the caller will need.
    """
    way = None if invite is None else Way(invite, ahead)
    sink = None
    try:
        if way is not None:
            await way.begin()
        await load(*_LATER, *also_load)
        _log.debug("All modules are loaded.")
        from unwalled.app.service import ReaderService
        from unwalled.trace.file import TraceFile

        sink = None if trace is None else TraceFile(trace)
        given = invite if is_given else None
        service = ReaderService(home, invite=given, label=label, begun=way, is_exact=is_exact, trace=sink)
        async with service.running():
            yield service
    finally:
        if way is not None:
            await way.aclose()
        if sink is not None:
            sink.close()
