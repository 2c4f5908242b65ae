"""GNOME's proxy setting by the real ``gsettings``, in a folder of its own; the program killed at the worst moment."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.missing import go_without
from unwalled.desktop.calls import call
from unwalled.desktop.gnome import GnomeProxy
from unwalled.desktop.proxy_settings import ProxySettingFailed
from unwalled.desktop.system_proxy import Restored, SystemProxy

_KILLED = """
import os, signal, sys
from pathlib import Path
from unwalled.desktop.calls import call
from unwalled.desktop.gnome import GnomeProxy
from unwalled.desktop.system_proxy import SystemProxy
left = int(sys.argv[2])

def dying(command):
    global left
    if command[1] == "set":
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
    return call(command)

SystemProxy(Path(sys.argv[1]), [GnomeProxy(dying)]).set("127.0.0.1", 1080)
"""


def need_gsettings() -> None:
    """Skips the test where there is no such setting; with UNWALLED_REQUIRE_DESKTOP=1 that is a failure."""
    if shutil.which("gsettings") is None or not GnomeProxy(call).is_here():
        go_without("DESKTOP", "gsettings or its schemas are missing: libglib2.0-bin, gsettings-desktop-schemas.")


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_gsettings()
    monkeypatch.setenv("GSETTINGS_BACKEND", "keyfile")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


pytestmark = pytest.mark.usefixtures("own_settings")


def gsettings(*words: str) -> str:
    return subprocess.run(["gsettings", *words], capture_output=True, text=True, check=True).stdout.strip()


def stored(tmp_path: Path) -> list[str]:
    """What is written down as this person's settings."""
    path = tmp_path / "config" / "glib-2.0" / "settings" / "keyfile"
    text = path.read_text() if path.exists() else ""
    return [line for line in text.splitlines() if "=" in line]


def system_proxy(tmp_path: Path) -> SystemProxy:
    return SystemProxy(tmp_path / "journal", [GnomeProxy(call)])


def test_a_firms_proxy_comes_back_as_it_was(tmp_path: Path) -> None:
    gsettings("set", "org.gnome.system.proxy", "mode", "manual")
    gsettings("set", "org.gnome.system.proxy", "ignore-hosts", "['*.firm.example', '10.0.0.0/8']")
    gsettings("set", "org.gnome.system.proxy.http", "host", 'it\'s "odd"')
    gsettings("set", "org.gnome.system.proxy.http", "port", "3128")
    before = stored(tmp_path)
    proxy = system_proxy(tmp_path)
    proxy.set("127.0.0.1", 1080)
    for kind in ("http", "https", "socks"):
        assert gsettings("get", f"org.gnome.system.proxy.{kind}", "host") == "'127.0.0.1'"
        assert gsettings("get", f"org.gnome.system.proxy.{kind}", "port") == "1080"
    assert gsettings("get", "org.gnome.system.proxy", "ignore-hosts") == "['localhost', '127.0.0.0/8', '::1']"
    assert proxy.restore() is Restored.AS_BEFORE
    assert sorted(stored(tmp_path)) == sorted(before)


def test_what_was_never_set_is_unset_again(tmp_path: Path) -> None:
    proxy = system_proxy(tmp_path)
    proxy.set("127.0.0.1", 1080)
    assert gsettings("get", "org.gnome.system.proxy", "mode") == "'manual'"
    assert proxy.restore() is Restored.AS_BEFORE
    assert stored(tmp_path) == []


@pytest.mark.parametrize("after", [0, 8])
def test_the_next_start_mends_what_a_killed_run_has_left(tmp_path: Path, after: int) -> None:
    gsettings("set", "org.gnome.system.proxy.https", "host", "firm.example")
    before = stored(tmp_path)
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path / "journal"), str(after)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert system_proxy(tmp_path).restore() is Restored.AS_BEFORE
    assert stored(tmp_path) == before


def test_what_a_person_has_set_meanwhile_stays(tmp_path: Path) -> None:
    proxy = system_proxy(tmp_path)
    proxy.set("127.0.0.1", 1080)
    gsettings("set", "org.gnome.system.proxy.http", "host", "theirs.example")
    assert proxy.restore() is Restored.PARTLY_THEIRS
    assert gsettings("get", "org.gnome.system.proxy.http", "host") == "'theirs.example'"
    assert gsettings("get", "org.gnome.system.proxy.https", "host") == "''"
    assert gsettings("get", "org.gnome.system.proxy", "mode") == "'manual'"


def test_a_setting_that_is_locked_is_told_and_not_touched(tmp_path: Path) -> None:
    # As root such a lock would not hold, so the program's answer is played.
    place = GnomeProxy(lambda command: "false\n" if command[1] == "writable" else call(command))
    with pytest.raises(ProxySettingFailed, match="Whoever manages this computer"):
        SystemProxy(tmp_path / "journal", [place]).set("127.0.0.1", 1080)
    assert stored(tmp_path) == []
