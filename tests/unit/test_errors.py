"""Errors say a cause and a remedy to people, and a code to programs."""

from __future__ import annotations

import dataclasses

import pytest

from unwalled import errors, settings
from unwalled.clock import SystemClock
from unwalled.errors import OpenFailed, SignalingFailed, StreamReset, UnwalledError
from unwalled.privacy import Hidden
from unwalled.wire.codes import Code


def test_a_cause_and_a_remedy() -> None:
    error = UnwalledError("It broke.", "Mend it.")
    assert (str(error), error.cause, error.remedy) == ("It broke. Mend it.", "It broke.", "Mend it.")
    assert str(UnwalledError("It broke.")) == "It broke."


def test_codes_become_words() -> None:
    assert (OpenFailed(Code.NAME_UNKNOWN).code, str(OpenFailed(Code.NAME_UNKNOWN))) == (
        Code.NAME_UNKNOWN,
        "The connection could not be opened: there is no site of that name.",
    )
    assert str(StreamReset(Code.TIMED_OUT)) == "The connection was cut: the site did not answer in time."
    assert SignalingFailed("No.", retry_after_s=3.0).retry_after_s == 3.0
    assert SignalingFailed("No.").retry_after_s is None


def test_all_errors_have_one_root() -> None:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(found) > 10
    assert all(issubclass(error, UnwalledError) for error in found)


def test_hidden_values_hide() -> None:
    hidden = Hidden("192.0.2.1")
    assert "192" not in repr(hidden) + str(hidden) + f"{hidden}" + repr([hidden])
    assert hidden.reveal() == "192.0.2.1"
    assert hidden == Hidden("192.0.2.1")
    assert hidden != Hidden("192.0.2.2")
    assert hidden != "192.0.2.1"
    assert len({hidden, Hidden("192.0.2.1")}) == 1


def test_the_clock_goes_on() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.wall() > 1_700_000_000


@pytest.mark.parametrize("group", [value for value in vars(settings).values() if dataclasses.is_dataclass(value)])
def test_bounds_cannot_be_changed_by_accident(group: object) -> None:
    if isinstance(group, type):
        group = group()
    name = dataclasses.fields(group)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(group, name, 0)
