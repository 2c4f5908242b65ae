"""A plain `unwalled connect` is read as the library would read it, and nothing else is taken for one."""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import unwalled.cli.connect
from unwalled import cli
from unwalled.cli import app, plain
from unwalled.cli.plain import PlainConnect
from unwalled.operator.options import ListenAddress
from unwalled.wire.invite import Invite

GOOD = Invite.make(bytes(32), bytes(32), bytes(28), ["https://door.example"], [])
OTHER = Invite.make(bytes(32), bytes(31) + b"1", bytes(28), ["https://other.example"], [])
EXPIRED = Invite.make(bytes(32), bytes(32), bytes(8) + b"\0\0\0\1" + bytes(16), ["https://door.example"], [])
WORDS = (
    GOOD.text,
    OTHER.text,
    "--listen",
    "--listen=127.0.0.1:1",
    "127.0.0.1:2",
    "0.0.0.0:3",
    "--allow-remote",
    "--exact",
    "--trace",
    "--help",
    "--",
    "-",
    "",
)


@pytest.fixture(autouse=True)
def no_invite_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNWALLED_INVITE", raising=False)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The doors to which a connection was begun; none really is."""
    urls: list[str] = []

    class Early:
        def __init__(self, url: str) -> None:
            self.url = url

        def begin(self) -> None:
            urls.append(self.url)

    monkeypatch.setattr(plain, "EarlyConnection", Early)
    return urls


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the reader was run with; none really is."""
    calls: list[dict[str, Any]] = []

    def run_reader(invite: Invite, listen: ListenAddress, **others: Any) -> int:
        debug = logging.getLogger("unwalled").level == logging.DEBUG
        calls.append({"invite": invite, "listen": listen, "debug": debug, **others})
        return 0

    monkeypatch.setattr(unwalled.cli.connect, "run_reader", run_reader)
    # The process of the tests is not to be ended.
    monkeypatch.delitem(sys.modules, "reactor_webrtc", raising=False)
    return calls


def as_read(arguments: list[str]) -> dict[str, Any] | None:
    read = PlainConnect.read(arguments)
    if read is None:
        return None
    return {
        "invite": read.invite,
        "listen": read.listen,
        "allow_remote": read.allow_remote,
        "is_exact": read.is_exact,
        "trace": read.trace,
        "debug": read.is_debug,
    }


def test_it_is_understood_as_the_library_understands_it(ran: list[dict[str, Any]]) -> None:
    lines = [list(words) for count in range(5) for words in itertools.product(WORDS, repeat=count)]
    understood = 0
    for line in lines:
        if (read := as_read(["connect", *line])) is None:
            continue
        ran.clear()
        assert app.run_command(["connect", *line]) == 0, line
        assert ran == [read], line
        understood += 1
    assert understood >= 50


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["connect", GOOD.text], {}),
        (["--debug", "connect", GOOD.text], {"debug": True}),
        (["connect", "--listen", "[::1]:9", GOOD.text, "--exact"], {"listen": ListenAddress("::1", 9), "is_exact": 1}),
        (
            ["connect", GOOD.text, "--allow-remote", "--trace", "a b", "--listen", "0.0.0.0:9"],
            {"listen": ListenAddress("0.0.0.0", 9), "allow_remote": True, "trace": Path("a b")},
        ),
    ],
)
def test_what_is_understood(arguments: list[str], changed: dict[str, Any], ran: list[dict[str, Any]]) -> None:
    usual = {"invite": GOOD, "listen": ListenAddress("127.0.0.1", 1080), "allow_remote": False, "is_exact": False}
    expected = {**usual, "trace": None, "debug": False, **changed}
    assert as_read(arguments) == expected
    try:
        assert app.run_command(arguments) == 0
    finally:
        logging.getLogger("unwalled").setLevel(logging.NOTSET)
    assert ran == [expected]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        [GOOD.text],
        ["get", GOOD.text],
        ["connect"],
        ["connect", "--help", GOOD.text],
        ["connect", GOOD.text, "--help"],
        ["connect", GOOD.text, "--wrong"],
        ["connect", GOOD.text, "-x"],
        ["connect", GOOD.text, GOOD.text],
        ["connect", GOOD.text, "--listen"],
        ["connect", GOOD.text, "--listen", "nonsense"],
        ["connect", GOOD.text, "--listen", "0.0.0.0:1080"],
        ["connect", GOOD.text, "--trace"],
        ["connect", GOOD.text[:-3]],
        ["connect", EXPIRED.text],
        ["connect", "hello"],
        ["connect", "-"],
    ],
)
def test_nothing_is_begun_for_what_is_wrong_or_not_plain(
    arguments: list[str], begun: list[str], ran: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["unwalled", *arguments])
    monkeypatch.setattr(app, "run_program", lambda: 77)
    assert cli.main() == 77
    assert begun == []
    assert ran == []


@pytest.mark.parametrize("is_around", [False, True])
def test_the_connection_is_begun_and_given_to_the_reader(
    is_around: bool, begun: list[str], ran: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_around:
        monkeypatch.setenv("UNWALLED_INVITE", GOOD.text)
    monkeypatch.setattr(sys, "argv", ["unwalled", "connect", *([] if is_around else [GOOD.text])])
    assert cli.main() == 0
    assert begun == ["https://door.example"]
    (call,) = ran
    assert call["invite"] == GOOD
    assert call["ahead"].url == "https://door.example"


def test_little_is_loaded_before_the_first_packet() -> None:
    code = "import sys, unwalled.cli.plain; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "unwalled.signaling.ahead" in loaded
    heavy = {
        "asyncio",
        "ssl",
        "typer",
        "rich",
        "pydantic",
        "cryptography",
        "h11",
        "reactor_webrtc",
        "uvloop",
        "logging",
    }
    assert heavy.isdisjoint(loaded)
