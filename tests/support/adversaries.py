"""A hostile bridge beside honest ones, in a simulated session: what the session still carries, and who tells of it.

The hostile bridge opens four lanes as good as the honest ones, is honest until the session relies on it, and then
turns. When the session leaves one of its lanes, it offers a new one that is hostile from its first byte on: a reader's
client would not take it (see `unwalled.reader.bridges`), so the session is shown the worst.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.rough_lanes import MBIT_S, BulkTransfers, RoughLane, RoughShape, RoughWorld
from unwalled.session.events import LaneLeft, LeaveReason

TURNS_AT_S = 2.0
MEASURED_S = 30.0
HONEST_LANES = 4
HOSTILE_LANES = 4
_OFFERS_AGAIN_S = 0.3

Turn = Callable[["SiegeWorld", RoughLane], None]
"""From now on a lane of the bridge is hostile."""


def passes_no_acks(world: SiegeWorld, rough: RoughLane) -> None:
    """The bridge passes on what the gateway sends, and nothing of what the reader answers."""
    rough.swallows.add(True)


def delays_down(world: SiegeWorld, rough: RoughLane) -> None:
    """What the gateway sends comes three seconds later."""
    rough.added_s[False] = 3.0


def delays_up(world: SiegeWorld, rough: RoughLane) -> None:
    """What the reader answers comes three seconds later."""
    rough.added_s[True] = 3.0


def tampers(trick: str) -> Turn:
    """One message in fifty is not what it was."""

    def turn(world: SiegeWorld, rough: RoughLane) -> None:
        rough.shape.tricks = (trick,)
        rough.shape.trick_chance = 0.02

    return turn


def opens_and_closes(world: SiegeWorld, rough: RoughLane) -> None:
    """Each lane is closed after half a second, and another one comes."""

    def close() -> None:
        if not rough.is_dead:
            world.die(rough, silently=False)
            world.offer_again()

    world.at(world.now + 0.5 * world.random.uniform(0.5, 1.5), close)


def trickles(world: SiegeWorld, rough: RoughLane) -> None:
    """A kilobyte each second: nothing is ever late by much more than usual."""
    world.set_rate(rough, 1000.0)


def fades(world: SiegeWorld, rough: RoughLane) -> None:
    """The lane becomes slower by and by, until each record takes seconds: never silent, and of no use."""

    def halve() -> None:
        if not rough.is_dead and rough.shape.rate > 800.0:
            world.set_rate(rough, rough.shape.rate / 2)
            world.at(world.now + 1.0, halve)

    halve()


def breathes(world: SiegeWorld, rough: RoughLane) -> None:
    """Nothing moves for 15 s, which is just not enough to be given up; then all does for a tenth of a second."""

    def hold() -> None:
        if not rough.is_dead:
            world.pause(rough, 15.0)
            world.at(world.now + 15.1, hold)

    hold()


@dataclass(slots=True)
class Outcome:
    """What a run showed, from the turn on."""

    got_bytes: int
    longest_gap_s: float
    told_after_s: dict[str, float] = field(default_factory=dict)
    """Who could tell the broker how soon after the turn: ``reader`` or ``gateway``, and what they saw."""


class SiegeWorld(RoughWorld):
    """A session over honest lanes and, with a turn, those of one hostile bridge."""

    def __init__(self, turn: Turn | None, *, up: bool = False, streams: int = 4) -> None:
        super().__init__(7)
        self.checks_every = 1 << 60
        self.transfers = BulkTransfers(self, streams, up=up)
        self.transfers.lane_left = self._left_by_reader
        self.transfers.lane_left_by_gateway = lambda event: self._tell("gateway", event.reason)
        self.told_after_s: dict[str, float] = {}
        self._turn = turn
        self._hostile: dict[int, RoughLane] = {}

    def outcome(self) -> Outcome:
        """Lets it run."""
        for _ in range(HONEST_LANES):
            self.open_rough(_shape())
        if self._turn is not None:
            for _ in range(HOSTILE_LANES):
                rough = self.open_rough(_shape())
                self._hostile[rough.lane.key] = rough
        self.run(TURNS_AT_S)
        if self._turn is not None:
            for rough in list(self._hostile.values()):
                self._turn(self, rough)
        self.transfers.reset_gaps()
        got = self.transfers.got_bytes
        self.run(TURNS_AT_S + MEASURED_S)
        self.transfers.end()
        assert self.reader_closed == []
        assert not any(lane in self.gateway_left and lane not in self._hostile for lane in self.rough)
        return Outcome(self.transfers.got_bytes - got, self.transfers.longest_gap_s, self.told_after_s)

    @property
    def hostile_lanes_closed(self) -> int:
        """How often the hostile bridge closed a lane."""
        return sum(rough.is_dead for rough in self._hostile.values())

    def offer_again(self) -> None:
        """The hostile bridge opens one more lane."""
        rough = self.open_rough(_shape())
        self._hostile[rough.lane.key] = rough
        assert self._turn is not None
        self._turn(self, rough)

    def _left_by_reader(self, event: LaneLeft) -> None:
        assert event.lane in self._hostile, "an honest lane was left"
        self._tell("reader", event.reason)
        self.at(self.now + _OFFERS_AGAIN_S, self.offer_again)

    def _tell(self, who: str, reason: LeaveReason) -> None:
        if reason in (LeaveReason.MISBEHAVED, LeaveReason.SILENT):
            self.told_after_s.setdefault(f"{who}: {reason.value}", self.now - TURNS_AT_S)


def _shape() -> RoughShape:
    return RoughShape(latency_s=0.03, rate=4 * MBIT_S, jitter_s=0.002)


TURNS: dict[str, Turn] = {
    "passes no acks": passes_no_acks,
    "delays down": delays_down,
    "delays up": delays_up,
    "flips bits": tampers("flip"),
    "repeats": tampers("repeat"),
    "forges": tampers("random"),
    "reorders": tampers("swap"),
    "drops": tampers("drop"),
    "opens and closes": opens_and_closes,
    "trickles": trickles,
    "fades": fades,
    "breathes": breathes,
}
TAMPERS = ("flips bits", "repeats", "forges", "reorders", "drops")
