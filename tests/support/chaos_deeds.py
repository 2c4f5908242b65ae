"""What can happen to a chain: each trouble by its name, and what nobody behind the reader may lose by it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.chaos_world import ChaosWorld, Part, Seen
from tests.support.namespaces import BRIDGE, HOTEL, OPERATOR, READER
from tests.support.programs import children

_PLACES = (BRIDGE, HOTEL)
_DAY_S = 86_400.0
_START_S = 1.0
"""Until a program that was killed is started anew."""


@dataclass(frozen=True, slots=True)
class Deed:
    """``do`` returns when the trouble is over. ``may_cut``: connections that stand may be lost, with a clear error.
    ``is_whole``: nothing can come through for as long as it lasts."""

    name: str
    do: Callable[[ChaosWorld, random.Random, float], None]
    may_cut: bool = False
    is_whole: bool = False


def _kill(part: Part, world: ChaosWorld) -> None:
    part.kill()
    time.sleep(_START_S)
    part.again()


def kill_bridge(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """A volunteer's computer loses its power."""
    _kill(rng.choice(world.bridges), world)


def pause_bridge(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """A volunteer's computer sleeps, and wakes up."""
    with rng.choice(world.bridges).paused():
        time.sleep(seconds)


def kill_operator(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The server loses its power."""
    _kill(world.operator, world)


def pause_operator(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The server's host holds it up."""
    with world.operator.paused():
        time.sleep(seconds)


def kill_reader(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The reader's program is killed."""
    _kill(world.reader, world)


def pause_reader(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The reader closes the laptop."""
    with world.reader.paused():
        time.sleep(seconds)


def part_reader_bridge(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """One bridge cannot be reached any more, and nobody says so."""
    with world.apart((READER, rng.choice(_PLACES))):
        time.sleep(seconds)


def part_bridge_operator(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """One bridge does not reach broker and gateway any more."""
    with world.apart((rng.choice(_PLACES), OPERATOR)):
        time.sleep(seconds)


def part_bridges_operator(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """No bridge reaches broker and gateway."""
    with world.apart(*((place, OPERATOR) for place in _PLACES)):
        time.sleep(seconds)


def part_reader_operator(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The censor blocks the door."""
    with world.apart((READER, OPERATOR)):
        time.sleep(seconds)


def fill_operator_disk(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The operator's disk is full: an invite cannot be made, says why, and damages nothing."""
    with world.full(world.data):
        code, said = world.run(OPERATOR, "invite", "--data", str(world.data), "--link")
        assert code != 0
        assert any("full" in line for line in said), said
        time.sleep(seconds)
    code, said = world.run(OPERATOR, "invite", "--data", str(world.data), "--link")
    assert code == 0, said


def fill_reader_disk(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The reader's disk is full, also while its program starts."""
    with world.full(world.home):
        world.reader.kill()
        world.reader.again()
        time.sleep(seconds)


def jump_operator_clock(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """Somebody sets the server's clock wrong, and right again."""
    with world.jumped("operator", rng.choice((-1, 1)) * rng.uniform(0.1, 2) * _DAY_S):
        time.sleep(seconds)


def jump_reader_clock(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The same of the reader's clock."""
    with world.jumped("reader", rng.choice((-1, 1)) * rng.uniform(1, 400) * _DAY_S):
        time.sleep(seconds)


def kill_redis(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The shared store is gone for a while, and comes back empty."""
    assert world.redis is not None
    world.redis.kill()
    time.sleep(seconds)
    world.redis.start()


def pause_redis(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """The shared store does not answer any more, and nobody says so."""
    assert world.redis is not None
    world.redis.pause()
    try:
        time.sleep(seconds)
    finally:
        world.redis.go_on()


def kill_worker(world: ChaosWorld, rng: random.Random, seconds: float) -> None:
    """A gateway worker dies; the operator starts another one."""
    workers = sorted(children(world.operator.command.process.pid))
    assert len(workers) == 2
    os.kill(rng.choice(workers), signal.SIGKILL)


SHARED_DEEDS = (
    Deed("Redis is gone, and comes back empty", kill_redis),
    Deed("Redis stands still", pause_redis),
    Deed("a gateway worker is killed", kill_worker, may_cut=True),
)
"""Of worlds that are shared."""
DEEDS = (
    Deed("a bridge is killed", kill_bridge),
    Deed("a bridge stands still", pause_bridge),
    Deed("the operator is killed", kill_operator, may_cut=True),
    Deed("the operator stands still", pause_operator, is_whole=True),
    Deed("the reader is killed", kill_reader, may_cut=True),
    Deed("the reader stands still", pause_reader, is_whole=True),
    Deed("reader and a bridge parted", part_reader_bridge),
    Deed("a bridge and the operator parted", part_bridge_operator),
    Deed("both bridges and the operator parted", part_bridges_operator, is_whole=True),
    Deed("reader and operator parted", part_reader_operator),
    Deed("the operator's disk is full", fill_operator_disk),
    Deed("the reader's disk is full, and it starts anew", fill_reader_disk, may_cut=True),
    Deed("the operator's clock jumps", jump_operator_clock),
    Deed("the reader's clock jumps", jump_reader_clock),
)

EVERY_DEED = (*DEEDS, *SHARED_DEEDS)


def done(world: ChaosWorld, deed: Deed, rng: random.Random, seconds: float) -> Seen:
    """Does it, waits until all is well again, and gives what the household saw."""
    began = time.monotonic()
    deed.do(world, rng, seconds)
    return world.seen(began, time.monotonic())


def wrongs(deed: Deed, seen: Seen) -> list[str]:
    """What should not have happened."""
    wrong = ["a byte was wrong"] if seen.wrong else []
    if seen.cut and not deed.may_cut:
        wrong.append(f"cut: {', '.join(seen.cut)}")
    return wrong
