"""Whoever reads loses nothing but what cannot be kept, whatever is done to the programs on the way.

What takes long stands in ``test_each_trouble``, each trouble for 20 s; a random series of them is
``python -m bench chaos``.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import chaos_deeds
from tests.support.chaos_deeds import EVERY_DEED, SHARED_DEEDS, Deed, done, wrongs
from tests.support.chaos_world import ChaosWorld
from tests.support.namespaces import BRIDGE, OPERATOR, Internet, needs_namespaces

LONG_S = 20.0


@needs_namespaces
def test_troubles_of_every_kind_cost_nothing_that_can_be_kept(tmp_path: Path) -> None:
    with Internet() as internet, ChaosWorld(internet, tmp_path, 1_000_000, shared=True) as world:
        # What can be at once is at once: no Redis, full disks, wrong clocks, one bridge cut off from the operator.
        began = time.monotonic()
        assert world.redis is not None
        world.redis.kill()
        with ExitStack() as troubles:
            for trouble in (
                world.full(world.data),
                world.full(world.home),
                world.jumped("operator", 90_000.0),
                world.jumped("reader", -9_000_000.0),
                world.apart((BRIDGE, OPERATOR)),
            ):
                troubles.enter_context(trouble)
            code, said = world.run(OPERATOR, "invite", "--data", str(world.data), "--link")
            assert code != 0
            assert any("disk is not full" in line for line in said), said
            # Pages and downloads that begin now come.
            world.back(time.monotonic())
        world.redis.start()
        seen = world.seen(began, time.monotonic())
        assert (seen.wrong, dict(seen.cut)) == (0, {})
        # A bridge stands still, and the other one carries on.
        began = time.monotonic()
        with world.bridges[0].paused():
            world.back(time.monotonic())
        world.bridges[0].kill()
        seen = world.seen(began, time.monotonic())
        assert (seen.wrong, dict(seen.cut)) == (0, {})
        # What its gateway worker held is cut, with words, and comes anew through another one at once.
        world.bridges[0].again()
        deed = Deed("a gateway worker is killed", chaos_deeds.kill_worker, may_cut=True)
        assert wrongs(deed, done(world, deed, random.Random(1), 0.0)) == []
        assert world.complaints() == []


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("deed", EVERY_DEED, ids=lambda deed: deed.name)
@needs_namespaces
def test_each_trouble(tmp_path: Path, deed: Deed) -> None:
    with Internet() as internet, ChaosWorld(internet, tmp_path, shared=deed in SHARED_DEEDS) as world:
        assert wrongs(deed, done(world, deed, random.Random(7), LONG_S)) == []
        assert world.complaints() == []
