"""The operator's one server over real sockets: pages, health, numbers, headers, bounds, and what it keeps."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import json
import socket
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha384
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from unwalled.datafolder import create_private
from unwalled.errors import ConfigurationError, OpenFailed
from unwalled.gateway.policy import EgressPolicy
from unwalled.gateway.server import GatewayServer
from unwalled.network.dialler import dial
from unwalled.operator.admin.askers import asks_from_within
from unwalled.operator.bounds import OPERATOR, OperatorLimits
from unwalled.operator.invites.book import InviteBook
from unwalled.operator.listener import HttpServer, bind
from unwalled.operator.options import ListenAddress, OperatorOptions, PublicUrl
from unwalled.operator.server import Operator
from unwalled.operator.state import OperatorState
from unwalled.web.pages import widget_integrity, widget_version
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite

ANYWHERE = ListenAddress("127.0.0.1", 0)


def options(data: Path, url: str | None = None) -> OperatorOptions:
    return OperatorOptions(ANYWHERE, None if url is None else PublicUrl.parse(url), data)


def with_operator(
    given: OperatorOptions, use: Callable[[Operator, Invite, aiohttp.ClientSession], Awaitable[None]]
) -> None:
    async def main() -> None:
        operator, invite = await Operator.start(given)
        try:
            async with aiohttp.ClientSession() as session:
                await use(operator, invite, session)
        finally:
            await operator.close()

    asyncio.run(main())


def test_pages_health_and_numbers_are_served_with_careful_headers(tmp_path: Path) -> None:
    async def use(operator: Operator, invite: Invite, session: aiohttp.ClientSession) -> None:
        url = operator.url.text
        for path in (
            "/",
            "/read",
            "/embed",
            "/widget.js",
            "/site.css",
            "/healthz",
            "/metrics",
            "/v1/config",
            "/abuse",
            "/none",
        ):
            async with session.get(url + path, headers={"Host": "elsewhere.example"}) as response:
                assert response.status == (404 if path == "/none" else 200), path
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Referrer-Policy"] == "no-referrer"
                assert "Server" not in response.headers
                assert "elsewhere.example" not in await response.text()
                framed = "frame-ancestors *" in response.headers["Content-Security-Policy"]
                assert framed == (path == "/embed")
        async with session.get(url + "/healthz") as response:
            assert await response.json() == {"ok": True, "roles": ["broker", "gateway", "site"]}
        async with session.get(url + "/") as response:
            etag = response.headers["ETag"]
        async with session.get(url + "/", headers={"If-None-Match": f'"other", W/{etag}'}) as response:
            assert (response.status, await response.read()) == (304, b"")
        async with session.head(url + "/") as response:
            assert response.status == 200

    with_operator(options(tmp_path / "data"), use)


def test_pages_are_in_the_visitors_language(tmp_path: Path) -> None:
    async def use(operator: Operator, invite: Invite, session: aiohttp.ClientSession) -> None:
        async def get(path: str, accepted: str) -> tuple[str, str]:
            headers = {"Accept-Language": accepted}
            async with session.get(operator.url.text + path, headers=headers) as response:
                assert response.headers["Vary"] == "Accept-Language"
                return response.headers["Content-Language"], await response.text()

        assert (await get("/", "xx"))[0] == "en"
        language, text = await get("/", "fa-IR, en;q=0.5")
        assert language == "fa"
        assert '<html lang="fa" dir="rtl"' in text
        assert 'href="add"' in text
        language, text = await get("/?lang=de", "fa")
        assert language == "de"
        assert 'href="add?lang=de"' in text
        assert (await get("/?lang=%22%3E", "fa"))[0] == "fa"

    with_operator(options(tmp_path / "data"), use)


def test_a_version_that_a_site_has_pinned_is_served_on_after_an_upgrade(tmp_path: Path) -> None:
    data = tmp_path / "data"
    old = b"what an older program served"
    version = widget_version(old)

    async def use(operator: Operator, invite: Invite, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{operator.url.text}/widget/{version}/widget.js") as response:
            assert await response.read() == old
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "immutable" in response.headers["Cache-Control"]
        async with session.get(f"{operator.url.text}/widget/{widget_version()}/widget.js") as response:
            assert "sha384-" + b64encode(sha384(await response.read()).digest()).decode() == widget_integrity()
        async with session.get(f"{operator.url.text}/widget/0123456789abcdef/widget.js") as response:
            assert response.status == 404

    (data / "widgets").mkdir(parents=True, mode=0o700)
    data.chmod(0o700)
    create_private(data / "widgets" / f"{version}.msgpack", msgspec.msgpack.encode({"widget.js": old}))
    with_operator(options(data), use)


def test_a_file_of_countries_that_cannot_work_is_said_at_the_start(tmp_path: Path) -> None:
    given = dataclasses.replace(options(tmp_path / "data"), countries=tmp_path / "none.mmdb")
    with pytest.raises(ConfigurationError, match="file of countries"):
        asyncio.run(Operator.start(given))
    assert not (tmp_path / "data").exists()


def test_numbers_hold_no_address_and_count_what_happens(tmp_path: Path) -> None:
    async def use(operator: Operator, invite: Invite, session: aiohttp.ClientSession) -> None:
        async with session.post(operator.url.text + "/v1/match", data=b"nonsense") as response:
            assert response.status == 400
        async with session.get(operator.url.text + "/metrics") as response:
            text = await response.text()
        assert 'unwalled_broker_refused_total{reason="malformed"} 1.0' in text
        assert "unwalled_gateway_sessions 0.0" in text
        assert "process_resident_memory_bytes" in text
        assert "127.0.0.1" not in text

    with_operator(options(tmp_path / "data"), use)


def test_numbers_are_not_for_the_public(tmp_path: Path) -> None:
    async def use(operator: Operator, invite: Invite, session: aiohttp.ClientSession) -> None:
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
            async with session.get(operator.url.text + "/metrics", headers={name: "127.0.0.1"}) as response:
                assert response.status == 404, name

    with_operator(options(tmp_path / "data"), use)


@pytest.mark.parametrize(
    ("peer", "is_within"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("::ffff:127.0.0.1", True),
        ("fe80::1%eth0", True),
        ("8.8.8.8", False),
        ("2a00::1", False),
        ("::ffff:8.8.8.8", False),
        ("", False),
    ],
)
def test_who_is_within(peer: str, is_within: bool) -> None:
    request = make_mocked_request("GET", "/metrics").clone(remote=peer)
    assert asks_from_within(request) is is_within


def test_what_bridges_are_told_follows_the_public_url(tmp_path: Path) -> None:
    async def use(operator: Operator, invite: Invite, session: aiohttp.ClientSession) -> None:
        port = operator._server._servers[0].sockets[0].getsockname()[1]
        async with session.get(f"http://127.0.0.1:{port}/v1/config") as response:
            config = await response.json()
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert config["bridge_socket"] == "wss://bridge.example.org/sub/v1/bridge"
        assert config["gateways"] == ["wss://bridge.example.org/sub/v1/lane"]
        assert invite.doors == ("https://bridge.example.org/sub",)

    with_operator(options(tmp_path / "data", "https://bridge.example.org/sub/"), use)


def test_the_default_invite_is_kept_and_names_the_doors_of_today(tmp_path: Path) -> None:
    seen: list[Invite] = []

    async def use(operator: Operator, invite: Invite, session: aiohttp.ClientSession) -> None:
        seen.append(invite)

    for url in ("https://a.example", "https://a.example", "https://b.example"):
        with_operator(options(tmp_path, url), use)
    assert seen[0] == seen[1]
    assert seen[2].token == seen[0].token
    assert seen[2].doors == ("https://b.example",)
    book = InviteBook(tmp_path)
    assert len(book.entries()) == 1
    book.revoke(book.entries()[0].id)
    with_operator(options(tmp_path, "https://b.example"), use)
    assert seen[3].token != seen[0].token


def test_a_failed_start_leaves_no_socket_and_no_folder(tmp_path: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = dataclasses.replace(
                options(tmp_path / "data"), listen=ListenAddress("127.0.0.1", other.getsockname()[1])
            )
            with pytest.raises(ConfigurationError, match="Another program listens"):
                await Operator.start(taken)
        assert not (tmp_path / "data").exists()
        (tmp_path / "operator.json").write_text("{")
        (tmp_path / "operator.json").chmod(0o600)
        with pytest.raises(ConfigurationError, match=r"operator\.json in the data folder is damaged"):
            await Operator.start(dataclasses.replace(taken, data=tmp_path))
        bound = bind(taken.listen)
        bound[0].close()

    asyncio.run(main())


def test_a_name_is_bound_on_all_its_addresses_with_one_port() -> None:
    sockets = bind(ListenAddress("localhost", 0))
    ports = {sock.getsockname()[1] for sock in sockets}
    for sock in sockets:
        sock.close()
    assert len(ports) == 1
    with pytest.raises(ConfigurationError, match="is not known"):
        bind(ListenAddress("no such host", 0))


def served(limits: OperatorLimits, use: Callable[[str, int, asyncio.Event], Awaitable[None]], lanes: int = 0) -> None:
    """A small server with ``/slow``, which waits for the event, and ``/broken``, beside so many open lanes."""

    async def main() -> None:
        go = asyncio.Event()

        async def slow(request: web.Request) -> web.Response:
            await go.wait()
            return web.Response(text="done")

        async def broken(request: web.Request) -> web.Response:
            raise ValueError(request.remote)

        app = web.Application()
        app.add_routes([web.get("/slow", slow), web.get("/broken", broken)])
        server = HttpServer(app, limits, further_connections=lambda: lanes)
        sockets = bind(ANYWHERE)
        port = sockets[0].getsockname()[1]
        await server.start(sockets)
        try:
            await use(f"http://127.0.0.1:{port}", port, go)
        finally:
            await server.close()

    asyncio.run(main())


def test_requests_past_the_bound_are_told_to_come_back() -> None:
    async def use(url: str, port: int, go: asyncio.Event) -> None:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            statuses: asyncio.Queue[int] = asyncio.Queue()

            async def ask() -> None:
                async with session.get(url + "/slow") as response:
                    await statuses.put(response.status)

            for _ in range(3):
                group.create_task(ask())
            assert await statuses.get() == 503
            go.set()
            assert [await statuses.get(), await statuses.get()] == [200, 200]

    served(dataclasses.replace(OPERATOR, max_requests=2), use)


def test_connections_past_the_bound_are_closed() -> None:
    async def use(url: str, port: int, go: asyncio.Event) -> None:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        answer = await opened[2][0].read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        for _, writer in opened:
            writer.close()

    served(dataclasses.replace(OPERATOR, max_connections=2), use)
    served(dataclasses.replace(OPERATOR, max_connections=5), use, lanes=3)


def test_who_connects_and_leaves_again_keeps_no_place() -> None:
    async def use(url: str, port: int, go: asyncio.Event) -> None:
        for _ in range(4):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
        status = 503
        # Less than the time after which who said nothing is forgotten anyway.
        async with asyncio.timeout(OPERATOR.first_request_s / 2), aiohttp.ClientSession() as session:
            while status == 503:
                async with session.get(url + "/none") as response:
                    status = response.status
        assert status == 404

    served(dataclasses.replace(OPERATOR, max_connections=2, lost_check_s=0.0), use)


def test_who_connects_and_says_nothing_is_cut_off() -> None:
    async def use(url: str, port: int, go: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost:")
        assert await reader.read() == b""
        writer.close()

    served(dataclasses.replace(OPERATOR, first_request_s=0.05), use)


def test_a_request_that_fails_is_logged_without_an_address(caplog: pytest.LogCaptureFixture) -> None:
    async def use(url: str, port: int, go: asyncio.Event) -> None:
        async with aiohttp.ClientSession() as session, session.get(url + "/broken") as response:
            assert response.status == 500

    served(OPERATOR, use)
    assert [record.getMessage() for record in caplog.records] == ["A request failed: ValueError"]
    assert not any(record.exc_info for record in caplog.records)


def test_sites_see_the_address_that_the_operator_chose() -> None:
    async def main() -> None:
        source = ipaddress.ip_address("127.0.0.9")
        with socket.create_server(("127.0.0.1", 0)) as site:
            port = site.getsockname()[1]
            with await dial([ipaddress.ip_address("127.0.0.1")], port, sources={4: source}):
                connection, peer = site.accept()
                connection.close()
        assert peer[0] == str(source)
        async with GatewayServer(EgressPolicy(allow_private=True), sources=[source]) as gateway:
            with pytest.raises(OpenFailed) as failed:
                await gateway.egress.addresses_of(Target.parse("::1", 80), gateway.egress.new_budget())
        assert failed.value.code is Code.NETWORK_UNREACHABLE

    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.9", 0))
    except OSError:
        pytest.skip("this system has one loopback address only")
    asyncio.run(main())


def test_the_state_says_what_invites_need(tmp_path: Path) -> None:
    async def use(operator: Operator, invite: Invite, session: aiohttp.ClientSession) -> None:
        state = OperatorState.load(tmp_path)
        assert state is not None
        assert state.public_url == operator.url.text
        assert state.stun == ["stun:stun.example.org:3478"]
        assert state.default_invite == invite.token[:8].hex()
        assert json.loads((tmp_path / "operator.json").read_text())["v"] == 1
        assert invite.stun == ("stun:stun.example.org:3478",)

    with_operator(dataclasses.replace(options(tmp_path), stun=("stun:stun.example.org:3478",)), use)
