"""A hostile bridge beside an honest one: the session keeps what the honest one gives, and somebody tells the broker.

What the reader sees travels with its next request to the broker, which follows at once when a bridge's lanes are gone
(tests/unit/reader/test_client.py). What the gateway sees it says itself (tests/integration/test_chain_hostile.py).
"""

from __future__ import annotations

import functools

import pytest

from tests.support.adversaries import TAMPERS, TURNS, SiegeWorld
from unwalled.settings import READER, SESSION


@functools.cache
def honest_bytes(up: bool) -> int:
    """What the honest bridge gives alone."""
    return SiegeWorld(None, up=up).outcome().got_bytes


@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
@pytest.mark.parametrize("turn", TURNS)
def test_the_session_keeps_what_honest_bridges_give(turn: str, up: bool) -> None:
    siege = SiegeWorld(TURNS[turn], up=up)
    outcome = siege.outcome()
    assert outcome.got_bytes >= 0.8 * honest_bytes(up)
    assert outcome.longest_gap_s < 1.0
    told = outcome.told_after_s
    if turn in TAMPERS:
        assert min(told.values()) < 1.0, "whoever got the wrong record knows at once"
    elif turn == "opens and closes":
        # Neither end may blame a lane that closed: the reader counts lanes that lived for too short a time.
        assert told == {}
        assert siege.hostile_lanes_closed > 3 * READER.short_lives
    else:
        assert min(told.values()) < SESSION.lane_dead_s + SESSION.useless_s
