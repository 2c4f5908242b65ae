"""The watch takes numbers in by itself, and judges what no count tells."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from unwalled.operator.bounds import NUMBERS
from unwalled.operator.numbers import machine
from unwalled.operator.numbers import watch as watch_module
from unwalled.operator.numbers.counts import Counts
from unwalled.operator.numbers.watch import Surroundings, Watch


class SetClock:
    """A clock that goes as it is told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ahead_s = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.ahead_s


class Scene:
    """A watch over numbers that a test sets."""

    def __init__(self, data: Path) -> None:
        self.clock = SetClock()
        self.counts = Counts({}, {"bridges.kind.page": 3})
        self.around = Surroundings()
        self.takes = 0
        self.watch = Watch(
            self._take,
            self.clock,
            data,
            roles=lambda: ["broker"],
            max_sessions=100,
            # An estimate by chance would now and then be rounded to the next ten.
            random_bytes=lambda size: b"k" * size,
            surroundings=lambda: self.around,
        )

    async def _take(self) -> Counts:
        self.takes += 1
        return self.counts

    async def goes_on(self, seconds: float) -> None:
        for _ in range(int(seconds // 10)):
            self.clock.now += 10.0
            await self.watch.look()

    def codes(self) -> list[str]:
        return [alarm.code for alarm in self.watch.alarms]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    # A busy machine's disk may take longer than an operator that is told to stop would wait for it.
    monkeypatch.setattr(watch_module, "NUMBERS", replace(NUMBERS, close_s=60.0))
    return Scene(tmp_path)


def test_who_asks_gets_the_numbers_of_now_but_not_more_often_than_that(scene: Scene) -> None:
    async def play() -> None:
        await scene.goes_on(60)
        scene.counts = Counts({"bytes.down": 1000}, {"bridges.kind.page": 4})
        scene.clock.now += 1.0
        seen = await scene.watch.live()
        assert seen.bridges.connected == 4
        assert seen.traffic.down_bps > 0.0
        takes = scene.takes
        await scene.watch.live()
        assert scene.takes == takes
        assert seen.uptime_s == 61
        assert seen.roles == ["broker"]

    asyncio.run(play())


def test_the_peak_is_the_fastest_ten_seconds_of_the_day(scene: Scene) -> None:
    async def play() -> None:
        await scene.goes_on(60)
        scene.counts = Counts({"bytes.down": 10_000, "bytes.up": 2_500}, scene.counts.held)
        await scene.goes_on(600)
        assert (await scene.watch.live()).traffic.peak_bps == 10_000.0

    asyncio.run(play())


def test_no_bridge_for_ten_minutes_is_an_alarm(scene: Scene) -> None:
    async def play() -> None:
        await scene.goes_on(700)
        scene.counts = Counts()
        await scene.goes_on(600)
        assert scene.codes() == []
        await scene.goes_on(20)
        assert scene.codes() == ["no_bridges"]
        seen = await scene.watch.live()
        assert seen.state == "bad"
        assert seen.sentence.startswith("Something is wrong: no bridge")

    asyncio.run(play())


@pytest.mark.parametrize("step_s", [600.0, -600.0])
def test_a_jump_of_the_clock_is_told_for_an_hour(scene: Scene, step_s: float) -> None:
    async def play() -> None:
        await scene.goes_on(100)
        scene.clock.ahead_s += step_s
        await scene.goes_on(20)
        assert scene.codes() == ["clock_jumped"]
        assert ("forward" if step_s > 0 else "back") in scene.watch.alarms[0].cause
        await scene.goes_on(3 * 3600)
        assert scene.codes() == []

    asyncio.run(play())


def test_a_clock_that_drifts_is_no_jump(scene: Scene) -> None:
    async def play() -> None:
        for _ in range(600):
            scene.clock.ahead_s += 0.005
            await scene.goes_on(10)
        assert scene.codes() == []

    asyncio.run(play())


def test_the_certificate_and_the_store_are_looked_at(scene: Scene) -> None:
    async def play() -> None:
        scene.around = Surroundings(scene.clock.wall() + 5 * 86_400.0, "", 30.0)
        await scene.goes_on(20)
        assert scene.codes() == ["store_gone", "certificate_soon"]

    asyncio.run(play())


def test_bytes_that_others_count_too_are_no_alarm(scene: Scene) -> None:
    """A worker that was started again begins to count anew."""

    async def play() -> None:
        scene.counts = Counts({"refused.full": 9}, {"bridges.kind.page": 3})
        await scene.goes_on(400)
        scene.counts = Counts({"refused.full": 2}, {"bridges.kind.page": 3})
        await scene.goes_on(20)
        assert scene.codes() == []

    asyncio.run(play())


def test_a_full_disk_is_an_alarm(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        monkeypatch.setattr(machine, "disk", lambda folder: (0, 10**10))
        await scene.goes_on(20)
        assert scene.codes() == ["disk_full"]
        assert (await scene.watch.live()).machine.disk_free_bytes == 0

    asyncio.run(play())


def test_the_machine_tells_of_this_process(tmp_path: Path) -> None:
    assert machine.disk(tmp_path) is not None
    assert machine.disk(tmp_path / "none") is None
    assert machine.processor_s() > 0.0
    assert (machine.memory_bytes() or 0) > 1_000_000
    before = machine.descriptors() or 0
    with (tmp_path / "file").open("w"):
        assert machine.descriptors() == before + 1
    assert (machine.max_descriptors() or 10**9) > before


def test_minutes_go_into_the_history_and_the_last_one_at_the_end(scene: Scene) -> None:
    async def play() -> None:
        scene.clock.ahead_s = 20_000 * 86_400.0 - scene.clock.now
        for number in range(34):
            scene.watch.helped(number.to_bytes(16))
        running = asyncio.create_task(scene.watch.run())
        await asyncio.sleep(0)
        running.cancel()
        scene.counts = Counts({"matches.ok": 25, "connect.1": 25, "bytes.down": 5000}, {"bridges.kind.page": 4})
        await scene.goes_on(200)
        seen = await scene.watch.history("day")
        assert seen.points == []
        await scene.watch.close()
        (point,) = (await scene.watch.history("day")).points
        assert (point.ok, point.up_s, point.bridges_most, point.down_bytes) == (25, 200, 4, 5000)
        assert (await scene.watch.history("year")).points[0].people == 30
        assert (await scene.watch.totals()).days == 0
        scene.clock.ahead_s += 2 * 86_400.0
        told = await scene.watch.totals()
        assert (told.days, told.people_days) == (1, 30)
        await scene.watch.close()

    asyncio.run(play())


def test_people_are_counted_anew_each_day(scene: Scene) -> None:
    async def play() -> None:
        scene.clock.ahead_s = 20_000 * 86_400.0 - scene.clock.now
        # Not at a ten itself: the estimate may be one less, and is rounded down.
        for number in range(55):
            scene.watch.helped(number.to_bytes(16))
        await scene.goes_on(120)
        scene.clock.ahead_s += 86_400.0
        await scene.goes_on(120)
        for number in range(25):
            scene.watch.helped(number.to_bytes(16))
        await scene.goes_on(120)
        await scene.watch.close()
        days = [point.people for point in (await scene.watch.history("year")).points]
        assert days == [50, 20]
        await scene.watch.close()

    asyncio.run(play())
