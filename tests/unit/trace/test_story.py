"""What a trace is understood to say."""

from __future__ import annotations

import pytest

from unwalled.session.notes import (
    Decision,
    DecisionCause,
    DecisionKind,
    LaneBound,
    LaneEnded,
    LaneJoined,
    LaneSample,
    LanesHeldUp,
    LaneSilent,
    LaneSpoke,
    LaneThrough,
    Note,
    Sample,
    SentAgain,
    SessionBegan,
    SessionEnded,
    SessionEstablished,
    StoodStill,
    StreamBegan,
    StreamEnded,
    TraceFull,
)
from unwalled.trace.reading import Trace
from unwalled.trace.story import Story, rates, tell


def story_of(*notes: Note) -> Story:
    """The story of these notes, after the beginning of a reader's session."""
    return tell(Trace([SessionBegan(0.0, "reader"), *notes], "whole"))


def sampled(lane: int, received: int, sent: int = 0, round_trip_s: float | None = 0.1) -> LaneSample:
    """A sample of a lane that has carried so much."""
    return LaneSample(lane, round_trip_s, round_trip_s, 1000, 65536, 100, sent, received, 1)


def test_a_lane_is_known_by_its_bridge_whatever_was_told_first() -> None:
    story = story_of(
        LaneThrough(0.1, 0, 2),
        LaneJoined(0.2, 7),
        LaneBound(0.2, 0, 7),
        LaneJoined(0.3, 8),
        LaneBound(0.3, 1, 8),
        LaneThrough(0.4, 1, 1),
        LaneJoined(0.5, 9),
        LaneJoined(0.5, 9),
    )
    assert [(lane.lane, lane.bridge) for lane in story.lanes] == [(9, 0), (8, 1), (7, 2)]
    assert story.bridges == [0, 1, 2]
    assert [story.bridge_name(bridge) for bridge in story.bridges] == ["bridge ?", "bridge 1", "bridge 2"]


def test_a_gateway_knows_lanes_by_their_own_numbers() -> None:
    story = tell(Trace([SessionBegan(0.0, "gateway"), LaneJoined(0.0, 3), LaneThrough(0.1, 3, 4)], "whole"))
    assert (story.role, story.lanes[0].bridge) == ("gateway", 4)
    # Two matches may be with one bridge, which only the broker knows.
    assert story.bridge_name(4) == "match 4"


@pytest.mark.parametrize(("code", "words"), [(11, "it was no longer wanted"), (77, "code 77")])
def test_why_a_session_ended(code: int, words: str) -> None:
    assert story_of(SessionEnded(1.0, code)).moments[-1].text == f"the session ends: {words}"


def test_what_a_lane_carried_is_put_where_it_was_carried() -> None:
    story = story_of(
        LaneJoined(0.0, 0),
        Sample(1.0, 0, "", 0, [sampled(0, 10_000)]),
        Sample(1.05, 0, "", 0, [sampled(0, 20_000)]),
        # Nothing for long, then a little: not spread over the quiet time.
        Sample(9.0, 0, "", 0, [sampled(0, 30_000)]),
        Sample(9.05, 0, "", 0, [sampled(0, 30_000, sent=5)]),
        LaneEnded(9.5, 0, "closed", 5, 40_000, 0),
        SessionEnded(10.0, 11),
    )
    (lane,) = story.lanes
    assert (lane.received, lane.sent) == (40_000, 5)
    received = rates(lane, "received", 1.0, 10)
    assert [round(rate) for rate in received] == [10_000, 10_000, 0, 0, 0, 0, 0, 0, 10_000, 10_000]
    assert sum(rates(lane, "sent", 1.0, 10)) == 5
    assert lane.median_rate("received") == pytest.approx(100_000)
    assert lane.median_rate("sent") is None
    assert story.busy_s("received") == pytest.approx(9.5 - 0.9)
    assert story.busy_s("sent") == 0.0


def test_the_life_of_a_lane() -> None:
    story = story_of(
        LaneJoined(1.0, 0),
        LaneJoined(1.0, 1),
        LaneSilent(2.0, 0, 5000, 0.3),
        SentAgain(2.0, 0, 4000, "silent"),
        LaneSpoke(3.0, 0),
        LaneSpoke(3.5, 0),
        LaneSilent(4.0, 0, 100, 0.3),
        LaneEnded(5.0, 0, "silent", 9000, 100, 2000),
        SentAgain(5.0, 0, 2000, "left"),
        SentAgain(5.0, 77, 1, "left"),
        LaneSilent(6.0, 1, 100, 0.3),
        LaneEnded(6.0, 42, "closed", 0, 0, 0),
        LaneSilent(6.0, 42, 0, 0.1),
        SessionEstablished(8.0),
    )
    first, second = story.lanes
    assert (first.began, first.ended, first.why_left, first.again) == (1.0, 5.0, "silent", 6000)
    assert first.silences == [(2.0, 3.0), (4.0, 5.0)]
    assert (second.began, second.ended, second.why_left) == (1.0, 8.0, None)
    assert second.silences == [(6.0, 8.0)]
    assert (story.again_left, story.again_silent) == (2001, 4000)
    assert first.median_round_trip_s() is None


def test_windows_and_bytes_in_flight_are_those_of_the_lanes_that_live() -> None:
    story = story_of(
        LaneJoined(0.0, 0),
        LaneJoined(0.0, 1),
        Sample(1.0, 500, "lane", 0, [sampled(0, 1), sampled(1, 1), sampled(55, 1)]),
        Sample(2.0, 400, "", 0, [sampled(0, 2)]),
        LaneEnded(2.5, 1, "closed", 0, 1, 0),
        Sample(3.0, 300, "", 0, [sampled(0, 3)]),
    )
    assert story.waits == [(1.0, "lane"), (2.0, ""), (3.0, "")]
    assert story.levels == [(1.0, 131072, 200, 500), (2.0, 131072, 200, 400), (3.0, 65536, 100, 300)]
    assert story.lanes[0].median_round_trip_s() == 0.1


def test_streams_waits_and_repetitions_are_added_up_over_sessions() -> None:
    story = story_of(
        StreamBegan(0.1, 1),
        StoodStill(1.0, 1, 0.4),
        StreamEnded(1.5, 1, 10, 20, 0.4, False),
        LaneJoined(1.0, 0),
        Sample(1.6, 0, "", 700, []),
        LanesHeldUp(1.7),
        SessionBegan(2.0, "reader"),
        LaneJoined(2.1, 0),
        Sample(2.2, 0, "", 50, []),
        StreamBegan(2.3, 1),
        StreamEnded(2.4, 1, 1, 2, 0.1, True),
        TraceFull(2.5),
    )
    assert (story.sessions, story.streams, story.streams_cut) == (2, 2, 1)
    assert (story.payload_sent, story.payload_received) == (11, 22)
    assert (story.repeated, story.longest_wait_s) == (750, 0.4)
    assert story.held_up == [1.7]
    assert story.stand_stills == [(0.6, 1.0)]
    assert [(lane.session, lane.ended) for lane in story.lanes] == [(1, 2.0), (2, 2.5)]
    texts = [moment.text for moment in story.moments]
    assert "a transfer stands still for 0.40 s" in texts
    assert texts[-1].startswith("the file is full")


def test_lanes_that_leave_together_are_one_moment() -> None:
    notes: list[Note] = [LaneJoined(0.0, lane) for lane in range(5)]
    notes += [LaneThrough(0.0, lane, 1 + lane // 3) for lane in range(5)]
    notes += [LaneEnded(4.0 + lane / 10, lane, "closed", 0, 0, 0) for lane in range(3)]
    notes += [LaneEnded(4.2, 3, "misbehaved", 0, 0, 0), LaneEnded(6.0, 4, "misbehaved", 0, 0, 0)]
    assert [(moment.at, moment.text) for moment in story_of(*notes).moments[1:]] == [
        (4.0, "3 lanes of bridge 1 closed"),
        (4.2, "1 lane of bridge 2 left: the bridge tampered"),
        (6.0, "1 lane of bridge 2 left: the bridge tampered"),
    ]


@pytest.mark.parametrize(
    ("what", "lanes", "bridges", "rate", "why", "text"),
    [
        ("more", 16, 0, 1_250_000, "limited", "16 lanes more are wanted: lanes hold the session up (at 10.0 Mbit/s)"),
        ("fewer", 16, 0, 0, "no gain", "16 lanes are given back: they did not help"),
        ("fewer", 1, 0, 0, "quiet", "1 lane are given back: nothing needs them"),
        ("matched", 8, 2, 0, "", "the broker finds 8 lanes over 2 bridges"),
        ("matched", 1, 1, 0, "", "the broker finds 1 lane over 1 bridge"),
        ("unmatched", 4, 0, 0, "", "the broker finds no bridge for 4 lanes"),
        ("failed", 1, 3, 0, "", "a lane through bridge 3 does not open"),
    ],
)
def test_decisions_in_words(
    what: DecisionKind, lanes: int, bridges: int, rate: int, why: DecisionCause, text: str
) -> None:
    story = story_of(Decision(1.0, "asked", 8, 2), Decision(2.0, what, lanes, bridges, rate, why))
    assert [moment.text for moment in story.moments] == ["a session begins", text]
