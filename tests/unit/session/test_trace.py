"""What a session notes about itself."""

from __future__ import annotations

import itertools
from collections import deque

import pytest

from tests.support.notes import KeptNotes
from tests.support.session_pair import LaneShape, World
from tests.support.transfers import Plan, Transfers
from unwalled.session.events import StreamReadable
from unwalled.session.notes import (
    LaneBound,
    LaneEnded,
    LaneJoined,
    LanesHeldUp,
    LaneSilent,
    LaneSpoke,
    LaneThrough,
    Numbering,
    Sample,
    SentAgain,
    SessionBegan,
    SessionEnded,
    SessionEstablished,
    StoodStill,
    StreamBegan,
    StreamEnded,
)
from unwalled.session.streams import StreamTable
from unwalled.session.trace import SessionTrace
from unwalled.settings import MIB, SESSION, TRACE
from unwalled.wire.codes import Code

SLOW = LaneShape(latency_s=0.05, rate=1e6)


class Traced:
    """A world both of whose ends are traced."""

    def __init__(self, lanes: int, lifetime_s: int = 120) -> None:
        self.reader, self.gateway = KeptNotes(), KeptNotes()
        self.world = World(1, 4 * MIB, lifetime_s, self.reader, self.gateway)
        self.transfers = Transfers(self.world, 1)
        self.lanes = [self.world.open_lane(SLOW) for _ in range(lanes)]
        self.world.run(1.0)

    def download(self, size: int, until: float) -> int:
        """Reads so much; ends at ``until`` at the latest."""
        sid = self.transfers.start(Plan(100, size))
        self.world.run(until, lambda: self.transfers.reader[sid].is_over)
        return sid


def test_the_beginning_of_a_session_and_its_lanes() -> None:
    traced = Traced(3)
    assert [note.role for note in traced.reader.of(SessionBegan)] == ["reader"]
    assert [note.role for note in traced.gateway.of(SessionBegan)] == ["gateway"]
    assert len(traced.reader.of(SessionEstablished)) == len(traced.gateway.of(SessionEstablished)) == 1
    for kept in (traced.reader, traced.gateway):
        assert [note.lane for note in kept.of(LaneJoined)] == [0, 1, 2]
    assert [(note.key, note.lane) for note in traced.reader.of(LaneBound)] == [(0, 0), (1, 1), (2, 2)]


def test_a_download_is_sampled_but_not_more_often_than_agreed() -> None:
    traced = Traced(2)
    sid = traced.download(3 * MIB, 30.0)
    assert traced.transfers.reader[sid].got == 3 * MIB
    samples = traced.gateway.of(Sample)
    assert any(sample.backlog > 0 and sample.waits_for == "lane" for sample in samples)
    sent = {lane.lane: lane.sent for sample in samples for lane in sample.lanes}
    assert sum(sent.values()) >= 3 * MIB
    received = {lane.lane: lane.received for sample in traced.reader.of(Sample) for lane in sample.lanes}
    assert sum(received.values()) >= 2.9 * MIB
    busy = [lane for sample in samples for lane in sample.lanes if lane.rate]
    assert all(lane.round_trip_s is not None and lane.round_trip_s >= 0.1 for lane in busy)
    assert all(lane.window > 0 and lane.records_sent > 0 for lane in busy)
    times = [sample.at for sample in samples]
    # The end of a stream is sampled at once, besides.
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    assert all(gap >= TRACE.sample_s - 1e-9 for gap in gaps[2:])
    assert len(traced.gateway.notes) < 400


def test_a_lane_of_which_nothing_changes_is_left_out_of_samples() -> None:
    kept = KeptNotes()
    trace = SessionTrace(kept, False, 0.0)
    lanes = list(Traced(2).world.gateways[0].session.lanes.values())
    streams = StreamTable(False, deque(), lambda event: None)
    trace.sample(lanes, streams, False, 1.0)
    trace.sample(lanes, streams, False, 2.0)
    lanes[1].sent_bytes += 1
    trace.sample(lanes, streams, False, 3.0)
    assert [[lane.lane for lane in sample.lanes] for sample in kept.of(Sample)] == [[0, 1], [1]]


def test_a_silent_lane_and_what_is_sent_again() -> None:
    traced = Traced(2)
    sid = traced.transfers.start(Plan(100, 4 * MIB))
    traced.world.run(2.0)
    traced.world.stall(traced.lanes[1], 3.0)
    traced.world.run(40.0, lambda: traced.transfers.reader[sid].is_over)
    traced.world.run(traced.world.now + 5.0)
    silences, spoke, *_ = traced.gateway.of(LaneSilent), *traced.gateway.of(LaneSpoke)
    silent = silences[0]
    assert {note.lane for note in silences} == {silent.lane}
    assert silent.lane == spoke.lane == traced.lanes[1].wire
    assert silent.owed > 0
    assert silent.limit_s >= SESSION.small_silence_floor_s
    assert 2.0 < silent.at < spoke.at
    again = [note for note in traced.gateway.of(SentAgain) if note.lane == silent.lane]
    assert sum(note.size for note in again) > 0
    assert {note.why for note in again} == {"silent"}
    assert all(note.at >= silent.at for note in again)
    repeated = traced.reader.of(Sample)[-1].repeated
    assert repeated > 0
    # What came is what was sent, and what came twice.
    assert repeated <= sum(note.size for note in again) + 4096


def test_a_lane_that_is_killed_tells_what_it_owed() -> None:
    traced = Traced(2)
    sid = traced.transfers.start(Plan(100, 4 * MIB))
    traced.world.run(2.0)
    traced.world.kill(traced.lanes[0])
    traced.world.run(40.0, lambda: traced.transfers.reader[sid].is_over)
    (left,) = traced.gateway.of(LaneEnded)
    assert (left.lane, left.why) == (0, "closed")
    assert left.owed > 0
    assert left.sent > 0
    assert [note.why for note in traced.gateway.of(SentAgain)] == ["left"]
    (seen_by_reader,) = traced.reader.of(LaneEnded)
    assert seen_by_reader.received > 0


@pytest.mark.parametrize(("trick", "why"), [("flip", "misbehaved"), ("", "silent")])
def test_why_a_lane_was_left(trick: str, why: str) -> None:
    traced = Traced(2)
    lane = traced.world.open_lane(LaneShape(tricks=(trick,), trick_chance=1.0) if trick else SLOW)
    if not trick:
        traced.world.run(2.0)
        traced.world.silence(lane)
    traced.download(100_000, 5.0)
    traced.world.run(60.0)
    assert why in [note.why for note in traced.gateway.of(LaneEnded) + traced.reader.of(LaneEnded)]


def test_streams_are_told_with_their_bytes_and_how_they_ended() -> None:
    traced = Traced(1)
    sid = traced.download(300_000, 10.0)
    traced.world.run(traced.world.now + 2.0)
    (began,) = traced.reader.of(StreamBegan)
    (ended,) = traced.reader.of(StreamEnded)
    assert (began.stream, ended.stream, ended.sent, ended.received, ended.cut) == (sid, sid, 100, 300_000, False)
    (there,) = traced.gateway.of(StreamEnded)
    assert (there.stream, there.sent, there.received, there.cut) == (sid, 300_000, 100, False)
    assert 1.0 <= began.at < ended.at


def test_a_stream_that_is_cut_by_either_end() -> None:
    traced = Traced(1)
    core = traced.world.reader.core
    sid = traced.transfers.start(Plan(100, 100))
    traced.world.run(1.01)
    core.reset(sid, Code.CANCELLED)
    core.reset(sid, Code.CANCELLED)
    core.finish(sid)
    core.write(sid, b"x")
    assert core.read(sid, traced.world.now) == (b"", True)
    traced.world.run(3.0)
    assert [(note.stream, note.cut) for note in traced.reader.of(StreamEnded)] == [(sid, True)]
    assert [(note.stream, note.cut) for note in traced.gateway.of(StreamEnded)] == [(sid, True)]


def test_a_transfer_that_stands_still_is_noted() -> None:
    traced = Traced(1)
    sid = traced.transfers.start(Plan(100, 2 * MIB))
    traced.world.run(2.0)
    traced.world.stall(traced.lanes[0], 1.5)
    traced.world.run(30.0, lambda: traced.transfers.reader[sid].is_over)
    traced.world.run(traced.world.now + 1.0)
    (still,) = traced.reader.of(StoodStill)
    assert still.stream == sid
    assert 1.2 < still.seconds < 1.6
    (ended,) = traced.reader.of(StreamEnded)
    assert ended.longest_wait_s == still.seconds


def test_a_pause_before_the_next_request_is_no_standing_still() -> None:
    kept = KeptNotes()
    trace = SessionTrace(kept, True, 0.0)
    emit = trace.watching(lambda event: None)
    trace.stream_began(1)
    trace.stream_read(1, TRACE.transfer_bytes, False, 1.0)
    trace.stream_wrote(1, 10)
    emit(StreamReadable(1))
    trace.stamp(9.0)
    emit(StreamReadable(2))
    trace.stamp(9.5)
    trace.stream_read(1, 5, False, 10.0)
    emit(StreamReadable(1))
    trace.stamp(10.1)
    assert kept.of(StoodStill) == []
    trace.ended(Code.GENERAL)
    (ended,) = kept.of(StreamEnded)
    assert ended.longest_wait_s == pytest.approx(0.1)


def test_a_backlog_that_waits_for_the_other_ends_window() -> None:
    traced = Traced(2)
    sid = traced.transfers.start(Plan(100, 3 * MIB, read_delay_s=10_000.0))
    traced.world.run(10.0)
    assert traced.transfers.reader[sid].got == 0
    assert traced.gateway.of(Sample)[-1].waits_for == "window"


def test_lanes_that_hold_the_session_up() -> None:
    traced = Traced(1)
    traced.download(6 * MIB, 6.0)
    assert traced.gateway.of(LanesHeldUp)


def test_the_end_of_a_session_ends_its_streams() -> None:
    traced = Traced(1)
    sid = traced.transfers.start(Plan(100, 8 * MIB))
    traced.world.run(2.0)
    traced.world.reader.close(Code.CANCELLED)
    traced.world.run(3.0)
    for kept in (traced.reader, traced.gateway):
        assert [(note.stream, note.cut) for note in kept.of(StreamEnded)] == [(sid, True)]
        assert [note.code for note in kept.of(SessionEnded)] == [Code.CANCELLED]
        assert isinstance(kept.notes[-1], SessionEnded)


def test_a_session_that_nobody_came_back_to_ends_when_its_time_is_over() -> None:
    traced = Traced(1, lifetime_s=10)
    traced.world.kill(traced.lanes[0])
    traced.world.run(60.0)
    (ended,) = traced.gateway.of(SessionEnded)
    assert 10.0 < ended.at < 12.0


def test_which_bridge_a_lane_goes_through() -> None:
    kept = KeptNotes()
    SessionTrace(kept, False, 1.0).lane_through(5, 2, 3.0)
    assert kept.of(LaneThrough) == [LaneThrough(3.0, 5, 2)]


def test_a_session_without_a_trace_behaves_the_same() -> None:
    def run(reader: KeptNotes | None, gateway: KeptNotes | None) -> tuple[int, float]:
        world = World(7, 4 * MIB, 120, reader, gateway)
        transfers = Transfers(world, 7)
        lanes = [world.open_lane(LaneShape(jitter_s=0.02)) for _ in range(3)]
        sid = transfers.start(Plan(1000, 3 * MIB))
        world.run(1.5)
        world.kill(lanes[0])
        world.run(30.0, lambda: transfers.reader[sid].is_over)
        return world.bytes_on_lanes, world.now

    assert run(KeptNotes(), KeptNotes()) == run(None, None)


def test_names_get_numbers_in_the_order_of_their_appearance() -> None:
    numbering = Numbering(2)
    assert [numbering.number(name) for name in ("b", "a", "b", "a", "b")] == [1, 2, 1, 2, 1]
    assert numbering.number("c") == 3
    assert numbering.number("b") == 1
    assert numbering.number("a") == 4
