"""Runs a program's coroutine until it is done or somebody says stop, and ends in time whatever hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from unwalled.settings import PROGRAM

_ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

Main = Callable[[], Coroutine[Any, Any, int]]

INTERRUPTED = 130
"""Exit code of a program that was stopped before it had done what it was asked for."""


def run(main: Main, *, stopped: int = 0) -> int:
    """The exit code of ``main``; ``stopped`` after SIGINT, SIGTERM or SIGHUP.

    ``main`` is cancelled then. When it has not ended within ``PROGRAM.end_s``, the process ends all the same.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_until_stopped(main, stopped))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _until_stopped(main: Main, stopped: int) -> int:
    task = asyncio.current_task()
    assert task is not None
    is_stopped = False

    def stop() -> None:
        nonlocal is_stopped
        # A terminal sends Ctrl-C to a whole group, so the second signal of a moment is no sign of impatience.
        if not is_stopped:
            is_stopped = True
            _end_in_time(stopped)
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in _ENDINGS:
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup, or a shell that keeps Ctrl-C from what runs in the background
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # pragma: no cover
            pass  # Windows: Ctrl-C cancels by itself
    try:
        return await main()
    except asyncio.CancelledError:
        if not is_stopped:
            raise
        return stopped


def _end_in_time(code: int) -> None:
    def end() -> None:
        try:
            sys.stdout.flush()
        finally:
            os._exit(code)

    watchdog = threading.Timer(PROGRAM.end_s, end)
    watchdog.daemon = True
    watchdog.start()
