"""What a reader remembers of bridges."""

from __future__ import annotations

from unwalled.reader.bridges import BridgeBook
from unwalled.settings import READER, SIGNALLING
from unwalled.wire.signalling import Report, Verdict


def test_bridges_that_carry_lanes_are_in_use_until_the_last_lane_closes() -> None:
    book = BridgeBook()
    for bridge in ("a", "a", "b"):
        book.lane_opened(bridge)
    assert (book.in_use, book.avoid(0.0)) == (2, ["a", "b"])
    book.lane_closed("a")
    assert book.in_use == 2
    for bridge in ("a", "a", "b", "never seen"):
        book.lane_closed(bridge)
    assert (book.in_use, book.avoid(0.0)) == (0, [])


def test_a_bridge_that_failed_rests_and_one_that_tampered_rests_longer() -> None:
    book = BridgeBook()
    book.failed("dead", Verdict.DEAD, 10.0)
    book.failed("bad", Verdict.BAD, 10.0)
    book.failed("bad", Verdict.DEAD, 10.0)
    book.lane_opened("good")
    assert book.avoid(10.0) == ["dead", "bad", "good"]
    assert book.resting(10.0) == ["dead", "bad"]
    for _ in range(READER.lanes_through_bridge - 1):
        assert book.full_or_resting(10.0) == ["dead", "bad"]
        book.lane_opened("good")
    assert book.full_or_resting(10.0) == ["dead", "bad", "good"], "others want room there, too"
    assert book.resting(10.0 + READER.dead_bridge_rest_s) == ["bad"]
    assert book.resting(10.0 + READER.bad_bridge_rest_s) == []


def test_a_bridge_that_keeps_closing_its_lanes_rests_and_a_lane_that_lived_makes_up_for_it() -> None:
    book = BridgeBook()

    def lives(seconds: float) -> None:
        book.lane_opened("a")
        book.lane_closed("a")
        book.lane_cut("a", seconds, 5.0)

    for _ in range(READER.short_lives - 1):
        lives(0.1)
    lives(READER.short_life_s)
    for _ in range(READER.short_lives - 1):
        lives(0.1)
    assert (book.resting(5.0), book.take_reports()) == ([], [Report("a", Verdict.GOOD)])
    lives(0.1)
    assert (book.resting(5.0), book.take_reports()) == (["a"], [Report("a", Verdict.DEAD)])


def test_lanes_that_are_lost_all_at_once_are_no_sign_against_their_bridge_until_it_happens_again() -> None:
    book = BridgeBook()
    for moment in (1, 2):
        for _ in range(2 * READER.short_lives):
            book.lane_opened("a")
        for _ in range(2 * READER.short_lives):
            book.lane_closed("a")
            book.lane_cut("a", 0.1, 5.0)
        assert book.resting(5.0) == ["a"] * (moment == 2)


def test_when_nobody_else_is_there_what_failed_may_be_tried_again() -> None:
    book = BridgeBook()
    book.failed("dead", Verdict.DEAD, 10.0)
    book.forgive()
    assert book.avoid(10.0) == []


def test_each_verdict_is_told_once_and_good_does_not_cover_what_is_worse() -> None:
    book = BridgeBook()
    book.lane_opened("good")
    book.lane_opened("bad")
    book.failed("bad", Verdict.BAD, 0.0)
    book.lane_opened("bad")
    assert book.take_reports() == [Report("good", Verdict.GOOD), Report("bad", Verdict.BAD)]
    assert book.take_reports() == []


def test_verdicts_that_were_not_heard_are_told_again_but_do_not_cover_newer_ones() -> None:
    book = BridgeBook()
    book.lane_opened("a")
    book.lane_opened("b")
    lost = book.take_reports()
    book.failed("a", Verdict.BAD, 0.0)
    book.keep_reports(lost)
    assert book.take_reports() == [Report("a", Verdict.BAD), Report("b", Verdict.GOOD)]


def test_its_memory_is_bounded_and_the_idle_ones_are_forgotten_first() -> None:
    book = BridgeBook()
    book.lane_opened("busy")
    for number in range(SIGNALLING.max_avoid):
        book.failed(f"idle-{number}", Verdict.DEAD, 0.0)
    assert len(book.avoid(0.0)) == SIGNALLING.max_avoid
    assert "busy" in book.avoid(0.0)
    assert "idle-0" not in book.avoid(0.0)
    assert len(book.take_reports()) == SIGNALLING.max_reports


def test_when_all_are_busy_the_oldest_gives_way_to_the_new_one() -> None:
    book = BridgeBook()
    for number in range(SIGNALLING.max_avoid + 1):
        book.lane_opened(f"busy-{number}")
    assert book.in_use == SIGNALLING.max_avoid
    assert "busy-0" not in book.avoid(0.0)
    assert f"busy-{SIGNALLING.max_avoid}" in book.avoid(0.0)


def test_a_bridge_that_brought_the_gateways_own_refusal_is_acquitted() -> None:
    book = BridgeBook()
    book.refused("honest", 0.0)
    book.failed("dead", Verdict.DEAD, 0.0)
    book.refused("bad", 0.0)
    book.failed("bad", Verdict.BAD, 0.0)
    assert book.has_doubts
    assert set(book.resting(1.0)) == {"honest", "dead", "bad"}
    book.acquit_refused()
    assert set(book.resting(1.0)) == {"dead", "bad"}
    assert set(book.take_reports()) == {Report("dead", Verdict.DEAD), Report("bad", Verdict.BAD)}
    assert not book.has_doubts
    book.refused("told", 1.0)
    assert book.take_reports() == [Report("told", Verdict.DEAD)]
    book.acquit_refused()
    assert "told" not in book.resting(1.5), "what the broker has heard cannot be taken back"
    book.refused("honest", 2.0)
    book.failed("honest", Verdict.DEAD, 3.0)
    book.acquit_refused()
    assert "honest" in book.resting(4.0), "it failed otherwise, too"


def test_a_change_of_network_excuses_silence_and_no_tampering() -> None:
    book = BridgeBook()
    book.failed("dead", Verdict.DEAD, 10.0)
    book.failed("bad", Verdict.BAD, 10.0)
    book.failed("bad", Verdict.DEAD, 10.0)
    book.lane_opened("good")
    book.forgive_silence()
    assert book.resting(10.0) == ["bad"]
    assert book.take_reports() == [Report("bad", Verdict.DEAD), Report("good", Verdict.GOOD)]
    book.forgive()
    book.failed("bad", Verdict.DEAD, 20.0)
    book.forgive_silence()
    assert book.resting(20.0) == []
