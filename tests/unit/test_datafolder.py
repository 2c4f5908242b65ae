from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unwalled.datafolder import (
    NO_FILE,
    create_private,
    locked,
    make_folder_within,
    make_private_folder,
    read_private,
    replace_private,
    stamp_of,
)
from unwalled.errors import ConfigurationError


def fail(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(ConfigurationError, match="is a file"):
        make_private_folder(tmp_path / "x")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        make_private_folder(tmp_path / "x" / "y")


def test_a_file_is_created_once(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert create_private(path, b"first")
    assert not create_private(path, b"second")
    assert read_private(path, 10) == b"first"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_into_the_folder_of_an_operator_is_the_operators(tmp_path: Path) -> None:
    os.chown(tmp_path, 12_345, 12_346)
    replace_private(tmp_path / "replaced", b"x")
    create_private(tmp_path / "created", b"x")
    make_folder_within(tmp_path / "folder")
    with locked(tmp_path / "lock"):
        pass
    for name in ("replaced", "created", "folder", "lock"):
        status = (tmp_path / name).stat()
        assert (status.st_uid, status.st_gid) == (12_345, 12_346), name
        assert status.st_mode & 0o077 == 0
    # What is no file of the folder's stays root's, and what was there is not given away.
    replace_private(tmp_path / "own", b"x", is_own=True)
    create_private(tmp_path / "own too", b"x", is_own=True)
    (tmp_path / "there").touch()
    with locked(tmp_path / "there"):
        pass
    for name in ("own", "own too", "there"):
        assert (tmp_path / name).stat().st_uid == 0, name


def test_a_file_is_replaced_whole_and_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "f"
    replace_private(path, b"first")
    replace_private(path, b"second")
    assert read_private(path, 10) == b"second"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_known_again_until_something_becomes_of_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert stamp_of(path) == NO_FILE
    replace_private(path, b"one")
    seen = [stamp_of(path), stamp_of(path)]
    assert seen[0] == seen[1] != NO_FILE
    replace_private(path, b"two")
    assert stamp_of(path) != seen[0]


def test_missing_and_large_files(tmp_path: Path) -> None:
    assert read_private(tmp_path / "none", 10) is None
    replace_private(tmp_path / "f", bytes(11))
    with pytest.raises(ConfigurationError, match="damaged"):
        read_private(tmp_path / "f", 10)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_private(tmp_path, 10)


@pytest.mark.parametrize("function", ["fsync", "link"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    monkeypatch.setattr(os, function, fail)
    with pytest.raises(ConfigurationError, match="No space left"):
        create_private(tmp_path / "f", b"x")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        replace_private(tmp_path / "none" / "f", b"x")


def test_a_lock_is_held_against_another_program(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from unwalled.datafolder import locked\n"
        "with locked(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "l")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == b"in\n"
    order: list[str] = []

    def take() -> None:
        with locked(tmp_path / "l"):
            order.append("taken")

    taker = threading.Thread(target=take)
    taker.start()
    order.append("released")
    other.stdin.close()
    other.stdout.close()
    other.wait()
    taker.join()
    assert order == ["released", "taken"]
