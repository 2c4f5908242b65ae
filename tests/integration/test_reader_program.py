"""The reader's program as a person meets it: paste the link once, start it again, have several, wipe it all."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.test_cli import BODY, fetched, serving
from tests.support.programs import PATIENCE_S, Command, failed, words


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, str]]]:
    """Two operators with a bridge each: ``url``, ``invite``, ``data``."""
    with ExitStack() as undo:
        found = []
        for _ in range(2):
            data = str(tmp_path_factory.mktemp("operator") / "data")
            command = Command("operate", "--listen", "127.0.0.1:0", "--data", data, "--allow-private")
            operator = words(undo.enter_context(command).line("ready "))
            undo.enter_context(Command("bridge", operator["url"])).line("ready ")
            found.append({**operator, "data": data})
        yield found


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a person whose reader's folder is in ``tmp_path``."""
    return {"UNWALLED_HOME": str(tmp_path / "home")}


def link_of(operator: dict[str, str], *arguments: str) -> str:
    """A new invite, as a link."""
    with Command("invite", "--data", operator["data"], "--link", *arguments) as command:
        assert command.ended() == 0
        return command.out[0]


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def remembered(home: dict[str, str]) -> list[str]:
    with Command("connect", "--list", environment=home) as command:
        assert command.ended() == 0
        return command.out


def test_the_link_is_pasted_once_and_the_next_start_needs_nothing(
    operators: list[dict[str, str]], site: str, home: dict[str, str], tmp_path: Path
) -> None:
    link = link_of(operators[0])
    listen = ("--listen", "127.0.0.1:0")
    with Command("connect", link, "--label", "from a friend", *listen, environment=home) as reader:
        reader.line("connected")
        assert reader.stopped() == 0
    (line,) = remembered(home)
    assert re.fullmatch(r"[0-9a-f]{16}  good     ends never  from a friend", line)
    with Command("connect", *listen, environment=home) as reader:
        proxy = words(reader.line("ready "))["proxy"]
        reader.line("connected")
        assert fetched(f"socks5h://{proxy}", site).stdout == BODY
        assert reader.stopped() == 0
        assert reader.err == []
    with Command("get", site, "-o", str(tmp_path / "page"), environment=home) as get:
        assert get.ended() == 0
    assert (tmp_path / "page").read_bytes() == BODY


def test_a_second_start_finds_the_first_and_hands_it_what_it_was_given(
    operators: list[dict[str, str]], home: dict[str, str]
) -> None:
    listen = ("--listen", "127.0.0.1:0")
    with Command("connect", link_of(operators[0]), *listen, environment=home) as first:
        first.line("connected")
        opener = Path(first.line("panel file://").removeprefix("panel file://"))
        assert opener.is_file()
        with Command("connect", "--no-panel", environment=home) as second:
            assert second.ended() == 0
            panel = words(second.line("running "))["panel"]
            assert second.err == ["Unwalled runs already."]
        with urllib.request.urlopen(panel.partition("#")[0], timeout=30) as page:
            assert page.status == 200
        with Command("connect", link_of(operators[1]), "--no-panel", environment=home) as third:
            assert third.ended() == 0
            assert "The invite is remembered." in third.err[0]
        assert len(remembered(home)) == 2
        assert first.stopped() == 0
    assert not opener.exists()
    with Command("connect", *listen, environment=home) as reader:
        reader.line("connected")
        assert reader.stopped() == 0


def test_without_an_invite_the_panel_opens_and_takes_one(
    operators: list[dict[str, str]], site: str, home: dict[str, str], tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o700)
    screen = {"DISPLAY": ":99", "BROWSER": f"{browser} %s"}
    with Command("connect", "--listen", "127.0.0.1:0", environment={**home, **screen}) as reader:
        proxy = words(reader.line("ready "))["proxy"]
        reader.line("there is no invite: paste one into the panel")
        reader.line("panel ")
        wait_for(opened.exists)
        file = Path(opened.read_text().strip().removeprefix("file://"))
        panel = re.findall(r'href="(http://127[^"]+)"', file.read_text())[0]
        place, _, token = panel.partition("#")
        request = urllib.request.Request(
            f"{place}api/invites/add",
            json.dumps({"text": f"<{link_of(operators[0])}>", "label": "pasted"}).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        reader.line("connected")
        assert fetched(f"http://{proxy}", site).stdout == BODY
        assert reader.stopped() == 0
    assert [line.split()[-1] for line in remembered(home)] == ["pasted"]


def test_a_reader_that_was_killed_leaves_room_for_the_next(
    operators: list[dict[str, str]], home: dict[str, str]
) -> None:
    listen = ("--listen", "127.0.0.1:0")
    with Command("connect", operators[0]["invite"], *listen, environment=home) as first:
        first.line("panel ")
        assert first.stopped(signal.SIGKILL) == -signal.SIGKILL
    with Command("connect", *listen, environment=home) as second:
        second.line("ready ")
        second.line("connected")
        assert second.stopped() == 0


def test_one_command_stops_the_reader_and_wipes_all_that_it_remembered(
    operators: list[dict[str, str]], home: dict[str, str]
) -> None:
    with Command("connect", operators[0]["invite"], "--listen", "127.0.0.1:0", environment=home) as reader:
        reader.line("panel ")
        assert (Path(home["UNWALLED_HOME"]) / "invites.json").exists()
        with Command("forget", environment=home) as forget:
            assert forget.ended() == 0
            assert forget.out == ["forgotten"]
        assert reader.ended() == 0
    assert not Path(home["UNWALLED_HOME"]).exists()
    with Command("forget", environment=home) as forget:
        assert forget.ended() == 0
        assert forget.out == ["nothing was remembered"]
    assert failed("connect", "--no-panel", environment=home)[0] == 2


def test_nothing_is_left_on_the_disk_when_somebody_wants_that(
    operators: list[dict[str, str]], site: str, home: dict[str, str]
) -> None:
    options = ("--no-remember", "--listen", "127.0.0.1:0")
    environment = {**home, "UNWALLED_INVITE": operators[0]["invite"]}
    with Command("connect", *options, environment=environment) as reader:
        proxy = words(reader.line("ready "))["proxy"]
        reader.line("connected")
        assert fetched(f"http://{proxy}", site).stdout == BODY
        # Nor does it know of another one.
        with Command("connect", *options, environment=environment) as other:
            other.line("connected")
            assert other.stopped() == 0
        assert reader.stopped() == 0
    assert not Path(home["UNWALLED_HOME"]).exists()


def test_an_operator_that_refuses_is_left_for_the_next_invite(
    operators: list[dict[str, str]], site: str, home: dict[str, str]
) -> None:
    good, bad = operators[1]["invite"], link_of(operators[0], "--label", "to be withdrawn")
    listen = ("--listen", "127.0.0.1:0", "--no-panel")
    for invite, label in ((good, "good"), (bad, "bad")):
        with Command("connect", invite, "--label", label, *listen, environment=home) as reader:
            reader.line("connected")
            assert reader.stopped() == 0
    with Command("invite", "--data", operators[0]["data"], "--list") as listing:
        assert listing.ended() == 0
        withdrawn = next(line.split()[0] for line in listing.out if line.endswith("to be withdrawn"))
    with Command("invite", "--data", operators[0]["data"], "--revoke", withdrawn) as revoking:
        assert revoking.ended() == 0
    assert [line.split()[-1] for line in remembered(home)] == ["bad", "good"]
    with Command("connect", *listen, environment=home) as reader:
        proxy = words(reader.line("ready "))["proxy"]
        reader.line("connected")
        assert fetched(f"http://{proxy}", site).stdout == BODY
        assert reader.stopped() == 0
    states = [(line.split()[1], line.split()[-1]) for line in remembered(home)]
    assert states == [("good", "good"), ("refused", "bad")]
    name = remembered(home)[1].split()[0]
    with Command("connect", "--remove", name, environment=home) as removing:
        assert removing.ended() == 0
    assert [line.split()[-1] for line in remembered(home)] == ["good"]
    code, errors = failed("connect", "--remove", name, environment=home)
    assert (code, errors[0]) == (2, "unwalled: There is no invite of that name.")


def test_two_people_on_one_computer_do_not_disturb_each_other(
    operators: list[dict[str, str]], site: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    people = [{"UNWALLED_HOME": str(tmp_path / name)} for name in ("her", "him")]
    for home in people:
        folder = Path(home["UNWALLED_HOME"])
        folder.mkdir(mode=0o700)
        (folder / "preferences.json").write_text(json.dumps({"listen": f"127.0.0.1:{port}"}))
        (folder / "preferences.json").chmod(0o600)
    with ExitStack() as undo:
        readers = []
        for home in people:
            reader = undo.enter_context(Command("connect", operators[0]["invite"], environment=home))
            proxy = words(reader.line("ready "))["proxy"]
            reader.line("connected")
            assert fetched(f"http://{proxy}", site).stdout == BODY
            readers.append((reader, proxy))
        assert readers[0][1] == f"127.0.0.1:{port}"
        assert readers[1][1] != readers[0][1]
        assert readers[1][0].warned(f"Another program has port {port}, so the proxy is at {readers[1][1]} this time.")
        assert [reader.stopped() for reader, _ in readers] == [0, 0]


def test_a_damaged_file_is_kept_aside_and_spoken_of(operators: list[dict[str, str]], home: dict[str, str]) -> None:
    folder = Path(home["UNWALLED_HOME"])
    folder.mkdir(mode=0o700)
    for name in ("invites.json", "preferences.json"):
        (folder / name).write_text("{damaged")
        (folder / name).chmod(0o600)
    code, errors = failed("connect", "--no-panel", environment=home)
    assert (code, errors[0]) == (2, "unwalled: There is no invite.")
    with Command("connect", operators[0]["invite"], "--listen", "127.0.0.1:0", environment=home) as reader:
        reader.line("connected")
        for name in ("invites.json", "preferences.json"):
            assert reader.warned(f"{name} in Unwalled's folder was damaged. It is kept as {name}.damaged.")
            assert (folder / f"{name}.damaged").read_text() == "{damaged"
        assert reader.stopped() == 0
    assert len(remembered(home)) == 1
