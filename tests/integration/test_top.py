"""`unwalled top` against a real operator: once, as JSON, in a terminal, and when it cannot."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.programs import Command, words
from tests.unit.operator.numbers.test_live import the_view
from unwalled.cli.top import ask
from unwalled.operator.admin.admintoken import AdminToken
from unwalled.operator.numbers.live import LiveView
from unwalled.operator.options import PublicUrl

PATIENCE_S = 30.0


def test_the_state_of_an_operator_in_a_terminal_and_without_one(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with Command("operate", "--listen", "127.0.0.1:0", "--data", data, "--allow-private") as operator:
        url = words(operator.line("ready "))["url"]
        with Command("top", "--url", url, "--once", environment={"UNWALLED_ADMIN_TOKEN": "uwadmin1.none"}) as early:
            assert early.ended() != 0
            assert any("shows no /admin here" in line for line in early.err)
        token = AdminToken(tmp_path / "data").make(os.urandom)
        (tmp_path / "token").write_text(token + "\n")
        # All that end by themselves run at once.
        with (
            Command("top", "--data", data, "--token-file", str(tmp_path / "token")) as shown,
            Command("top", "--data", data, "--once", "--json", environment={"UNWALLED_ADMIN_TOKEN": token}) as told,
            Command("top", "--data", data, environment={"UNWALLED_ADMIN_TOKEN": token + "x"}) as wrong,
        ):
            assert shown.ended() == 0
            assert shown.out[0].startswith("All is well, and no bridge is connected yet")
            assert any(line.startswith("Machine ") for line in shown.out)
            assert told.ended() == 0
            assert msgspec.json.decode(told.out[0], type=LiveView).roles[0] == "broker"
            assert wrong.ended() != 0
            assert any("The token is wrong." in line for line in wrong.err)
            assert not any(token in line for line in (*wrong.err, *wrong.out))
        assert "Bridges" in in_terminal(url, token)
    with Command("top", "--url", url, environment={"UNWALLED_ADMIN_TOKEN": token}) as gone:
        assert gone.ended() != 0
        assert any("does not answer" in line for line in gone.err)


def test_an_answer_that_comes_in_pieces_is_read_to_its_end() -> None:
    """As over any network: the state is larger than one packet."""
    told = msgspec.json.encode(the_view())

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(told[:100])
        await asyncio.sleep(0.1)
        await response.write(told[100:])
        return response

    async def main() -> LiveView:
        app = web.Application()
        app.add_routes([web.get("/admin/api/v1/live", answer)])
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            return await ask(session, PublicUrl.parse(str(server.make_url("/"))), "uwadmin1.token")

    assert asyncio.run(main()) == the_view()


def in_terminal(url: str, token: str) -> str:
    """What a terminal of 40 columns shows until the word that is waited for, or the wait is over."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "UNWALLED_ADMIN_TOKEN": token, "TERM": "xterm", "COLUMNS": "40", "LINES": "12"}
    arguments = [sys.executable, "-m", "unwalled.cli", "top", "--url", url, "--every", "1"]
    shown = b""
    with subprocess.Popen(arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
        os.close(theirs)
        deadline = time.monotonic() + PATIENCE_S
        while b"Bridges" not in shown and time.monotonic() < deadline:
            if select.select([ours], [], [], 1.0)[0]:
                shown += os.read(ours, 65536)
        running.terminate()
        # What it says at its end has to be read, or it would wait for us.
        while running.poll() is None and time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    os.read(ours, 65536)
                except OSError:
                    break
        assert running.wait(PATIENCE_S) == 0
    os.close(ours)
    return shown.decode(errors="replace")
