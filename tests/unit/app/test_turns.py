from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.app_world import invite
from unwalled.app.invites import StoredInvite
from unwalled.app.turns import NEVER, Turns
from unwalled.reader.status import Phase
from unwalled.settings import APP

ONE, TWO = StoredInvite("1", invite(1)), StoredInvite("2", invite(2))
OVER = StoredInvite("3", invite(3, expires_s=50))
NOW = 100.0


def test_the_first_of_the_book_comes_first_but_for_expired_and_refused_ones() -> None:
    turns = Turns()
    assert turns.next([], NOW) is None
    assert turns.next([OVER], 49.0) == OVER
    assert turns.next([OVER], NOW) == OVER, "the clock may be wrong, and the operator knows"
    assert turns.next([OVER, ONE, TWO], NOW) == ONE
    refused = replace(ONE, is_refused=True)
    assert turns.next([refused, TWO], NOW) == TWO
    assert turns.next([refused, OVER], NOW) == refused


def test_each_is_tried_once_in_a_round_and_one_that_works_ends_it() -> None:
    turns = Turns()
    entries = [ONE, TWO]
    turns.gave_up("1")
    assert turns.next(entries, NOW) == TWO
    turns.gave_up("2")
    assert turns.next(entries, NOW) == ONE
    turns.gave_up("1")
    assert turns.next(entries, NOW) == TWO
    turns.worked()
    assert turns.next(entries, NOW) == ONE


def test_what_a_person_wants_comes_before_all_others() -> None:
    turns = Turns()
    turns.wanted("2")
    assert turns.next([ONE, TWO], NOW) == TWO
    turns.gave_up("2")
    assert turns.next([ONE, TWO], NOW) == ONE


@pytest.mark.parametrize(
    ("phase", "first", "second"),
    [
        (Phase.REFUSED, 0.0, 2 * APP.operator_patience_s),
        (Phase.NO_BROKER, APP.operator_patience_s, 2 * APP.operator_patience_s),
        (Phase.NO_BRIDGE, APP.bridge_patience_s, 2 * APP.bridge_patience_s),
        (Phase.SEARCHING, NEVER, NEVER),
        (Phase.CONNECTING, NEVER, NEVER),
        (Phase.CONNECTED, NEVER, NEVER),
    ],
)
def test_patience_grows_with_each_round_up_to_a_bound(phase: Phase, first: float, second: float) -> None:
    turns = Turns()
    assert turns.patience_s("1", phase) == first
    turns.wanted("1")
    assert turns.patience_s("1", phase) == first
    turns.worked()
    turns.gave_up("1")
    assert turns.patience_s("1", phase) == second
    for _ in range(5000):
        turns.gave_up("1")
    assert turns.patience_s("1", phase) == (NEVER if first == NEVER else APP.max_patience_s)
