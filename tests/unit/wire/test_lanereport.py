from __future__ import annotations

import pytest

from unwalled.errors import SignallingError
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Verdict


def test_a_report_comes_back_as_it_was() -> None:
    report = LaneReport(
        "ticket",
        Verdict.GOOD,
        5000,
        ended=False,
        closed_early=True,
        rate_bytes_s=1e6,
        limited_s=2.5,
        peers_bytes_s=5e5,
        round_trip_s=0.2,
        lifetime_s=61.0,
    )
    assert LaneReport.decode(report.encode()) == report
    assert LaneReport.decode(b'{"ticket":"t","verdict":"dead"}') == LaneReport("t", Verdict.DEAD)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"[]",
        b'{"ticket":"","verdict":"good"}',
        b'{"ticket":"t","verdict":"fine"}',
        b'{"ticket":"t","verdict":"good","carried_bytes":-1}',
        b'{"ticket":"t","verdict":"good","rate_bytes_s":1e400}',
    ],
)
def test_what_is_no_report_is_refused(wrong: bytes) -> None:
    with pytest.raises(SignallingError):
        LaneReport.decode(wrong)
