"""``unwalled operate``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

from unwalled.cli.output import complain, say, warn
from unwalled.cli.running import run
from unwalled.errors import ConfigurationError
from unwalled.operator.configuration import ConfigurationErrors, Given, build, read_config
from unwalled.operator.options import OperatorOptions, Role
from unwalled.operator.server import Operator


def operate(options: OperatorOptions) -> int:
    """Serves until stopped. Raises ConfigurationError when it cannot start."""

    asked = Asked()

    async def serve() -> int:
        operator, invite = await Operator.start(options)
        try:
            for sentence in operator.warnings:
                warn(sentence)
            # Before it says that it is ready, or a signal right after that would be lost.
            asked.listen()
            # Whoever has not the site gives out no invites.
            said = f" invite={invite.text}" if Role.SITE in options.roles else ""
            say(f"ready url={operator.url.text}{said}")
            await _renew_until_draining(operator, asked)
            if options.drain_s:
                warn("No new readers are taken. This ends when those of now are done; another SIGTERM ends it at once.")
                await operator.drain()
            return 0
        finally:
            await operator.close()

    gentle: dict[int, Callable[[], bool]] = {}
    if options.drain_s:
        gentle[signal.SIGTERM] = asked.to_drain
    if options.gateway_workers > 1:
        gentle[signal.SIGHUP] = asked.to_renew
    return run(serve, gentle=gentle)


async def _renew_until_draining(operator: Operator, asked: Asked) -> None:
    """To renew takes minutes, in which the end may be asked for; then it stops where it is."""
    renewing: asyncio.Task[None] | None = None
    async with asyncio.TaskGroup() as group:
        while await asked.next() is Wish.RENEW:
            if renewing is None or renewing.done():
                renewing = group.create_task(_renew(operator), name="renew the workers")
        if renewing is not None:
            renewing.cancel()


async def _renew(operator: Operator) -> None:
    try:
        await operator.renew_workers()
    except ConfigurationError as error:
        complain(error.cause, f"{error.remedy} The workers of before go on.")
    else:
        warn("All gateway workers are new ones now.")


class Wish(Enum):
    """What a signal asks for."""

    RENEW = "new gateway workers"
    DRAIN = "a gentle end"


class Asked:
    """What signals have asked for, in their order. Wishes are noted from handlers, at any moment."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wishes: asyncio.Queue[Wish] = asyncio.Queue()
        self._is_draining = False

    def listen(self) -> None:
        """From now on wishes are noted."""
        self._loop = asyncio.get_running_loop()

    async def next(self) -> Wish:
        """The next wish."""
        return await self._wishes.get()

    def to_drain(self) -> bool:
        """False the second time, and before anything runs: then the program shall end at once."""
        if self._loop is None or self._is_draining:
            return False
        self._is_draining = True
        self._loop.call_soon_threadsafe(self._wishes.put_nowait, Wish.DRAIN)
        return True

    def to_renew(self) -> bool:
        """Asks for it; what is asked for while the program starts has happened already."""
        if self._loop is not None and self._wishes.empty():
            self._loop.call_soon_threadsafe(self._wishes.put_nowait, Wish.RENEW)
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
