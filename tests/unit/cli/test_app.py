"""How errors reach a person: cause and remedy, no traceback unless asked for."""

from __future__ import annotations

import logging

import pytest

from unwalled.cli import app
from unwalled.cli.get import check_url
from unwalled.cli.invited import find_invite
from unwalled.errors import InviteError, SignalingFailed, UsageError
from unwalled.wire.invite import Invite

GOOD = Invite.make(bytes(32), bytes(32), bytes(28), ["https://door.example"], [])


def raising(error: BaseException) -> object:
    def run(*_: object, **__: object) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("It is wrong.", "Mend it."), 2, "unwalled: It is wrong.\nMend it.\n"),
        (SignalingFailed("No way."), 1, "unwalled: No way.\n"),
        (ExceptionGroup("x", [ExceptionGroup("y", [UsageError("In."), ValueError()])]), 2, "unwalled: In.\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_expected_errors(
    error: BaseException, code: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "app", raising(error))
    assert app.run_command([]) == code
    assert capsys.readouterr().err == text


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["invite", "--sessions", "many"], "--sessions has to be a whole number."),
        (["invite", "--sessions", "1.5"], "--sessions has to be a whole number."),
        (["invite", "--count", "0"], "--count has to be at least 1."),
        (["operate", "--gateway-workers", "x"], "--gateway-workers has to be a whole number."),
        (["top", "--every", "x"], "--every has to be a number."),
        (["top", "--every", "7200"], "--every has to be at most 3600."),
        (["top", "--nothing"], "No such option: --nothing"),
    ],
)
def test_numbers_that_are_none_are_told_in_plain_words(
    arguments: list[str], cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run_command(arguments) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"unwalled: {cause}"


def test_an_unexpected_error_is_named_without_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "app", raising(ValueError("secret.example")))
    assert app.run_command([]) == 1
    text = capsys.readouterr().err
    assert "Something unexpected happened (ValueError)." in text
    assert "secret" not in text
    assert "Traceback" not in text


def test_debug_does_not_make_libraries_talk_of_addresses() -> None:
    ours, theirs = logging.getLogger("unwalled.reader"), logging.getLogger("aiohttp.client")
    before = theirs.getEffectiveLevel()
    try:
        assert app.run_command(["--debug", "bridge", "nowhere"]) == 2
        assert ours.isEnabledFor(logging.DEBUG)
        assert theirs.getEffectiveLevel() == before >= logging.WARNING
    finally:
        assert app.run_command(["bridge", "nowhere"]) == 2
    assert not ours.isEnabledFor(logging.DEBUG)


def test_debug_shows_where_an_error_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run_command(["--debug", "bridge", "nowhere"]) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert text.endswith("It looks like https://bridges.example.org.\n")
    assert app.run_command(["bridge", "nowhere"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["operate", "invite", "bridge", "connect", "get", "demo"])
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run_command([command, "--help"]) == 0
    assert f"unwalled {command}" in capsys.readouterr().out


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run_command(["--version"]) == 0
    assert capsys.readouterr().out.startswith("unwalled 0.")


def test_the_invite_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNWALLED_INVITE", GOOD.text)
    assert find_invite(None, None) == (GOOD, True)
    with pytest.raises(InviteError):
        find_invite("uw1.", None)


def test_a_plain_door_is_warned_about(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    plain = Invite.make(bytes(32), bytes(32), bytes(28), ["http://door.example"], [])
    assert find_invite(plain.text, None) == (plain, True)
    assert capsys.readouterr().err.startswith("warning: A door of the invite is plain http")


@pytest.mark.parametrize(
    "url", ["", "example.org", "ftp://x", "http://", "http://[::1", "http://x:99999/", "file:///x"]
)
def test_what_get_cannot_fetch_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        check_url(url)
