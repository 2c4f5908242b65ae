"""An operator's data folder in one file and back; and folders that older and newer programs wrote."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sqlite3
import stat
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.structure.source import ROOT
from tests.support.admitting import admission
from unwalled.clock import SystemClock
from unwalled.crypto.identity import OperatorKeys
from unwalled.crypto.tokens import TokenRevoked
from unwalled.errors import ConfigurationError, UsageError
from unwalled.operator.backup import read_backup, restore_backup, take_backup, write_backup
from unwalled.operator.invites.book import InviteBook, make_invite
from unwalled.operator.options import PublicUrl
from unwalled.operator.state import default_invite, keep_state, require_state
from unwalled.operator.versions import keep_versions
from unwalled.wire.invite import Invite

URL = PublicUrl.parse("https://bridges.example.org")
OLD = json.loads((ROOT / "tests" / "vectors" / "data_folder_v1.json").read_text())
MAGIC = b"unwalled backup 1\n\0"


def started(folder: Path) -> tuple[OperatorKeys, Invite]:
    """What an operator does with its folder at a start."""
    keys = OperatorKeys.load_or_make(folder, os.urandom)
    book = InviteBook(folder)
    keep_state(folder, URL, ())
    invite = default_invite(folder, keys, book, SystemClock())
    keep_versions(folder)
    return keys, invite


def sealed(files: dict[str, bytes], made: int = 1) -> bytes:
    """A backup with any files, and the right digest."""
    body = msgspec.msgpack.encode({"made": made, "files": files})
    return MAGIC + hashlib.sha256(body).digest() + body


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.suffix != ".lock"}


def test_a_folder_comes_back_as_it_was_for_its_owner_only(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "new" / "here"
    keys, invite = started(there)
    (there / "country.mmdb").write_bytes(b"large")
    content, others = take_backup(there, 1_700_000_000.5)
    assert others == ["country.mmdb"]
    (there / "country.mmdb").unlink()
    backup = read_backup(content)
    assert backup.made_s == 1_700_000_000
    assert repr(backup) == "Backup(4 files)"
    assert restore_backup(backup, here) is None
    assert content_of(here) == content_of(there)
    assert started(here) == (keys, invite)
    for path in here.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_folder_in_use_is_put_aside_whole_and_only_when_asked(tmp_path: Path) -> None:
    old, new = started(tmp_path / "old"), started(tmp_path / "new")
    before = content_of(tmp_path / "new")
    backup = read_backup(take_backup(tmp_path / "old", 0)[0])
    with pytest.raises(UsageError, match="in use already"):
        restore_backup(backup, tmp_path / "new")
    assert content_of(tmp_path / "new") == before
    aside = restore_backup(backup, tmp_path / "new", replace=True)
    assert aside is not None
    assert content_of(aside) == before
    assert started(tmp_path / "new") == old
    # And back again: what was put aside is a data folder.
    assert started(aside) == new


def test_a_file_is_written_for_its_owner_only_and_over_none_unasked(tmp_path: Path) -> None:
    file = tmp_path / "unwalled.backup"
    write_backup(b"one", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="is there already"):
        write_backup(b"two", file)
    assert file.read_bytes() == b"one"
    write_backup(b"two", file, replace=True)
    assert file.read_bytes() == b"two"
    with pytest.raises(UsageError, match="cannot be written"):
        write_backup(b"three", tmp_path / "none" / "file")
    assert os.listdir(tmp_path) == ["unwalled.backup"]


def test_there_must_be_an_operators_folder_and_a_whole_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no operator's data folder"):
        take_backup(tmp_path, 0)
    started(tmp_path)
    (tmp_path / "invites.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"invites\.json in the data folder is damaged"):
        take_backup(tmp_path, 0)


def test_each_backup_of_a_folder_in_use_is_of_one_moment(tmp_path: Path) -> None:
    keys, _ = started(tmp_path)
    book = InviteBook(tmp_path)
    stop = threading.Event()

    def give_invites_out() -> None:
        while not stop.is_set():
            wanted: dict[str, Any] = {"doors": [URL.text], "stun": [], "label": "", "expires_s": 0}
            made = make_invite(keys, book, now_wall_s=time.time(), random_bytes=os.urandom, **wanted)
            book.revoke(made.token[:8].hex())
            keep_state(tmp_path, URL, ())

    giving = threading.Thread(target=give_invites_out)
    giving.start()
    try:
        for _ in range(10):
            files = read_backup(take_backup(tmp_path, 0)[0]).files
            book_then = json.loads(files["invites.json"])
            state = json.loads(files["operator.json"])
            assert state["default_invite"] in {entry["id"] for entry in book_then["invites"]}
    finally:
        stop.set()
        giving.join()


@pytest.mark.parametrize(
    "name",
    [
        "../keys.msgpack",
        "/etc/passwd",
        "widgets/../../x.msgpack",
        "widgets/..",
        "widgets/0123456789abcdef.msgpack/x",
        "widgets/0123456789abcdef.msgpack\n",
        "widgets\\0123456789abcdef.msgpack",
        "widgets/nonsense.msgpack",
        "invites.lock",
        "",
        ".",
    ],
)
def test_no_file_comes_to_lie_anywhere_else(tmp_path: Path, name: str) -> None:
    started(tmp_path / "old")
    files = read_backup(take_backup(tmp_path / "old", 0)[0]).files
    with pytest.raises(UsageError, match="no backup of an operator"):
        read_backup(sealed({**files, name: b"x"}))


def test_what_an_operator_could_not_start_with_is_not_restored(tmp_path: Path) -> None:
    started(tmp_path / "old")
    files = read_backup(take_backup(tmp_path / "old", 0)[0]).files
    for name in ("keys.msgpack", "invites.json", "operator.json"):
        with pytest.raises(ConfigurationError, match="is damaged"):
            restore_backup(read_backup(sealed({**files, name: b"x"})), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(UsageError, match="no backup"):
        read_backup(sealed({"invites.json": files["invites.json"]}))


def test_a_backup_of_a_newer_program_is_not_called_damaged() -> None:
    with pytest.raises(UsageError, match="newer Unwalled"):
        read_backup(b"unwalled backup 2\n\0" + bytes(100))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.data())
def test_every_cut_and_every_wrong_byte_is_seen(tmp_path: Path, data: st.DataObject) -> None:
    if not (tmp_path / "keys.msgpack").exists():
        keep_state(tmp_path, URL, ())
        OperatorKeys.load_or_make(tmp_path, os.urandom)
    content = take_backup(tmp_path, 0)[0]
    at = data.draw(st.integers(0, len(content) - 1))
    wrong = bytearray(content)
    wrong[at] ^= data.draw(st.integers(1, 255))
    for damaged in (content[:at], bytes(wrong), content + b"\0"):
        with pytest.raises(UsageError):
            read_backup(damaged)


def test_a_date_that_cannot_be_shown_is_no_backups(tmp_path: Path) -> None:
    started(tmp_path)
    files = read_backup(take_backup(tmp_path, 0)[0]).files
    assert read_backup(sealed(files, 253_402_300_799)).made_s == 253_402_300_799
    for made in (253_402_300_800, 2**62, -1):
        with pytest.raises(UsageError, match="no backup"):
            read_backup(sealed(files, made))


def old_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    for name, content in OLD["files"].items():
        (folder / name).write_bytes(base64.b64decode(content))
        (folder / name).chmod(0o600)
    return folder


def test_after_an_upgrade_all_invites_of_before_still_hold(tmp_path: Path) -> None:
    folder = old_folder(tmp_path / "data")
    _, state = require_state(folder)
    assert (state.public_url, state.stun) == ("https://bridges.example.org", ["stun:stun.example.org:3478"])
    keys, invite = started(folder)
    assert keys.identity.hex() == OLD["identity"]
    of_before = Invite.parse(OLD["invites"]["default"], time.time())
    assert (invite.token, invite.identity, invite.broker_key) == (
        of_before.token,
        of_before.identity,
        of_before.broker_key,
    )
    check = admission(keys, folder).terms
    for name in ("default", "choir"):
        check(Invite.parse(OLD["invites"][name], time.time()).token)
    with pytest.raises(TokenRevoked):
        check(Invite.parse(OLD["invites"]["gone"], time.time()).token)
    assert [entry.label for entry in InviteBook(folder).entries()] == ["default", "choir", "gone"]
    # And through a backup to another machine.
    restore_backup(read_backup(take_backup(folder, 0)[0]), tmp_path / "other")
    assert started(tmp_path / "other") == (keys, invite)


@pytest.mark.parametrize("name", ["keys.msgpack", "invites.json", "operator.json"])
def test_a_file_of_a_newer_program_is_left_as_it_is_and_said(tmp_path: Path, name: str) -> None:
    folder = old_folder(tmp_path / "data")
    later = msgspec.msgpack.encode([3, "other"]) if name.endswith("msgpack") else b'{"v": 2, "other": []}'
    (folder / name).write_bytes(later)
    with pytest.raises(ConfigurationError, match=f"{name} in the data folder was written by a newer Unwalled"):
        started(folder)
    assert (folder / name).read_bytes() == later


def test_the_history_is_part_of_a_backup_and_a_damaged_one_costs_nothing_else(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    started(folder)
    with sqlite3.connect(folder / "history.sqlite") as database:
        database.execute("CREATE TABLE rows (n)")
        database.execute("INSERT INTO rows VALUES (42)")
    database.close()
    content, others = take_backup(folder, 0)
    assert others == []
    restore_backup(read_backup(content), elsewhere)
    with sqlite3.connect(elsewhere / "history.sqlite") as database:
        assert database.execute("SELECT n FROM rows").fetchall() == [(42,)]
    database.close()
    (elsewhere / "history.sqlite-wal").write_bytes(b"of the one before")
    aside = restore_backup(read_backup(content), elsewhere, replace=True)
    assert aside is not None
    assert not (elsewhere / "history.sqlite-wal").exists()
    (folder / "history.sqlite").write_bytes(b"no database" * 100)
    content, others = take_backup(folder, 0)
    assert others == ["history.sqlite"]
    assert "history.sqlite" not in read_backup(content).files
