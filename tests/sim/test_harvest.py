"""Attackers who pose as many readers, against the real Matching for a day: they learn what the threat model says.

Both ways: no more than the published figure, and not much less, or the figure would say nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from unwalled.broker.bounds import HARVEST
from unwalled.broker.harvest import most_learned
from unwalled.broker.limits import Prefixes
from unwalled.broker.matching import Matching, Outcome, WaitingBridge, Wanted
from unwalled.settings import SIGNALLING, BrokerLimits
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import Client, Nat, Verdict

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "threat-model.md"
ROW = re.compile(r"\| ([^|]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|")
DAY_S = 86_400.0
EVERY_S = 300.0
BRIDGES = 4_000
CHURN = 10
"""Bridges that go, and others that come, between two requests: four fifths of all in a day."""


@dataclass(frozen=True)
class Row:
    """One line of the published table."""

    name: str
    invites: int
    narrow: int
    wide: int
    learned: int
    carrying: int


def rows() -> list[Row]:
    found = ROW.findall(PAGE.read_text("utf-8"))
    return [Row(name, *(int(figure.replace(",", "")) for figure in figures)) for name, *figures in found]


def computed(row: Row, *, carrying: bool) -> int:
    """The formula of the page. Who carries without end earns all that can be earned."""
    earned = float("inf") if carrying else 0.0
    return int(
        min(
            row.invites
            * most_learned(HARVEST.invite_burst, HARVEST.invite_per_h, HARVEST.invite_earned_per_h, 24, earned),
            row.narrow
            * most_learned(HARVEST.narrow_burst, HARVEST.narrow_per_h, HARVEST.narrow_earned_per_h, 24, earned),
            row.wide * most_learned(HARVEST.wide_burst, HARVEST.wide_per_h, HARVEST.wide_earned_per_h, 24, earned),
        )
    )


def test_the_published_figures_are_what_the_bounds_give() -> None:
    assert len(rows()) >= 5
    for row in rows():
        assert (row.learned, row.carrying) == (computed(row, carrying=False), computed(row, carrying=True)), row.name


class Swarm:
    """Bridges that come and go around a matching."""

    def __init__(self) -> None:
        self.rng = Random(7)
        self.matching = Matching(Random(8), BrokerLimits(max_bridges=2 * BRIDGES))
        self.names: list[str] = []
        self.count = 0

    def come(self, now: float) -> None:
        self.count += 1
        name = f"b{self.count}"
        self.matching.join(WaitingBridge(name, f"n{self.count}", Client.PAGE, Nat.UNRESTRICTED, 16, 16), now)
        self.names.append(name)

    def go(self) -> None:
        place = self.rng.randrange(len(self.names))
        self.names[place], self.names[-1] = self.names[-1], self.names[place]
        self.matching.leave(self.names.pop())


def play(row: Row, *, carries: bool = False) -> int:
    """How many bridges the attacker learns in a day when up to four readers at once ask for sixteen every five minutes,
    and never for one that they were given lately. They never connect."""
    swarm = Swarm()
    for _ in range(BRIDGES):
        swarm.come(0.0)
    learned: dict[str, None] = {}
    for turn in range(int(DAY_S / EVERY_S)):
        now = turn * EVERY_S
        for _ in range(CHURN):
            swarm.go()
            swarm.come(now)
        for place in range(min(4, row.invites * row.narrow)):
            at = turn * 4 + place
            network = at % row.narrow
            asker = Prefixes(b"n%d" % network, b"w%d" % (network % row.wide))
            invite = b"i%d" % (place % row.invites if row.narrow < row.invites else at % row.invites)
            avoid = frozenset(list(learned)[-SIGNALLING.max_avoid :])
            wanted = Wanted(Nat.RESTRICTED, tuple(range(16)), 16, avoid, invite, b"%d" % at, prefixes=asker)
            for held in swarm.matching.reserve(wanted, now):
                learned[held.bridge] = None
                swarm.matching.settle(held.match, Outcome(answered=len(held.offers)), now)
                swarm.matching.set_free(held.bridge, 16, 16, now)
            if carries:
                report = LaneReport("t", Verdict.GOOD, 1 << 40)
                swarm.matching.gateway_reported("gone", report, wanted.asker, now)
    return len(learned)


@pytest.mark.parametrize("row", [row for row in rows() if row.learned <= BRIDGES], ids=lambda row: row.name)
def test_an_attacker_learns_what_the_threat_model_says(row: Row) -> None:
    assert 0.85 * row.learned <= play(row) <= row.learned


def test_an_attacker_who_carries_learns_what_the_threat_model_says() -> None:
    (row, *_) = rows()
    assert 1.5 * row.learned <= play(row, carries=True) <= row.carrying
