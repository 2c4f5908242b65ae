"""The reader's doors: what else may answer at one, and which one is taken next."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.broker_scene import (
    PATIENCE_S,
    Scene,
    offers,
    play,
)
from tests.support.certificate import self_signed
from tests.support.proxy_bench import raw_site, until
from tests.support.tls_front import tls_front
from unwalled.clock import SystemClock
from unwalled.crypto.identity import OperatorKeys
from unwalled.errors import SignalingFailed, SignallingError
from unwalled.settings import SignallingLimits
from unwalled.signaling.client import MatchResult, SignalingClient
from unwalled.signaling.doors import HttpDoor
from unwalled.signaling.errors import (
    BrokerBusy,
    DoorNonsense,
    DoorSign,
    DoorsUnreachable,
    DoorTrouble,
    NoBridge,
    TooManyRequests,
)


@asynccontextmanager
async def stand_in(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """Something else that answers at a door."""
    app = web.Application()
    app.router.add_post("/v1/match", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return handler


async def closed_port() -> str:
    """A URL at which nobody listens."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (always(200, b"<html>Sign in to this hotel's network</html>"), DoorNonsense),
        (always(200, b""), DoorNonsense),
        (always(200, bytes(300 * 1024)), DoorNonsense),
        (always(302, Location="https://hotel.example/"), DoorNonsense),
        (always(404), DoorNonsense),
        (always(400), DoorNonsense),
        (always(502), DoorsUnreachable),
        (always(429, Retry_After="17"), TooManyRequests),
        (always(503, Retry_After="soon"), BrokerBusy),
    ],
)
def test_what_else_may_answer_at_a_door(tmp_path: Path, handler: Any, error: type[SignalingFailed]) -> None:
    async def act(scene: Scene) -> None:
        async with stand_in(handler) as url:
            with pytest.raises(error) as caught:
                await scene.reader(scene.running.invite(doors=(url,))).match(offers(1))
            assert caught.value.cause
            assert caught.value.remedy
            assert "127.0.0.1" not in str(caught.value)
            if error is TooManyRequests:
                assert caught.value.retry_after_s == 17.0
            if error is BrokerBusy:
                assert caught.value.retry_after_s is None

    play(tmp_path, act)


def test_the_next_door_is_taken_and_remembered(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        asked = 0

        async def count(request: web.Request) -> web.StreamResponse:
            nonlocal asked
            asked += 1
            return web.Response(status=404)

        async with stand_in(count) as wrong:
            invite = scene.running.invite(doors=(await closed_port(), wrong, scene.running.url))
            reader = scene.reader(invite)
            assert len((await reader.match(offers(1))).lanes) == 1
            assert len((await reader.match(offers(1))).lanes) == 1
            assert asked == 1

    play(tmp_path, act)


def test_a_door_that_hangs_is_overtaken_by_the_next(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        left = asyncio.Event()

        async def hang(request: web.Request) -> web.StreamResponse:
            try:
                await asyncio.Event().wait()
            finally:
                left.set()
            raise AssertionError

        async with stand_in(hang) as stuck:
            invite = scene.running.invite(doors=(stuck, scene.running.url))
            reader = scene.reader(invite, SignallingLimits(door_fallback_s=0.05))
            assert len((await reader.match(offers(1))).lanes) == 1
            async with asyncio.timeout(PATIENCE_S):
                await left.wait()

    play(tmp_path, act)


def test_a_door_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async def hang(request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        async with stand_in(hang) as stuck:
            reader = scene.reader(scene.running.invite(doors=(stuck,)), SignallingLimits(door_timeout_s=0.1))
            with pytest.raises(DoorsUnreachable, match="no answer"):
                await reader.match(offers(1))

    play(tmp_path, act)


def test_the_brokers_own_word_ends_the_search_through_the_doors(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        asked = False

        async def note(request: web.Request) -> web.StreamResponse:
            nonlocal asked
            asked = True
            return web.Response(status=404)

        async with stand_in(note) as second:
            reader = scene.reader(scene.running.invite(doors=(scene.running.url, second)))
            with pytest.raises(NoBridge):
                await reader.match(offers(1))
            assert not asked

    play(tmp_path, act)


def test_a_broker_that_the_operator_did_not_sign_for_is_not_believed(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        invite = replace(scene.running.invite(), identity=OperatorKeys.make(os.urandom).identity)
        with pytest.raises(DoorNonsense):
            await scene.reader(invite).match(offers(1))

    play(tmp_path, act)


def test_a_request_without_or_with_too_many_offers_is_not_made(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for count in (0, 17):
            with pytest.raises(SignallingError, match="1 to 16"):
                await scene.reader().match(offers(count))

    play(tmp_path, act)


def test_a_reader_closes_what_it_opened(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        reader = SignalingClient(scene.running.invite(), SystemClock(), os.urandom)
        results: list[MatchResult] = [await reader.match(offers(1)) for _ in range(2)]
        assert all(result.lanes for result in results)
        await reader.aclose()
        await reader.aclose()

    play(tmp_path, act)


def test_a_knock_is_the_connection_of_the_first_match(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        door = HttpDoor(scene.running.url)
        reader = scene.reader(door=door)
        before = scene.connections()
        door.knock()
        door.knock()
        await until(lambda: scene.connections() > before)
        assert len((await reader.match(offers(1))).lanes) == 1
        assert scene.connections() == before + 1

    play(tmp_path, act)


def test_a_knock_that_nobody_hears_is_told_by_the_match(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        door = HttpDoor(await closed_port())
        door.knock()
        reader = scene.reader(door=door)
        with pytest.raises(DoorsUnreachable, match="no connection"):
            await reader.match(offers(1))

    play(tmp_path, act)


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_knock_without_a_match_leaves_nothing(tmp_path: Path, is_heard: bool) -> None:
    async def act(scene: Scene) -> None:
        door = HttpDoor(scene.running.url if is_heard else await closed_port())
        before = scene.connections()
        for _ in range(2):
            door.knock()
            await door.aclose()
        door.knock()
        if is_heard:
            await until(lambda: scene.connections() > before)
        await door.aclose()
        await until(lambda: scene.connections() == before)

    play(tmp_path, act)


def test_a_connection_that_the_door_closed_meanwhile_is_not_used_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async def leave(request: web.Request) -> web.StreamResponse:
            await request.read()
            assert request.transport is not None
            asyncio.get_running_loop().call_later(0.01, request.transport.close)
            return web.Response(status=429, headers={"Retry-After": "1"})

        async with stand_in(leave) as url:
            reader = scene.reader(scene.running.invite(doors=(url,)))
            for _ in range(3):
                with pytest.raises(TooManyRequests):
                    await reader.match(offers(1))
                await asyncio.sleep(0.03)

    play(tmp_path, act)


@pytest.mark.parametrize("begins", [timedelta(days=-400), timedelta(days=300)])
def test_a_certificate_with_other_dates_does_not_keep_the_brokers_clock_from_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begins: timedelta
) -> None:
    certificate = self_signed(tmp_path, begins=begins)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def act(scene: Scene) -> None:
        await scene.bridge()
        async with tls_front(certificate) as front:
            front.behind = int(scene.running.url.rpartition(":")[2])
            reader = scene.reader(scene.running.invite(doors=(front.url,)))
            assert len((await reader.match(offers(1))).lanes) == 1
            assert reader.clock_error_s is not None
            assert abs(reader.clock_error_s) < PATIENCE_S

    play(tmp_path, act)


@pytest.mark.parametrize("begins", [timedelta(days=-1), timedelta(days=-400)])
def test_a_certificate_for_another_name_is_a_strangers_whatever_its_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begins: timedelta
) -> None:
    certificate = self_signed(tmp_path, begins=begins, address="127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def act(scene: Scene) -> None:
        async with tls_front(certificate) as front:
            front.behind = int(scene.running.url.rpartition(":")[2])
            with pytest.raises(DoorTrouble) as caught:
                await scene.reader(scene.running.invite(doors=(front.url,))).match(offers(1))
            assert caught.value.sign is DoorSign.STRANGER

    play(tmp_path, act)


def test_a_certificate_that_nobody_vouches_for_is_a_strangers(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async with tls_front(self_signed(tmp_path)) as front:
            front.behind = int(scene.running.url.rpartition(":")[2])
            with pytest.raises(DoorTrouble) as caught:
                await scene.reader(scene.running.invite(doors=(front.url,))).match(offers(1))
            assert caught.value.sign is DoorSign.STRANGER

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("status", "sign"),
    [
        (200, DoorSign.STRANGER),
        (302, DoorSign.STRANGER),
        (511, DoorSign.STRANGER),
        (400, DoorSign.ERROR),
        (404, DoorSign.ERROR),
        (502, DoorSign.ERROR),
    ],
)
def test_a_page_in_the_doors_place_is_a_strangers(tmp_path: Path, status: int, sign: DoorSign) -> None:
    async def act(scene: Scene) -> None:
        async with stand_in(always(status, b"<html>Sign in</html>", Location="https://hotel.example/")) as url:
            with pytest.raises(DoorTrouble) as caught:
                await scene.reader(scene.running.invite(doors=(url,))).match(offers(1))
            assert caught.value.sign is sign

    play(tmp_path, act)


def test_a_page_of_the_doors_own_server_is_no_strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def act(scene: Scene) -> None:
        async with (
            stand_in(always(200, b"<html>This domain is for sale</html>")) as url,
            tls_front(certificate) as front,
        ):
            front.behind = int(url.rpartition(":")[2])
            with pytest.raises(DoorNonsense) as caught:
                await scene.reader(scene.running.invite(doors=(front.url,))).match(offers(1))
            assert caught.value.sign is DoorSign.ERROR

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("said", "sign"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://hotel.example/\r\nContent-Length: 0\r\n\r\n", DoorSign.STRANGER),
        (b"", DoorSign.SILENCE),
    ],
)
def test_what_is_no_tls_at_a_door_with_tls(tmp_path: Path, said: bytes, sign: DoorSign) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)
        await writer.drain()

    async def act(scene: Scene) -> None:
        async with raw_site(serve) as port:
            with pytest.raises(DoorTrouble) as caught:
                await scene.reader(scene.running.invite(doors=(f"https://127.0.0.1:{port}",))).match(offers(1))
            assert caught.value.sign is sign

    play(tmp_path, act)
