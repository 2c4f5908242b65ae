"""What a computer itself may lack: the right time, and room on its disk."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.app_world import Operators, invite, serving
from tests.support.chain import PATIENCE_S, RunningBridge, became, running_operator
from tests.support.gateway_sites import run
from tests.support.reader_world import ECHO, World
from unwalled.app.home import Home
from unwalled.app.invites import InviteBook
from unwalled.app.service import ReaderService
from unwalled.app.snapshot import State, Trouble
from unwalled.app.way import Way
from unwalled.clock import SystemClock
from unwalled.lanes.webrtc import ReactorStack

DAY_S = 86_400.0


class WrongClock(SystemClock):
    """Off by some days."""

    def __init__(self, days: float) -> None:
        self.days = days

    def wall(self) -> float:
        """See Clock."""
        return super().wall() + self.days * DAY_S


@pytest.mark.parametrize("days", [400.0, -400.0])
def test_a_computer_whose_clock_is_wrong_reads_and_is_told_by_how_much(tmp_path: Path, days: float) -> None:
    async def main() -> None:
        clock = WrongClock(days)
        async with asyncio.timeout(PATIENCE_S), running_operator(tmp_path) as (operator, given):
            bridge = RunningBridge(operator.url.text, ReactorStack)
            await bridge.ready()
            service = ReaderService(None, invite=given, clock=clock, make_way=lambda one: Way(one, clock=clock))
            async with service.running():
                await service.connected()
                shown = service.snapshot()
                assert (shown.state, shown.trouble) == (State.CONNECTED, Trouble.CLOCK_WRONG)
                assert abs(shown.clock_error_s / DAY_S - days) < 0.01
                # A person sets it.
                clock.days = 0.0
                await became(lambda: service.snapshot().trouble is Trouble.NONE, "the clock is right again")
                assert service.snapshot().state is State.CONNECTED
            await bridge.stop()

    run(main, fast=True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    """Writes until there is no room. Raises OSError then."""
    with file.open("wb", buffering=0) as writing:
        while True:
            writing.write(bytes(4096))


def test_on_a_full_disk_reading_goes_on_and_what_was_not_remembered_is_once_there_is_room(tiny_disk: Path) -> None:
    async def main() -> None:
        full = tiny_disk / "full"
        with pytest.raises(OSError, match="No space left"):
            fill(full)
        home = Home(tiny_disk / "unwalled")
        async with serving(Operators(World()), home, invite=invite(), label="mine") as service:
            await service.connected()
            await became(lambda: service.snapshot().trouble is Trouble.DISK_FULL, "the full disk is told")
            assert service.snapshot().state is State.CONNECTED
            stream = await service.tunnel.open(ECHO)
            await stream.write(b"hello")
            assert await stream.read() == b"hello"
            await stream.finish()
            assert await stream.read() == b""
            full.unlink()
            await became(lambda: service.snapshot().trouble is Trouble.NONE, "it is remembered")
        assert [entry.label for entry in InviteBook(home).entries] == ["mine"]

    run(main, fast=True)
