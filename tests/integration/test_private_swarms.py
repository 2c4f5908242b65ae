"""A private bridge at a real broker: its own readers find it, and nobody else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.broker_scene import Scene, eventually, offers, play
from unwalled.broker.bounds import SWARM
from unwalled.crypto.swarm import swarm_tag
from unwalled.errors import SignalingFailed
from unwalled.signaling.errors import InviteNotTaken, NoBridge, NoHelper, ShareUsed
from unwalled.wire.invite import Invite
from unwalled.wire.signalling import Client, ErrorCode, Hello, Nat, Ready

FAMILY, OTHERS = b"family..family..", b"others..others.."


def hello(secret: bytes) -> str:
    return Hello(1, Client.PAGE, Nat.UNRESTRICTED, 24, 8, swarm=swarm_tag(secret)).encode()


async def refused(scene: Scene, invite: Invite) -> SignalingFailed:
    with pytest.raises(SignalingFailed) as caught:
        await scene.reader(invite).match(offers(2))
    return caught.value


def test_only_the_holders_of_its_link_find_a_private_bridge(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        helper = await scene.bridge(hello=hello(FAMILY))
        given = Invite.parse((await helper.hears(Ready)).invite, 0.0)
        given = replace(given, doors=(scene.running.url,))
        link = replace(given, swarm=FAMILY)

        found = await scene.reader(link).match(offers(2))
        assert {lane.bridge for lane in found.lanes} == {helper.name}
        # Who has the operator's invite finds nobody, though a bridge waits.
        assert type(await refused(scene, scene.running.invite())) is NoBridge
        # The token of a swarm is worth nothing without its secret, nor with that of another one.
        assert isinstance(await refused(scene, given), InviteNotTaken)
        assert isinstance(await refused(scene, replace(link, swarm=OTHERS)), InviteNotTaken)
        # Nor does the secret help with an ordinary invite.
        assert isinstance(await refused(scene, replace(scene.running.invite(), swarm=FAMILY)), InviteNotTaken)

        public = await scene.bridge()
        found = await scene.reader(scene.running.invite()).match(offers(2))
        assert {lane.bridge for lane in found.lanes} == {public.name}
        # Several helpers share one link; when they are gone, nobody else stands in for them.
        second = await scene.bridge(hello=hello(FAMILY))
        await second.hears(Ready)
        reader = scene.reader(link)
        found = await reader.match(offers(4), spread=2)
        assert {lane.bridge for lane in found.lanes} == {helper.name, second.name}
        for bridge in (helper, second):
            await bridge.socket.close()
            await bridge.ended.wait()
        failed = await refused(scene, link)
        assert isinstance(failed, NoHelper)
        assert "your helpers" in str(failed)

    play(tmp_path, act, swarms=True)


def test_one_network_cannot_take_the_places_of_all_private_swarms(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for number in range(SWARM.bridges_per_prefix):
            bridge = await scene.bridge(hello=hello(b"%016d" % number))
            await bridge.hears(Ready)
        further = await scene.bridge(hello=hello(FAMILY))
        assert await further.is_dropped() is ErrorCode.LIMITED
        await (await scene.bridge()).hears(Ready)
        await bridge.socket.close()
        counted = scene.running.broker._hub._private._of_narrow
        await eventually(lambda: counted.total() == SWARM.bridges_per_prefix - 1)
        await (await scene.bridge(hello=hello(FAMILY))).hears(Ready)

    play(tmp_path, act, swarms=True)


def test_an_operator_that_takes_no_private_bridges_says_so(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        bridge = await scene.bridge(hello=hello(FAMILY))
        assert await bridge.is_dropped() is ErrorCode.SWARM
        assert await scene.running.broker.waiting() == 0

    play(tmp_path, act)


def test_a_swarm_that_has_used_up_its_share_is_told_so(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        helper = await scene.bridge(hello=hello(FAMILY))
        given = Invite.parse((await helper.hears(Ready)).invite, 0.0)
        link = replace(given, swarm=FAMILY, doors=(scene.running.url,))
        await scene.reader(link).match(offers(1))
        count = scene.running.admission.meter(link.token[:8])
        assert count is not None
        count(1 << 50)
        assert isinstance(await refused(scene, link), ShareUsed)

    play(tmp_path, act, swarms=True)
