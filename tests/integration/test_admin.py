"""``/admin`` of a real operator: who is let in, what the API does, and what it says when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from scripts.openapi import PAGE
from tests.support.fake_streams import FakeStream
from tests.support.gateway_sites import FakeResolver
from unwalled.operator.admin.admintoken import AdminToken
from unwalled.operator.admin.door import HEADER
from unwalled.operator.bounds import ADMIN
from unwalled.operator.options import IPNetwork, ListenAddress, OperatorOptions, PublicUrl
from unwalled.operator.server import Operator
from unwalled.wire.address import Target
from unwalled.wire.codes import Code
from unwalled.wire.invite import Invite

HERE = ListenAddress("127.0.0.1", 0)
API = "/admin/api/v1"
Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


def with_admin(
    options: OperatorOptions, use: Callable[[Operator, Ask, str], Awaitable[None]], *, has_token: bool = True
) -> None:
    async def main() -> None:
        operator, _ = await Operator.start(options)
        token = AdminToken(options.data).make(os.urandom) if has_token else ""
        at = operator.listening.port
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{at}", cookie_jar=jar) as session:

            async def ask(method: str, path: str, **given: object) -> tuple[int, dict[str, str], bytes]:
                async with session.request(method, path, allow_redirects=False, **given) as response:  # type: ignore[arg-type]
                    return response.status, dict(response.headers), await response.read()

            try:
                await use(operator, ask, token)
            finally:
                await operator.close()

    asyncio.run(main())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def caller(ask: Ask, token: str) -> Callable[..., Awaitable[tuple[int, Any]]]:
    """Asks the API as who has the token: method, path, and what is sent as JSON; status, and what JSON came."""

    async def call(method: str, path: str, body: object = None) -> tuple[int, Any]:
        given = {} if body is None else {"json": body}
        status, _, content = await ask(method, API + path, headers=bearer(token), **given)
        return status, json.loads(content) if content else None

    return call


def test_without_a_token_there_is_no_admin(tmp_path: Path) -> None:
    async def use(operator: Operator, ask: Ask, token: str) -> None:
        unknown = await ask("GET", "/nothing")
        for method, path in (
            ("GET", "/admin"),
            ("GET", "/admin/"),
            ("POST", "/admin/login"),
            ("GET", f"{API}/invites"),
            ("DELETE", "/admin/login"),
        ):
            status, headers, body = await ask(method, path)
            assert (status, body) == (404, unknown[2])
            assert {k: v for k, v in headers.items() if k != "Date"} == {
                k: v for k, v in unknown[1].items() if k != "Date"
            }
        assert operator._admin is None
        # One that is made meanwhile counts at once.
        made = AdminToken(tmp_path / "data").make(os.urandom)
        assert (await ask("GET", f"{API}/invites", headers=bearer(made)))[0] == 200

    with_admin(OperatorOptions(HERE, None, tmp_path / "data"), use, has_token=False)


def test_only_the_token_opens_the_api_and_wrong_ones_soon_open_nothing(tmp_path: Path) -> None:
    async def use(operator: Operator, ask: Ask, token: str) -> None:
        path = f"{API}/invites"
        assert (await ask("GET", path, headers=bearer(token)))[0] == 200
        status, headers, body = await ask("GET", path)
        assert (status, headers["Content-Type"], headers["WWW-Authenticate"]) == (
            401,
            "application/problem+json",
            "Bearer",
        )
        assert b'"remedy"' in body
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert (await ask("GET", path, headers={"Authorization": f"Basic {token}"}))[0] == 401
        told = [(await ask("GET", path, headers=bearer("wrong")))[0] for _ in range(int(ADMIN.wrong_tokens_burst))]
        assert set(told) == {401, 429}
        status, headers, _ = await ask("GET", path, headers=bearer(token))
        assert status == 429
        assert int(headers["Retry-After"]) > 1
        assert (await ask("POST", "/admin/login", json={"token": token}))[0] == 429

    with_admin(OperatorOptions(HERE, None, tmp_path / "data"), use)


def test_a_browser_logs_in_with_a_cookie_that_no_other_site_can_use(tmp_path: Path) -> None:
    async def use(operator: Operator, ask: Ask, token: str) -> None:
        origin = {"Origin": "https://bridges.example", "Sec-Fetch-Site": "same-origin"}
        status, headers, _ = await ask("POST", "/admin/login", json={"token": token}, headers=origin)
        assert status == 204
        cookie = headers["Set-Cookie"]
        name, _, rest = cookie.partition("=")
        assert name == "__Host-unwalled-admin"
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=Strict"} <= set(rest.split("; "))
        assert token not in cookie
        held = {"Cookie": cookie.partition(";")[0]}
        path = f"{API}/invites"
        assert (await ask("GET", path, headers=held))[0] == 200
        assert (await ask("POST", path, json={}, headers=held))[0] == 403
        assert (await ask("POST", path, json={}, headers={**held, HEADER: "1"}))[0] == 201
        foreign: dict[str, str]
        for foreign in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://["},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert (await ask("GET", path, headers={**held, **foreign}))[0] == 403
            assert (await ask("POST", "/admin/login", json={"token": token}, headers=foreign))[0] == 403
        status, headers, _ = await ask("POST", "/admin/login", data={"token": token}, headers=origin)
        assert (status, headers["Location"]) == (303, "/admin")
        # By a tunnel the browser comes without TLS, and could not keep a cookie that needs it.
        at = f"http://127.0.0.1:{operator.listening.port}"
        _, headers, _ = await ask("POST", "/admin/login", json={"token": token}, headers={"Origin": at})
        assert headers["Set-Cookie"].startswith("unwalled-admin=")
        assert "Secure" not in headers["Set-Cookie"]
        assert (await ask("POST", "/admin/logout", headers=held))[0] == 403
        assert (await ask("POST", "/admin/logout", headers={**held, HEADER: "1"}))[0] == 204
        assert (await ask("GET", path, headers=held))[0] == 401
        for body in ("{}", "no", '{"token": 1}'):
            told = await ask("POST", "/admin/login", data=body, headers={"Content-Type": "application/json"})
            assert told[0] == 400
        assert (await ask("POST", "/admin/login", data="x", headers={"Content-Type": "text/plain"}))[0] == 415
        assert (await ask("GET", "/admin/login"))[1]["Allow"] == "POST"

    public = PublicUrl("https://bridges.example")
    with_admin(OperatorOptions(HERE, public, tmp_path / "data"), use)


def test_the_admin_is_answered_only_where_it_may_come_from(tmp_path: Path) -> None:
    proxies = (ipaddress.ip_network("127.0.0.0/8"),)
    office = (ipaddress.ip_network("192.0.2.0/24"),)

    def tried(name: str, networks: tuple[IPNetwork, ...], is_within: bool) -> list[int]:
        found: list[int] = []

        async def use(operator: Operator, ask: Ask, token: str) -> None:
            for address in (None, "198.51.100.7", "192.0.2.9"):
                forwarded = {} if address is None else {"X-Forwarded-For": address}
                found.append((await ask("GET", f"{API}/invites", headers={**bearer(token), **forwarded}))[0])

        with_admin(
            OperatorOptions(
                HERE, None, tmp_path / name, trusted_proxies=proxies, admin_from=networks, is_admin_within=is_within
            ),
            use,
        )
        return found

    assert tried("everywhere", (), False) == [200, 200, 200]
    assert tried("office", office, False) == [404, 404, 200]
    assert tried("within", (), True) == [200, 404, 404]
    assert tried("both", office, True) == [200, 404, 200]


def test_invites_are_made_listed_and_withdrawn(tmp_path: Path) -> None:
    async def use(operator: Operator, ask: Ask, token: str) -> None:
        call = caller(ask, token)
        status, made = await call("POST", "/invites", {"label": "spring issue", "lifetime_s": 3600, "readers": 7})
        assert status == 201
        assert Invite.parse(made["text"], 0.0).token[:8].hex() == made["id"]
        assert made["link"].startswith(operator.url.text)
        status, page = await call("GET", "/invites?limit=1&offset=1")
        (entry,) = page["invites"]
        assert (entry["label"], entry["revoked"], page["total"], page["next"]) == ("spring issue", False, 2, None)
        assert entry["expires"] - entry["created"] == 3600
        assert (entry["readers"], entry["sessions"], entry["bytes_day"]) == (7, 0, 0)
        assert (await call("POST", f"/invites/{made['id']}/revoke"))[0] == 200
        status, entry = await call("GET", f"/invites/{made['id']}")
        assert entry["revoked"] is True
        assert (await call("POST", "/invites/0000000000000000/revoke"))[0] == 404
        assert (await call("GET", "/invites?limit=501"))[0] == 400
        assert (await call("POST", "/invites", {"label": "\u200b"}))[0] == 409
        assert (await call("POST", "/invites", {"other": 1}))[0] == 400
        assert (await call("POST", "/invites", {"label": "x" * ADMIN.body_bytes}))[0] == 413
        assert (await call("PATCH", "/invites"))[0] == 405
        assert (await call("GET", "/nothing"))[0] == 404

    with_admin(OperatorOptions(HERE, None, tmp_path / "data"), use)


def test_the_api_describes_itself_as_the_documentation_does(tmp_path: Path) -> None:
    async def use(operator: Operator, ask: Ask, token: str) -> None:
        status, _, body = await ask("GET", f"{API}/openapi.json", headers=bearer(token))
        assert status == 200
        assert json.loads(PAGE.read_text(encoding="utf-8")) == json.loads(body), "run: make docs-api"

    with_admin(OperatorOptions(HERE, None, tmp_path / "data"), use)


def test_a_target_is_blocked_at_once_and_what_is_open_is_cut(tmp_path: Path) -> None:
    async def use(operator: Operator, ask: Ask, token: str) -> None:
        call = caller(ask, token)
        served = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            served.set()
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            egress = operator._gateway.egress
            egress._resolver = FakeResolver({"abused.test": [["127.0.0.1"]]})
            budget = egress.new_budget()
            for target, block in (("abused.test", "abused.test"), ("127.0.0.1", f"127.0.0.1:{port}")):
                served.clear()
                stream = FakeStream(Target.parse(target, port))
                task = asyncio.create_task(egress.handle_stream(stream, budget))
                await asyncio.wait_for(served.wait(), 30)
                await asyncio.wait_for(stream.reader.opened(), 30)
                status, told = await call("POST", "/policy/blocks", {"target": block})
                assert (status, told["blocks"]) == (201, [block])
                await asyncio.wait_for(task, 30)
                assert stream.cut_by is Code.NOT_ALLOWED
                again = FakeStream(Target.parse(target, port))
                await egress.handle_stream(again, budget)
                assert again.cut_by is Code.NOT_ALLOWED
                assert (await call("DELETE", f"/policy/blocks/{block}"))[0] == 204
                assert (await call("DELETE", f"/policy/blocks/{block}"))[0] == 404
        assert (await call("POST", "/policy/blocks", {"target": "a..b"}))[0] == 409

    with_admin(OperatorOptions(HERE, None, tmp_path / "data", allow_private=True), use)


def test_the_policy_is_shown_asked_and_read_anew(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[categories]\nmalware = ["bad.txt"]\n[gateway]\nbytes_per_month = 5\n')
    (tmp_path / "bad.txt").write_text("bad.example\n")

    async def use(operator: Operator, ask: Ask, token: str) -> None:
        call = caller(ask, token)
        status, view = await call("GET", "/policy")
        assert status == 200
        assert view["traffic"]["month_limit_bytes"] == 5
        assert (view["categories"][0]["name"], view["categories"][0]["entries"]) == ("malware", 1)
        status, told = await call("GET", "/policy/check?host=www.bad.example")
        assert told == {"is_allowed": False, "reason": "category", "category": "malware"}
        assert (await call("GET", "/policy/check?host=news.example&port=587"))[1]["reason"] == "port"
        assert (await call("GET", "/policy/check?host=a..b"))[0] == 404
        assert (await call("GET", "/policy/check"))[0] == 400
        (tmp_path / "bad.txt").write_text("worse.example\n")
        assert (await call("POST", "/policy/refresh"))[0] == 200
        assert (await call("GET", "/policy/check?host=www.bad.example"))[1]["is_allowed"]
        policy.write_text("[nothing]\n")
        status, told = await call("POST", "/policy/refresh")
        assert status == 409
        assert "line 1" in told["detail"]
        assert (await call("GET", "/policy"))[1]["trouble"] == told["detail"]

    with_admin(OperatorOptions(HERE, None, tmp_path / "data", policy=policy), use)


def test_refused_hosts_are_counted_only_while_the_admin_wants_it(tmp_path: Path) -> None:
    async def use(operator: Operator, ask: Ask, token: str) -> None:
        call, path = caller(ask, token), "/policy/refused"
        egress = operator._gateway.egress

        async def open_one() -> None:
            stream = FakeStream(Target.parse("cdn.example", 443))
            await egress.handle_stream(stream, egress.new_budget())
            assert stream.cut_by is Code.NOT_ALLOWED

        await open_one()
        assert (await call("GET", path))[1] == {"is_running": False, "ends_in_s": 0, "hosts": [], "others": 0}
        assert (await call("POST", path, {"minutes": 61}))[0] == 400
        assert (await call("POST", path, {"minutes": 5}))[0] == 201
        await open_one()
        _, told = await call("GET", path)
        assert told["hosts"] == [{"host": "cdn.example", "port": 443, "reason": "not listed", "count": 1}]
        assert (await call("DELETE", path))[0] == 204
        assert egress.on_refused is None
        assert (await call("GET", path))[1]["hosts"] == []

    with_admin(OperatorOptions(HERE, None, tmp_path / "data", only_my_sites=("news.example",)), use)


def test_the_state_its_history_and_the_gateways_are_told_and_drained(tmp_path: Path) -> None:
    async def use(operator: Operator, ask: Ask, token: str) -> None:
        call = caller(ask, token)
        status, live = await call("GET", "/live")
        assert (status, live["bridges"]["connected"]) == (200, 0)
        assert (await call("GET", "/history?span=month"))[1]["span"] == "month"
        assert (await call("GET", "/history?span=ever"))[0] == 400
        assert (await call("GET", "/totals"))[1]["days"] == 0
        (place,) = (await call("GET", "/gateways"))[1]["gateways"]
        assert place["draining"] is False
        for is_draining in (True, False):
            status, told = await call("PUT", "/gateways/drain", {"is_draining": is_draining})
            assert (status, told["gateways"][0]["draining"]) == (200, is_draining)
            assert operator._is_draining is is_draining

    with_admin(OperatorOptions(HERE, None, tmp_path / "data"), use)
