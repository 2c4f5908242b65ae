from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.proxy_settings import FakeSettings, PowerCut
from unwalled.datafolder import replace_private
from unwalled.desktop.machine import Machine
from unwalled.desktop.proxy_settings import ProxySettingFailed
from unwalled.desktop.system_proxy import JournalDamaged, NoProxySetting, Restored, SystemProxy, places_of
from unwalled.errors import ConfigurationError


def journal(tmp_path: Path) -> Path:
    return tmp_path / "state" / "system-proxy.json"


def test_it_is_set_and_put_back(tmp_path: Path) -> None:
    settings = FakeSettings(host="firm", port=3128, mode="manual")
    before = settings.read()
    proxy = SystemProxy(journal(tmp_path), [settings])
    assert not proxy.is_set
    proxy.set("127.0.0.1", 1080)
    assert proxy.is_set
    assert (settings.values["host"], settings.values["port"], settings.values["mode"]) == ("127.0.0.1", 1080, "manual")
    assert journal(tmp_path).stat().st_mode & 0o077 == 0
    assert proxy.restore() is Restored.AS_BEFORE
    assert settings.read() == before
    assert not proxy.is_set
    assert proxy.restore() is Restored.NOTHING


def test_it_is_changed_while_set_and_put_back_to_what_was_first(tmp_path: Path) -> None:
    settings = FakeSettings()
    before = settings.read()
    proxy = SystemProxy(journal(tmp_path), [settings])
    for port in range(1080, 1090):
        proxy.set("127.0.0.1", port)
    assert (settings.values["port"], settings.values["mode"]) == (1089, "manual")
    assert proxy.restore() is Restored.AS_BEFORE
    assert settings.read() == before


@pytest.mark.parametrize("first_cut", range(11))
@pytest.mark.parametrize("second_cut", [None, 0, 2, 4])
def test_a_power_cut_at_any_step_is_mended_at_the_next_start(
    tmp_path: Path, first_cut: int, second_cut: int | None
) -> None:
    places = [FakeSettings("wifi", host="firm", port=8, mode="manual"), FakeSettings("wire")]
    before = [place.read() for place in places]
    places[0].steps_left, places[1].steps_left = min(first_cut, 5), max(first_cut - 5, 0)
    try:
        SystemProxy(journal(tmp_path), places).set("127.0.0.1", 1080)
    except PowerCut:
        pass
    for place in places:
        place.steps_left = second_cut
    try:
        SystemProxy(journal(tmp_path), places).restore()
    except PowerCut:
        pass
    for place in places:
        place.steps_left = None
    SystemProxy(journal(tmp_path), places).restore()
    assert [place.read() for place in places] == before
    assert not journal(tmp_path).exists()


def test_nothing_is_changed_before_the_journal_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = FakeSettings()
    flushed: list[object] = []
    real = os.fsync

    def flush(descriptor: int) -> None:
        flushed.append(settings.read())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    before = settings.read()
    SystemProxy(journal(tmp_path), [settings]).set("127.0.0.1", 1080)
    assert flushed
    assert all(seen == before for seen in flushed)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    other = FakeSettings("other")
    with pytest.raises(ConfigurationError, match="No space left"):
        SystemProxy(journal(tmp_path), [other]).set("127.0.0.1", 1080)
    assert other.read() == before


def test_what_a_person_changed_meanwhile_is_left(tmp_path: Path) -> None:
    settings = FakeSettings()
    proxy = SystemProxy(journal(tmp_path), [settings])
    proxy.set("127.0.0.1", 1080)
    settings.values |= {"host": "theirs", "port": 8080}
    assert proxy.restore() is Restored.PARTLY_THEIRS
    assert settings.values == {"host": "theirs", "port": 8080, "pac": None, "ignore": "lan", "mode": "manual"}
    assert not proxy.is_set


def test_what_the_system_refuses_leaves_all_as_it_was(tmp_path: Path) -> None:
    settings = FakeSettings()
    settings.is_locked = True
    before = settings.read()
    proxy = SystemProxy(journal(tmp_path), [settings])
    with pytest.raises(ProxySettingFailed):
        proxy.set("127.0.0.1", 1080)
    assert settings.read() == before
    assert not proxy.is_set


def test_a_network_that_is_gone_is_put_back_when_it_comes_again(tmp_path: Path) -> None:
    wifi, wire = FakeSettings("wifi"), FakeSettings("wire")
    before = wire.read()
    SystemProxy(journal(tmp_path), [wifi, wire]).set("127.0.0.1", 1080)
    assert SystemProxy(journal(tmp_path), [wifi]).restore() is Restored.AS_BEFORE
    again = SystemProxy(journal(tmp_path), [wifi])
    assert again.is_set
    again.set("127.0.0.1", 1081)
    assert SystemProxy(journal(tmp_path), [wifi, wire]).restore() is Restored.AS_BEFORE
    assert wire.read() == before == wifi.read()


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"version": 2, "places": []}', b'{"version": 1, "places": [{"name": 1}]}', b"\0" * 100]
)
def test_a_damaged_journal_is_told_and_put_aside(tmp_path: Path, content: bytes) -> None:
    path = journal(tmp_path)
    path.parent.mkdir()
    replace_private(path, content)
    settings = FakeSettings(mode="manual", host="127.0.0.1")
    before = settings.read()
    with pytest.raises(JournalDamaged) as told:
        SystemProxy(path, [settings]).restore()
    assert "127.0.0.1" in told.value.remedy
    assert settings.read() == before
    assert path.with_name("system-proxy.json.damaged").read_bytes() == content
    # The next start is an ordinary one.
    assert SystemProxy(path, [settings]).restore() is Restored.NOTHING


def test_a_desktop_without_such_a_setting_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoProxySetting):
        SystemProxy(journal(tmp_path), []).set("127.0.0.1", 1080)
    assert not journal(tmp_path).exists()


def test_the_journal_holds_what_was_there(tmp_path: Path) -> None:
    SystemProxy(journal(tmp_path), [FakeSettings(host="firm", port=3128)]).set("127.0.0.1", 1080)
    (place,) = json.loads(journal(tmp_path).read_text())["places"]
    assert (place["before"]["host"], place["before"]["port"], place["before"]["pac"]) == ("firm", 3128, None)


@pytest.mark.parametrize(
    ("desktop", "programs", "names"),
    [
        ("KDE", {"kreadconfig6", "gsettings"}, ["kde", "gnome"]),
        ("KDE", {"kreadconfig5"}, ["kde"]),
        ("ubuntu:GNOME", {"kreadconfig6", "gsettings"}, ["gnome"]),
        ("", set(), []),
    ],
)
def test_each_desktop_has_its_places(desktop: str, programs: set[str], names: list[str]) -> None:
    def run(command: Sequence[str]) -> str:
        if command[0] not in programs:
            raise ProxySettingFailed("missing")
        return "org.gnome.system.proxy\n"

    machine = Machine("linux", {"XDG_CURRENT_DESKTOP": desktop}, Path("/home/me"))
    assert [place.name for place in places_of(machine, run)] == names


def test_a_program_that_is_missing_fails_or_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unwalled.desktop.calls import call

    assert call(["echo", "hello"]) == "hello\n"
    with pytest.raises(ProxySettingFailed, match="The program no-such-program is missing"):
        call(["no-such-program"])
    with pytest.raises(ProxySettingFailed, match="did not do what"):
        call(["false"])

    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("x", 1)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(ProxySettingFailed, match="does not answer"):
        call(["echo"])
