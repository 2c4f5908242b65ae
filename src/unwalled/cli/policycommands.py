"""The commands under ``unwalled policy``, and their options. What they do is in `unwalled.cli.policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

policy_app = typer.Typer(
    help="Where readers may go through an operator's gateway.", no_args_is_help=True, rich_markup_mode=None
)
_Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The operator's data folder.")]
_Target = Annotated[
    str, typer.Argument(metavar="HOST[:PORT]", help="A host and all below it, =HOST, *.HOST, an address, a network.")
]


@policy_app.command()
def check(
    target: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="Without a port: 443.")],
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help="What `operate --policy` would read.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The operator's data folder, for what is blocked by hand.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `operate --config` reads, for all of these.")
    ] = None,
) -> None:
    """Say what the policy decides about a host, and why. Nothing is looked up or dialled."""
    from unwalled.cli.operate import read_options
    from unwalled.cli.policy import check as run
    from unwalled.cli.policy import options_of

    code = run(target, options_of(policy, data, None if config is None else read_options(config, {})))
    if code:
        raise typer.Exit(code)


@policy_app.command()
def block(target: _Target, data: _Data = Path("unwalled-data")) -> None:
    """Refuse a target from now on, as after a complaint. Works while the operator runs."""
    from unwalled.cli.policy import block as run

    run(target, data)


@policy_app.command()
def unblock(target: _Target, data: _Data = Path("unwalled-data")) -> None:
    """Open a target again that was blocked by hand."""
    from unwalled.cli.policy import unblock as run

    run(target, data)


@policy_app.command()
def blocks(data: _Data = Path("unwalled-data")) -> None:
    """Show what is blocked by hand."""
    from unwalled.cli.policy import show_blocks

    show_blocks(data)
