"""``unwalled operate``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

from unwalled.cli.output import complain, say, warn
from unwalled.cli.running import run
from unwalled.operator.configuration import ConfigurationErrors, Given, build, read_config
from unwalled.operator.options import OperatorOptions
from unwalled.operator.server import Operator


def operate(options: OperatorOptions) -> int:
    """Serves until stopped. Raises ConfigurationError when it cannot start."""

    asked = Asked()

    async def serve() -> int:
        operator, invite = await Operator.start(options)
        try:
            for sentence in operator.warnings:
                warn(sentence)
            say(f"ready url={operator.url.text} invite={invite.text}")
            await asked.to_drain()
            if options.drain_s:
                warn("No new readers are taken. This ends when those of now are done; another SIGTERM ends it at once.")
                await operator.drain()
            return 0
        finally:
            await operator.close()

    return run(serve, gentle={signal.SIGTERM: asked.drain} if options.drain_s else {})


class Asked:
    """What signals have asked for."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain = asyncio.Event()
        self._is_draining = False

    async def to_drain(self) -> None:
        """Waits until the process is to go away gently."""
        self._loop = asyncio.get_running_loop()
        await self._drain.wait()

    def drain(self) -> bool:
        """The first time asks to; False when that was asked before, or nothing runs yet."""
        if self._loop is None or self._is_draining:
            return False
        self._is_draining = True
        self._loop.call_soon_threadsafe(self._drain.set)
        return True


def read_options(config: Path | None, given: Mapping[str, object]) -> OperatorOptions:
    """The options of a file and of the command line, where None stands for what was not given.

    Says everything that is wrong but the last thing, which it raises as ConfigurationError.
    """
    file = None if config is None else read_config(config)
    words = {name: Given(value) for name, value in given.items() if value is not None}
    try:
        if file is not None and file.errors:
            raise ConfigurationErrors(file.errors)
        return build({**(file.given if file is not None else {}), **words})
    except ConfigurationErrors as errors:
        for error in errors.all[:-1]:
            complain(error.cause, error.remedy)
        raise errors.all[-1] from None
