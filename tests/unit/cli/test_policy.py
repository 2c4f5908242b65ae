"""``unwalled policy``: what it says, and what it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.cli.app import run_command
from unwalled.cli.policy import read_target
from unwalled.errors import UsageError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def test_a_check_says_what_is_decided_and_why(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.txt").write_text("bad.example\n")
    policy = tmp_path / "policy.toml"
    policy.write_text('[sites]\ndeny = ["denied.example"]\n[categories]\nmalware = ["bad.txt"]\n')
    assert run_command(["policy", "block", "blocked.example:22", "--data", str(data)]) == 0
    capsys.readouterr()
    for target, code, words in (
        ("news.example", 0, "port 443: allowed"),
        ("www.bad.example", 1, "category malware"),
        ("denied.example:80", 1, "deny in [sites]"),
        ("news.example:587", 1, "the port is not open"),
        ("blocked.example:22", 1, "blocked by hand"),
        ("blocked.example", 0, "allowed"),
        ("10.0.0.1", 0, "not dialled"),
        ("[2001:4860:4860::8888]:443", 0, "allowed"),
    ):
        given = ["policy", "check", target, "--policy", str(policy), "--data", str(data)]
        assert run_command(given) == code, target
        assert words in capsys.readouterr().out, target


def test_a_check_takes_a_configuration(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "unwalled.toml"
    config.write_text(f'data = "{data}"\nonly-my-sites = ["news.example"]\n')
    assert run_command(["policy", "check", "www.news.example", "--config", str(config)]) == 0
    assert run_command(["policy", "check", "cdn.example", "--config", str(config)]) == 1
    assert "only listed sites" in capsys.readouterr().out


def test_blocks_are_made_shown_and_taken_away(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data", str(data)]
    assert run_command(["policy", "block", "abused.example", *where]) == 0
    assert run_command(["policy", "block", "abused.example", *where]) == 0
    assert "already" in capsys.readouterr().out
    assert run_command(["policy", "blocks", *where]) == 0
    assert capsys.readouterr().out == "abused.example\n"
    assert run_command(["policy", "unblock", "abused.example", *where]) == 0
    assert run_command(["policy", "unblock", "abused.example", *where]) == 0
    assert "was not blocked" in capsys.readouterr().out
    assert run_command(["policy", "block", "https://abused.example/x", *where]) == 2
    assert run_command(["policy", "blocks", "--data", str(data / "none")]) == 2


@pytest.mark.parametrize("text", ["", "a b", "news.example:0", "news.example:99999", "news.example:http", "[::1]:x"])
def test_what_is_no_target_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageError):
        read_target(text)


def test_a_token_is_made_replaced_and_removed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data", str(data)]
    assert run_command(["admin", "token", *where]) == 0
    first = capsys.readouterr().out.strip()
    assert run_command(["admin", "token", *where]) == 2
    assert run_command(["admin", "token", "--replace", *where]) == 0
    assert capsys.readouterr().out.strip() not in ("", first)
    assert run_command(["admin", "token", "--remove", *where]) == 0
    assert "nobody can use /admin" in capsys.readouterr().out
    assert run_command(["admin", "token", "--remove", *where]) == 0
    assert "there was no token" in capsys.readouterr().out
    assert run_command(["admin", "token", "--data", str(data / "none")]) == 2
