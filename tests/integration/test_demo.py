"""The demo as a real process: with the headless bridge, with a real browser, and its end."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.support.gateway_sites import run
from tests.support.programs import PATIENCE_S, Command, children, left_of
from unwalled.demo.processes import Program, ProgramEnded
from unwalled.demo.site import gateway_address

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells of processes this way")


def steps(command: Command) -> list[str]:
    """The lines of steps, without their times."""
    return [line.split(" s  ", 1)[-1] for line in command.out if line[:1] in ("✓", "✗")]


def told_by_hand(command: Command) -> None:
    command.line("Ctrl-C ends all of it.")


def check_story(command: Command) -> str:
    """All steps but the bridge's are the same whoever is the bridge; gives the bridge's."""
    assert command.ended() == 0, command.out
    told = steps(command)
    assert len(told) == 9
    assert told[1].startswith("Direct access is refused")
    assert "read through the bridge" in told[6]
    assert told[7].startswith("20 MB came in")
    assert re.search(r"\d+ lanes over 1 bridge", told[8])
    return told[3]


@pytest.mark.skipif(gateway_address() is None, reason="this system has no second address")
def test_the_story_with_the_headless_bridge() -> None:
    with Command("demo", "--once", "--no-browser") as command:
        assert "headless bridge" in check_story(command)


@pytest.mark.skipif(gateway_address() is None, reason="this system has no second address")
def test_the_story_with_a_real_browser(chromium_path: str) -> None:
    with Command("demo", "--once", environment={"UNWALLED_CHROMIUM": chromium_path}) as command:
        assert "flipped in a real browser" in check_story(command)
        assert "1 reader" in steps(command)[8]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stays_up_until_it_is_told_to_stop(number: signal.Signals) -> None:
    with Command("demo", "--no-browser") as command:
        told_by_hand(command)
        assert any("curl -x http://127.0.0.1:" in line for line in command.out)
        assert command.stopped(number) == 0


def test_a_browser_that_does_not_start_is_named_and_replaced() -> None:
    with Command("demo", "--once", environment={"UNWALLED_CHROMIUM": "false"}) as command:
        assert "Chromium has ended" in check_story(command)


def started(command: Command, word: str) -> int:
    """The process of the demo's that has this word in its command line, once it is there."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for pid, line in children(command.process.pid).items():
            if f" {word} " in line:
                return pid
        time.sleep(0.005)
    raise AssertionError(f"the demo did not start its {word}")


@needs_proc
def test_ctrl_c_leaves_nothing_of_the_browser_and_the_programs(chromium_path: str) -> None:
    with Command("demo", environment={"UNWALLED_CHROMIUM": chromium_path}) as command:
        told_by_hand(command)
        assert "flipped in a real browser" in steps(command)[3]
        groups = set(children(command.process.pid))
        assert len(groups) == 3
        assert len(left_of(groups)) > 3
        assert command.stopped() == 0
        assert left_of(groups) == []


@needs_proc
@pytest.mark.parametrize("word", ["operate", "bridge", "connect"])
def test_ctrl_c_before_the_job_is_done_is_no_success_and_leaves_nothing(word: str) -> None:
    with Command("demo", "--once", "--no-browser") as command:
        started(command, word)
        groups = set(children(command.process.pid))
        assert command.stopped() == 130
        assert "All steps worked." not in command.out
        assert left_of(groups) == []


@needs_proc
def test_a_part_that_dies_is_a_failure_and_is_named() -> None:
    with Command("demo", "--once", "--no-browser") as command:
        os.kill(started(command, "connect"), signal.SIGKILL)
        assert command.ended() == 1
        assert any(line.startswith("✗ ") for line in command.out)
        assert any("The reader has ended" in line for line in command.out)
        assert "All steps worked." not in command.out


@pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])
def test_a_program_that_ends_before_it_has_read_anything_is_told_by_its_last_words(fast: bool) -> None:
    async def main() -> None:
        # Often enough that some have ended before their input is written.
        for _ in range(20):
            program = await Program.start("It", ["sh", "-c", "exec <&-; echo no >&2"], stdin=b"x" * 100_000)
            with pytest.raises(ProgramEnded, match=r"It has ended: no"):
                await program.line(lambda line: True)
            await program.stop()

    run(main, fast=fast)


@pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])
def test_a_program_without_input_that_ends_at_once_is_told_by_its_last_words(fast: bool) -> None:
    async def main() -> None:
        for _ in range(20):
            program = await Program.start("It", ["false"])
            with pytest.raises(ProgramEnded, match="it said nothing"):
                await program.line(lambda line: True)
            await program.stop()

    run(main, fast=fast)
