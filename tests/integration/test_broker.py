"""The real broker over real sockets: matches over scripted bridges, and the operator's side."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.support.broker_scene import (
    KEYS,
    PATIENCE_S,
    QUICK,
    Scene,
    answer_all,
    eventually,
    offers,
    play,
    refuse,
    request_body,
    say_nothing,
    start,
)
from tests.support.descriptions import answer, offer
from unwalled.signaling.errors import (
    DoorsUnreachable,
    NoBridge,
)
from unwalled.wire.lanereport import LaneReport
from unwalled.wire.signalling import (
    Answer,
    Answers,
    BridgeConfig,
    Cancel,
    Capacity,
    Match,
    Nat,
    Refusal,
    Report,
    Verdict,
)


def test_lanes_over_two_bridges(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridges = [await scene.bridge() for _ in range(2)]
        result = await scene.reader().match(offers(6), spread=2)
        assert [lane.offer for lane in result.lanes] == list(range(6))
        assert {lane.bridge for lane in result.lanes} == {bridge.name for bridge in bridges}
        assert [lane.answer for lane in result.lanes] == [answer(number) for number in range(6)]
        assert result.bundle.gateway_key == KEYS.gateway_key().public
        matches = [await bridge.hears(Match) for bridge in bridges]
        assert sorted(len(match.offers) for match in matches) == [3, 3]
        assert len({match.gateway for match in matches}) == 2
        for match in matches:
            assert [o.description for o in match.offers] == [offer(o.offer) for o in match.offers]
        assert scene.running.broker.metrics.matches == {"ok": 1}
        assert scene.running.broker.metrics.lanes == 6
        assert sum(scene.running.broker.metrics.match_seconds.counts) == 1
        assert scene.running.broker.metrics.bridges["page"] == 2

    play(tmp_path, act)


def test_a_held_bundle_is_not_sent_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        reader = scene.reader()
        first = await reader.match(offers(1))
        again = await reader.match(offers(1), held_bundle=first.bundle)
        assert again.bundle is first.bundle
        changed = KEYS.bundle(("stun:other",))
        assert (await reader.match(offers(1), held_bundle=changed)).bundle == first.bundle

    play(tmp_path, act)


def test_no_bridge_is_said_and_not_before_the_wait_is_over(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        with pytest.raises(NoBridge) as caught:
            await scene.reader().match(offers(1))
        assert caught.value.retry_after_s == 5.0
        assert scene.running.broker.metrics.matches == {"none": 1}

    play(tmp_path, act)


def test_a_bridge_that_arrives_while_a_reader_waits_is_taken(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        asking = scene.group.create_task(scene.reader().match(offers(2)))
        await eventually(lambda: scene.running.broker.metrics.requests_now == 1)
        bridge = await scene.bridge()
        result = await asking
        assert [lane.bridge for lane in result.lanes] == [bridge.name] * 2

    play(tmp_path, act, replace(QUICK, match_wait_s=PATIENCE_S))


def test_capacity_that_comes_free_is_taken_by_who_waits(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridge = await scene.bridge(capacity=0)
        asking = scene.group.create_task(scene.reader().match(offers(1)))
        await eventually(lambda: scene.running.broker.metrics.requests_now == 1)
        await bridge.socket.send_str(Capacity(1, 1).encode())
        assert len((await asking).lanes) == 1

    play(tmp_path, act, replace(QUICK, match_wait_s=PATIENCE_S))


def test_room_that_is_told_right_after_the_answers_counts_their_lanes_once(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridge = await scene.bridge(say_nothing, capacity=8)
        asking = scene.group.create_task(scene.reader().match(offers(4)))
        match = await bridge.hears(Match)
        # Both are read by the broker at once, before whoever waits for the answers has had a turn.
        await bridge.socket.send_str(answer_all(match))
        await bridge.socket.send_str(Capacity(4, 4).encode())
        assert len((await asking).lanes) == 4
        bridge.script = answer_all
        assert len((await scene.reader().match(offers(4))).lanes) == 4

    play(tmp_path, act, QUICK)


def test_two_restricted_ends_are_not_brought_together(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge(nat=Nat.RESTRICTED)
        with pytest.raises(NoBridge):
            await scene.reader().match(offers(1), nat=Nat.RESTRICTED)
        assert len((await scene.reader().match(offers(1), nat=Nat.UNRESTRICTED)).lanes) == 1

    play(tmp_path, act)


def test_refused_offers_go_to_another_bridge_and_the_first_is_put_aside(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        failing = await scene.bridge(refuse(Refusal.FAILED))
        good = await scene.bridge(nat=Nat.UNKNOWN)
        reader = scene.reader()
        result = await reader.match(offers(2), spread=1)
        assert {lane.bridge for lane in result.lanes} == {good.name}
        await failing.hears(Match)
        await good.socket.close()
        await eventually(lambda: scene.running.broker.metrics.bridges["page"] == 1)
        with pytest.raises(NoBridge):
            await reader.match(offers(1))
        assert len([one for one in failing.heard if isinstance(one, Match)]) == 1
        assert scene.running.broker.metrics.offers_refused == {"failed": 2}

    play(tmp_path, act)


def test_an_offer_that_is_refused_twice_is_left_and_the_rest_is_kept(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        def refuse_the_second(match: Match) -> str:
            answers = [
                Answer(o.offer, refused=Refusal.DESCRIPTION)
                if o.offer == 1
                else Answer(o.offer, answer=answer(o.offer))
                for o in match.offers
            ]
            return Answers(match.match, tuple(answers)).encode()

        for _ in range(3):
            await scene.bridge(refuse_the_second)
        result = await scene.reader().match(offers(2), spread=1)
        assert [lane.offer for lane in result.lanes] == [0]
        assert scene.running.broker.metrics.offers_refused == {"description": 2}

    play(tmp_path, act)


def test_a_bridge_that_answers_nothing_at_all_is_put_aside(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        silent = await scene.bridge(say_nothing)
        with pytest.raises(NoBridge):
            await scene.reader().match(offers(1))
        cancelled = await silent.hears(Cancel)
        assert cancelled.match == (await silent.hears(Match)).match
        silent.script = answer_all
        with pytest.raises(NoBridge):
            await scene.reader().match(offers(1))
        assert scene.running.broker.metrics.matches == {"failed": 1, "none": 1}

    play(tmp_path, act, replace(QUICK, answer_timeout_s=0.1))


def test_a_slow_bridge_does_not_hold_the_reader_up(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        quick, slow = await scene.bridge(), await scene.bridge(say_nothing)
        result = await scene.reader().match(offers(4), spread=2)
        assert {lane.bridge for lane in result.lanes} == {quick.name}
        assert len(result.lanes) == 2
        cancelled = await slow.hears(Cancel)
        late = await slow.hears(Match)
        assert cancelled.match == late.match
        await slow.socket.send_str(answer_all(late))
        slow.script = answer_all
        # Its late answer did it no harm.
        again = await scene.reader().match(offers(4), spread=2)
        assert {lane.bridge for lane in again.lanes} == {quick.name, slow.name}
        assert scene.running.broker.metrics.stray_answers == 1

    play(tmp_path, act, replace(QUICK, answer_timeout_s=PATIENCE_S, answer_grace_s=0.05))


def test_a_bridge_that_leaves_in_the_middle_is_replaced(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        leaving = await scene.bridge(say_nothing)
        asking = scene.group.create_task(scene.reader().match(offers(1), spread=1))
        await leaving.hears(Match)
        staying = await scene.bridge()
        await leaving.socket.close()
        assert [lane.bridge for lane in (await asking).lanes] == [staying.name]

    play(tmp_path, act, replace(QUICK, answer_timeout_s=PATIENCE_S))


def test_a_reader_who_leaves_frees_the_bridge(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridge = await scene.bridge(say_nothing, capacity=1)
        asking = scene.group.create_task(scene.reader().match(offers(1)))
        match = await bridge.hears(Match)
        asking.cancel()
        await asyncio.wait([asking])
        await eventually(lambda: scene.connections() == 1)
        await bridge.socket.send_str(answer_all(match))
        assert (await bridge.hears(Cancel)).match == match.match
        assert scene.running.broker.metrics.matches == {"gone": 1}

    play(tmp_path, act, replace(QUICK, answer_timeout_s=PATIENCE_S))


def test_avoided_bridges_and_reports(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        first = await scene.bridge()
        reader = scene.reader()
        (lane,) = (await reader.match(offers(1))).lanes
        with pytest.raises(NoBridge):
            await reader.match(offers(1), avoid=[lane.bridge])
        other = await scene.bridge()
        (lane,) = (await reader.match(offers(1), reports=[Report(first.name, Verdict.DEAD)])).lanes
        assert lane.bridge == other.name

    play(tmp_path, act)


def test_private_addresses_reach_neither_end_unless_allowed(tmp_path: Path) -> None:
    def private_answers(match: Match) -> str:
        answers = tuple(Answer(o.offer, answer=answer(address="192.168.0.5")) for o in match.offers)
        return Answers(match.match, answers).encode()

    async def candidates(scene: Scene) -> tuple[int, int]:
        bridge = await scene.bridge(private_answers)
        (lane,) = (await scene.reader().match([offer(address="10.0.0.1")])).lanes
        match = await bridge.hears(Match)
        return len(match.offers[0].description.candidates), len(lane.answer.candidates)

    async def strict(scene: Scene) -> None:
        assert await candidates(scene) == (0, 0)

    async def allowed(scene: Scene) -> None:
        assert await candidates(scene) == (1, 1)

    play(tmp_path, strict)
    play(tmp_path, allowed, allow_private=True)


def test_the_gateways_word_puts_a_bridge_aside_and_takes_it_back(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.bridge()
        broker, reader = scene.running.broker, scene.reader()
        await reader.match(offers(1))
        (ticket,) = scene.running.gateway_urls
        broker.lane_reported(LaneReport("unknown", Verdict.BAD, 0))
        broker.lane_reported(LaneReport(ticket, Verdict.DEAD, 10))
        await eventually(lambda: len(broker._tasks) == 0)
        with pytest.raises(NoBridge):
            await reader.match(offers(1))
        broker.lane_reported(LaneReport(ticket, Verdict.GOOD, 0))
        await eventually(lambda: len(broker._tasks) == 0)
        with pytest.raises(NoBridge):
            await reader.match(offers(1))
        broker.lane_reported(LaneReport(ticket, Verdict.GOOD, 5000))
        await eventually(lambda: len(broker._tasks) == 0)
        assert len((await reader.match(offers(1))).lanes) == 1

    play(tmp_path, act)


def test_the_configuration_is_for_any_page(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async with scene.http.get(scene.running.url + "/v1/config") as response:
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            config = BridgeConfig.decode(await response.read())
        assert config.gateways == ["ws://127.0.0.1/v1/lane"]
        assert config.stun == ["stun:a"]

    play(tmp_path, act)


def test_a_broker_that_restarts_is_found_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        before = await scene.bridge()
        reader = scene.reader()
        held = (await reader.match(offers(1))).bundle
        port = int(scene.running.url.rpartition(":")[2])
        await scene.running.stop()
        assert await before.is_dropped() is None
        with pytest.raises(DoorsUnreachable):
            await reader.match(offers(1), held_bundle=held)
        scene.running = await start(tmp_path, port=port)
        try:
            after = await scene.bridge()
            (lane,) = (await reader.match(offers(1), held_bundle=held)).lanes
            assert lane.bridge == after.name != before.name
        finally:
            await scene.running.stop()

    play(tmp_path, act)


def test_a_closing_broker_turns_everyone_away(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.running.broker.close()
        assert (await scene.post(request_body(scene.running)))[0] == 503
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await scene.http.ws_connect(scene.running.url + "/v1/bridge")
        assert caught.value.status == 503
        scene.running.broker.lane_reported(LaneReport("ticket", Verdict.BAD, 1))

    play(tmp_path, act)
