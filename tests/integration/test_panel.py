"""The panel's server over real sockets: its verbs, its stream, and who gets no answer."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest

from tests.support.panel_double import INVITE, OFF, TEXT, DesktopDouble, RulesDouble, ServiceDouble
from unwalled.app.snapshot import RuleMode, State, Trouble
from unwalled.errors import ConfigurationError, UsageError
from unwalled.panel.files import panel_files
from unwalled.panel.server import PanelServer
from unwalled.settings import PANEL, PanelLimits

PATIENCE_S = 20.0
Lines = AsyncIterator[dict[str, Any]]


@dataclass
class Scene:
    """A panel's server, and a browser's way to it."""

    service: ServiceDouble
    rules: RulesDouble
    desktop: DesktopDouble
    server: PanelServer
    http: aiohttp.ClientSession

    @property
    def base(self) -> str:
        return self.server.url.partition("#")[0]

    @property
    def headers(self) -> dict[str, str]:
        """What the panel's own page sends."""
        return {
            "Authorization": f"Bearer {self.server.url.partition('#')[2]}",
            "Origin": self.server.address.origin,
            "Sec-Fetch-Site": "same-origin",
        }

    async def ask(self, verb: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
        url = f"{self.base}api/{verb}"
        async with self.http.post(url, json=body or {}, headers={**self.headers, **headers}) as answer:
            return answer.status, await answer.json()

    async def ask_for_stream(self) -> int:
        """The status of a further stream, which is closed at once."""
        async with self.http.get(f"{self.base}api/events", headers=self.headers) as answer:
            return answer.status

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[Lines]:
        async with self.http.get(f"{self.base}api/events", headers=self.headers) as answer:
            assert answer.status == 200

            async def lines() -> Lines:
                async for line in answer.content:
                    yield json.loads(line)

            async with asyncio.timeout(PATIENCE_S):
                yield lines()


@asynccontextmanager
async def scene(limits: PanelLimits = PANEL, *, bare: bool = False) -> AsyncIterator[Scene]:
    service, rules, desktop = ServiceDouble(), RulesDouble(["news.example"]), DesktopDouble()
    server = PanelServer(service, None if bare else rules, None if bare else desktop, limits=limits)
    await server.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as http:
            yield Scene(service, rules, desktop, server, http)
    finally:
        await server.close()
    assert service.listeners == 0


def in_scene(test: Callable[[Scene], Awaitable[None]], limits: PanelLimits = PANEL, *, bare: bool = False) -> None:
    async def run() -> None:
        async with scene(limits, bare=bare) as made:
            await test(made)

    asyncio.run(run())


def test_the_page_and_its_parts_come_with_the_strictest_headers() -> None:
    async def test(scene: Scene) -> None:
        for name in ("", *panel_files()):
            async with scene.http.get(scene.base + name) as answer:
                assert answer.status == 200
                assert await answer.read() == panel_files()[name or "panel.html"].body
                policy = answer.headers["Content-Security-Policy"]
                for part in ("default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"):
                    assert part in policy
                assert "unsafe" not in policy
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert "Server" not in answer.headers
                assert "Set-Cookie" not in answer.headers
        async with scene.http.get(scene.base + "no.js") as answer:
            assert answer.status == 404
            assert answer.headers["Cache-Control"] == "no-store"

    in_scene(test)


def test_a_stream_tells_everything_once_and_then_what_changes() -> None:
    async def test(scene: Scene) -> None:
        async with scene.stream() as lines:
            first = await anext(lines)
            assert set(first) == {"snapshot", "settings", "rules"}
            assert first["snapshot"]["state"] == "off"
            assert first["rules"]["own"] == ["news.example"]
            scene.service.show(replace(OFF, state=State.WAITING, trouble=Trouble.NO_BRIDGE))
            second = await anext(lines)
            assert set(second) == {"snapshot"}
            assert (second["snapshot"]["state"], second["snapshot"]["trouble"]) == ("waiting", "no-bridge")
            status, _ = await scene.ask("language", {"language": "fa"})
            assert status == 200
            third = await anext(lines)
            assert set(third) == {"settings"}
            assert third["settings"]["language"] == "fa"

    in_scene(test)


def test_a_stream_looks_at_the_numbers_and_says_that_it_lives() -> None:
    async def test(scene: Scene) -> None:
        async with scene.stream() as lines:
            await anext(lines)
            # Without a word to the subscribers.
            scene.service.now = replace(OFF, bytes_down=5)
            assert (await anext(lines))["snapshot"]["bytes_down"] == 5
            assert await anext(lines) == {}

    in_scene(test, replace(PANEL, stream_every_s=0.01, stream_rest_s=0.01, stream_silence_s=0.05))


def test_streams_are_bounded_and_a_closed_one_makes_room() -> None:
    async def test(scene: Scene) -> None:
        async with scene.stream() as lines:
            await anext(lines)
            assert await scene.ask_for_stream() == 429
        async with asyncio.timeout(PATIENCE_S):
            while await scene.ask_for_stream() == 429:
                scene.service.show(scene.service.now)  # the server notices at its next look
                await scene.ask("off")

    in_scene(test, replace(PANEL, max_streams=1, stream_every_s=0.01, stream_silence_s=0.01))


def test_streams_end_with_the_server() -> None:
    async def test(scene: Scene) -> None:
        async with scene.stream() as lines:
            await anext(lines)
            await scene.server.close()
            assert [line async for line in lines if line] == []

    in_scene(test)


def test_on_and_off() -> None:
    async def test(scene: Scene) -> None:
        assert await scene.ask("on") == (200, {})
        assert await scene.ask("off") == (200, {})
        assert scene.service.asked == [("on",), ("off",)]

    in_scene(test)


def test_invites_are_added_used_shown_and_forgotten() -> None:
    async def test(scene: Scene) -> None:
        _, added = await scene.ask("invites/add", {"text": TEXT, "label": " From Mina "})
        assert scene.service.asked[-1] == ("add", TEXT, "From Mina")
        assert (await scene.ask("invites/use", added))[0] == 200
        _, shown = await scene.ask("invites/show", added)
        assert shown["text"] == TEXT
        assert shown["size"] > 20
        assert shown["path"].startswith("M0 0h7v1h-7z")
        assert (await scene.ask("invites/forget", added))[0] == 200
        assert scene.service.now.invites == ()
        for verb in ("use", "show", "forget"):
            status, failure = await scene.ask(f"invites/{verb}", added)
            assert (status, failure["remedy"]) == (400, "Look at the list again.")

    in_scene(test)


def test_a_bad_invite_is_told_in_words_and_by_a_code() -> None:
    async def test(scene: Scene) -> None:
        status, failure = await scene.ask("invites/add", {"text": "hello"})
        assert status == 400
        assert failure == {"code": "damaged-invite", "cause": "The invite is damaged.", "remedy": "Copy it again."}

    in_scene(test)


def test_rules_are_chosen_added_imported_and_removed() -> None:
    async def test(scene: Scene) -> None:
        assert (await scene.ask("rules/mode", {"mode": "blocked"}))[0] == 200
        assert scene.service.preferences.rules is RuleMode.BLOCKED
        _, taken = await scene.ask("rules/add", {"text": "a.example\nnonsense\nb.example"})
        assert taken["names"] == 2
        assert taken["problems"] == [{"line": 2, "cause": "This is no name of a site.", "remedy": ""}]
        assert (await scene.ask("rules/remove", {"text": "a.example"}))[0] == 200
        assert scene.rules.own == ["news.example", "b.example"]
        _, taken = await scene.ask("lists/import", {"title": "Mine", "text": "c.example\n" * 50_000})
        assert taken["names"] == 50_000
        assert (await scene.ask("lists/import", {"title": "Bad", "text": "nothing"}))[0] == 400
        assert (await scene.ask("lists/update"))[0] == 200
        assert (await scene.ask("lists/remove", {"id": scene.rules.lists[0].id}))[0] == 200
        assert scene.rules.lists == []
        assert (await scene.ask("rules/forget"))[0] == 200
        assert scene.rules.learned == 0

    in_scene(test)


def test_the_desktop_is_asked() -> None:
    async def test(scene: Scene) -> None:
        assert (await scene.ask("desktop/proxy", {"on": True}))[0] == 200
        assert (await scene.ask("desktop/login", {"on": False}))[0] == 200
        assert scene.desktop.asked == [("proxy", True), ("login", False)]
        scene.desktop.can_set_proxy = scene.desktop.can_start_at_login = False
        for verb in ("proxy", "login"):
            status, failure = await scene.ask(f"desktop/{verb}", {"on": True})
            assert status == 400
            assert failure["remedy"]

    in_scene(test)


def test_without_rules_and_desktop_there_are_no_such_settings() -> None:
    async def test(scene: Scene) -> None:
        async with scene.stream() as lines:
            settings = (await anext(lines))["settings"]
            able = {name for name in ("has_rules", "can_set_proxy", "can_start_at_login") if settings[name]}
            assert able == set()
        for verb, body in {
            "desktop/proxy": {"on": True},
            "desktop/login": {"on": True},
            "lists/update": {},
        }.items():
            assert (await scene.ask(verb, body))[0] == 400
        async with scene.http.get(scene.server.pac_url) as answer:
            assert answer.status == 404

    in_scene(test, bare=True)


def test_a_report_holds_no_address() -> None:
    async def test(scene: Scene) -> None:
        scene.service.show(replace(OFF, proxy="127.0.0.1:1080", invites=(INVITE,)))
        _, report = await scene.ask("report")
        assert "Unwalled: " in report["text"]
        for secret in ("127.0.0.1", "1080", INVITE.label, "news.example", scene.server.address.door):
            assert secret not in report["text"]

    in_scene(test)


def test_an_error_of_the_service_is_told_with_its_remedy() -> None:
    async def test(scene: Scene) -> None:
        scene.service.fails = UsageError("The disk is full.", "Make room.")
        assert await scene.ask("on") == (400, {"code": "failed", "cause": "The disk is full.", "remedy": "Make room."})

    in_scene(test)


def test_the_pac_file_is_served_to_browsers_and_not_as_a_pages_script() -> None:
    async def test(scene: Scene) -> None:
        async with scene.http.get(scene.server.pac_url) as answer:
            assert answer.content_type == "application/x-ns-proxy-autoconfig"
            assert "news.example" in await answer.text()
        scene.rules.is_listening = False
        async with scene.http.get(scene.server.pac_url) as answer:
            assert answer.status == 503
            assert (await answer.json())["remedy"] == "Switch it on."
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await scene.http.get(scene.server.pac_url, headers={"Sec-Fetch-Site": "cross-site"})
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await scene.http.get(scene.server.pac_url.replace(".pac", "x.pac"))

    in_scene(test)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_foreign_page_hears_nothing_even_with_the_token(headers: dict[str, str]) -> None:
    async def test(scene: Scene) -> None:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await scene.ask("on", **headers)
        assert scene.service.asked == []

    in_scene(test)


def test_without_the_token_nothing_is_told_or_done() -> None:
    async def test(scene: Scene) -> None:
        for bad in ("Bearer x", "", scene.headers["Authorization"] + "x"):
            status, failure = await scene.ask("on", Authorization=bad)
            assert (status, failure["code"]) == (401, "no-token")
            headers = {**scene.headers, "Authorization": bad}
            async with scene.http.get(f"{scene.base}api/events", headers=headers) as answer:
                assert answer.status == 401
        assert scene.service.asked == []

    in_scene(test)


@pytest.mark.parametrize(
    ("method", "verb", "status"),
    [("GET", "on", 405), ("PUT", "on", 405), ("POST", "events", 405), ("POST", "nonsense", 404), ("POST", "", 404)],
)
def test_what_is_no_verb_is_refused(method: str, verb: str, status: int) -> None:
    async def test(scene: Scene) -> None:
        url = f"{scene.base}api/{verb}"
        async with scene.http.request(method, url, json={}, headers=scene.headers) as answer:
            assert answer.status == status
        assert scene.service.asked == []

    in_scene(test)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_a_form_can_send_is_no_verb(headers: dict[str, str]) -> None:
    async def test(scene: Scene) -> None:
        url = f"{scene.base}api/on"
        async with scene.http.post(url, data=b"{}", headers={**scene.headers, **headers}) as answer:
            assert answer.status in (400, 415)
        assert scene.service.asked == []

    in_scene(test)


def test_a_huge_body_is_refused_before_it_has_come() -> None:
    async def test(scene: Scene) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", scene.server.address.port)
        head = head_of(scene, "on", "Content-Length: 99999999999")
        writer.write(head)
        status = await asyncio.wait_for(reader.readline(), PATIENCE_S)
        assert b" 413 " in status
        writer.close()

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(64):
                yield b" " * PANEL.body_bytes

        url = f"{scene.base}api/on"
        try:
            async with scene.http.post(
                url, data=chunks(), headers={**scene.headers, "Content-Type": "application/json"}
            ) as answer:
                assert answer.status == 413
        except aiohttp.ClientConnectionError:
            # It was cut while the body was still being sent.
            pass
        assert scene.service.asked == []

    in_scene(test)


def test_a_slow_client_loses_its_place() -> None:
    async def test(scene: Scene) -> None:
        # One says nothing, one sends half a head, one half a body.
        for sent in (b"", b"POST / HTTP/1.1\r\n", head_of(scene, "on", "Content-Length: 10") + b"{"):
            reader, writer = await asyncio.open_connection("127.0.0.1", scene.server.address.port)
            writer.write(sent)
            answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
            assert answer == b"" or b" 408 " in answer.splitlines()[0]
            writer.close()
        assert scene.service.asked == []

    in_scene(test, replace(PANEL, first_request_s=0.1, body_timeout_s=0.1))


def test_a_page_that_takes_nothing_is_cut_off() -> None:
    async def test(scene: Scene) -> None:
        # Each line has hundreds of kilobytes, so that what the system holds for a connection is soon full.
        names = [f"{number}.{'x' * 200}.example" for number in range(PANEL.own_shown)]
        scene.rules.own = names
        sock = socket.create_connection(("127.0.0.1", scene.server.address.port))
        sock.sendall(head_of(scene, "events", method="GET"))
        sock.setblocking(False)
        async with asyncio.timeout(PATIENCE_S):
            assert (await asyncio.get_running_loop().sock_recv(sock, 12)).endswith(b" 200")

        async def told() -> None:
            scene.rules.own = scene.rules.own[::-1]
            scene.service.show(scene.service.now)
            await asyncio.sleep(0.005)

        async with asyncio.timeout(PATIENCE_S):
            while await scene.ask_for_stream() == 429:
                await told()
        sock.close()

    in_scene(test, replace(PANEL, max_streams=1, stream_rest_s=0.0, write_timeout_s=0.1))


def test_more_connections_than_there_are_places_are_closed_without_a_word() -> None:
    async def test(scene: Scene) -> None:
        port = scene.server.address.port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        for _, one in (*held, (reader, writer)):
            one.close()

    in_scene(test, replace(PANEL, max_connections=3))


def test_a_port_that_is_taken_is_told_with_a_remedy() -> None:
    async def run() -> None:
        async with scene() as made:
            other = PanelServer(ServiceDouble(), port=made.server.address.port)
            with pytest.raises(ConfigurationError, match="Leave the port to the system"):
                await other.start()
            await other.close()

    asyncio.run(run())


def test_each_server_has_secrets_of_its_own() -> None:
    async def run() -> None:
        async with scene() as one, scene() as other:
            for name in ("door", "token", "pac_name"):
                secret = getattr(one.server.address, name)
                assert len(secret) >= 32
                assert secret != getattr(other.server.address, name)

    asyncio.run(run())


def head_of(scene: Scene, verb: str, *lines: str, method: str = "POST") -> bytes:
    address = scene.server.address
    head = [
        f"{method} /{address.door}/api/{verb} HTTP/1.1",
        f"Host: {address.host}",
        f"Authorization: {scene.headers['Authorization']}",
        "Content-Type: application/json",
        *lines,
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode()
