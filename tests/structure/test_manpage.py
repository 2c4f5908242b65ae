"""The man page is what the command line says, and a page that man can read."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import typer

from scripts.manpage import PAGE, commands, escaped, render
from tests.structure.source import ROOT
from unwalled.cli.app import app


def names() -> list[str]:
    program = typer.main.get_command(app)
    assert isinstance(program, typer.core.TyperGroup)
    return [name for name, _ in commands(program)]


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: make man"


def test_every_command_stands_in_it_and_in_the_reference() -> None:
    assert re.findall(r"^\.SS \\fBunwalled ([\w ]+)\\fR", render(), re.MULTILINE) == names()
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert [
        name
        for name in {name.split()[0] for name in names()}
        if not re.search(rf"^## {name}\b", reference, re.MULTILINE)
    ] == []


def test_nothing_in_it_is_taken_for_a_request() -> None:
    assert escaped(".hidden --flag a\\b\n 'x") == "\\&.hidden \\-\\-flag a\\eb 'x"


@pytest.mark.skipif(shutil.which("groff") is None or shutil.which("preconv") is None, reason="groff is not installed")
def test_man_can_read_it() -> None:
    done = subprocess.run(
        ["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-z", PAGE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
