"""Requests to the real broker that get no lanes: repeated, oversized, garbage, too many, not let in."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker_scene import (
    KEYS,
    QUICK,
    Scene,
    offers,
    play,
    request_body,
)
from unwalled.crypto.envelope import seal_request
from unwalled.crypto.hpke import ClassicalPrivateKey
from unwalled.operator.invites.book import InviteBook, InviteEntry
from unwalled.signaling.errors import (
    BrokerBusy,
    InviteNotTaken,
    InviteOver,
    TooManyRequests,
)
from unwalled.wire.signalling import Match


def test_a_repeated_request_gets_409(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        body = request_body(scene.running)
        assert (await scene.post(body))[0] == 200
        status, text, _ = await scene.post(body)
        assert (status, text.strip()) == (409, "This request was made before. Make a new one.")

    play(tmp_path, act)


def test_an_oversized_request_gets_413_with_and_without_a_length(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async def pieces() -> Any:
            for _ in range(70):
                yield bytes(1024)

        assert (await scene.post(bytes(64 * 1024 + 1)))[0] == 413
        assert (await scene.post(pieces()))[0] == 413
        assert (await scene.post(bytes(64 * 1024)))[0] == 400

    play(tmp_path, act)


def test_garbage_and_wrong_keys_get_400(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        running = scene.running
        flipped = bytearray(request_body(running))
        flipped[-1] ^= 1
        other = ClassicalPrivateKey(os.urandom(32)).public
        bodies = [
            b"",
            b"{}",
            os.urandom(2000),
            bytes(flipped),
            request_body(running, key=other),
            request_body(running, reply_key=bytes(32)),
            seal_request(b"not json", KEYS.broker_key().public),
            seal_request(b"[" * 60_000, KEYS.broker_key().public),
            request_body(running, token=b"short"),
        ]
        assert [(await scene.post(body))[0] for body in bodies] == [400] * len(bodies)
        assert running.broker.metrics.refused == {"malformed": len(bodies)}
        assert running.broker.metrics.requests_now == 0

    play(tmp_path, act)


def test_a_request_that_never_ends_gets_408(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(scene.running.url.rpartition(":")[2]))
        writer.write(b"POST /v1/match HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        assert b" 408 " in await reader.readline()
        writer.close()
        await writer.wait_closed()

    play(tmp_path, act, replace(QUICK, body_timeout_s=0.1))


def test_too_many_requests_from_a_prefix_get_429_and_others_are_served(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        def came_from(address: str) -> dict[str, Any]:
            return {"headers": {"X-Forwarded-For": f"6.6.6.6, {address}"}}

        near = [await scene.post(request_body(scene.running), **came_from(f"192.0.2.{n}")) for n in range(3)]
        assert [status for status, _, _ in near] == [200, 200, 429]
        assert int(near[2][2]) >= 1
        assert (await scene.post(request_body(scene.running), **came_from("198.51.100.1")))[0] == 200

    play(tmp_path, act, replace(QUICK, match_burst=2.0, matches_per_s=0.01), trusted="127.0.0.0/8")


def test_a_forwarded_address_is_believed_only_from_a_trusted_proxy(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        statuses = [
            (await scene.post(request_body(scene.running), headers={"X-Forwarded-For": f"192.0.{n}.1"}))[0]
            for n in range(3)
        ]
        assert statuses == [200, 200, 429]
        with pytest.raises(TooManyRequests) as caught:
            await scene.reader().match(offers(1))
        assert caught.value.retry_after_s is not None
        assert caught.value.retry_after_s >= 1

    play(tmp_path, act, replace(QUICK, match_burst=2.0, matches_per_s=0.01))


def test_a_bridge_hears_of_a_country_once_several_networks_of_it_asked(tmp_path: Path) -> None:
    def find_country(address: str) -> str:
        return "IR" if address.startswith("192.0.") else ""

    async def act(scene: Scene) -> None:
        bridge = await scene.bridge()
        for address in ("192.0.1.1", "192.0.1.2", "192.0.2.1", "198.51.100.1", "192.0.1.3"):
            body = request_body(scene.running)
            assert (await scene.post(body, headers={"X-Forwarded-For": address}))[0] == 200
        told = [message.country for message in bridge.heard if isinstance(message, Match)]
        assert told == ["", "", "IR", "", "IR"]

    play(tmp_path, act, replace(QUICK, country_networks=2), trusted="127.0.0.0/8", find_country=find_country)


def test_too_many_requests_with_one_invite_are_told_under_seal(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        shared, other = scene.reader(), scene.reader(scene.running.invite())
        await shared.match(offers(1))
        with pytest.raises(TooManyRequests):
            await shared.match(offers(1))
        await other.match(offers(1))

    play(tmp_path, act, replace(QUICK, invite_match_burst=1.0, invite_matches_per_s=0.01))


def test_a_full_broker_says_503(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(BrokerBusy) as caught:
            await scene.reader().match(offers(1))
        assert caught.value.retry_after_s == 5.0

    play(tmp_path, act, replace(QUICK, max_requests=0))
    play(tmp_path, act, replace(QUICK, max_replays=0))


def test_who_has_no_good_invite_cannot_fill_the_memory_of_requests(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for _ in range(3):
            assert (await scene.post(request_body(scene.running, token=bytes(28))))[0] == 200
            assert (await scene.post(seal_request(b"nonsense", KEYS.broker_key().public)))[0] == 400
        assert (await scene.post(request_body(scene.running)))[0] == 200
        assert (await scene.post(request_body(scene.running)))[0] == 503

    play(tmp_path, act, replace(QUICK, max_replays=1))


def test_expired_foreign_and_revoked_invites_are_told_apart_under_seal(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        running = scene.running
        with pytest.raises(InviteOver):
            await scene.reader(running.invite(expires_s=5)).match(offers(1))
        good = running.invite()
        with pytest.raises(InviteNotTaken):
            await scene.reader(replace(good, token=bytes(28))).match(offers(1))
        book = InviteBook(tmp_path)
        book.add([InviteEntry(good.token[:8].hex(), "", 0, 0)], 0)
        book.revoke(good.token[:8].hex())
        with pytest.raises(InviteNotTaken):
            await scene.reader(good).match(offers(1))
        assert running.broker.metrics.refused == {"expired": 1, "foreign": 2}

    play(tmp_path, act)
