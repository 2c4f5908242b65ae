"""``unwalled operate``."""

from __future__ import annotations

import asyncio

from unwalled.cli.output import say, warn
from unwalled.cli.running import run
from unwalled.operator.options import OperatorOptions
from unwalled.operator.server import Operator


def operate(options: OperatorOptions) -> int:
    """Serves until stopped. Raises ConfigurationError when it cannot start."""

    async def serve() -> int:
        operator, invite = await Operator.start(options)
        try:
            for sentence in operator.warnings:
                warn(sentence)
            say(f"ready url={operator.url.text} invite={invite.text}")
            await asyncio.Event().wait()
            return 0
        finally:
            await operator.close()

    return run(serve)
