"""A program ends in time when it is told to, also one whose loop hangs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, time
from unwalled.cli.output import say
from unwalled.cli.running import run

async def cleans_up():
    say("ready")
    try:
        await asyncio.Event().wait()
    finally:
        say("cleaned")

async def spins():
    say("ready")
    while True:
        pass

async def sleeps():
    say("ready")
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

async def refuses():
    say("ready")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

raise SystemExit(run(NAME, stopped=7))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("name", "said"), [("cleans_up", "cleaned\n"), ("spins", ""), ("sleeps", ""), ("refuses", "")])
def test_it_ends_in_time(name: str, said: str, number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM.replace("NAME", name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        try:
            assert process.wait(5.0) == 7
        finally:
            process.kill()
        assert process.stdout.read() == said
