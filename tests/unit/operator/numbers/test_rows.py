"""Rows are put together without losing anything, and kept without showing one reader."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unwalled.operator.numbers.rows import (
    BYTES_STEP,
    COUNT_STEP,
    DAY_S,
    FEW_SESSIONS,
    HOUR_S,
    MINUTE_S,
    Row,
    kept,
    merge,
    regrouped,
    taken_up,
)


def a_row(at_s: int = 0, **given_: object) -> Row:
    """A minute with many readers."""
    row = Row(
        at_s,
        up_s=60.0,
        bridges=10.0,
        bridges_least=8,
        bridges_most=12,
        room=5.0,
        came=3,
        went=1,
        ok=47,
        none=12,
        failed=3,
        refused=19,
        connect=[7.0, 40.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        sessions=33.4,
        sessions_most=38,
        up_bytes=12_345_678,
        down_bytes=98_765_432,
        peak_bps=23_456_789,
        memory_most=70_000_000,
        descriptors_most=271,
        people=1234,
        alarms=["disk_low"],
    )
    return msgspec.structs.replace(row, **given_)


def test_sums_are_added_means_are_weighted_and_extremes_stay() -> None:
    both = merge(a_row(60), a_row(120, up_s=20.0, bridges=2.0, bridges_least=1, bridges_most=3, alarms=["no_bridges"]))
    assert (both.at_s, both.up_s, both.bridges, both.bridges_least, both.bridges_most) == (60, 80.0, 8.0, 1, 12)
    assert (both.ok, both.none, both.failed, both.came) == (94, 24, 6, 6)
    assert both.connect[:2] == [14.0, 80.0]
    assert both.down_bytes == 2 * 98_765_432
    assert both.peak_bps == 23_456_789
    assert both.people == 1234
    assert both.alarms == ["disk_low", "no_bridges"]


def test_an_empty_row_changes_nothing() -> None:
    assert merge(Row(60), a_row(60)) == a_row(60)
    assert merge(a_row(60), Row(60)) == a_row(60)
    assert merge(Row(60), Row(120)) == Row(60)


def test_success_and_times_come_from_the_counts() -> None:
    row = a_row()
    assert row.success == round(47 / 62, 4)
    assert row.connect_s(0.5) == pytest.approx(0.162, abs=0.001)
    assert Row(0).success is None
    assert Row(0).connect_s(0.5) is None


def test_what_is_kept_is_rounded_down() -> None:
    row = kept(a_row(), MINUTE_S)
    assert (row.ok, row.none, row.failed, row.refused) == (45, 12, 3, 10)
    assert row.connect[:2] == [15.0, 85.0]
    assert (row.up_bytes, row.down_bytes, row.peak_bps) == (10_000_000, 90_000_000, 23_000_000)
    assert (row.sessions, row.sessions_most, row.descriptors_most) == (33.0, 35, 250)
    assert row.memory_most % 2**22 == 0
    assert row.people == 0
    assert kept(a_row(), DAY_S).people == 1230


@pytest.mark.parametrize("span_s", [MINUTE_S, HOUR_S])
def test_of_few_sessions_nothing_of_their_traffic_is_kept(span_s: int) -> None:
    row = kept(a_row(sessions=3.0, sessions_most=4, ok=9, none=0, failed=0), span_s)
    assert (row.sessions, row.sessions_most, row.up_bytes, row.down_bytes, row.peak_bps) == (0.0, 0, 0, 0, 0)
    assert (row.ok, row.connect) == (0, [])
    assert row.bridges == 10.0


def test_a_day_keeps_its_traffic() -> None:
    assert kept(a_row(sessions_most=2), DAY_S).down_bytes == 90_000_000


@given(
    first=st.builds(
        Row,
        at_s=st.just(0),
        up_s=st.just(60.0),
        ok=st.integers(0, 3),
        none=st.integers(0, 3),
        failed=st.integers(0, 3),
        sessions_most=st.integers(0, 4),
    ),
    reader=st.booleans(),
    size=st.integers(0, BYTES_STEP - 1),
    span_s=st.sampled_from([MINUTE_S, HOUR_S]),
)
def test_one_reader_more_or_less_among_few_does_not_show(first: Row, reader: bool, size: int, span_s: int) -> None:
    busier = msgspec.structs.replace(first, down_bytes=size * reader, peak_bps=size * reader, sessions=float(reader))
    assert kept(busier, span_s) == kept(Row(0, up_s=60.0), span_s)


def test_what_was_kept_can_be_taken_up_again() -> None:
    once = kept(a_row(), HOUR_S)
    again = kept(merge(taken_up(once), Row(0)), HOUR_S)
    assert again == once
    assert taken_up(once).connect[:2] == [6.75, 38.25]


def test_rows_are_put_together_by_their_time() -> None:
    rows = [a_row(at_s, ok=1) for at_s in range(0, 1800, 60)]
    assert [(row.at_s, row.ok, row.up_s) for row in regrouped(reversed(rows), 600)] == [
        (0, 10, 600.0),
        (600, 10, 600.0),
        (1200, 10, 600.0),
    ]


def test_an_old_row_with_fewer_fields_and_one_with_more_can_be_read() -> None:
    assert msgspec.json.decode(b'{"at_s":5,"ok":20,"of_tomorrow":1}', type=Row) == Row(5, ok=20)


def test_the_steps_are_those_that_the_threat_model_names() -> None:
    assert (COUNT_STEP, FEW_SESSIONS, BYTES_STEP) == (10, 5, 10_000_000)


def test_a_failure_among_many_is_kept_as_its_share() -> None:
    row = kept(Row(0, ok=97, none=1, failed=2, sessions_most=50), MINUTE_S)
    assert (row.ok, row.none, row.failed, row.success) == (97, 1, 2, 0.97)
    assert kept(Row(0, none=9), MINUTE_S) == Row(0)
    assert kept(Row(0, failed=12), MINUTE_S).failed == 10
