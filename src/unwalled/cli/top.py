"""``unwalled top``: how an operator is now, in a terminal, through the admin's API."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import msgspec

from unwalled.bridge.operator import OperatorUrl
from unwalled.cli.output import say, warn
from unwalled.cli.running import run
from unwalled.cli.units import show_count, show_rate, show_size, show_span
from unwalled.errors import ConfigurationError, UnwalledError
from unwalled.operator.bounds import DOCTOR
from unwalled.operator.doctor import body_of
from unwalled.operator.numbers.live import LiveView, Requests
from unwalled.operator.options import PublicUrl
from unwalled.operator.state import OperatorState
from unwalled.wire.invite import is_private_url

TOKEN_VARIABLE = "UNWALLED_ADMIN_TOKEN"
_PATH = "/admin/api/v1/live"
_MAX_TOKEN_BYTES = 4096
_TOKEN_REMEDY = (
    f"Put what `unwalled admin token` has shown into a file for --token-file, or into {TOKEN_VARIABLE};"
    " the data folder holds only its hash."
)
_STYLES = {"good": "bold green", "look": "bold yellow", "bad": "bold red"}

Line = tuple[str, str]
"""A line's style (of rich) and text."""


class OperatorSaysNo(UnwalledError):
    """The operator did not answer, or not with its state."""


def named_operator(url: str) -> PublicUrl:
    """An operator as a person names it. Raises ConfigurationError, in words for who does not run it."""
    return PublicUrl.parse(OperatorUrl.parse(url).base)


def find_url(url: str | None, data: Path) -> PublicUrl:
    """Where to ask: what was said, or the operator whose data folder it is. Raises ConfigurationError."""
    if url is not None:
        return named_operator(url)
    state = OperatorState.load(data) if data.is_dir() else None
    if state is None:
        raise ConfigurationError(
            "There is no operator's data folder of that name.", "Give one with --data, or the operator with --url."
        )
    return PublicUrl.parse(state.public_url)


def find_token(file: Path | None) -> str:
    """The admin token, which never stands on a command line. Raises ConfigurationError."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if file is not None:
        try:
            with file.open("rb") as opened:
                token = opened.read(_MAX_TOKEN_BYTES).decode()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"{file} cannot be read.", _TOKEN_REMEDY) from None
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigurationError("There is no admin token." if not token else "This is no admin token.", _TOKEN_REMEDY)
    return token


def top(url: PublicUrl, token: str, *, once: bool, as_json: bool, every_s: float) -> int:
    """Shows the state until stopped; only once where that was asked, and where there is no terminal."""
    if not url.is_encrypted and not is_private_url(url.text):
        warn("The token goes there unencrypted: whoever watches the network can use it. Give an https URL.")
    is_live = not once and (as_json or sys.stdout.isatty())

    async def work() -> int:
        timeout = aiohttp.ClientTimeout(total=DOCTOR.answer_s)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            seen = await ask(session, url, token)
            if not is_live:
                _print(seen, as_json=as_json)
            elif as_json:
                await _follow(session, url, token, every_s)
            else:
                await _renew(session, url, token, every_s)
        return 0

    return run(work)


async def ask(session: aiohttp.ClientSession, url: PublicUrl, token: str) -> LiveView:
    """The operator's state. Raises OperatorSaysNo."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with session.get(f"{url.text}{_PATH}", headers=headers, allow_redirects=False) as response:
            body = await body_of(response)
            status = response.status
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise OperatorSaysNo(
            f"The operator at {url.text} does not answer.", "Look at whether it runs, and at the address (--url)."
        ) from None
    if status == 404:
        raise OperatorSaysNo(
            "The operator shows no /admin here.",
            "Make a token with `unwalled admin token`; with `--admin-from` ask from one of those networks.",
        )
    if status != 200:
        raise _problem(status, body)
    try:
        return msgspec.json.decode(body, type=LiveView)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise OperatorSaysNo(
            "What answers there says nothing that this program understands.",
            "Look at the address (--url); use the version that the operator runs.",
        ) from None


class _Told(msgspec.Struct, frozen=True):
    detail: str = ""
    remedy: str = ""


def _problem(status: int, body: bytes) -> OperatorSaysNo:
    try:
        told = msgspec.json.decode(body, type=_Told)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = _Told()
    cause = told.detail if told.detail.isprintable() and told.detail else f"The operator answers {status}."
    return OperatorSaysNo(cause, _TOKEN_REMEDY if status == 401 else told.remedy if told.remedy.isprintable() else "")


def _print(seen: LiveView, *, as_json: bool) -> None:
    if as_json:
        say(msgspec.json.encode(seen).decode())
        return
    for _, text in lines(seen):
        say(text)


async def _follow(session: aiohttp.ClientSession, url: PublicUrl, token: str, every_s: float) -> None:
    while True:
        _print(await ask(session, url, token), as_json=True)
        await asyncio.sleep(every_s)


async def _renew(session: aiohttp.ClientSession, url: PublicUrl, token: str, every_s: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    with Live(
        Text(), console=console, auto_refresh=False, screen=console.is_terminal, vertical_overflow="crop"
    ) as live:
        shown: list[Line] = []
        while True:
            try:
                shown = lines(await ask(session, url, token))
                trouble: list[Line] = []
            except OperatorSaysNo as error:
                # It may be started anew just now; what is shown is old, and says so.
                trouble = [("bold red", f"{error.cause} What follows is old."), ("", "")]
            live.update(Text("\n").join(Text(text, style) for style, text in [*trouble, *shown]), refresh=True)
            await asyncio.sleep(every_s)


def lines(seen: LiveView) -> list[Line]:
    """The whole state, line by line, what matters first."""
    told: list[Line] = [(_STYLES[seen.state], seen.sentence)]
    for alarm in seen.alarms:
        since = show_span(max(0, seen.at_s - alarm.since_s))
        told += [("", ""), (_STYLES[alarm.level], f"! {alarm.cause} (for {since})"), ("", f"  {alarm.remedy}")]
    bridges, readers, gateway, traffic = seen.bridges, seen.readers, seen.gateway, seen.traffic
    told += [("", "")]
    told += _row("Bridges", f"{bridges.connected}, {bridges.with_room} with room", _counts(bridges.kind))
    told += _row("", _counts(bridges.nat), _counts(bridges.country))
    told += _row("", f"in the last hour {bridges.came_hour} came, {bridges.went_hour} went")
    sessions, lanes = show_count(gateway.sessions, "session"), show_count(gateway.lanes, "lane")
    told += _row("Readers", f"{sessions} over {lanes}", f"{readers.asking} asking")
    for name, asked in (("5 minutes", readers.minutes), ("hour", readers.hour), ("day", readers.day)):
        told += _row("" if name != "5 minutes" else "Requests", f"{name}: {_requests(asked)}")
    told += _row("Refused", _counts(readers.refused), _counts(readers.offers_refused), _counts(gateway.egress_refused))
    told += _row("From", _counts(readers.country))
    told += _row(
        "Carried",
        f"up {show_rate(traffic.up_bps)}, down {show_rate(traffic.down_bps)}",
        f"most {show_rate(traffic.peak_bps)}",
        f"in a day {show_size(traffic.up_day_bytes + traffic.down_day_bytes)}",
    )
    told += _row("STUN", _counts(gateway.stun))
    machine = seen.machine
    told += _row(
        "Machine",
        "" if machine.memory_bytes is None else f"{show_size(machine.memory_bytes)} of memory",
        "" if machine.processor_share is None else f"{100 * machine.processor_share:.0f} % of a core",
        "" if machine.descriptors is None else f"{machine.descriptors} of {machine.max_descriptors or '∞'} open files",
        "" if machine.disk_free_bytes is None else f"{show_size(machine.disk_free_bytes)} of disk left",
    )
    told += _row("Unwalled", seen.version, f"up {show_span(seen.uptime_s)}", ", ".join(seen.roles))
    return told


def _row(name: str, *parts: str) -> list[Line]:
    """One line; none where there is nothing to say."""
    text = " · ".join(part for part in parts if part)
    return [("", f"{name:9} {text}")] if text else []


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in sorted(counts.items(), key=lambda item: -item[1]))


def _requests(asked: Requests) -> str:
    if asked.success is None:
        return "nobody asked"
    told = f"{100 * asked.success:.0f} % of {asked.ok + asked.none + asked.failed} got a bridge"
    if asked.connecting is not None:
        told += f", half within {asked.connecting.p50_s:.2g} s, nine of ten within {asked.connecting.p90_s:.2g} s"
    return told
