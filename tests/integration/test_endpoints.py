"""Every route of a real operator stands in the list of endpoints with its bounds, and the bounds hold."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.structure.source import ROOT
from unwalled.operator.bounds import OPERATOR
from unwalled.operator.listener import HttpServer, bind
from unwalled.operator.options import ListenAddress, OperatorOptions
from unwalled.operator.server import Operator

PAGE = ROOT / "docs" / "reference" / "endpoints.md"
HERE = ListenAddress("127.0.0.1", 0)
PATIENCE_S = 30.0


def rows() -> list[list[str]]:
    """The cells of each row of the list."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def listed() -> list[tuple[str, str]]:
    """Method and path, with wildcards."""
    return [(method, path) for row in rows() for method, path in re.findall(r"`([A-Z]+|\*) (/[^`]*)`", row[0])]


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[Operator]:
    operator, _ = await Operator.start(OperatorOptions(HERE, None, data))
    try:
        yield operator
    finally:
        await operator.close()


def test_every_route_is_in_the_list_with_a_word_for_each_bound(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as operator:
            app = operator._server._runner.app
            routes = {
                (route.method, route.resource.canonical)
                for route in app.router.routes()
                if route.resource is not None and route.method != "HEAD"
            }
        assert len(routes) > 50
        patterns = listed()

        def is_listed(method: str, path: str) -> bool:
            return any(
                method == known and (path == pattern or fnmatchcase(path, pattern)) for known, pattern in patterns
            )

        assert sorted(route for route in routes if not is_listed(*route)) == []
        of_admin = ("/admin/login", "/admin/logout", "/admin/api/v1/…")
        assert [
            (method, pattern)
            for method, pattern in patterns
            if pattern not in of_admin
            and not any(known == method and fnmatchcase(path, pattern) for known, path in routes)
        ] == []

    asyncio.run(main())


def test_no_bound_of_the_list_is_left_open() -> None:
    assert len(rows()) >= 13
    assert [row[0] for row in rows() if len(row) != 6 or not all(row)] == []


async def said(port: int, *parts: bytes, is_ended: bool = False) -> bytes:
    """What the server says to a raw request, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
        if is_ended:
            writer.write_eof()
        answer = bytearray()
        async with asyncio.timeout(PATIENCE_S):
            while part := await reader.read(65_536):
                answer += part
        return bytes(answer)
    except ConnectionResetError:
        # It was closed on what nobody had read yet, and the answer may be gone with it.
        return bytes(answer) or b"closed"
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /?q=" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-Many: 1\r\n" * 20_000 + b"\r\n", b"400"),
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /v1/match HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"PROPFIND / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"405"),
        (b"TRACE /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"405"),
        (b"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"404"),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"40"),
        (b"HEAD /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"200"),
        (b"DELETE /v1/config HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"405"),
        (b"GET /v1/lane/unknown HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"404"),
    ],
)
def test_odd_and_large_requests_are_refused_and_hold_nothing(tmp_path: Path, request_: bytes, status: bytes) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as operator:
            answer = await said(operator.listening.port, request_, is_ended=status == b"413")
            assert answer[9:].startswith(status) or (answer == b"closed" and len(request_) > 10_000), answer[:200]
            # Neither the request comes back, nor what answers it.
            assert b"xxxx" not in answer
            assert b"Python" not in answer
            assert b"Length: b" not in answer
            # It serves on.
            async with aiohttp.ClientSession() as session, session.get(f"{operator.url.text}/healthz") as response:
                assert response.status == 200

    asyncio.run(main())


def test_who_never_ends_the_head_of_a_request_is_cut_off_the_first_time_and_later() -> None:
    async def main() -> None:
        async def hello(request: web.Request) -> web.Response:
            return web.Response(text="hello")

        app = web.Application()
        app.add_routes([web.get("/", hello)])
        server = HttpServer(app, replace(OPERATOR, first_request_s=0.2, keep_alive_s=0.2))
        sockets = bind(HERE)
        await server.start(sockets)
        try:
            port = sockets[0].getsockname()[1]
            assert await said(port, b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ") == b""
            again = await said(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ")
            assert again.count(b"HTTP/1.1 200") == 1
        finally:
            await server.close()

    asyncio.run(main())
