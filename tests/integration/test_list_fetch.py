"""Lists over real TLS, through a tunnel and no other way."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.certificate import self_signed
from tests.support.fake_tunnel import FakeTunnel
from unwalled.app.listfetch import ListFetcher, ListNotFetched
from unwalled.app.rulesbook import Fetched
from unwalled.errors import RuleError
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.wire.codes import Code

Scene = tuple[ListFetcher, FakeTunnel, str]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
LIMITS = replace(RULES, list_bytes=100_000, update_timeout_s=10.0)


@asynccontextmanager
async def lists(folder: Path, answer: Answer, limits: RulesLimits = LIMITS) -> AsyncIterator[Scene]:
    """A server of lists, which only the tunnel leads to; a fetcher, and the server's address."""
    certificate = self_signed(folder, name="lists.example")
    serving, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=certificate)
    serving.load_cert_chain(certificate)
    runner = web.AppRunner(application := web.Application())
    application.router.add_get("/{rest:.*}", answer)
    await runner.setup()
    sock = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, sock, ssl_context=serving).start()
    tunnel = FakeTunnel()
    try:
        yield ListFetcher(tunnel, limits, trust=trust), tunnel, f"https://lists.example:{sock.getsockname()[1]}"
    finally:
        await tunnel.closed()
        await runner.cleanup()


def test_a_list_arrives_once_for_each_version(tmp_path: Path) -> None:
    async def main() -> None:
        seen: list[tuple[str, str, str | None]] = []

        async def answer(request: web.Request) -> web.Response:
            seen.append((request.host, request.headers["User-Agent"], request.headers.get("Cookie")))
            if request.headers.get("If-None-Match") == '"1"':
                return web.Response(status=304, headers={"ETag": '"1"'})
            return web.Response(text="a.example\n", headers={"ETag": '"1"', "Set-Cookie": "who=you"})

        async with lists(tmp_path, answer) as (fetch, tunnel, url):
            assert await fetch(f"{url}/list.txt", "") == Fetched(b"a.example\n", '"1"')
            assert await fetch(f"{url}/list.txt", '"1"') == Fetched(None, '"1"')
            assert [target.host for target in tunnel.asked] == ["lists.example"] * 2
            assert [(agent, cookie) for _, agent, cookie in seen] == [("Mozilla/5.0", None)] * 2

    asyncio.run(main())


def test_redirects_are_followed_as_long_as_they_are_safe(tmp_path: Path) -> None:
    async def main() -> None:
        async def answer(request: web.Request) -> web.Response:
            place = {"/a": "/b", "/b": "/list", "/plain": "http://lists.example/list", "/near": "https://127.0.0.1/x"}
            place["/broken"] = "https://[::1/"
            if request.path in place:
                return web.Response(status=302, headers={"Location": place[request.path]})
            if request.path == "/round":
                return web.Response(status=302, headers={"Location": "/round"})
            return web.Response(text="a.example\n", headers={"ETag": "x" * 5000})

        async with lists(tmp_path, answer) as (fetch, tunnel, url):
            assert await fetch(f"{url}/a", "") == Fetched(b"a.example\n", "")
            for path in ("plain", "near"):
                with pytest.raises(RuleError, match=r"no address of a list|ends in a number"):
                    await fetch(f"{url}/{path}", "")
            with pytest.raises(ListNotFetched, match="could not be reached"):
                await fetch(f"{url}/broken", "")
            with pytest.raises(ListNotFetched, match="without end"):
                await fetch(f"{url}/round", "")
            assert {target.host for target in tunnel.asked} == {"lists.example"}

    asyncio.run(main())


def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        hang = asyncio.Event()

        async def answer(request: web.Request) -> web.StreamResponse:
            match request.path:
                case "/missing":
                    return web.Response(status=404)
                case "/large":
                    return web.Response(body=bytes(200_000))
                case "/endless":
                    response = web.StreamResponse()
                    await response.prepare(request)
                    for _ in range(100):
                        await response.write(bytes(50_000))
                    return response
                case "/cut":
                    response = web.StreamResponse(headers={"Content-Length": "1000"})
                    await response.prepare(request)
                    await response.write(b"a.example\n")
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                case _:
                    await hang.wait()
                    return web.Response()

        async with lists(tmp_path, answer, replace(LIMITS, update_timeout_s=1.0)) as (fetch, tunnel, url):
            for path, words in (("missing", "answered 404"), ("cut", "could not be reached"), ("hang", "in time")):
                with pytest.raises(ListNotFetched, match=words):
                    await fetch(f"{url}/{path}", "")
            for path in ("large", "endless"):
                with pytest.raises(RuleError, match="larger than"):
                    await fetch(f"{url}/{path}", "")
            hang.set()
            tunnel.failures["lists.example"] = Code.NO_BRIDGE
            with pytest.raises(ListNotFetched, match="could not be reached"):
                await fetch(f"{url}/list", "")
            with pytest.raises(RuleError):
                await fetch("http://lists.example/", "")

    asyncio.run(main())


def test_nobody_in_between_can_bring_another_list(tmp_path: Path) -> None:
    async def main() -> None:
        async def answer(request: web.Request) -> web.Response:
            return web.Response(text="a.example\n")

        async with lists(tmp_path, answer) as (fetch, tunnel, url):
            # The right name, and a certificate that nobody trusts.
            with pytest.raises(ListNotFetched, match="certificate"):
                await ListFetcher(tunnel, LIMITS)(f"{url}/list", "")
            with pytest.raises(ListNotFetched, match="certificate"):
                await fetch(url.replace("lists.", "other.") + "/list", "")

    asyncio.run(main())
