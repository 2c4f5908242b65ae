"""The doctor, with operators that are well and with such that are broken on purpose."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from tests.support.certificate import make_certificate
from tests.support.nat import nat
from tests.support.programs import Command, words
from tests.support.tls_front import tls_front
from unwalled.clock import SystemClock
from unwalled.operator.bounds import DOCTOR
from unwalled.operator.doctor import Doctor, Finding, Outcome
from unwalled.operator.options import ListenAddress, OperatorOptions, PublicUrl, check_proxies
from unwalled.operator.server import Operator
from unwalled.operator.stun import StunServer, bind_stun

HERE = ListenAddress("127.0.0.1", 0)
QUICK = dataclasses.replace(DOCTOR, answer_s=5.0)
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "upgrade", "host"}


class Front:
    """A web server before an operator, which does what web servers do, and on wish something wrong."""

    def __init__(self) -> None:
        self.behind = ""
        self.status = 0
        """Answers everything with it."""
        self.text = ""
        """Answers everything with it."""
        self.clock_off = timedelta()
        self.takes_away = ""
        """A header that does not come through."""
        self.appends = True
        """Writes down who asks, behind what was claimed; False = passes claims on as they are."""
        self.sockets = "pass"
        """``refuse``, ``cut``, ``swallow``, ``babble``, or ``pass`` them on."""
        self.moved = ""
        """A path from which it sends everybody past itself."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.status or self.text:
            return web.Response(status=self.status or 200, text=self.text)
        if request.path == self.moved:
            raise web.HTTPFound(self.behind + request.path)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        if self.appends:
            claimed = headers.get("X-Forwarded-For", "")
            headers["X-Forwarded-For"] = f"{claimed}, 127.0.0.1" if claimed else "127.0.0.1"
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.behind + request.path, headers=headers) as answer,
        ):
            passed = {
                k: v for k, v in answer.headers.items() if k.lower() not in {*HOP_BY_HOP, self.takes_away.lower()}
            }
            passed["Date"] = format_datetime(datetime.now(UTC) + self.clock_off, usegmt=True)
            return web.Response(status=answer.status, headers=passed, body=await answer.read())

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.sockets == "refuse":
            return web.Response(status=400)
        channel = web.WebSocketResponse()
        await channel.prepare(request)
        if self.sockets == "pass":
            async with aiohttp.ClientSession() as session, session.ws_connect(self.behind + request.path) as there:
                async for message in channel:
                    await there.send_str(message.data)
                    answer = await there.receive()
                    if answer.type is not WSMsgType.TEXT:
                        break
                    await channel.send_str(answer.data)
        elif self.sockets == "babble":
            await channel.send_str("[]")
        elif self.sockets == "swallow":
            async for _ in channel:
                pass
        return channel


@asynccontextmanager
async def behind_front(data: Path, **options: object) -> AsyncIterator[tuple[Front, str]]:
    """An operator behind a front, and the front's URL."""
    front = Front()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", front.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    given = {"stun_listen": (HERE, HERE), **options}
    operator, _ = await Operator.start(OperatorOptions(HERE, PublicUrl.parse(url), data, **given))  # type: ignore[arg-type]
    front.behind = f"http://127.0.0.1:{operator.listening.port}"
    try:
        yield front, url
    finally:
        await operator.close()
        await runner.cleanup()


async def findings(url: str) -> list[Finding]:
    return [finding async for finding in Doctor(PublicUrl.parse(url), SystemClock(), QUICK).examine()]


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await main()

    asyncio.run(bounded())


def troubles(found: list[Finding]) -> list[Finding]:
    """What is not well, but for how many files may be open, which depends on the machine of the tests."""
    return [finding for finding in found if finding.outcome is not Outcome.GOOD and finding.subject != "open files"]


def only_trouble(found: list[Finding]) -> Finding:
    """The one thing that is not well, which comes with a remedy."""
    wrong = troubles(found)
    assert len(wrong) == 1, wrong
    assert wrong[0].cause.endswith(".")
    assert wrong[0].remedy
    return wrong[0]


def test_an_operator_that_is_well(tmp_path: Path) -> None:
    async def main() -> None:
        async with behind_front(tmp_path) as (_, url):
            found = await findings(url)
            assert troubles(found) == []
            subjects = list(dict.fromkeys(finding.subject for finding in found))
            wanted = ["name", "port", "operator", "clock", "addresses", "STUN", "visitors", "numbers", "WebSocket"]
            assert subjects == wanted
            assert [finding.subject for finding in found].count("STUN") == 2

    run(main)


@pytest.mark.parametrize(
    ("fault", "subject", "outcome", "cause"),
    [
        ({"status": 502}, "operator", Outcome.BAD, "answers 502"),
        ({"status": 404}, "operator", Outcome.BAD, "is not an operator"),
        ({"text": "It works!"}, "operator", Outcome.BAD, "is not an operator"),
        ({"text": '{"ok": true}'}, "operator", Outcome.BAD, "is not an operator"),
        ({"text": '{"roles": 5}'}, "operator", Outcome.BAD, "is not an operator"),
        ({"text": "[" * 100_000}, "operator", Outcome.BAD, "is not an operator"),
        ({"clock_off": timedelta(hours=1)}, "clock", Outcome.DOUBT, " s apart"),
        (
            {"takes_away": "Access-Control-Allow-Origin"},
            "addresses",
            Outcome.BAD,
            "takes the header Access-Control-Allow-Origin away",
        ),
        ({"moved": "/v1/config"}, "addresses", Outcome.BAD, "cannot be used"),
        ({"moved": "/v1/asker"}, "visitors", Outcome.DOUBT, "does not tell whom it sees"),
        ({"moved": "/v1/bridge"}, "WebSocket", Outcome.BAD, "the server answers 302"),
        ({"sockets": "refuse"}, "WebSocket", Outcome.BAD, "the server answers 400"),
        ({"sockets": "cut"}, "WebSocket", Outcome.BAD, "cut again"),
        ({"sockets": "babble"}, "WebSocket", Outcome.BAD, "cut again"),
    ],
)
def test_a_web_server_that_does_something_wrong(
    tmp_path: Path, fault: dict[str, object], subject: str, outcome: Outcome, cause: str
) -> None:
    async def main() -> None:
        async with behind_front(tmp_path) as (front, url):
            for name, value in fault.items():
                setattr(front, name, value)
            trouble = only_trouble(await findings(url))
            assert (trouble.subject, trouble.outcome) == (subject, outcome)
            assert cause in trouble.cause

    run(main)


def test_a_web_server_that_swallows_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with behind_front(tmp_path) as (front, url):
            front.sockets = "swallow"
            quick = dataclasses.replace(QUICK, answer_s=1.0)
            found = [one async for one in Doctor(PublicUrl.parse(url), SystemClock(), quick).examine()]
            assert "messages do not come through" in only_trouble(found).cause

    run(main)


@pytest.mark.parametrize("appends", [True, False])
def test_claims_that_a_web_server_passes_on(tmp_path: Path, appends: bool) -> None:
    async def main() -> None:
        trusted = check_proxies(["127.0.0.1"])
        async with behind_front(tmp_path, trusted_proxies=() if appends else trusted) as (front, url):
            front.appends = appends
            found = await findings(url)
            if appends:
                assert troubles(found) == []
            else:
                visitors = next(one for one in found if one.subject == "visitors")
                assert "Anybody can claim any address" in visitors.cause

    run(main)


def test_stun_that_does_not_answer_and_an_address_that_is_another(tmp_path: Path) -> None:
    async def main() -> None:
        async with behind_front(tmp_path, stun=("stun:127.0.0.1:9",)) as (_, url):
            trouble = only_trouble(await findings(url))
            assert (trouble.subject, trouble.cause) == ("STUN", "UDP port 9 of 127.0.0.1 does not answer.")
            trouble = only_trouble(await findings(url.replace("127.0.0.1", "localhost")))
            assert trouble.cause == "The operator tells bridges another address than the one that was given here."

    run(main)


@pytest.mark.parametrize("varies", [False, True])
def test_a_network_that_gives_another_port_for_each_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, varies: bool
) -> None:
    # As on the internet, where what a STUN server sees is nobody's own network.
    monkeypatch.setattr("unwalled.operator.doctor._is_private", lambda _: False)

    async def main() -> None:
        bound = bind_stun((HERE, HERE))
        server = StunServer(bound, SystemClock(), os.urandom)
        places = [("127.0.0.1", port) for port in server.ports]
        async with nat(places, varies=varies) as way:
            stun = tuple(f"stun:127.0.0.1:{door}" for door in way.doors)
            async with behind_front(tmp_path, stun=stun) as (_, url):
                told = [finding.cause for finding in await findings(url) if finding.subject == "STUN"]
        server.close()
        assert told[:2] == [f"UDP port {door} answers." for door in way.doors]
        assert [cause.partition(":")[0] for cause in told[2:]] == [
            "This network gives another port for each peer"
        ] * varies

    run(main)


def test_nobody_there_and_no_such_name(tmp_path: Path) -> None:
    async def main() -> None:
        found = await findings("http://127.0.0.1:9")
        assert [finding.cause for finding in found if finding.outcome is Outcome.BAD] == [
            "TCP port 9 cannot be reached over IPv4: it is closed.",
            "The server cannot be reached at all.",
        ]
        assert only_trouble(await findings("https://nobody.invalid")).cause == "nobody.invalid cannot be looked up."

    run(main)


@pytest.mark.parametrize(
    ("host", "days", "trusted", "cause"),
    [
        ("127.0.0.1", (-9, -1), True, "The certificate is over."),
        ("127.0.0.1", (1, 9), True, "The certificate does not hold yet."),
        ("127.0.0.2", (-1, 90), True, "The certificate is for another address."),
        ("127.0.0.1", (-1, 90), False, "signed by nobody else"),
        ("127.0.0.1", (-1, 3), True, "The certificate ends in 2 days."),
        ("127.0.0.1", (-1, 90), True, ""),
    ],
)
def test_certificates(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    days: tuple[int, int],
    trusted: bool,
    cause: str,
) -> None:
    file = make_certificate(tmp_path / "c.pem", host, begins_d=days[0], ends_d=days[1])
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))

    async def main() -> None:
        async with AsyncExitStack() as undo:
            front = await undo.enter_async_context(tls_front(file))
            options = OperatorOptions(HERE, PublicUrl.parse(front.url), tmp_path / "data", stun_listen=(HERE,))
            operator, _ = await Operator.start(options)
            undo.push_async_callback(operator.close)
            front.behind = operator.listening.port
            found = await findings(front.url)
            if cause:
                trouble = only_trouble(found)
                assert trouble.subject == "TLS"
                assert cause in trouble.cause
            else:
                assert troubles(found) == []

    run(main)


def test_a_server_without_tls_at_an_https_url(tmp_path: Path) -> None:
    async def main() -> None:
        async with behind_front(tmp_path) as (_, url):
            trouble = only_trouble(await findings(url.replace("http:", "https:")))
            assert "does not speak TLS" in trouble.cause

    run(main)


def test_the_whole_chain_from_the_command_line(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with Command("operate", "--listen", "127.0.0.1:0", "--data", data) as operator:
        ready = words(operator.line("ready"))
        with Command("doctor", "--data", data) as doctor:
            assert doctor.ended() == 0, doctor.out
            assert doctor.out[-1] == "All is well."
            assert doctor.out[-2].startswith("ok    chain       ")
        with Command("doctor", ready["url"]) as doctor:
            assert doctor.ended() == 0
            assert "The whole chain was not tried" in doctor.out[-2]
        with Command("invite", "--data", data, "--list") as listing:
            listing.ended()
        with Command("invite", "--data", data, "--revoke", listing.out[0].split()[0]) as revoking:
            revoking.ended()
        with Command("doctor", "--invite", ready["invite"], ready["url"]) as doctor:
            assert doctor.ended() == 1, doctor.out
            assert "does not take this invite" in doctor.out[-3], doctor.out
            assert doctor.out[-2].strip() == "`unwalled invite` makes one that holds."
            assert doctor.out[-1] == "Not all is well."
        # A look must not change anything: no new invite in place of the one that was withdrawn.
        with Command("doctor", "--data", data) as doctor:
            assert doctor.ended() == 0
            assert "The whole chain was not tried" in doctor.out[-2]
        with Command("invite", "--data", data, "--list") as again:
            again.ended()
            assert len(again.out) == 1
        assert ready["invite"] not in " ".join(doctor.out + doctor.err)
