"""``unwalled rules`` as a person calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.app.home import VARIABLE, Home
from unwalled.app.preferences import load_preferences
from unwalled.app.rulesbook import RulesBook
from unwalled.app.snapshot import RuleMode
from unwalled.cli import app
from unwalled.rules.memory import Sign


class Program:
    """Runs commands with a folder of its own."""

    def __init__(self, home: Home, capture: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capture = capture

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        code = app.run_command(["rules", *arguments])
        said = self._capture.readouterr()
        return code, said.out, said.err


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "reader"))
    return Program(Home(tmp_path / "reader"), capsys)


def test_to_begin_with_everything_goes_through_bridges(rules: Program) -> None:
    for arguments in ((), ("show",)):
        assert rules(*arguments) == (0, "mode everything: everything goes through bridges\n", "")
    assert rules("test", "example.org")[1] == "example.org: through bridges (everything does)\n"
    assert not rules.home.folder.exists()


def test_modes(rules: Program) -> None:
    code, out, err = rules("mode", "blocked")
    assert code == 0
    assert out.startswith("mode blocked: ")
    assert "can be seen on your network" in err
    assert load_preferences(rules.home).rules is RuleMode.BLOCKED
    assert "can be seen" not in rules("mode", "everything")[2]
    code, out, err = rules("mode", "some")
    assert (code, out) == (2, "")
    assert "everything, blocked, listed" in err


def test_patterns_come_and_go(rules: Program) -> None:
    rules("mode", "blocked")
    assert rules("add", "example.org", "bücher.example") == (0, "added 2\n", "")
    assert rules("add", "--direct", "bank.example")[:2] == (0, "added 1\n")
    code, out, err = rules("add", "good.example", "https://bad.example/x")
    assert (code, out) == (1, "added 1\n")
    assert "Line 2 is left out: This is the address of a page." in err
    assert rules()[1].splitlines()[1:] == [
        "own example.org",
        "own bücher.example",
        "own direct: bank.example",
        "own good.example",
    ]
    said = rules("test", "www.example.org", "bank.example", "new.example", "router", "a.onion")[1].splitlines()
    assert said == [
        "www.example.org: through bridges (your own pattern)",
        "bank.example: directly (your own pattern)",
        "new.example: directly, and through bridges when it turns out to be blocked (on no list)",
        "router: nowhere (it is of this computer or its network; add your own pattern with --direct if you want it)",
        "a.onion: through bridges (no resolver may see such a name)",
    ]
    assert rules("remove", "bank.example") == (0, "removed\n", "")
    code, _, err = rules("remove", "bank.example")
    assert code == 2
    assert "no such pattern or list" in err
    assert rules("test", "a b")[0] == 2


def test_lists(rules: Program, tmp_path: Path) -> None:
    rules("mode", "blocked")
    file = tmp_path / "blocked.txt"
    file.write_text("blocked.example\nbad line\n! \n")
    code, out, err = rules("import", str(file))
    assert (code, out) == (0, "added 1 entries\n") or "2" in err
    assert rules("import", str(file), "--title", "Home", "--direct")[0] == 0
    assert rules("import", "https://lists.example/a.txt")[1].startswith("added; it is fetched through the bridges")
    assert rules("import", "http://lists.example/a.txt")[0] == 2
    shown = [line for line in rules()[1].splitlines() if line.startswith("list ")]
    assert len(shown) == 3
    assert shown[0].endswith("  blocked.txt")
    assert "direct 1 entries" in shown[1]
    assert "not fetched yet" in shown[2]
    assert rules("test", "blocked.example")[1] == "blocked.example: through bridges (list blocked.txt)\n"
    assert rules("remove", "blocked.txt")[1] == f"removed list {shown[0].split()[1]}\n"
    assert rules("test", "blocked.example")[1] == "blocked.example: directly (list Home)\n"
    assert rules("import", str(tmp_path / "none"))[0] == 2


def test_checking_a_file(rules: Program, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("||a.example^\n@@||b.a.example^\nc.example##.ad\n")
    assert rules("check", str(file)) == (
        0,
        "adblock: 1 entries, 1 exceptions, 1 lines about something else, 0 bad lines\n",
        "",
    )
    file.write_text("a.example\n" + "192.0.2.1/24\n" * 150)
    code, out, _ = rules("check", str(file))
    lines = out.splitlines()
    assert code == 1
    assert lines[0] == "line 2: The network has bits set behind its prefix. Write 192.0.2.0/24."
    assert lines[-2:] == ["… and 50 more bad lines", "lines: 1 entries, 150 bad lines"]
    file.write_text("bank*.example\n")
    assert rules("check", str(file))[0] == 0
    assert rules("check", "--direct", str(file))[0] == 1
    file.write_text("")
    assert rules("check", str(file))[0] == 1
    file.write_text("<html>")
    code, _, err = rules("check", str(file))
    assert code == 2
    assert "web page" in err


def test_what_was_learned(rules: Program) -> None:
    rules("mode", "blocked")
    code, out, err = rules("learned")
    assert (code, out) == (0, "what is learned is kept in memory only\n")
    assert "panel" in err
    code, out, err = rules("learned", "--keep")
    assert (code, out) == (0, "what is learned is kept on the disk as hashes\n")
    assert "can test names" in err
    book = RulesBook(rules.home, RuleMode.BLOCKED)

    async def learn() -> None:
        await book.load()
        book.learn("new.example", Sign.RESET)
        book.learn("other.example", Sign.SILENCE)
        book.keep_memory()

    import asyncio

    asyncio.run(learn())
    assert rules("test", "new.example")[1] == "new.example: through bridges (learned: connections to it were cut)\n"
    assert "learned 2 sites, kept on the disk as hashes\n" in rules()[1]
    assert rules("learned") == (0, "learned 2 sites, kept on the disk as hashes\n", "")
    assert rules("learned", "--forget", "new.example")[1] == "forgotten\n"
    assert rules("learned", "--forget", "new.example")[1] == "nothing was learned of it\n"
    assert rules("test", "new.example")[1].endswith("(on no list)\n")
    code, out, err = rules("learned", "--forget", "all")
    assert (code, out) == (0, "forgotten\n")
    assert "An Unwalled that runs still knows" in err
    assert rules("test", "other.example")[1].endswith("(on no list)\n")
    assert rules("learned", "--no-keep")[1] == "what is learned is kept in memory only\n"


def test_the_pac_file(rules: Program) -> None:
    assert 'return "PROXY 127.0.0.1:1080";' in rules("pac")[1]
    assert 'return "PROXY 127.0.0.2:9";' in rules("pac", "--proxy", "127.0.0.2:9")[1]
    assert rules("pac", "--proxy", "localhost:1")[0] == 2


def test_damage_is_told(rules: Program) -> None:
    rules("add", "example.org")
    rules.home.path("rules.txt").write_text("example.org\nno/such\n")
    assert "Line 2 of your own patterns has no effect" in rules()[2]
    rules.home.path("rules.json").write_text("{")
    assert "damaged" in rules()[2]
