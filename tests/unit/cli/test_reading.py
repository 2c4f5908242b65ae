from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.panel_double import OFF
from unwalled.app.snapshot import State, Trouble
from unwalled.cli.reading import describe_service
from unwalled.cli.units import show_span
from unwalled.reader.status import Phase, ReaderStatus

SHOWN = replace(OFF, state=State.CONNECTED, up_bps=1e3, down_bps=2e6)
CONNECTED = ReaderStatus(Phase.CONNECTED, "", 2, 8, 0, 0)
NUMBERS = "2 bridges, 8 lanes · down 2.0 Mbit/s, up 1.0 kbit/s"


@pytest.mark.parametrize(
    ("state", "trouble", "clock_error_s", "line"),
    [
        (State.CONNECTED, Trouble.NONE, 0.0, f"connected · {NUMBERS}"),
        (State.CONNECTED, Trouble.DISK_FULL, 0.0, "connected; nothing new can be remembered: is the disk full? · "),
        (
            State.CONNECTED,
            Trouble.CLOCK_WRONG,
            -86_400.0,
            f"connected; this computer's clock is 1 day behind: set it right · {NUMBERS}",
        ),
        (State.CONNECTED, Trouble.CLOCK_WRONG, 7200.0, "connected; this computer's clock is 2 hours ahead: set it"),
        (State.OFF, Trouble.NONE, 0.0, "switched off"),
        (State.STOPPED, Trouble.NO_INVITE, 0.0, "there is no invite: paste one into the panel"),
        (State.STOPPED, Trouble.NO_WEBRTC, 0.0, "this computer cannot make WebRTC connections"),
        (State.WAITING, Trouble.OFFLINE, 0.0, "this computer has no network"),
        (State.WAITING, Trouble.CAPTIVE_PORTAL, 0.0, "this network wants a log-in first"),
        (State.WAITING, Trouble.UDP_BLOCKED, 0.0, "this network lets no connection to a bridge through"),
    ],
)
def test_the_line_says_what_a_person_needs_to_hear(
    state: State, trouble: Trouble, clock_error_s: float, line: str
) -> None:
    shown = replace(SHOWN, state=state, trouble=trouble, clock_error_s=clock_error_s)
    assert str(describe_service(shown, CONNECTED)).startswith(line)


def test_what_the_reader_says_of_itself_is_kept() -> None:
    status = ReaderStatus(Phase.NO_BRIDGE, "No bridge is free just now. Unwalled keeps trying.", 0, 0, 0, 0)
    shown = replace(SHOWN, state=State.WAITING, trouble=Trouble.NO_BRIDGE)
    line = "no bridge just now: No bridge is free just now. Unwalled keeps trying."
    assert str(describe_service(shown, status)) == line


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "no seconds"),
        (1, "1 second"),
        (90, "2 minutes"),
        (3600, "1 hour"),
        (200_000, "2 days"),
        (3e9, "34722 days"),
    ],
)
def test_a_span_is_shown_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert show_span(seconds) == shown
