"""The commands under ``unwalled rules``, and their options. What they do is in `unwalled.cli.rules`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

rules_app = typer.Typer(
    help="What goes through bridges, and what directly.", invoke_without_command=True, rich_markup_mode=None
)
_Direct = Annotated[bool, typer.Option("--direct", help="For what goes directly; without it: through bridges.")]


def _end(code: int) -> None:
    if code:
        raise typer.Exit(code)


@rules_app.callback()
def _rules(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show()


@rules_app.command()
def show() -> None:
    """Show mode, own patterns and lists."""
    from unwalled.app.home import Home
    from unwalled.cli import rules

    rules.show(Home.usual())


@rules_app.command()
def mode(mode: Annotated[str, typer.Argument(metavar="MODE", help="everything, blocked or listed.")]) -> None:
    """Set what goes through bridges."""
    from unwalled.app.home import Home
    from unwalled.cli import rules

    rules.set_mode(Home.usual(), mode)


@rules_app.command()
def add(
    patterns: Annotated[
        list[str], typer.Argument(metavar="PATTERN…", help="example.org, *.example.org, =example.org, 192.0.2.0/24 …")
    ],
    direct: _Direct = False,
) -> None:
    """Add own patterns, which come before every list."""
    from unwalled.app.home import Home
    from unwalled.cli import rules

    _end(rules.add(Home.usual(), patterns, is_direct=direct))


@rules_app.command()
def remove(
    what: Annotated[str, typer.Argument(metavar="PATTERN", help="An own pattern, or the id or title of a list.")],
) -> None:
    """Take an own pattern, or a list, out."""
    from unwalled.app.home import Home
    from unwalled.cli import rules

    rules.remove(Home.usual(), what)


@rules_app.command("import")
def import_list(
    source: Annotated[str, typer.Argument(metavar="FILE|URL", help="A file, or an https:// address.")],
    title: Annotated[str, typer.Option(metavar="TEXT", help="What to call it.")] = "",
    direct: _Direct = False,
) -> None:
    """Add a list: names, networks, hosts, dnsmasq, Adblock Plus, GFWList."""
    from unwalled.app.home import Home
    from unwalled.cli import rules

    rules.import_list(Home.usual(), source, title=title, is_direct=direct)


@rules_app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A list.")],
    direct: _Direct = False,
) -> None:
    """Say what a list holds and what is wrong with it; 0 when all of it can be read."""
    from unwalled.cli import rules

    _end(rules.check(file, is_direct=direct))


@rules_app.command()
def test(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Names or addresses; nobody is asked.")],
) -> None:
    """Say which way a name goes, and why."""
    from unwalled.app.home import Home
    from unwalled.cli import rules

    rules.test(Home.usual(), names)


@rules_app.command()
def learned(
    forget: Annotated[
        str | None, typer.Option(metavar="NAME", help="Forget what was learned of a site, or all.")
    ] = None,
    keep: Annotated[
        bool | None, typer.Option("--keep/--no-keep", help="Keep what is learned on the disk, as hashes.")
    ] = None,
) -> None:
    """Forget what was found to be blocked, or set whether it is kept over a restart."""
    from unwalled.app.home import Home
    from unwalled.cli import rules

    rules.learned(Home.usual(), forget=forget, keep=keep)


@rules_app.command()
def pac(
    proxy: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the proxy listens.")] = "127.0.0.1:1080",
) -> None:
    """Print the rules as a PAC file."""
    from unwalled.app.home import Home
    from unwalled.cli import rules

    rules.pac(Home.usual(), proxy)
