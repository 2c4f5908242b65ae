"""What the programs say: plain lines for scripts and logs, one line that renews itself on a terminal.

Standard output has what was asked for (``ready …``, the status); warnings and errors go to standard error.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass

from unwalled.clock import Clock
from unwalled.errors import UnwalledError
from unwalled.settings import PROGRAM


class OutputClosed(UnwalledError):
    """Whoever read our standard output has had enough of it, such as ``head``. There is nothing to say about it."""

    def __init__(self) -> None:
        super().__init__("Nobody reads the output any more.")


def say(line: str) -> None:
    """One line on standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """One line on standard error, at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def warn(sentence: str) -> None:
    """A warning on standard error."""
    note(f"warning: {sentence}")


def complain(cause: str, remedy: str = "") -> None:
    """An error on standard error: one line with the cause, one with what to do."""
    note(f"unwalled: {cause}")
    if remedy:
        note(remedy)


@dataclass(frozen=True, slots=True)
class Status:
    """``state`` in words, which matter at once; ``numbers``, which may wait."""

    state: str
    numbers: str = ""

    def __str__(self) -> str:
        return f"{self.state} · {self.numbers}" if self.numbers else self.state


class StatusLine:
    """Shows a status for as long as ``run`` runs.

    On a terminal one line is renewed in place. Elsewhere a line is printed when the state has changed, and when only
    numbers have, every ``PROGRAM.plain_status_s``.
    """

    def __init__(self, describe: Callable[[], Status], clock: Clock) -> None:
        """``describe`` is called about twice a second."""
        self._describe = describe
        self._clock = clock
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Something that matters is different: look at once."""
        self._changed.set()

    async def run(self) -> None:
        """Shows until cancelled."""
        if sys.stdout.isatty():
            await self._renew()
        shown: Status | None = None
        shown_at = 0.0
        while True:
            status, now = self._describe(), self._clock.monotonic()
            is_due = now - shown_at >= PROGRAM.plain_status_s
            if shown is None or status.state != shown.state or (is_due and status != shown):
                say(str(status))
                shown, shown_at = status, now
            await self._wait()

    async def _renew(self) -> None:
        # Not before it is needed: it takes as long to load as a bridge to be found.
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        console = Console(file=sys.stdout, highlight=False)
        if not console.is_terminal:
            return
        with Live(Text(), console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(Text(str(self._describe()), no_wrap=True, overflow="ellipsis"), refresh=True)
                await self._wait()

    async def _wait(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(PROGRAM.live_status_s):
                await self._changed.wait()
        except TimeoutError:
            pass
