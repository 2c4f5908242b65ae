"""``unwalled policy``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unwalled.cli.output import note, say
from unwalled.errors import FrameError, UsageError
from unwalled.gateway.policy import Decision, EgressPolicy, Reason
from unwalled.operator.blocks import BlockBook
from unwalled.operator.options import OperatorOptions
from unwalled.operator.policykeeper import load_operator_policy
from unwalled.operator.state import need_folder
from unwalled.wire.address import Target

DEFAULT_PORT = 443
_REFUSED = 1
_WORDS = {
    Reason.ALLOWED: "allowed",
    Reason.PORT: "refused: the port is not open",
    Reason.BLOCKED: "refused: blocked by hand (`unwalled policy unblock` opens it)",
    Reason.DENIED: "refused: deny in [sites] has it",
    Reason.NOT_LISTED: "refused: only listed sites are allowed, and this is none",
}


def check(target: str, options: OperatorOptions) -> int:
    """Says what a gateway with these options decides about a target, and why; the exit code. Raises UsageError."""
    wanted = read_target(target)
    policy = load_operator_policy(options)
    decision = policy.decide(wanted)
    say(f"{wanted.host} port {wanted.port}: {words(decision)}")
    if decision.is_allowed:
        _say_about_address(wanted, policy)
    return 0 if decision.is_allowed else _REFUSED


def _say_about_address(wanted: Target, policy: EgressPolicy) -> None:
    literal = wanted.literal
    if literal is None:
        note("What the name leads to is judged when it is dialled: private and own addresses are refused.")
    elif policy.check_address(literal, port=wanted.port) is not None:
        say("but the address is not dialled: it is private, or not on the public Internet")


def words(decision: Decision) -> str:
    """A decision for a person."""
    if decision.reason is Reason.CATEGORY:
        return f"refused: a list of the category {decision.category} has it"
    return _WORDS[decision.reason]


def read_target(text: str) -> Target:
    """``HOST`` or ``HOST:PORT``, IPv6 with a port in brackets. Raises UsageError."""
    bare = text.strip()
    host, port = bare, str(DEFAULT_PORT)
    if bare.startswith("["):
        host, _, rest = bare[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif bare.count(":") == 1:
        host, _, port = bare.partition(":")
    try:
        if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
            raise ValueError
        return Target.parse(host, int(port))
    except (FrameError, ValueError):
        raise UsageError(
            f"{text!r} is no host that one could ask for.", "Write HOST or HOST:PORT, such as news.example:443."
        ) from None


def block(target: str, folder: Path) -> None:
    """Blocks a target. Raises UsageError."""
    need_folder(folder)
    is_new = BlockBook(folder).add(target)
    say(f"blocked {target}" if is_new else f"{target} was blocked already")
    note("A running operator refuses it within two seconds, and cuts what is open.")


def unblock(target: str, folder: Path) -> None:
    """Opens a target again. Raises UsageError."""
    need_folder(folder)
    was_there = BlockBook(folder).remove(target)
    say(f"opened {target}" if was_there else f"{target} was not blocked; `unwalled policy blocks` lists what is")


def show_blocks(folder: Path) -> None:
    """Prints what is blocked by hand."""
    need_folder(folder)
    for entry in BlockBook(folder).entries():
        say(entry)


def options_of(policy: Path | None, data: Path | None, config: OperatorOptions | None) -> OperatorOptions:
    """The options that a check needs, from a configuration and from the command line, which wins."""
    from unwalled.operator.configuration import DEFAULT_DATA, Given, build

    if data is not None:
        # Without the folder, what is blocked by hand would be left out, and "allowed" be wrong.
        need_folder(data)
    options = config if config is not None else build({"data": Given(data or DEFAULT_DATA)})
    if policy is not None:
        options = replace(options, policy=policy)
    return options if data is None else replace(options, data=data)
