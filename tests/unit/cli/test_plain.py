"""A plain `unwalled connect` is read as the library would read it, and nothing else is taken for one."""

from __future__ import annotations

import itertools
import logging
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import unwalled.cli.connect
from unwalled import cli
from unwalled.app.home import Home, NotRemembered
from unwalled.app.instance import Instance
from unwalled.app.invites import InviteBook
from unwalled.cli import app, plain
from unwalled.cli.plain import ConnectOptions, read_plain
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
    "--no-remember",
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


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    monkeypatch.setenv("UNWALLED_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def remember(home: Home, *invites: Invite) -> None:
    book = InviteBook(home)
    for number, invite in enumerate(invites):
        book.add(invite, "", lambda count, number=number: bytes((number,)) * count)  # type: ignore[misc]
    book.save()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[ConnectOptions]:
    """What the reader was run with; none really is."""
    calls: list[ConnectOptions] = []

    def run_reader(options: ConnectOptions, *_: object) -> int:
        calls.append(replace(options, is_debug=logging.getLogger("unwalled").level == logging.DEBUG))
        return 0

    monkeypatch.setattr(unwalled.cli.connect, "run_reader", run_reader)
    # The process of the tests is not to be ended.
    monkeypatch.delitem(sys.modules, "reactor_webrtc", raising=False)
    return calls


@pytest.mark.parametrize("is_remembered", [False, True])
def test_it_is_understood_as_the_library_understands_it(
    is_remembered: bool, home: Home, ran: list[ConnectOptions]
) -> None:
    if is_remembered:
        remember(home, OTHER, GOOD, EXPIRED)
    longest = 2 if is_remembered else 4
    lines = [list(words) for count in range(longest + 1) for words in itertools.product(WORDS, repeat=count)]
    understood = 0
    for line in lines:
        if (read := read_plain(["connect", *line])) is None:
            continue
        ran.clear()
        assert app.run_command(["connect", *line]) == 0, line
        assert ran == [read], line
        understood += 1
    assert understood >= 20


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["connect", GOOD.text], {}),
        (["--debug", "connect", GOOD.text], {"is_debug": True}),
        (
            ["connect", "--listen", "[::1]:9", GOOD.text, "--exact"],
            {"listen": ListenAddress("::1", 9), "is_exact": True},
        ),
        (
            ["connect", GOOD.text, "--allow-remote", "--trace", "a b", "--listen", "0.0.0.0:9"],
            {"listen": ListenAddress("0.0.0.0", 9), "allow_remote": True, "trace": Path("a b")},
        ),
        (["connect", "--no-remember", GOOD.text, "--no-panel"], {"home": None, "has_panel": False}),
        (["connect", GOOD.text, "--label", "from a friend"], {"label": "from a friend"}),
    ],
)
def test_what_is_understood(
    arguments: list[str], changed: dict[str, Any], home: Home, ran: list[ConnectOptions]
) -> None:
    expected = replace(ConnectOptions(GOOD, True, home), **changed)
    assert read_plain(arguments) == expected
    try:
        assert app.run_command(arguments) == 0
    finally:
        logging.getLogger("unwalled").setLevel(logging.NOTSET)
    assert ran == [expected]


def test_without_an_invite_the_best_one_that_is_remembered_is_taken(home: Home, ran: list[ConnectOptions]) -> None:
    remember(home, OTHER, GOOD, EXPIRED)
    assert read_plain(["connect"]) == ConnectOptions(GOOD, False, home)
    assert app.run_command(["connect"]) == 0
    assert ran == [ConnectOptions(GOOD, False, home)]
    assert read_plain(["connect", "--no-remember"]) is None


def test_a_second_start_does_not_say_that_it_remembers_what_it_cannot_write(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(home: Home, name: str, content: bytes) -> None:
        raise NotRemembered

    claim = Instance.take(home)
    assert claim is not None
    try:
        monkeypatch.setattr(Home, "write", write)
        assert app.run_command(["connect", "--no-panel", GOOD.text]) == 1
    finally:
        claim.release()
    said = capsys.readouterr().err
    assert "cannot write to its folder" in said
    assert "The invite is remembered" not in said


@pytest.mark.parametrize("label", ["x" * 101, "a\nb"])
def test_a_label_that_cannot_be_shown_is_refused_before_any_packet(
    label: str, ran: list[ConnectOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["connect", "--label", label, GOOD.text]
    assert read_plain(arguments) is None
    assert app.run_command(arguments) == 2
    assert ran == []
    assert "The label is too long" in capsys.readouterr().err


def test_a_damaged_book_is_left_for_who_can_speak_of_it(home: Home) -> None:
    home.folder.mkdir()
    home.path("invites.json").write_text("{")
    assert read_plain(["connect"]) is None
    assert home.path("invites.json").read_text() == "{"


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
    arguments: list[str], begun: list[str], ran: list[ConnectOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["unwalled", *arguments])
    monkeypatch.setattr(app, "run_program", lambda: 77)
    assert cli.main() == 77
    assert begun == []
    assert ran == []


@pytest.mark.parametrize("source", ["argument", "environment", "folder"])
def test_the_connection_is_begun_and_given_to_the_reader(
    source: str, home: Home, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Any, ...]] = []

    def run_reader(*arguments: object) -> int:
        given.append(arguments)
        return 0

    monkeypatch.setattr(unwalled.cli.connect, "run_reader", run_reader)
    monkeypatch.delitem(sys.modules, "reactor_webrtc", raising=False)
    if source == "environment":
        monkeypatch.setenv("UNWALLED_INVITE", GOOD.text)
    if source == "folder":
        remember(home, GOOD)
    monkeypatch.setattr(sys, "argv", ["unwalled", "connect", *([GOOD.text] if source == "argument" else [])])
    assert cli.main() == 0
    assert begun == ["https://door.example"]
    ((options, claim, ahead),) = given
    assert options.invite == GOOD
    assert options.is_given is (source != "folder")
    assert ahead.url == "https://door.example"
    claim.release()


@pytest.mark.parametrize("wrong", ["port", "address", "trace"])
@pytest.mark.parametrize("is_plain", [True, False])
def test_nothing_leaves_when_a_place_that_was_given_cannot_be_had(
    wrong: str,
    is_plain: bool,
    home: Home,
    begun: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def begin(*_: object) -> None:
        begun.append("by the reader")

    monkeypatch.setattr(unwalled.cli.connect, "started", begin)
    monkeypatch.delitem(sys.modules, "reactor_webrtc", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        option, words = {
            "port": (f"--listen=127.0.0.1:{taken.getsockname()[1]}", "Another program listens on port"),
            "address": ("--listen=192.0.2.1:0", "cannot listen on this address"),
            "trace": (f"--trace={home.folder / 'none' / 'trace'}", "The trace cannot be written"),
        }[wrong]
        name, _, value = option.partition("=")
        given = [name, value] if is_plain else [option]
        monkeypatch.setattr(sys, "argv", ["unwalled", "connect", *given, "--allow-remote", GOOD.text])
        assert (read_plain(sys.argv[1:]) is not None) is is_plain
        assert cli.main() == 2
    assert begun == []
    assert words in capsys.readouterr().err
    claim = Instance.take(home)
    assert claim is not None
    claim.release()


def test_nothing_is_begun_while_another_one_runs(
    home: Home, begun: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = Instance.take(home)
    assert claim is not None
    monkeypatch.delitem(sys.modules, "reactor_webrtc", raising=False)
    monkeypatch.setattr(sys, "argv", ["unwalled", "connect", GOOD.text])
    assert cli.main() == 0
    assert begun == []
    assert "Unwalled runs already" in capsys.readouterr().err
    assert [entry.invite for entry in InviteBook(home).entries] == [GOOD]
    claim.release()


def test_little_is_loaded_before_the_first_packet() -> None:
    code = "import sys, unwalled.cli.plain; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "unwalled.signaling.ahead" in loaded
    heavy = {
        "asyncio",
        "tempfile",
        "unwalled.datafolder",
        "unwalled.app.invites",
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


def test_nothing_more_is_loaded_before_the_first_request() -> None:
    """What is in the process when ``Way.begin`` is called."""
    code = "import sys, unwalled.cli.plain, unwalled.cli.ending, unwalled.cli.connect; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "unwalled.app.way" in loaded
    later = ("app.service", "app.preferences", "app.snapshot", "app.diagnosis", "reader", "panel", "desktop", "rules")
    wrong = [name for name in loaded if name.startswith(tuple(f"unwalled.{part}" for part in later))]
    assert wrong == []
    assert {"aiohttp", "cryptography", "rich", "typer", "tempfile", "unwalled.datafolder"}.isdisjoint(loaded)
