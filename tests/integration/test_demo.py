"""The demo as a real process: with the headless bridge, with a real browser, and its end."""

from __future__ import annotations

import re
import signal

import pytest

from tests.support.programs import Command
from unwalled.demo.site import gateway_address


def steps(command: Command) -> list[str]:
    """The lines of steps, without their times."""
    return [line.split(" s  ", 1)[-1] for line in command.out if line[:1] in ("✓", "✗")]


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
        command.line("Ctrl-C ends all of it.")
        assert any("curl -x http://127.0.0.1:" in line for line in command.out)
        assert command.stopped(number) == 0


def test_a_browser_that_does_not_start_is_named_and_replaced() -> None:
    with Command("demo", "--once", environment={"UNWALLED_CHROMIUM": "false"}) as command:
        assert "Chromium has ended" in check_story(command)
