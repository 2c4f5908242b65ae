from __future__ import annotations

import pytest

from unwalled.crypto.keys import LaneCipher
from unwalled.gateway.bounds import WATCH
from unwalled.gateway.lanereports import LaneMeter, peers_rate
from unwalled.session.lane import LaneState
from unwalled.wire.signalling import Verdict


def lane() -> LaneState:
    return LaneState(1, LaneCipher(b"s" * 32, "g2r", 1), LaneCipher(b"s" * 32, "r2g", 1), b"", 0.0)


def carry(state: LaneState, size: int, *, limited_s: float = 0.0) -> None:
    state.confirmed = True
    state.sent_bytes += size
    if limited_s:
        state.estimator.limited_bytes += size
        state.estimator.limited_s += limited_s


def test_each_report_tells_what_is_new() -> None:
    state = lane()
    meter = LaneMeter("ticket", state)
    assert not meter.has_news
    carry(state, 1_000_000, limited_s=2.0)
    first = meter.report(Verdict.GOOD, 250_000.0, 10.0)
    assert (first.carried_bytes, first.rate_bytes_s, first.limited_s) == (1_000_000, 500_000.0, 2.0)
    assert (first.peers_bytes_s, first.lifetime_s, first.ended) == (250_000.0, 10.0, False)
    assert not meter.has_news
    carry(state, 300)
    assert meter.has_news
    second = meter.report(Verdict.GOOD, 250_000.0, 70.0, ended=True)
    assert (second.carried_bytes, second.rate_bytes_s, second.peers_bytes_s, second.ended) == (300, 0.0, 0.0, True)


def test_a_moment_at_the_limit_gives_no_goodput() -> None:
    state = lane()
    carry(state, 1000, limited_s=WATCH.least_limited_s / 2)
    assert LaneMeter("ticket", state).report(Verdict.GOOD, 1.0, 1.0).rate_bytes_s == 0.0


def test_peers_are_the_lanes_through_other_bridges() -> None:
    meters = []
    for ticket, rate in (("a", 100), ("a", 900), ("b", 300), ("c", 500), ("d", 0)):
        state = lane()
        meters.append(LaneMeter(ticket, state))
        if rate:
            carry(state, rate, limited_s=1.0)
    assert peers_rate(meters[0], meters) == 300
    assert peers_rate(meters[2], meters) == 500
    assert peers_rate(meters[0], meters[:2]) == 0.0


@pytest.mark.parametrize(
    ("lost", "now", "size", "early"),
    [
        (True, 5.0, 1000, True),
        (False, 5.0, 1000, False),
        (True, WATCH.early_s, 1000, False),
        (True, 5.0, WATCH.early_bytes, False),
    ],
)
def test_a_lane_that_goes_away_at_once_was_closed_early(lost: bool, now: float, size: int, early: bool) -> None:
    state = lane()
    meter = LaneMeter("ticket", state)
    carry(state, size)
    assert meter.report(Verdict.GOOD, 0.0, now, ended=True, lost=lost).closed_early is early
