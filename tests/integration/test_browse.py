"""``unwalled browse`` as a real process, with a program in the browser's place that says how it was started."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import Command, children, failed, words

_DOUBLE = """#!/bin/sh
printf '%s\\n' "$@" > "$STAND_IN/arguments.part"
env > "$STAND_IN/environment"
for word; do profile=$word; shift; [ "$word" = --profile ] && profile=$1 && break; done
cp -r "$profile" "$STAND_IN/profile"
mv "$STAND_IN/arguments.part" "$STAND_IN/arguments"
echo "$STAND_IN_WORDS" >&2
[ -n "$STAND_IN_CODE" ] && exit "$STAND_IN_CODE"
exec sleep 60
"""


@pytest.fixture(scope="module")
def invite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("operator") / "data"
    with Command("operate", "--listen", "127.0.0.1:0", "--data", str(data), "--allow-private") as operator:
        ready = words(operator.line("ready "))
        with Command("bridge", ready["url"]) as bridge:
            bridge.line("ready ")
            yield ready["invite"]


@pytest.fixture
def double(tmp_path: Path) -> Path:
    path = tmp_path / "firefox-double"
    path.write_text(_DOUBLE)
    path.chmod(0o755)
    return path


def environment(tmp_path: Path, invite: str, **more: str) -> dict[str, str]:
    return {
        "UNWALLED_INVITE": invite,
        "UNWALLED_HOME": str(tmp_path / "home"),
        "STAND_IN": str(tmp_path),
        "STAND_IN_CODE": "",
        "STAND_IN_WORDS": "",
        "https_proxy": "http://elsewhere.example:3128",
        "CHROMIUM_USER_FLAGS": "--proxy-pac-url=http://elsewhere.example/",
        "SSLKEYLOGFILE": str(tmp_path / "keys"),
        **more,
    }


def profiles(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "home" / "browsers").iterdir())


def started(tmp_path: Path, command: Command) -> str:
    """The proxy that the browser was told, once it runs."""
    proxy = words(command.line("ready "))["proxy"]
    for _ in range(600):
        if (tmp_path / "arguments").exists():
            return proxy
        time.sleep(0.05)
    raise AssertionError(f"no browser was started: {command.err}")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_browser_is_told_the_proxy_and_leaves_nothing(
    tmp_path: Path, invite: str, double: Path, ending: signal.Signals
) -> None:
    with Command("browse", "news.test", "--browser", str(double), environment=environment(tmp_path, invite)) as command:
        proxy = started(tmp_path, command)
        host, port = proxy.split(":")
        told = (tmp_path / "profile" / "user.js").read_text()
        assert f'user_pref("network.proxy.ssl_port", {port});' in told
        assert f'user_pref("network.proxy.http", "{host}");' in told
        arguments = (tmp_path / "arguments").read_text().splitlines()
        assert arguments[-1] == "https://news.test"
        given = (tmp_path / "environment").read_text()
        assert "elsewhere.example" not in given
        assert "SSLKEYLOGFILE" not in given
        assert len(profiles(tmp_path)) == 2
        assert command.stopped(ending) == 0
        assert command.err == []
    assert profiles(tmp_path) == ["lock"]


def test_a_killed_run_is_cleaned_up_by_the_next(tmp_path: Path, invite: str, double: Path) -> None:
    given = environment(tmp_path, invite)
    with Command("browse", "--browser", str(double), environment=given) as command:
        started(tmp_path, command)
        left = [name for name in profiles(tmp_path) if name != "lock"]
        (browser,) = children(command.process.pid)
        command.process.kill()
        command.process.wait()
    os.kill(browser, signal.SIGKILL)
    assert set(left) <= set(profiles(tmp_path))
    (tmp_path / "arguments").unlink()
    with Command("browse", "--browser", str(double), environment=given) as command:
        started(tmp_path, command)
        assert not set(left) & set(profiles(tmp_path))
        assert command.stopped() == 0
    assert profiles(tmp_path) == ["lock"]


def test_a_kept_profile_stays(tmp_path: Path, invite: str, double: Path) -> None:
    given = environment(tmp_path, invite, STAND_IN_CODE="0")
    command = ["browse", "--keep-profile", "--browser", str(double)]
    assert failed(*command, environment=given) == (0, [])
    assert profiles(tmp_path) == ["kept-firefox-double", "lock"]
    assert '"browser.privatebrowsing.autostart", false' in (tmp_path / "profile" / "user.js").read_text()


def test_forget_takes_kept_profiles_too_wherever_they_are(tmp_path: Path, invite: str, double: Path) -> None:
    given = environment(
        tmp_path, invite, STAND_IN_CODE="0", HOME=str(tmp_path), PATH=f"{tmp_path}:{os.environ['PATH']}"
    )
    # A browser in a snap, as Ubuntu has it in /usr/bin.
    double.rename(tmp_path / "firefox")
    (tmp_path / "firefox").write_text(_DOUBLE.replace("#!/bin/sh", "#!/bin/sh\n# /snap/bin/firefox"))
    assert failed("browse", "--keep-profile", "--browser", "firefox", environment=given) == (0, [])
    kept = tmp_path / "snap" / "firefox" / "common" / "unwalled"
    assert sorted(path.name for path in kept.iterdir()) == ["kept-firefox", "lock"]
    assert failed("forget", environment=given) == (0, [])
    assert not kept.exists()
    assert not (tmp_path / "home").exists()


def test_an_invite_is_remembered_unless_told_otherwise(tmp_path: Path, invite: str, double: Path) -> None:
    given = environment(tmp_path, "", STAND_IN_CODE="0")
    browse = ["browse", "--browser", str(double)]
    assert failed(*browse, environment=given)[1][0] == "unwalled: There is no invite."
    assert failed(*browse, invite, "--no-remember", environment=given) == (0, [])
    assert not (tmp_path / "home").exists()
    assert failed(*browse, invite, environment=given) == (0, [])
    assert failed(*browse, environment=given) == (0, [])


def test_a_browser_that_fails_is_told_in_words(tmp_path: Path, invite: str, double: Path) -> None:
    given = environment(tmp_path, invite, STAND_IN_CODE="1", STAND_IN_WORDS="Error: cannot open display: :0 at x.test")
    code, lines = failed("browse", "--browser", str(double), environment=given)
    assert code == 1
    assert "There is no screen here" in lines[0]
    assert "x.test" not in "".join(lines)
    assert profiles(tmp_path) == ["lock"]


def test_what_cannot_be_started_is_told_before_anything_is_sent(tmp_path: Path, invite: str) -> None:
    given = environment(tmp_path, invite)
    code, lines = failed("browse", "--browser", "netscape", environment=given)
    assert (code, lines[0]) == (2, "unwalled: There is no browser 'netscape' that could be started.")
    code, lines = failed("browse", "javascript:alert(1)", environment=given)
    assert (code, lines[0]) == (2, "unwalled: That is not an address that can be opened.")
    if os.geteuid() == 0:
        chromium = tmp_path / "chromium"
        chromium.write_text(_DOUBLE)
        chromium.chmod(0o755)
        code, lines = failed("browse", "--browser", str(chromium), environment=given)
        assert (code, lines[1]) == (2, "Start this as an ordinary user, or choose --browser firefox.")
    assert not (tmp_path / "arguments").exists()
