"""What `unwalled top` shows, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.unit.operator.numbers.test_live import the_view
from unwalled.cli.top import TOKEN_VARIABLE, _problem, find_token, find_url, lines, top
from unwalled.errors import ConfigurationError
from unwalled.operator.numbers.alarms import Alarm
from unwalled.operator.options import PublicUrl
from unwalled.operator.state import keep_state


def shown(alarms: list[Alarm] | None = None) -> str:
    return "\n".join(text for _, text in lines(the_view(alarms)))


def test_what_matters_comes_first() -> None:
    first, *_ = lines(the_view([Alarm("disk_full", "bad", "The disk is full.", "Make room.", 1_799_992_800)]))
    assert first == ("bold red", "Something is wrong: the disk is full.")
    text = shown([Alarm("disk_full", "bad", "The disk is full.", "Make room.", 1_799_992_800)])
    assert text.index("! The disk is full. (for 2 hours)") < text.index("  Make room.") < text.index("Bridges")


def test_the_numbers_are_there_in_words() -> None:
    text = shown()
    for part in (
        "Bridges   12, 10 with room · page 11, headless 1",
        "restricted 7, unknown 5 · DE 8, other 5",
        "Readers   8 sessions over 32 lanes · 1 asking",
        "hour: 75 % of 40 got a bridge, half within 0.25 s, nine of ten within 0.45 s",
        "Refused   limited 3 · busy 2 · denied 5",
        "Carried   up 1 kbit/s, down 7.2 kbit/s · most 8.0 kbit/s",
        "Machine   50.0 MB of memory · 2 % of a core · 40 of 1024 open files · 10.0 GB of disk left",
        "Unwalled  1.2 · up 2 minutes · broker, gateway",
    ):
        assert part in text


def test_where_nothing_is_known_nothing_is_said() -> None:
    seen = the_view()
    empty = msgspec.structs.replace(
        seen,
        machine=msgspec.structs.replace(
            seen.machine, memory_bytes=None, processor_share=None, descriptors=None, disk_free_bytes=None
        ),
        gateway=msgspec.structs.replace(seen.gateway, stun={}),
    )
    text = "\n".join(text for _, text in lines(empty))
    assert "Machine" not in text
    assert "STUN" not in text


def test_the_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(ConfigurationError, match=r"There is no admin token\..*--token-file"):
        find_token(None)
    monkeypatch.setenv(TOKEN_VARIABLE, "uwadmin1.environment")
    assert find_token(None) == "uwadmin1.environment"
    (tmp_path / "token").write_text("uwadmin1.file\n")
    assert find_token(tmp_path / "token") == "uwadmin1.file"
    (tmp_path / "token").write_bytes(b"a\r\nHost: evil")
    with pytest.raises(ConfigurationError, match="no admin token"):
        find_token(tmp_path / "token")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        find_token(tmp_path / "none")


def test_the_operator_is_that_of_the_folder_or_the_one_that_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no operator's data folder"):
        find_url(None, tmp_path / "none")
    keep_state(tmp_path, PublicUrl.parse("https://bridges.example.org"), ())
    assert find_url(None, tmp_path).text == "https://bridges.example.org"
    assert find_url("http://127.0.0.1:8080", tmp_path).text == "http://127.0.0.1:8080"
    for nowhere in ("nonsense", "https://", "https://admin:secret@bridges.example.org"):
        with pytest.raises(ConfigurationError, match="not an operator's address"):
            find_url(nowhere, tmp_path)


@pytest.mark.parametrize(("url", "is_warned"), [("http://news.example", True), ("https://news.example", False)])
def test_a_token_that_would_go_unencrypted_is_warned_of(
    url: str, is_warned: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("unwalled.cli.top.run", lambda work: 0)
    assert top(PublicUrl.parse(url), "uwadmin1.token", once=True, as_json=False, every_s=1.0) == 0
    assert ("unencrypted" in capsys.readouterr().err) is is_warned


def test_a_problem_is_told_in_the_operators_words_unless_they_could_do_harm() -> None:
    told = _problem(429, b'{"detail":"Too often.","remedy":"Wait."}')
    assert (told.cause, told.remedy) == ("Too often.", "Wait.")
    assert "unwalled admin token" in _problem(401, b'{"detail":"The token is wrong."}').remedy
    assert _problem(502, b"<html>").cause == "The operator answers 502."
    assert _problem(500, b'{"detail":"\\u001b[2J","remedy":"\\u001b"}').cause == "The operator answers 500."
