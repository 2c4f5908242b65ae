"""The admin's API of a real server against its own description, by schemathesis: generated requests, right and wrong.

Its limits are lifted for this, since it is made of many requests a second and of wrong tokens.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from scripts.openapi import PAGE
from unwalled.gateway.buckets import TokenBucket
from unwalled.operator.admin.admintoken import AdminToken, WrongTokens
from unwalled.operator.admin.api import AdminApi
from unwalled.operator.admin.door import AdminDoor
from unwalled.operator.bounds import AdminLimits
from unwalled.operator.options import ListenAddress, OperatorOptions
from unwalled.operator.server import Operator

CHECKS = "all"
_NEVER = AdminLimits(wrong_tokens_burst=1e9, wide_wrong_tokens_burst=1e9)


@asynccontextmanager
async def patient_operator(data: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, str]]:
    """Its API's address and the token."""
    made_door, made_api = AdminDoor.__init__, AdminApi.__init__

    def new_door(self: AdminDoor, *given: object) -> None:
        made_door(self, *given)  # type: ignore[arg-type]
        self._wrong = WrongTokens(_NEVER)

    def new_api(self: AdminApi, *given: object) -> None:
        made_api(self, *given)  # type: ignore[arg-type]
        self._bucket = TokenBucket(0.0, 0.0, 0.0)

    monkeypatch.setattr(AdminDoor, "__init__", new_door)
    monkeypatch.setattr(AdminApi, "__init__", new_api)
    operator, _ = await Operator.start(OperatorOptions(ListenAddress("127.0.0.1", 0), None, data))
    try:
        yield f"{operator.url.text}/admin/api/v1", AdminToken(data).make(os.urandom)
    finally:
        await operator.close()


async def schemathesis(folder: Path, *arguments: str) -> tuple[int, str]:
    """Runs it; the exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            *arguments,
            "--no-shrink",
            "--seed",
            "1",
            "--max-redirects=0",
        ),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"},
    )
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace")


def test_the_api_does_what_its_description_says_whatever_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with patient_operator(tmp_path / "data", monkeypatch) as (api, token):
            code, said = await schemathesis(
                tmp_path,
                f"{api}/openapi.json",
                *("-H", f"Authorization: Bearer {token}", "--checks", CHECKS, "--max-examples", "2"),
            )
            assert code == 0, said
            assert "Tested: 18" in said, said

    asyncio.run(main())


@pytest.mark.parametrize("token", [None, "uwadmin1.wrong", ""])
def test_nothing_is_told_or_done_without_the_token_or_with_a_wrong_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    paths = json.loads(PAGE.read_text(encoding="utf-8"))["paths"]

    async def main() -> None:
        async with patient_operator(tmp_path / "data", monkeypatch) as (api, _), aiohttp.ClientSession() as session:
            before = {path.name: path.read_bytes() for path in (tmp_path / "data").glob("*.json")}
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            told = Counter[int]()
            for path in [*paths, "/nothing"]:
                for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"):
                    at = api + path.replace("{id}", "0123456789abcdef").replace("{target}", "abused.example")
                    async with session.request(method, at, headers=headers, json={}) as response:
                        told[response.status] += 1
                        assert "Set-Cookie" not in response.headers
            assert set(told) == {401}
            assert before == {path.name: path.read_bytes() for path in (tmp_path / "data").glob("*.json")}

    asyncio.run(main())
