"""Versions of the widget that sites have pinned are served on."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from unwalled.operator.bounds import OperatorLimits
from unwalled.operator.versions import FOLDER, keep_versions
from unwalled.web.pages import widget_files, widget_version


def older(data: Path, script: bytes, *, age_s: int = 10, further: dict[str, bytes] | None = None) -> str:
    """What an older program has left behind."""
    version = widget_version(script)
    (data / FOLDER).mkdir(mode=0o700, exist_ok=True)
    file = data / FOLDER / f"{version}.msgpack"
    file.write_bytes(msgspec.msgpack.encode({"widget.js": script, **(further or {})}))
    file.chmod(0o600)
    now = file.stat().st_mtime
    os.utime(file, (now - age_s, now - age_s))
    return version


def test_the_version_of_this_program_is_kept_for_later_ones(tmp_path: Path) -> None:
    assert keep_versions(tmp_path) == []
    assert keep_versions(tmp_path) == []
    kept = tmp_path / FOLDER / f"{widget_version()}.msgpack"
    assert msgspec.msgpack.decode(kept.read_bytes()) == widget_files()


def test_older_versions_are_served_with_their_parts(tmp_path: Path) -> None:
    version = older(tmp_path, b"old", further={"widget-details.js": b"old details"})
    found = {page.path: page.body for page in keep_versions(tmp_path)}
    assert found == {f"/widget/{version}/widget.js": b"old", f"/widget/{version}/widget-details.js": b"old details"}


def test_those_that_were_in_use_last_are_kept(tmp_path: Path) -> None:
    versions = [older(tmp_path, bytes([number]), age_s=number) for number in range(1, 5)]
    found = {page.path for page in keep_versions(tmp_path, OperatorLimits(kept_widgets=3))}
    assert found == {f"/widget/{version}/widget.js" for version in versions[:2]}
    assert len(list((tmp_path / FOLDER).iterdir())) == 3


@pytest.mark.parametrize("content", [b"", b"no msgpack", msgspec.msgpack.encode({"widget.js": b"changed"})])
def test_a_damaged_version_is_not_served(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    version = older(tmp_path, b"old")
    (tmp_path / FOLDER / f"{version}.msgpack").write_bytes(content)
    assert keep_versions(tmp_path) == []
    assert "damaged" in caplog.text


def test_what_cannot_be_read_keeps_no_operator_from_starting(tmp_path: Path) -> None:
    good = older(tmp_path, b"good")
    (tmp_path / FOLDER / f"{older(tmp_path, b'open to others')}.msgpack").chmod(0o644)
    older(tmp_path, b"large" * 1000)
    (tmp_path / FOLDER / "a-folder.msgpack").mkdir()
    found = keep_versions(tmp_path, OperatorLimits(kept_widgets=4, max_widget_bytes=2_000))
    assert [page.path for page in found] == [f"/widget/{good}/widget.js"]


def test_a_damaged_version_of_this_program_is_mended(tmp_path: Path) -> None:
    keep_versions(tmp_path)
    kept = tmp_path / FOLDER / f"{widget_version()}.msgpack"
    kept.write_bytes(b"")
    keep_versions(tmp_path)
    assert msgspec.msgpack.decode(kept.read_bytes()) == widget_files()


def test_a_name_that_no_part_has_is_not_served(tmp_path: Path) -> None:
    older(tmp_path, b"old", further={"../../x": b"x"})
    assert keep_versions(tmp_path) == []
