"""``unwalled doctor``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from unwalled.app.start import started
from unwalled.bridge.client import Bridge
from unwalled.cli.output import say
from unwalled.cli.running import INTERRUPTED, run
from unwalled.clock import SystemClock
from unwalled.errors import SignalingFailed, UsageError
from unwalled.operator.bounds import DOCTOR
from unwalled.operator.doctor import Doctor, Finding, Outcome
from unwalled.operator.invites.book import InviteBook
from unwalled.operator.options import PublicUrl
from unwalled.operator.state import held_invite, require_state
from unwalled.reader.answers import answer_for
from unwalled.tasks import TaskOwner
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite

_OURS = "unwalled; error="
_DENIED = answer_for(Code.NOT_ALLOWED).proxy_error
_SUBJECT_CHARS = 11


def run_doctor(
    url: PublicUrl | None, data: Path | None, invite: Invite | None, page: str | None, inside: str = ""
) -> int:
    """Says all findings; 1 if something is broken. Raises UsageError when there is no URL to look at.

    ``data``: a folder of the operator's, for its URL and an invite. ``page``: fetched through the whole chain; without
    it the operator's own page, which a gateway mostly refuses: that it did is an answer, too. ``inside``: see Doctor.
    """
    clock = SystemClock()
    if data is not None:
        keys, state = require_state(data)
        url = url or PublicUrl.parse(state.public_url)
        invite = invite or held_invite(keys, state, InviteBook(data), clock)
    if url is None:
        raise UsageError("There is nothing to look at.", "Write: unwalled doctor https://bridges.example.org")
    return run(lambda: _examine(Doctor(url, clock, inside=inside), url, invite, page), stopped=INTERRUPTED)


async def _examine(doctor: Doctor, url: PublicUrl, invite: Invite | None, page: str | None) -> int:
    is_broken = False
    async for finding in doctor.examine():
        _show(finding)
        is_broken |= finding.outcome is Outcome.BAD
    if is_broken:
        say("Not all is well. Mend the first thing first: others may follow from it.")
        return 1
    if invite is not None:
        finding = await _read_a_page(url, invite, page)
        _show(finding)
        is_broken = finding.outcome is Outcome.BAD
    else:
        say("The whole chain was not tried: give --data on the server, or an invite that holds with --invite.")
    say("Not all is well." if is_broken else "All is well.")
    return 1 if is_broken else 0


def _show(finding: Finding) -> None:
    say(f"{finding.outcome.value:5} {finding.subject:{_SUBJECT_CHARS}} {finding.cause}")
    if finding.remedy:
        say(" " * (_SUBJECT_CHARS + 7) + finding.remedy)


async def _read_a_page(url: PublicUrl, invite: Invite, page: str | None) -> Finding:
    """One request of a reader's through whoever helps, which may be a bridge of our own."""
    tasks = TaskOwner()
    tasks.start(Bridge(url.text).run(), "bridge")
    try:
        async with started(invite, None, is_exact=True) as service:
            address = await service.listen("127.0.0.1", 0)
            try:
                async with asyncio.timeout(DOCTOR.chain_s):
                    await service.found()
            except TimeoutError:
                detail = service.reader_status.detail or "no lane opened"
                return Finding.bad(
                    "chain",
                    f"A reader found no way through a bridge: {detail}".rstrip(".") + ".",
                    "If all else is well, this machine's network may be in the way (UDP): try on another one.",
                )
            except SignalingFailed as error:
                return Finding.bad("chain", error.cause, error.remedy or "`unwalled invite` makes one that holds.")
            return await _fetch(f"http://{address}", page or f"{url.text}/healthz", is_own=page is None)
    finally:
        await tasks.close()


async def _fetch(proxy: str, page: str, *, is_own: bool) -> Finding:
    timeout = aiohttp.ClientTimeout(total=DOCTOR.chain_s)
    told = ""
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        try:
            async with session.get(page, proxy=proxy, allow_redirects=False) as response:
                told = response.headers.get("Proxy-Status", "")
                if not told.startswith(_OURS):
                    return Finding.good("chain", f"A page was read through the whole chain (answer {response.status}).")
        except aiohttp.ClientHttpProxyError as error:
            told = error.headers.get("Proxy-Status", "") if error.headers else ""
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass
    word = told.removeprefix(_OURS)
    if is_own and word.startswith(_DENIED):
        return Finding.good("chain", "A reader reached the gateway through a bridge, and got its answer.")
    return Finding.bad(
        "chain",
        f"The page was not read: {word or 'the connection broke'}.",
        "Try with another page (--fetch); look at the policy and at the gateway's way out.",
    )
