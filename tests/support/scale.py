"""A session over very many lanes that are all different, change, stall and die: how much of them it uses."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from tests.support.rough_lanes import MBIT_S, BulkTransfers, RoughLane, RoughShape, RoughWorld
from unwalled.settings import SESSION


@dataclass(frozen=True, slots=True)
class ScalePlan:
    """What happens in a run. Rates in Mbit/s are drawn so that each factor of ten is as likely as the next."""

    lanes: int = 100
    least_mbit_s: float = 0.1
    most_mbit_s: float = 100.0
    streams: int = 16
    death_every_s: float = 3.0
    """Over all lanes. Every second death is silent; another lane comes after up to two seconds."""
    ramp_s: float = 3.0
    measured_s: float = 12.0
    window_bytes: int = SESSION.session_window_bytes
    hold_every_s: float = 5.0
    pause_every_s: float = 60.0
    change_every_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ScaleResult:
    """What came of it, after the ramp."""

    share: float
    """Bytes that applications got, of what the lanes that were alive could carry together."""
    capacity_mbit_s: float
    gap_s: float
    stream_gap_s: float
    deaths: int
    again_share: float
    """Bytes that came over lanes beyond those that applications got: records' overhead, and what came twice."""


def rough_shape(rng: random.Random, plan: ScalePlan) -> RoughShape:
    """Any lane between a neighbour's fibre and a phone on the other side of the world."""
    ratio = math.log(plan.most_mbit_s / plan.least_mbit_s)
    return RoughShape(
        latency_s=rng.choice((0.005, 0.02, 0.05, 0.1)),
        rate=plan.least_mbit_s * math.exp(rng.random() * ratio) * MBIT_S,
        jitter_s=rng.choice((0.0, 0.002, 0.01)),
        hold_every_s=plan.hold_every_s,
        pause_every_s=plan.pause_every_s,
        change_every_s=plan.change_every_s,
    )


class ScaleRun:
    """One run with its seed."""

    def __init__(self, seed: int, plan: ScalePlan) -> None:
        self.plan = plan
        self.rng = random.Random(f"scale {seed}")
        self.world = RoughWorld(seed, plan.window_bytes)
        self.world.checks_every = 1 << 60
        self.transfers = BulkTransfers(self.world, plan.streams)
        self.deaths = 0

    def run(self) -> ScaleResult:
        """Lets it run."""
        plan, world = self.plan, self.world
        self.begin()
        world.run(world.now + plan.ramp_s)
        self.transfers.reset_gaps()
        got, capacity, carried = self.transfers.got_bytes, world.capacity_bytes, self._carried
        world.run(world.now + plan.measured_s)
        self.transfers.end()
        assert world.reader_closed == []
        got, capacity = self.transfers.got_bytes - got, world.capacity_bytes - capacity
        return ScaleResult(
            share=got / capacity,
            capacity_mbit_s=capacity / plan.measured_s / MBIT_S,
            gap_s=self.transfers.longest_gap_s,
            stream_gap_s=self.transfers.longest_stream_gap_s,
            deaths=self.deaths,
            again_share=(self._carried - carried) / got - 1,
        )

    def begin(self) -> None:
        """Opens one lane, and all the others when the handshake is done."""
        self._open()
        self.world.run(2.0, lambda: self.world.reader.is_established)
        assert self.world.reader.is_established
        for _ in range(1, self.plan.lanes):
            self._open()
        self._schedule_death()

    @property
    def _carried(self) -> int:
        return sum(rough.carried_down for rough in self.world.rough.values())

    def _open(self) -> None:
        self.world.open_rough(rough_shape(self.rng, self.plan))

    def _schedule_death(self) -> None:
        self.world.at(self.world.now + self.rng.expovariate(1 / self.plan.death_every_s), self._death)

    def _death(self) -> None:
        alive = [rough for rough in self.world.rough.values() if not rough.is_dead]
        if alive:
            self.deaths += 1
            self._die(self.rng.choice(alive))
        self._schedule_death()

    def _die(self, rough: RoughLane) -> None:
        self.world.die(rough, silently=self.deaths % 2 == 0)
        self.world.at(self.world.now + self.rng.uniform(0, 2), self._open)
