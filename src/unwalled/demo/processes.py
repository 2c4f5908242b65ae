"""Programs that the demo starts, each a process of its own: their lines, and their end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from unwalled.errors import UnwalledError
from unwalled.settings import PROGRAM
from unwalled.tasks import TaskOwner

_KEPT_LINES = 200
_LINE_BYTES = 256 * 1024


class ProgramEnded(UnwalledError):
    """A program of the demo ended, or did not say in time what was waited for."""


class Program:
    """A child process whose lines are read as they come. Start it with ``start``, end it with ``stop``."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        """For ``start``."""
        self.name = name
        self._process = process
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self._news = asyncio.Event()
        self._tasks = TaskOwner()
        assert process.stdout is not None
        assert process.stderr is not None
        self._tasks.start(self._read(process.stdout, self._lines), f"{name} output")
        self._tasks.start(self._read(process.stderr, self._errors), f"{name} errors")
        # Its last line may come before the system says that it has ended.
        self._tasks.start(self._watch(), f"{name} end")

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], *, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> Program:
        """Starts a command in a session of its own, so that Ctrl-C in the terminal reaches only the demo itself."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                limit=_LINE_BYTES,
                env=None if environment is None else {**os.environ, **environment},
            )
        except OSError as error:
            raise ProgramEnded(f"{name} could not be started ({error.strerror}).") from None
        program = cls(name, process)
        if process.stdin is not None:
            try:
                process.stdin.write(stdin)
                process.stdin.close()
            except (OSError, RuntimeError):
                pass  # it has ended already (uvloop says so by a RuntimeError); whoever waits for its lines hears of it
        return program

    @classmethod
    async def start_own(cls, name: str, *arguments: str, stdin: bytes = b"") -> Program:
        """Starts a command of Unwalled itself."""
        return await cls.start(name, [sys.executable, "-m", "unwalled.cli", *arguments], stdin=stdin)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def line(self, wanted: Callable[[str], bool], *, errors: bool = False) -> str:
        """The first line (of standard error: ``errors``) that is ``wanted``, of those kept or to come.

        Raises ProgramEnded with the program's own last words when it ends before, or after ``demo_step_s``.
        """
        lines = self._errors if errors else self._lines
        try:
            async with asyncio.timeout(PROGRAM.demo_step_s):
                while True:
                    self._news.clear()
                    found = next((line for line in lines if wanted(line)), None)
                    if found is not None:
                        return found
                    if not self.is_running and not len(self._tasks):
                        raise ProgramEnded(f"{self.name} has ended: {self.last_words}")
                    await self._news.wait()
        except TimeoutError:
            raise ProgramEnded(f"{self.name} did not say in time what was expected. {self.last_words}") from None

    @property
    def last_words(self) -> str:
        """The last lines that it wrote, errors before others."""
        return " / ".join(list(self._errors)[-3:] or list(self._lines)[-3:]) or "it said nothing"

    async def ended(self) -> None:
        """Waits until it has ended by itself."""
        await self._process.wait()

    async def stop(self) -> None:
        """Asks it to end, and kills it and what it started when it does not. Safe to call again."""
        if self.is_running:
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(PROGRAM.demo_stop_s):
                    await self._process.wait()
            except TimeoutError:
                pass
        # What it has started has its session, and so its group: of a browser something may be left.
        self._signal(signal.SIGKILL, group=True)
        await self._process.wait()
        await self._tasks.close()

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        try:
            if group:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)
        except (ProcessLookupError, PermissionError):
            pass

    async def _watch(self) -> None:
        await self._process.wait()
        asyncio.get_running_loop().call_soon(self._news.set)

    async def _read(self, stream: asyncio.StreamReader, lines: deque[str]) -> None:
        try:
            while raw := await stream.readline():
                lines.append(raw.decode(errors="replace").rstrip())
                self._news.set()
        except ValueError:
            pass  # a line beyond all measure: nothing that we wait for
        finally:
            asyncio.get_running_loop().call_soon(self._news.set)
