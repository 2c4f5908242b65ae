"""Writes man/unwalled.1 from the command line itself (`make man`); a test fails when it is not fresh.

Source of the form: man(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from unwalled.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "man" / "unwalled.1"

_HEAD = """\
.\\" Written by `make man` from src/unwalled/cli/app.py.
.TH UNWALLED 1
.SH NAME
unwalled \\- read freely through the browsers of people who help
.SH SYNOPSIS
.B unwalled
[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...
.SH DESCRIPTION
Visitors of a news site lend their browsers as bridges to people for whom the site is blocked. A reader with an invite
starts with
.BR "unwalled browse" :
a window of a browser in which everything goes through bridges, and nothing past them.
"""
_TAIL = """\
.SH EXIT STATUS
.TP
.B 0
Done, or a service that was told to stop.
.TP
.B 1
It did not work: a site, a bridge or the operator failed.
.TP
.B 2
Something that was given cannot work: an option, a URL, an invite, a port in use.
.TP
.B 130
Stopped before it was done.
.SH ENVIRONMENT
.TP
.B UNWALLED_INVITE
The invite, where none is given. Unlike the command line it is not seen by other users of the computer.
.TP
.B UNWALLED_HOME
The folder in which everything is remembered.
.SH SEE ALSO
Threat model, protocol and all other documentation come with the source.
"""


def escaped(text: str) -> str:
    """A text that means nothing else to roff: dashes are dashes, and no line begins a request."""
    text = re.sub(r"\s+", " ", text).strip().replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def render() -> str:
    """The whole page."""
    program = typer.main.get_command(app)
    assert isinstance(program, TyperGroup)
    parts = [_HEAD, ".SH OPTIONS\n", *_options(program), ".SH COMMANDS\n"]
    for name, command in commands(program):
        parts += _command(name, command)
    return "".join([*parts, _TAIL])


def commands(program: TyperGroup) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """All that are shown, with their names, such as ``browse`` and ``rules add``."""
    for name, command in sorted(program.commands.items()):
        assert isinstance(command, TyperCommand | TyperGroup)
        if command.hidden:
            continue
        yield name, command
        if isinstance(command, TyperGroup):
            for below, part in commands(command):
                yield f"{name} {below}", part


def _command(name: str, command: TyperCommand | TyperGroup) -> list[str]:
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    words = " ".join(f"\\fI{escaped(one.metavar or one.name or '')}\\fR" for one in arguments)
    has_options = any(isinstance(one, TyperOption) for one in command.params)
    some = "[\\fIOPTION\\fR]... " if has_options else ""
    line = f"\\fBunwalled {escaped(name)}\\fR {some}{words}".rstrip()
    parts = [f".SS {line}\n{escaped(command.help or '')}\n"]
    parts += [
        f".TP\n\\fI{escaped(one.metavar or one.name or '')}\\fR\n{escaped(one.help)}\n" for one in arguments if one.help
    ]
    return parts + _options(command)


def _options(command: TyperCommand | TyperGroup) -> list[str]:
    parts = []
    for one in command.params:
        if isinstance(one, TyperOption) and not one.hidden and one.help:
            names = ", ".join(f"\\fB{escaped(name)}\\fR" for name in (*one.opts, *one.secondary_opts))
            value = "" if one.is_flag else f" \\fI{escaped(one.metavar or 'VALUE')}\\fR"
            parts.append(f".TP\n{names}{value}\n{escaped(one.help)}\n")
    return parts


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")
