"""Keys that are renewed while a real operator runs: who reads goes on, and who comes too late is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.chain import RunningBridge, running_operator, running_reader
from tests.support.descriptions import offer
from tests.support.gateway_sites import run
from tests.support.proxy_bench import ProxyUser, local_site
from unwalled.clock import SystemClock
from unwalled.crypto.identity import KeyBundle, KeyKind, OperatorKeys
from unwalled.crypto.rotation import renewed
from unwalled.errors import SignalingFailed
from unwalled.lanes.webrtc import ReactorStack
from unwalled.operator.server import Operator
from unwalled.settings import BrokerLimits
from unwalled.signaling.client import SignalingClient
from unwalled.signaling.errors import InviteNotTaken, NoBridge
from unwalled.wire.invite import Invite


async def asked(invite: Invite) -> SignalingFailed:
    """What a reader with this invite is told while no bridge is there."""
    client = SignalingClient(invite, SystemClock(), os.urandom)
    try:
        with pytest.raises(SignalingFailed) as caught:
            await client.match([offer()])
        return caught.value
    finally:
        await client.aclose()


def wait_for_no_bridge(operator: Operator) -> None:
    """The broker need not wait for one that will not come."""
    operator._broker._matchmaker._limits = BrokerLimits(match_wait_s=0.05)


def rotate(folder: Path, *kinds: KeyKind, grace_s: int) -> OperatorKeys:
    held = OperatorKeys.load(folder)
    assert held is not None
    now = int(time.time())
    keys = renewed(held, kinds, now, now + grace_s, os.urandom)
    keys.save(folder)
    return keys


def test_an_invite_of_before_is_good_for_its_time_and_then_told_that_it_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        async with running_operator(tmp_path / "data") as (operator, old):
            wait_for_no_bridge(operator)
            before = operator._broker._bundle
            rotate(tmp_path / "data", *KeyKind, grace_s=3600)
            operator._keys.check()
            assert isinstance(await asked(old), NoBridge), "within the grace it is taken"
            bundle = KeyBundle.verify(operator._broker._bundle, old.identity, time.time())
            assert bundle.sequence == KeyBundle.verify(before, old.identity, time.time()).sequence + 1

            # Leaked: from now on the old ones are over, and the identity of the invite says so.
            rotate(tmp_path / "data", KeyKind.BROKER, grace_s=0)
            operator._keys.check()
            failed = await asked(old)
            assert isinstance(failed, InviteNotTaken)
            assert "new one" in str(failed)

    run(main)


def test_tokens_of_before_are_refused_once_their_key_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        async with running_operator(tmp_path / "data") as (operator, old):
            wait_for_no_bridge(operator)
            rotate(tmp_path / "data", KeyKind.INVITES, grace_s=0)
            operator._keys.check()
            assert isinstance(await asked(old), InviteNotTaken)
        async with running_operator(tmp_path / "data") as (operator, new):
            wait_for_no_bridge(operator)
            assert isinstance(await asked(new), NoBridge), "the default invite is made anew at the start"

    run(main)


def test_a_page_is_read_with_an_invite_of_before_once_all_keys_were_renewed(tmp_path: Path) -> None:
    async def main() -> None:
        async with local_site() as (port, told), running_operator(tmp_path / "data") as (operator, old):
            rotate(tmp_path / "data", *KeyKind, grace_s=3600)
            operator._keys.check()
            bridge = RunningBridge(operator.url.text, ReactorStack)
            try:
                await bridge.ready()
                async with running_reader(old) as (_, at):
                    user = ProxyUser(at, port, told)
                    head = f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                    assert (await user.say(head.encode())).startswith(b"HTTP/1.1 200 ")
            finally:
                await bridge.stop()

    run(main)
