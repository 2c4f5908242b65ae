from __future__ import annotations

import os
from pathlib import Path

import pytest

from unwalled.crypto.identity import KEYS_FILE, KeyKind, OperatorKeys
from unwalled.crypto.rotation import renewed
from unwalled.errors import ConfigurationError
from unwalled.operator.livekeys import LiveKeys, forget_ended


class Clock:
    now = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def test_renewed_keys_are_taken_and_old_ones_forgotten_on_their_day(tmp_path: Path) -> None:
    clock, heard = Clock(), list[OperatorKeys]()
    first = OperatorKeys.load_or_make(tmp_path, os.urandom)
    live = LiveKeys(tmp_path, first, clock, heard.append)
    live.check()
    assert heard == [first]
    second = renewed(first, list(KeyKind), int(clock.now), int(clock.now) + 100, os.urandom)
    second.save(tmp_path)
    live.check()
    assert heard == [first, second]
    clock.now += 100
    live.check()
    assert [one.secret for one in heard[-1].past] == [b""] * 3
    assert OperatorKeys.load(tmp_path) == heard[-1] == live.now
    live.check()
    assert len(heard) == 3


def test_a_file_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    clock, heard = Clock(), list[OperatorKeys]()
    keys = OperatorKeys.load_or_make(tmp_path, os.urandom)
    keys = renewed(keys, [KeyKind.BROKER], int(clock.now), int(clock.now) + 5, os.urandom)
    keys.save(tmp_path)
    live = LiveKeys(tmp_path, keys, clock, heard.append)
    (tmp_path / KEYS_FILE).write_bytes(b"oops")
    live.check()
    (tmp_path / KEYS_FILE).unlink()
    clock.now += 10
    live.check()
    assert heard == [keys]
    with pytest.raises(ConfigurationError, match="gone"):
        forget_ended(tmp_path, clock)
