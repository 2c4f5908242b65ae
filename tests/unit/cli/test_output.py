"""The status line where the output is no terminal: states at once, numbers now and then."""

from __future__ import annotations

import asyncio

import pytest

from unwalled.cli.output import Status, StatusLine
from unwalled.settings import PROGRAM


class HandClock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def test_states_are_told_at_once_and_numbers_only_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = HandClock()
    script = [
        (0.0, Status("looking")),
        (0.1, Status("looking")),
        (0.2, Status("connected", "1 lane")),
        (0.3, Status("connected", "2 lanes")),
        (PROGRAM.plain_status_s + 0.2, Status("connected", "3 lanes")),
        (PROGRAM.plain_status_s * 3, Status("connected", "3 lanes")),
        (PROGRAM.plain_status_s * 3, Status("no bridge")),
    ]

    async def main() -> None:
        left = list(script)

        def describe() -> Status:
            after_s, status = left.pop(0)
            clock.now = 100.0 + after_s
            if left:
                # Looks again at once, as for news; the clock is the test's.
                asyncio.get_running_loop().call_soon(line.changed)
            else:
                asyncio.get_running_loop().call_soon(shown.set)
            return status

        shown = asyncio.Event()
        line = StatusLine(describe, clock)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(line.run())
            await shown.wait()
            task.cancel()

    asyncio.run(main())
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["looking", "connected · 1 lane", "connected · 3 lanes", "no bridge"]
