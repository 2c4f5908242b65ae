"""How the end of a command reaches a person: exit codes, and errors with cause and remedy.

Exit codes: 0 done, or a service that was told to stop; 1 it did not work; 2 something given cannot work; 130 stopped
before it was done.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from unwalled.cli.output import OutputClosed, complain
from unwalled.cli.running import INTERRUPTED
from unwalled.errors import UnwalledError, UsageError

_LOG_FORMAT = "%(relativeCreated)d ms %(levelname)s %(name)s: %(message)s"
"""Milliseconds since the program began to load: enough to see where the time of a start goes."""
_FAILED, _USAGE = 1, 2


class _Debug:
    on = False


def set_debug(on: bool) -> None:
    """Sets logging up. ``on``: show where errors come from, and log more."""
    _Debug.on = on
    logging.basicConfig(level=logging.WARNING, format=_LOG_FORMAT)
    # Ours only: what libraries say when asked for more names addresses and hosts, and people post such output.
    logging.getLogger("unwalled").setLevel(logging.DEBUG if on else logging.NOTSET)


def explained(work: Callable[[], int]) -> int:
    """The exit code of ``work``, or of its error once that is explained."""
    try:
        code = work()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _fall_silent()
    except BaseException as error:
        return _explain(error)


def end(code: int) -> int:
    """Gives the exit code, or ends the process with it."""
    if "reactor_webrtc" in sys.modules:
        # A callback of libwebrtc's threads that comes while the interpreter takes itself apart aborts the process.
        # By now everything is closed, so there is nothing left to take apart.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def show_traceback(error: BaseException) -> None:
    """Shows where an error comes from, when that was asked for."""
    if _Debug.on:
        import traceback

        traceback.print_exception(error)


def _fall_silent() -> int:
    """Whoever read our output has had enough. Python would complain once more when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _FAILED


def _explain(error: BaseException) -> int:
    show_traceback(error)
    known = _first_known(error)
    if isinstance(known, OutputClosed):
        return _fall_silent()
    if known is not None:
        complain(known.cause, known.remedy)
        return _USAGE if isinstance(known, UsageError) else _FAILED
    if not isinstance(error, Exception):
        raise error
    complain(
        f"Something unexpected happened ({type(error).__name__}).",
        "Please tell us, with what `unwalled --debug COMMAND …` shows.",
    )
    return _FAILED


def _first_known(error: BaseException) -> UnwalledError | None:
    if isinstance(error, BaseExceptionGroup):
        return next((known for inner in error.exceptions if (known := _first_known(inner)) is not None), None)
    return error if isinstance(error, UnwalledError) else None
