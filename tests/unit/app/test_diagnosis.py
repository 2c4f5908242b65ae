"""What a person is told, for what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unwalled.app.diagnosis import Diagnosis, Facts, diagnose, told_clock_error_s
from unwalled.app.snapshot import State, Trouble
from unwalled.errors import SignalingFailed
from unwalled.reader.status import Cause, OffersFailed, Phase, ReaderStatus, cause_of, phase_of
from unwalled.signaling.errors import (
    BrokerBusy,
    DoorNonsense,
    DoorSign,
    DoorsUnreachable,
    InviteNotTaken,
    InviteOver,
    NoBridge,
    TooManyRequests,
)

DAY_S = 86_400.0


def reader(phase: Phase, cause: Cause = Cause.NONE, **more: int | bool) -> ReaderStatus:
    return replace(ReaderStatus(phase, "", 0, 0, 0, 0, cause), **more)  # type: ignore[arg-type]


CONNECTED = reader(Phase.CONNECTED, lanes=8)
SEARCHING = reader(Phase.SEARCHING)
CONNECTING = reader(Phase.CONNECTING)
NO_BRIDGE = reader(Phase.NO_BRIDGE, Cause.NO_BRIDGE)
SILENT_DOORS = reader(Phase.NO_BROKER, Cause.UNREACHABLE)
LOG_IN_PAGE = reader(Phase.NO_BROKER, Cause.STRANGER)
OLD_KEYS = reader(Phase.NO_BROKER, Cause.OUT_OF_DATE)
DEAF = reader(Phase.CONNECTING, is_deaf=True)


def told(status: ReaderStatus | None, **more: float | bool | None) -> tuple[State, Trouble]:
    facts = replace(Facts(True, status), **more)  # type: ignore[arg-type]
    diagnosis = diagnose(facts)
    return diagnosis.state, diagnosis.trouble


@pytest.mark.parametrize(
    ("status", "state", "trouble"),
    [
        (CONNECTED, State.CONNECTED, Trouble.NONE),
        (SEARCHING, State.SEARCHING, Trouble.NONE),
        (CONNECTING, State.CONNECTING, Trouble.NONE),
        (NO_BRIDGE, State.WAITING, Trouble.NO_BRIDGE),
        (reader(Phase.NO_BRIDGE, Cause.BUSY), State.WAITING, Trouble.OPERATOR_FULL),
        (reader(Phase.NO_BRIDGE, Cause.FULL), State.WAITING, Trouble.OPERATOR_FULL),
        (reader(Phase.NO_BRIDGE, Cause.NO_WEBRTC), State.WAITING, Trouble.NO_WEBRTC),
        (SILENT_DOORS, State.WAITING, Trouble.OPERATOR_UNREACHABLE),
        (reader(Phase.NO_BROKER, Cause.NONSENSE), State.WAITING, Trouble.OPERATOR_UNREACHABLE),
        (LOG_IN_PAGE, State.WAITING, Trouble.CAPTIVE_PORTAL),
        (OLD_KEYS, State.WAITING, Trouble.OPERATOR_UNREACHABLE),
        (reader(Phase.REFUSED, Cause.EXPIRED), State.STOPPED, Trouble.INVITE_EXPIRED),
        (reader(Phase.REFUSED, Cause.NOT_TAKEN), State.STOPPED, Trouble.INVITE_REFUSED),
        (DEAF, State.WAITING, Trouble.UDP_BLOCKED),
        (reader(Phase.NO_BRIDGE, Cause.SHARE), State.WAITING, Trouble.SHARE_USED),
        (reader(Phase.NO_BRIDGE, Cause.NO_HELPER), State.WAITING, Trouble.NO_HELPER),
        (None, State.STOPPED, Trouble.NO_INVITE),
    ],
)
def test_each_cause_has_its_name(status: ReaderStatus | None, state: State, trouble: Trouble) -> None:
    assert told(status) == (state, trouble)


@pytest.mark.parametrize(
    ("failed", "trouble"),
    [
        (NoBridge(1.0), Trouble.NO_BRIDGE),
        (TooManyRequests(1.0), Trouble.OPERATOR_FULL),
        (BrokerBusy(1.0), Trouble.OPERATOR_FULL),
        (InviteOver(), Trouble.INVITE_EXPIRED),
        (InviteNotTaken(), Trouble.INVITE_REFUSED),
        (DoorsUnreachable("no answer"), Trouble.OPERATOR_UNREACHABLE),
        (DoorsUnreachable("not right", DoorSign.STRANGER), Trouble.CAPTIVE_PORTAL),
        (DoorNonsense("nonsense"), Trouble.OPERATOR_UNREACHABLE),
        (DoorNonsense("a page", DoorSign.STRANGER), Trouble.CAPTIVE_PORTAL),
        (DoorNonsense("old keys", DoorSign.OUT_OF_DATE), Trouble.CLOCK_WRONG),
        (OffersFailed(), Trouble.NO_WEBRTC),
    ],
)
def test_what_a_failed_match_means(failed: SignalingFailed, trouble: Trouble) -> None:
    assert told(reader(phase_of(failed), cause_of(failed)), clock_error_s=DAY_S)[1] is trouble


@pytest.mark.parametrize("status", [None, CONNECTED, SILENT_DOORS])
def test_who_switched_it_off_hears_of_no_trouble(status: ReaderStatus | None) -> None:
    assert diagnose(Facts(False, status, has_network=False, is_disk_full=True)) == Diagnosis(
        State.OFF, Trouble.NONE, 0.0
    )


@pytest.mark.parametrize("status", [SEARCHING, NO_BRIDGE, SILENT_DOORS, LOG_IN_PAGE, DEAF])
def test_without_a_network_nothing_else_is_named(status: ReaderStatus) -> None:
    assert told(status, has_network=False, can_webrtc=False) == (State.WAITING, Trouble.OFFLINE)


def test_a_connection_that_still_speaks_shows_that_there_is_a_network() -> None:
    assert told(CONNECTED, has_network=False) == (State.CONNECTED, Trouble.NONE)
    assert told(replace(CONNECTED, is_silent=True), has_network=False) == (State.WAITING, Trouble.OFFLINE)
    assert told(replace(CONNECTED, is_silent=True)) == (State.CONNECTED, Trouble.NONE)


def test_a_computer_without_webrtc_is_told_so() -> None:
    assert told(SEARCHING, can_webrtc=False) == (State.STOPPED, Trouble.NO_WEBRTC)


def test_a_network_without_udp_is_named_before_the_lack_of_bridges_that_follows() -> None:
    assert told(replace(NO_BRIDGE, is_deaf=True)) == (State.WAITING, Trouble.UDP_BLOCKED)


def test_doors_that_fall_silent_are_named_before_bridges_that_were_not_reached() -> None:
    assert told(replace(SILENT_DOORS, is_deaf=True)) == (State.WAITING, Trouble.OPERATOR_UNREACHABLE)


@pytest.mark.parametrize("error_s", [DAY_S, -300 * DAY_S])
def test_a_wrong_clock_is_told_with_its_error(error_s: float) -> None:
    assert diagnose(Facts(True, OLD_KEYS, clock_error_s=error_s)) == Diagnosis(
        State.WAITING, Trouble.CLOCK_WRONG, error_s
    )
    assert diagnose(Facts(True, CONNECTED, clock_error_s=error_s)) == Diagnosis(
        State.CONNECTED, Trouble.CLOCK_WRONG, error_s
    )
    # It is not why there is no bridge.
    assert diagnose(Facts(True, NO_BRIDGE, clock_error_s=error_s)) == Diagnosis(
        State.WAITING, Trouble.NO_BRIDGE, error_s
    )


def test_a_clock_that_is_off_by_minutes_is_right() -> None:
    assert told_clock_error_s(None) == 0.0
    assert told_clock_error_s(-600.0) == 0.0
    assert told(OLD_KEYS, clock_error_s=600.0) == (State.WAITING, Trouble.OPERATOR_UNREACHABLE)


def test_an_invite_that_ended_is_named_when_no_door_answers() -> None:
    assert told(SILENT_DOORS, is_over=True) == (State.STOPPED, Trouble.INVITE_EXPIRED)


def test_an_invite_that_ended_is_still_tried_and_a_log_in_page_named_before_it() -> None:
    assert told(SEARCHING, is_over=True) == (State.SEARCHING, Trouble.NONE)
    assert told(LOG_IN_PAGE, is_over=True) == (State.WAITING, Trouble.CAPTIVE_PORTAL)


def test_a_full_disk_is_told_when_nothing_else_is_wrong() -> None:
    assert told(CONNECTED, is_disk_full=True) == (State.CONNECTED, Trouble.DISK_FULL)
    assert told(SEARCHING, is_disk_full=True) == (State.SEARCHING, Trouble.DISK_FULL)
    assert told(NO_BRIDGE, is_disk_full=True) == (State.WAITING, Trouble.NO_BRIDGE)
    assert told(CONNECTED, is_disk_full=True, clock_error_s=DAY_S) == (State.CONNECTED, Trouble.CLOCK_WRONG)
