"""When the computer counts as having slept or moved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from unwalled.app.watch import NetworkWatch
from unwalled.settings import APP

LOOK_S = APP.network_look_s


class Laptop:
    """Two clocks, and addresses that change."""

    def __init__(self) -> None:
        self.mono_s = 1000.0
        self.wall_s = 1_800_000_000.0
        self.addresses: tuple[str, ...] = ("10.0.0.5",)
        self.changes = 0
        self.asked: list[tuple[str, ...]] = []

    def monotonic(self) -> float:
        return self.mono_s

    def wall(self) -> float:
        return self.wall_s

    def own(self, doors: Iterable[str]) -> tuple[str, ...]:
        self.asked.append(tuple(doors))
        return self.addresses

    def changed(self) -> None:
        self.changes += 1

    def watch(self) -> NetworkWatch:
        return NetworkWatch(lambda: ("https://door.example",), self, self.changed, own=self.own)

    def passes(self, mono_s: float, wall_s: float | None = None) -> None:
        self.mono_s += mono_s
        self.wall_s += mono_s if wall_s is None else wall_s


def test_as_long_as_nothing_happens_nothing_is_told() -> None:
    laptop = Laptop()
    watch = laptop.watch()
    for late_s in (0.0, 0.1, 3.0):
        laptop.passes(LOOK_S + late_s)
        watch.look()
    assert laptop.changes == 0
    assert watch.has_network
    assert set(laptop.asked) == {("https://door.example",)}


def test_another_address_is_another_network_and_is_told_once() -> None:
    laptop = Laptop()
    watch = laptop.watch()
    laptop.addresses = ("192.168.1.9",)
    for _ in range(3):
        laptop.passes(LOOK_S)
        watch.look()
    assert laptop.changes == 1


def test_the_loss_of_a_network_and_its_return_are_both_told() -> None:
    laptop = Laptop()
    watch = laptop.watch()
    before, laptop.addresses = laptop.addresses, ()
    watch.look()
    assert not watch.has_network
    assert laptop.changes == 1
    laptop.addresses = before
    watch.look()
    assert watch.has_network
    assert laptop.changes == 2


def test_a_sleep_is_seen_by_the_clock_on_the_wall() -> None:
    laptop = Laptop()
    watch = laptop.watch()
    laptop.passes(LOOK_S, LOOK_S + 3600.0)
    watch.look()
    assert laptop.changes == 1


def test_a_program_that_was_stopped_sees_it_by_both_clocks() -> None:
    laptop = Laptop()
    watch = laptop.watch()
    laptop.passes(LOOK_S + APP.sleep_s)
    watch.look()
    assert laptop.changes == 1


def test_a_clock_that_somebody_sets_back_does_no_harm() -> None:
    laptop = Laptop()
    watch = laptop.watch()
    laptop.passes(LOOK_S, -86_400.0)
    watch.look()
    laptop.passes(LOOK_S)
    watch.look()
    assert laptop.changes == 1


def test_it_looks_until_it_is_cancelled() -> None:
    async def main() -> None:
        laptop = Laptop()
        seen = asyncio.Event()
        quick = replace(APP, network_look_s=0.001)
        watch = NetworkWatch(tuple, laptop, seen.set, limits=quick, own=laptop.own)
        task = asyncio.get_running_loop().create_task(watch.run())
        laptop.addresses = ()
        await seen.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(asyncio.wait_for(main(), 20))
