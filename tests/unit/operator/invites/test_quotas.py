from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from unwalled.operator.invites import quotas
from unwalled.operator.invites.quotas import DAY_S, USAGE_FILE, Quotas, read_usage
from unwalled.settings import MIB

MINA = b"minamina"
DAY = 20_000


class Clock:
    def __init__(self) -> None:
        self.now = DAY * DAY_S + 3600.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def test_a_restart_on_the_same_day_goes_on_counting(tmp_path: Path) -> None:
    clock = Clock()
    first = Quotas(tmp_path, clock, os.urandom)
    first.today.use(MINA, 3 * MIB + 1)
    asyncio.run(first.save(is_last=True))
    assert Quotas(tmp_path, clock, os.urandom).today.used(MINA) == 4 * MIB
    assert (tmp_path / USAGE_FILE).stat().st_mode & 0o777 == 0o600
    written = json.loads((tmp_path / USAGE_FILE).read_text())
    assert written == {"v": 1, "day": DAY, "mib": {MINA.hex(): 4}}


def test_the_next_day_begins_empty_also_while_it_runs(tmp_path: Path) -> None:
    clock = Clock()
    running = Quotas(tmp_path, clock, os.urandom)
    running.today.use(MINA, 3 * MIB)
    assert running.day_left_s == DAY_S - 3600
    asyncio.run(running.save())
    clock.now += DAY_S
    assert running.today.used(MINA) == 0
    assert Quotas(tmp_path, clock, os.urandom).today.used(MINA) == 0
    assert read_usage(tmp_path, DAY + 1) == {}


def test_processes_of_one_machine_add_up(tmp_path: Path) -> None:
    clock = Clock()
    one, other = Quotas(tmp_path, clock, os.urandom), Quotas(tmp_path, clock, os.urandom)
    one.today.use(MINA, 2 * MIB)
    other.today.use(MINA, 5 * MIB + 1)
    asyncio.run(one.save())
    asyncio.run(other.save())
    assert other.today.used(MINA) == 7 * MIB + 1
    assert read_usage(tmp_path, DAY) == {MINA: 7}


def test_nothing_is_written_for_nobody(tmp_path: Path) -> None:
    asyncio.run(Quotas(tmp_path, Clock(), os.urandom).save(is_last=True))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "content", ["", "{}", '{"v":2,"day":20000,"mib":{}}', '{"v":1,"day":20000,"mib":{"x":1}}', "\udcff"]
)
def test_a_file_that_says_nothing_counts_as_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / USAGE_FILE
    path.write_text(content, errors="surrogateescape")
    path.chmod(0o600)
    assert Quotas(tmp_path, Clock(), os.urandom).today.used(MINA) == 0


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    running = Quotas(tmp_path, Clock(), os.urandom)
    running.today.use(MINA, 3 * MIB)
    monkeypatch.setattr(quotas, "locked", full)
    asyncio.run(running.save())
    assert running.today.used(MINA) == 3 * MIB
