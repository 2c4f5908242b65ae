"""The reader's program and a real GNOME setting: set while it runs, as before after it, however it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.test_gnome_proxy import need_gsettings
from tests.support.programs import PATIENCE_S, Command, failed, words

SCHEMA = "org.gnome.system.proxy"


@pytest.fixture(scope="module")
def invite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("operator") / "data"
    with Command("operate", "--listen", "127.0.0.1:0", "--data", str(data), "--allow-private") as operator:
        ready = words(operator.line("ready "))
        with Command("bridge", ready["url"]) as bridge:
            bridge.line("ready ")
            yield ready["invite"]


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """The environment of a person with a desktop and a folder of their own, who wants the system's proxy set."""
    need_gsettings()
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "preferences.json").write_text(json.dumps({"system_proxy": True, "listen": "127.0.0.1:0"}))
    (home / "preferences.json").chmod(0o600)
    return {
        "UNWALLED_HOME": str(home),
        "GSETTINGS_BACKEND": "keyfile",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CURRENT_DESKTOP": "GNOME",
    }


def setting(own: dict[str, str], name: str, key: str) -> str:
    done = subprocess.run(
        ["gsettings", "get", name, key], env={**os.environ, **own}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def mode(own: dict[str, str]) -> str:
    return setting(own, SCHEMA, "mode")


def port(own: dict[str, str]) -> str:
    return setting(own, f"{SCHEMA}.https", "port")


def became(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.05)


def connect(own: dict[str, str], *words: str) -> Command:
    return Command("connect", *words, "--no-panel", environment=own)


def test_it_is_set_while_the_reader_runs_however_that_ends(own: dict[str, str], invite: str) -> None:
    with connect(own, invite) as reader:
        ours = words(reader.line("ready "))["proxy"].rpartition(":")[2]
        became(lambda: (mode(own), port(own)) == ("'manual'", ours), "the proxy is set")
        assert reader.stopped(signal.SIGTERM) == 0
        assert reader.err == []
    assert (mode(own), port(own)) == ("'none'", "0")

    with connect(own) as reader:
        killed = words(reader.line("ready "))["proxy"].rpartition(":")[2]
        became(lambda: mode(own) == "'manual'", "the proxy is set again")
        reader.process.kill()
        reader.process.wait()
    assert (mode(own), port(own)) == ("'manual'", killed)

    # The next start puts it back before it sets its own; after that, all is as it was before the first.
    with connect(own) as reader:
        again = words(reader.line("ready "))["proxy"].rpartition(":")[2]
        became(lambda: (mode(own), port(own)) == ("'manual'", again), "the proxy is the new one")
        assert reader.stopped(signal.SIGTERM) == 0
    assert (mode(own), port(own)) == ("'none'", "0")


def test_what_a_killed_run_has_left_is_put_back_by_a_command(own: dict[str, str], invite: str) -> None:
    with connect(own, invite) as reader:
        became(lambda: mode(own) == "'manual'", "the proxy is set")
        code, lines = failed("desktop", "restore", environment=own)
        assert (code, lines[0]) == (2, "unwalled: Unwalled runs, and would set the system's proxy again.")
        reader.process.kill()
        reader.process.wait()
    assert failed("desktop", "restore", environment=own) == (0, [])
    assert (mode(own), port(own)) == ("'none'", "0")
