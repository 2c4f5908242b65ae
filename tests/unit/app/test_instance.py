from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from unwalled.app.home import Home
from unwalled.app.instance import Instance, running_pid

HOLDER = """
import sys, time
from pathlib import Path
from unwalled.app.home import Home
from unwalled.app.instance import Instance
claim = Instance.take(Home(Path(sys.argv[1])))
print("taken" if claim else "refused", flush=True)
time.sleep(60)
"""


def test_there_is_one_at_a_time_and_the_next_one_after_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = Instance.take(home)
    assert first is not None
    assert Instance.take(Home(tmp_path)) is None
    assert running_pid(home) == os.getpid()
    assert stat.S_IMODE(home.path("instance.lock").stat().st_mode) == 0o600
    first.release()
    first.release()
    second = Instance.take(home)
    assert second is not None
    second.release()


def test_a_program_that_was_killed_leaves_room_for_the_next(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        assert Instance.take(home) is None
        assert running_pid(home) == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)
    claim = Instance.take(home)
    assert claim is not None
    claim.release()


def test_where_nothing_can_be_written_or_locked_a_reader_runs_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    nowhere = Instance.take(Home(tmp_path / "file" / "home"))
    assert nowhere is not None
    assert running_pid(Home(tmp_path / "file" / "home")) is None
    nowhere.release()

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert Instance.take(Home(tmp_path)) is not None


@pytest.mark.parametrize("content", [b"", b"0", b"-5", b"nobody", b"1" * 11, b"\xff", "٧".encode()])
def test_nonsense_about_it_counts_as_nothing(tmp_path: Path, content: bytes) -> None:
    home = Home(tmp_path)
    home.write("instance.lock", content)
    assert running_pid(home) is None


def test_on_a_full_disk_it_is_still_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    claim = Instance.take(Home(tmp_path))
    assert claim is not None
    assert Instance.take(Home(tmp_path)) is None
    claim.release()
