"""Counts of several gateway processes, added up."""

from __future__ import annotations

from unwalled.gateway.counters import EgressCounters
from unwalled.gateway.sessions import SessionCounters
from unwalled.operator.numbers.tally import Tally, put_sums, tally_of
from unwalled.wire.codes import Code


def busy(factor: int) -> tuple[SessionCounters, EgressCounters]:
    sessions, egress = SessionCounters(), EgressCounters()
    sessions.sessions_opened, sessions.lanes_taken = 2 * factor, 8 * factor
    egress.open_streams, egress.bytes_down = factor, 1000 * factor
    egress.dialled(0.02)
    egress.refused(Code.NO_BRIDGE)
    return sessions, egress


def test_sums_hold_every_number_of_every_process() -> None:
    tallies = [tally_of(1, 4, 5, 2, *busy(factor)) for factor in (1, 10)]
    sessions, egress = SessionCounters(), EgressCounters()
    egress.cut(Code.GENERAL)
    put_sums(tallies, sessions, egress)
    assert (sessions.sessions_opened, sessions.lanes_taken, sessions.lanes_refused) == (22, 88, 0)
    assert (egress.open_streams, egress.bytes_down, egress.streams_opened) == (11, 11_000, 2)
    assert egress.streams_refused == {Code.NO_BRIDGE: 2}
    assert egress.streams_cut == {}
    assert egress.dial_buckets == [0, 2, 0, 0, 0, 0, 0, 0]
    assert egress.dial_seconds == 0.04


def test_what_a_process_held_ends_with_it_and_what_it_did_stays() -> None:
    left = tally_of(1, 4, 5, 2, *busy(1)).ended()
    assert (left.sessions, left.lanes, left.open_sockets, left.tasks) == (0, 0, 0, 0)
    sessions, egress = SessionCounters(), EgressCounters()
    put_sums([left, Tally()], sessions, egress)
    assert (egress.open_streams, egress.bytes_down, sessions.lanes_taken) == (0, 1000, 8)
