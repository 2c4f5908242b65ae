"""Runs a program's coroutine until it is done or somebody says stop, and ends in time whatever hangs or spins."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from types import FrameType, MappingProxyType
from typing import Any

from unwalled.settings import PROGRAM

_ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

Main = Callable[[], Coroutine[Any, Any, int]]

INTERRUPTED = 130
"""Exit code of a program that was stopped before it had done what it was asked for."""


Gentle = Mapping[int, Callable[[], bool]]
"""By signal: called in the loop's thread at any moment; True when the signal is not to stop the program."""


def run(main: Main, *, stopped: int = 0, gentle: Gentle = MappingProxyType({})) -> int:
    """The exit code of ``main``; ``stopped`` after SIGINT, SIGTERM or SIGHUP, unless ``gentle`` says otherwise.

    ``main`` is cancelled then. When it has not ended within ``PROGRAM.end_s``, the process ends all the same.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_until_stopped(main, stopped, gentle))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _until_stopped(main: Main, stopped: int, gentle: Gentle) -> int:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    watchdog = _Watchdog(stopped)
    is_stopped = False

    # A handler of the system's and not of the loop's: it also comes while a task keeps the loop to itself.
    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopped
        if number in gentle and not is_stopped and gentle[number]():
            return
        # A terminal sends Ctrl-C to a whole group, so the second signal of a moment is no sign of impatience.
        if not is_stopped:
            is_stopped = True
            watchdog.release()
            loop.call_soon_threadsafe(task.cancel)

    before = {number: signal.getsignal(number) for number in _ENDINGS}
    for number, handler in before.items():
        # What is ignored at the start stays so: nohup, or a shell that keeps Ctrl-C from what runs behind.
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        return await main()
    except asyncio.CancelledError:
        if not is_stopped:
            raise
        return stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        watchdog.retire()


class _Watchdog:
    """Ends the process a while after its release. Its thread waits from the start: none can be made in a handler."""

    def __init__(self, code: int) -> None:
        self._code = code
        self._ear, self._mouth = os.pipe()
        threading.Thread(target=self._wait, name="watchdog", daemon=True).start()

    def release(self) -> None:
        """Safe inside a signal's handler."""
        os.write(self._mouth, b"!")

    def retire(self) -> None:
        """Lets the thread end, unless it was released: then the rest of the process has to end in time, too."""
        os.close(self._mouth)

    def _wait(self) -> None:
        is_released = os.read(self._ear, 1) != b""
        os.close(self._ear)
        if not is_released:
            return
        time.sleep(PROGRAM.end_s)
        try:
            sys.stdout.flush()
        finally:
            os._exit(self._code)
